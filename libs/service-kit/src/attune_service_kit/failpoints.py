"""Places where a fault test may end the process as `kill -9` would: dead code unless the environment is `test`."""

import os
import sys

VARIABLE = "ATTUNE_FAILPOINT"
EXIT_STATUS = 137

_armed: dict[str, int] = {}


def arm(environment: str) -> None:
    """Read `ATTUNE_FAILPOINT=name[@nth]` if this is a test; anywhere else nothing can ever be armed."""
    _armed.clear()
    if environment == "test" and (wanted := os.environ.get(VARIABLE)):
        name, _, nth = wanted.partition("@")
        _armed[name] = int(nth or 1)


def failpoint(name: str) -> None:
    """End the process without any cleaning up when this place is reached for the nth time."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] == 0:
        sys.stderr.flush()
        os._exit(EXIT_STATUS)
