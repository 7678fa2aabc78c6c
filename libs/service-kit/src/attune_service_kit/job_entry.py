"""Where a job's process begins: in a child of the server process that has imported its service before."""

import os
from importlib import import_module
from multiprocessing.connection import Connection


def begin(module: str, job_id: str, environment: dict[str, str], words: Connection) -> None:
    """Run a job of the service whose `SERVICE` `module` holds; what it says on stderr goes to `words`."""
    os.setsid()  # Ctrl-C reaches the worker alone, which then ends its children
    os.dup2(words.fileno(), 2)
    words.close()
    os.environ.clear()
    os.environ.update(environment)

    from attune_service_kit.jobs import main

    main(import_module(module).SERVICE, job_id)
