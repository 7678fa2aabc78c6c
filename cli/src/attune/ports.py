"""Loopback ports: free ones, and one that no other home on this machine takes in the same moment."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from attune.output import Failure

_claims: list[int] = []
"""Open lock files: a claim ends with the process."""


def free_port(port: int = 0) -> int:
    """Return the port if it is free, any free one for 0; OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def free_ports(count: int, besides: Collection[int] = ()) -> list[int]:
    """Return different free ports: asked for one after the other, the same one may come twice."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.bind(("127.0.0.1", 0))
            if (port := int(probe.getsockname()[1])) not in besides:
                found.append(port)
    return found


def claim_port(preferred: int, among: int = 50) -> int:
    """Return the first free one of so many ports from the preferred one on, for as long as this process lives.

    Seconds pass between finding a port free and serving on it: two homes that start together must not find the same.
    """
    for port in range(preferred, min(preferred + among, 65536)):
        try:
            claim = os.open(Path(tempfile.gettempdir()) / f"attune-port-{port}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:  # another user's
            continue
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free_port(port)
        except OSError:
            os.close(claim)
            continue
        _claims.append(claim)
        return port
    which = f"port {preferred} is not free" if among == 1 else f"no port is free from {preferred} on"
    raise Failure(f"{which} on 127.0.0.1: choose another one with --port")
