"""What a process has at hand before a constant of a service is changed: libraries, and the kernel's compiled code."""

from __future__ import annotations

from importlib import import_module

from bench.simulate import warm_up
from models.kernel import compilation

for name in ("scipy.special", "rich.console", "rich.progress", "click"):
    import_module(name)
warm_up()
compilation.interpreting()
compilation.drawing()
