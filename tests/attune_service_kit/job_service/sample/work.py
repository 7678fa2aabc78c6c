"""The sample service's jobs."""

import asyncio
import os
import signal
from pathlib import Path

from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext


async def count(job: JobContext) -> dict[str, object]:
    """Write the notes 1 to `upto`, one transaction each; its own process dies at `die_at`, the first time."""
    done = job.cursor["done"] if job.cursor else 0
    began_at = done
    while done < job.params["upto"]:
        async with job.transaction() as tx:
            done += 1
            await tx.conn.execute("INSERT INTO note (id, text) VALUES ($1, 'counted')", done)
            job.cursor = {"done": done}
            if done == job.params.get("die_at") and began_at == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        await job.progress(done, job.params["upto"], "counting")
    return {"began_at": began_at, "done": done}


async def fail(job: JobContext) -> dict[str, object]:
    """A defect."""
    raise ZeroDivisionError("nothing to divide")


async def refuse(job: JobContext) -> dict[str, object]:
    """A refusal."""
    raise Invalid("the file is empty", "文件为空")


async def crash(job: JobContext) -> dict[str, object]:
    """Never ends well."""
    os.write(2, b"about to die\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


async def wait(job: JobContext) -> dict[str, object]:
    """Until cancelled."""
    await job.progress(1, None, "waiting")
    await asyncio.sleep(300)
    return {}


def plain(job: JobContext) -> dict[str, object]:
    """A plain function, in a thread."""
    job.wait(job.progress(1, 1, "half way"))
    return {"thread": True, "given": job.params["given"]}


async def hold(job: JobContext) -> dict[str, object]:
    """Notes how many heavy jobs run beside it."""
    folder = Path(job.params["folder"])
    mine = folder / f"{job.id}.running"
    mine.touch()
    await asyncio.sleep(0.2)
    beside = len(list(folder.glob("*.running"))) - 1
    mine.unlink()
    return {"beside": beside}


async def aside(job: JobContext) -> dict[str, object]:
    """Waits for a file that somebody makes; others take their turn meanwhile."""
    async with job.aside():
        while True:
            if (Path(job.params["folder"]) / "go").exists():
                return {"went": 1}
            await asyncio.sleep(0.02)
