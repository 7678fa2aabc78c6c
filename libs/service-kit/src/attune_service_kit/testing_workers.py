"""Worker processes of a service for tests that kill them: forked from the jobs' server, which has imported it before.

They differ from `python script worker` in nothing but the second of imports that each would begin with.
"""

import os
import runpy
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from attune_service_kit import job_starter


def start(script: Path, argument: str, environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Run `script` as `python script argument` in this environment; what it says goes to the log."""
    context = get_context("forkserver")
    context.set_forkserver_preload(job_starter.PRELOADED)
    process = context.Process(target=_run, args=(script, argument, dict(environment), log))
    process.start()
    return process


def _run(script: Path, argument: str, environment: dict[str, str], log: Path) -> None:
    os.setsid()
    with log.open("ab") as words:
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = [str(script), argument]
    runpy.run_path(str(script), run_name="__main__")
