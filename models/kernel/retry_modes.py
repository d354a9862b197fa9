"""How the AWS SDKs retry, by mode: what each mode says of a client's keys.

`legacy` is what botocore does unless told otherwise, `standard` what all SDKs agreed on, `standard-2026` what they do
where AWS_NEW_RETRIES_2026 is set: shorter waits, longer ones after throttling, and dearer retries. A service may have
values of its own. A mode says nothing of timeouts.

Source:
    botocore 1.43.67 (August 2026), re-read: data/_retry.json, retryhandler.py, retries/standard.py, retries/quota.py.
    AWS SDKs and Tools Reference Guide, "Retry behavior" (2026).

Limits:
    `adaptive` is left out: it holds requests back, first attempts too, by a rate that it learns from throttling. Nobody
    sends the header x-amz-retry-after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

ModeName = Literal["legacy", "standard", "standard-2026"]
Modes = dict[str, "RetryMode"]


@dataclass(frozen=True)
class RetryMode:
    """One mode.

    Args:
        keys: Values by key, as `ClientParameters` has them.
        source: Where they were published.
    """

    keys: Mapping[str, Any]
    source: str

    def but(self, source: str, **keys: Any) -> RetryMode:
        """The same mode with values of a service's own."""
        return replace(self, keys={**self.keys, **keys}, source=source)


STANDARD_QUOTA = {
    "capacity": 500.0, "cost": 5.0, "timeout_cost": 10.0, "throttled_cost": 5.0, "refund": 1.0, "returns_cost": True,
}  # fmt: skip

MODES: Modes = {
    "legacy": RetryMode(
        {"max_attempts": 5, "backoff_base_s": 1.0, "backoff_cap_s": None, "jitter": "full"},
        "botocore 1.43 (2026)",
    ),
    "standard": RetryMode(
        {"max_attempts": 3, "backoff_base_s": 1.0, "backoff_cap_s": 20.0, "jitter": "full",
         "retry_quota": STANDARD_QUOTA},
        "botocore 1.43 (2026)",
    ),
    "standard-2026": RetryMode(
        {"max_attempts": 3, "backoff_base_s": 0.05, "throttled_base_s": 1.0, "backoff_cap_s": 20.0, "jitter": "full",
         "retry_quota": {**STANDARD_QUOTA, "cost": 14.0, "timeout_cost": 14.0}},
        "botocore 1.43, AWS_NEW_RETRIES_2026 (2026)",
    ),
}  # fmt: skip
"""What holds for a service without values of its own."""


def with_mode(given: Any, modes: Modes) -> Any:
    """A client's keys as they were given, and where none was, what its mode says."""
    mode = modes.get(str(given.get("mode"))) if isinstance(given, dict) else None
    if mode is None:
        return given
    both = {**mode.keys, **given}
    if isinstance(both.get("retry_quota"), dict):
        both["retry_quota"] = {**mode.keys.get("retry_quota", {}), **both["retry_quota"]}
    return both
