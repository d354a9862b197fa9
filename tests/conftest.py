"""What all tests share."""

from __future__ import annotations

from bench.machine import keep_compiled_code

keep_compiled_code()
