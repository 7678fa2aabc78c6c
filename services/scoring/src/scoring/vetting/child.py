"""`python -I -m scoring.vetting.child`: reads requests, answers with verdicts, one JSON line each.

Every model is looked at in a fork with limits: memory, processor time, no file and no socket that could be opened, no
way to write but the pipe. What loops or eats is killed with its fork; the next request finds nothing of it.
"""

import ctypes
import os
import re
import resource
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import orjson

from scoring.feature_specs import FeatureSpec
from scoring.outputs import Output, UnfitModel
from scoring.vetting import graph, probes
from scoring.vetting.reasons import Reason

_PR_SET_PDEATHSIG = 1
_PIPE = 3
_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : (\w+)")


def main() -> None:
    """Answer until there is no more request."""
    for line in sys.stdin.buffer:
        verdict = _in_a_fork(orjson.loads(line))
        sys.stdout.buffer.write(orjson.dumps(verdict) + b"\n")
        sys.stdout.buffer.flush()


def _in_a_fork(request: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        os.dup2(theirs, _PIPE)
        _answer(request)
    os.close(theirs)
    said, in_time = _listen(ours, request["seconds"])
    os.close(ours)
    # Whoever has answered is at its end, whoever has not is too late.
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return dict(orjson.loads(said)) if said and in_time else _refused([_why(status, in_time)])


def _listen(pipe: int, seconds: float) -> tuple[bytes, bool]:
    """What the fork says until it closes the pipe, and whether it did so in time."""
    said, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
        block = os.read(pipe, 1 << 16)
        if not block:
            return said, True
        said += block
    return said, False


def _why(status: int, in_time: bool) -> Reason:
    if not in_time:
        return Reason("time", "the clock")
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGXCPU:
        return Reason("time", "the processor")
    return Reason("crashed", f"signal {number}" if number else f"status {os.waitstatus_to_exitcode(status)}")


def _answer(request: dict[str, Any]) -> NoReturn:
    """Look at the model, say what was found, and end without running anything else."""
    try:
        verdict = _look(request)
    except MemoryError:
        verdict = _refused([Reason("memory")])
    except BaseException as error:
        verdict = _refused([Reason("crashed", type(error).__name__)])
    os.write(_PIPE, orjson.dumps(verdict))
    os._exit(0)


def _look(request: dict[str, Any]) -> dict[str, Any]:
    content = Path(request["path"]).read_bytes()
    specs = [FeatureSpec.model_validate(spec) for spec in request["specs"]]
    output = Output(**request["output"] | {"classes": tuple(request["output"]["classes"])})
    rows = probes.rows(specs)
    _limit(request["memory"], request["cpu"])
    if (digest := sha256(content).hexdigest()) != request["sha256"]:
        return _refused([Reason("other_bytes", digest[:16])])
    found = graph.read(content, len(specs))
    if found.reasons:
        return _refused(found.reasons, found.facts)
    from scoring import model  # the runtime starts a thread: not before the fork

    _shut()
    try:
        loaded = model.load("probe", 0, [spec.name for spec in specs], content, output=output, specs=specs)
        reasons, facts = probes.check(loaded, rows)
    except UnfitModel as unfit:
        return _refused(
            [Reason("answer", str(unfit)) if unfit.__cause__ is None else _of_runtime(unfit.__cause__)], found.facts
        )
    return _refused(reasons, found.facts | facts)


def _of_runtime(error: BaseException) -> Reason:
    said = str(error)
    short_of_memory = isinstance(error, MemoryError) or "bad_alloc" in said or "Failed to allocate" in said
    return (
        Reason("memory")
        if short_of_memory
        else Reason("does_not_load", said.rpartition(":")[2] or type(error).__name__)
    )


def _limit(memory: int, cpu: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _shut() -> None:
    """From here on nothing can be opened: no file, no socket; only the pipe can be written to."""
    os.closerange(_PIPE + 1, 4096)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_PIPE + 1, _PIPE + 1))


def _refused(reasons: Sequence[Reason], facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"reasons": [reason.told() for reason in reasons], "facts": dict(facts or {})}


if __name__ == "__main__":
    main()
