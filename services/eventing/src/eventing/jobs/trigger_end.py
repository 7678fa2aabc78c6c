"""A trigger has been retired: who follows it is told, and what it has kept of customers goes: states and timers."""

from typing import Any

from attune_contracts.eventing import TriggerRetired
from attune_contracts.identifiers import PARTITIONS
from attune_service_kit.jobs import JobContext
from eventing import triggers
from eventing.jobs import keyed_states, workbench

_CLEAR = """
WITH state AS (DELETE FROM keyed_state WHERE trigger = $1 AND partition = $2 RETURNING 1),
     due AS (DELETE FROM timer WHERE trigger = $1 AND partition = $2)
SELECT count(*) FROM state"""


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `trigger`, `version`. Result: `{trigger, states}`, how many states went; none where it judges again."""
    name, states = str(job.params["trigger"]), 0
    async with workbench.only_writer(job.runtime):
        async with job.transaction() as tx:
            # Whatever batch began while it was in force has ended then.
            await tx.conn.fetch(keyed_states.LOCK)
            if (await triggers.get(tx.conn, name))["in_force"] is None:
                for number in range(PARTITIONS):
                    retired = TriggerRetired(trigger=name, version=int(job.params["version"]), partition=number)
                    tx.emit_to(retired, number)
        for number in range(PARTITIONS):
            async with job.transaction() as tx:
                # A backfill of a new version waits for the writer's right, and has been before or comes after.
                if (await triggers.get(tx.conn, name))["in_force"] is not None:
                    break
                states += await tx.conn.fetchval(_CLEAR, name, number)
            await job.progress(number + 1, PARTITIONS, f"{states:,} states gone")
    return {"trigger": name, "states": states}
