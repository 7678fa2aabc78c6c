"""The job `vet`: whether an uploaded version may become one that answers (P-31). Params: `model`, `version`.

The bytes are looked at by `scoring.vetting` in a process with limits, which holds nothing of this one.
"""

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attune_service_kit.jobs import JobContext
from scoring import registry
from scoring.settings import ScoringSettings
from scoring.vetting import sandbox


async def run(job: JobContext) -> dict[str, Any]:
    """Ask for the verdict and write it down; a version that is not waiting for one is left as it is."""
    settings = job.runtime.settings
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    name, number = job.params["model"], job.params["version"]
    async with job.transaction() as tx:
        waiting = await registry.waiting(tx.conn, name, number)
    if waiting is None:
        return {"model": name, "version": number, "state": "settled"}
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.scratch, prefix="vet-") as folder:
        path = Path(folder) / "model"
        path.write_bytes(waiting.onnx)
        suspect = sandbox.Suspect(path, waiting.sha256, waiting.specs, waiting.output)
        limits = {"cpu": settings.vetting_cpu_seconds, "memory": settings.vetting_memory_bytes}
        [verdict] = await asyncio.to_thread(partial(sandbox.ask, [suspect], **limits))
    async with job.transaction() as tx:
        state = await registry.settle(tx, name, number, verdict.reasons, verdict.facts)
    return {"model": name, "version": number, "state": state, "reasons": verdict.reasons}
