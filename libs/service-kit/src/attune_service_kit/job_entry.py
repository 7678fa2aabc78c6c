"""Where a job's process begins: in a child of the server process that has imported its service before."""

import contextlib
import os
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path


def name(job_id: str) -> str:
    """How the process of a job is called."""
    return f"job {job_id[-11:]}"


def begin(module: str, job_id: str, environment: dict[str, str], words: Connection) -> None:
    """Run a job of the service whose `SERVICE` `module` holds; what it says on stderr goes to `words`."""
    os.setsid()  # Ctrl-C reaches the worker alone, which then ends its children
    os.dup2(words.fileno(), 2)
    words.close()
    with contextlib.suppress(OSError):  # what `top` and `ps -o comm` show: 15 characters, on Linux
        Path("/proc/self/comm").write_text(name(job_id))
    os.environ.clear()
    os.environ.update(environment)

    from attune_service_kit.jobs import main

    main(import_module(module).SERVICE, job_id)
