"""The streams of a NATS server, made by the one user who may."""

from attune_service_kit import nats_client
from attune_service_kit.nats_rights import PROVISION_USER, inbox_prefix
from attune_service_kit.streams import provision


async def make_streams(url: str, seed: str, replicas: int = 1) -> None:
    """Make them, or bring them up to date. Raises what NATS refused, or why there is no connection."""
    refusals: list[Exception] = []

    async def heard(error: Exception) -> None:
        refusals.append(error)

    client = None
    try:
        client = await nats_client.connect(
            url,
            seed,
            inbox_prefix=inbox_prefix(PROVISION_USER).encode(),
            # Whoever waits for the answer asks again: nats-py would for two minutes, a traceback a time.
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            error_cb=heard,
        )
        await provision(client.jetstream(), replicas=replicas)
    except Exception as error:
        raise (refusals or [error])[-1] from error
    finally:
        if client is not None:
            await client.close()
