"""B3's peer: a FastStream handler with its state in SQL, one transaction a message, as its documentation shows it.

In an environment of its own (`python -m benchmarks.peers.environments faststream`), against a server without users:
`faststream_b3.py NATS_URL POSTGRES_URL publish PAYLOADS` (a payload a line) makes tables and stream and fills it;
`faststream_b3.py NATS_URL POSTGRES_URL consume` says `ready`, waits for a line and consumes until it is ended. Several
of these share the stream's one durable consumer.
"""

# mypy: ignore-errors

import asyncio
import sys
from pathlib import Path

import asyncpg
from faststream import FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from nats import connect
from nats.js.api import DeliverPolicy

STATE = """
CREATE TABLE IF NOT EXISTS peer_state (customer_id text PRIMARY KEY, total bigint NOT NULL, facts int NOT NULL);
CREATE TABLE IF NOT EXISTS peer_inbox (event_id text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS peer_detection (event_id text PRIMARY KEY, customer_id text, amount bigint);
TRUNCATE peer_state, peer_inbox, peer_detection"""
TAKE = "INSERT INTO peer_inbox VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id"
READ = "SELECT total, facts FROM peer_state WHERE customer_id = $1 FOR UPDATE"
WRITE = """
INSERT INTO peer_state VALUES ($1, $2, 1)
ON CONFLICT (customer_id) DO UPDATE SET total = peer_state.total + excluded.total, facts = peer_state.facts + 1"""
RAISE = "INSERT INTO peer_detection VALUES ($1, $2, $3)"
IN_FLIGHT = 500


async def publish(nats: str, postgres: str, payloads: list[bytes]) -> None:
    """Make tables and stream anew, and publish all."""
    conn = await asyncpg.connect(postgres)
    await conn.execute(STATE)
    await conn.close()
    client = await connect(nats)
    js = client.jetstream()
    await js.add_stream(name="PEER", subjects=["ledger.posted"])
    for start in range(0, len(payloads), IN_FLIGHT):
        await asyncio.gather(*(js.publish("ledger.posted", one) for one in payloads[start : start + IN_FLIGHT]))
    await client.close()


async def consume(nats: str, postgres: str) -> None:
    """Apply what comes, one transaction a message."""
    pool = await asyncpg.create_pool(postgres, min_size=4, max_size=8)
    broker = NatsBroker(nats, logger=None)
    stream = JStream("PEER", subjects=["ledger.posted"], declare=False)
    pull = PullSub(batch_size=500)

    @broker.subscriber("ledger.posted", stream=stream, durable="peer", pull_sub=pull, deliver_policy=DeliverPolicy.ALL)
    async def posted(body: dict) -> None:
        data = body["data"]
        async with pool.acquire() as conn, conn.transaction():
            if await conn.fetchval(TAKE, body["id"]):
                known = await conn.fetchrow(READ, data["customer_id"])
                amount = data["amount_minor"]
                if known is not None and amount * known["facts"] > known["total"]:
                    await conn.execute(RAISE, body["id"], data["customer_id"], amount)
                await conn.execute(WRITE, data["customer_id"], amount)

    app = FastStream(broker, logger=None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await app.run()


if __name__ == "__main__":
    servers, what = sys.argv[1:3], sys.argv[3]
    if what == "publish":
        asyncio.run(publish(*servers, Path(sys.argv[4]).read_bytes().splitlines()))
    else:
        asyncio.run(consume(*servers))
