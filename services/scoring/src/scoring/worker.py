"""The worker's background work beside consumers, relay and jobs."""

from attune_service_kit.runtime import Runtime
from scoring import registry


async def warm_up(runtime: Runtime) -> None:
    """Load the champions' sessions, so that the first evidence after a start does not wait for one."""
    async with runtime.worker_database.transaction() as tx:
        await registry.champions(tx.conn)
