"""Scoring's job `score` in this process, as its worker runs it in a child: `python -m benchmarks.job_b5`.

Prints its seconds, its CPU seconds and that of its connections' backends, and its memory.
"""

import asyncio
import json
import sys
import time

import psutil
from benchmarks.machine import peak_mb

from attune_service_kit.jobs import JobContext
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.runtime import Runtime
from scoring.app import SERVICE
from scoring.jobs import score

_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'scoring-job'"


async def _database(runtime: Runtime) -> float:
    spent = 0.0
    for row in await runtime.database.pool.fetch(_BACKENDS):
        times = psutil.Process(row["pid"]).cpu_times()
        spent += times.user + times.system
    return spent


async def run() -> dict[str, object]:
    """Score the newest snapshot by every model that answers."""
    runtime = make_runtime(SERVICE, SERVICE.settings(), "job")
    async with running(runtime):
        async with runtime.database.transaction() as tx:
            number = await runtime.jobs.start(tx, "score", {"model": None, "as_of": None})
            await tx.conn.execute("UPDATE job SET state = 'running' WHERE id = $1", number)
        job = JobContext(number, "score", {"model": None, "as_of": None}, None, runtime)
        database, before, started = await _database(runtime), time.process_time(), time.perf_counter()
        result = await score.run(job)
        told = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - before}
        told["database_cpu"] = await _database(runtime) - database
    return told | {"peak_mb": peak_mb(), "result": result}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run())) + "\n")
