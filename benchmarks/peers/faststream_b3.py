"""B3's peer: a FastStream handler with its state in SQL, one transaction a message, as its documentation shows it.

In an environment of its own (`pip install "faststream[nats]" asyncpg`), against a NATS server without users:
`python faststream_b3.py NATS_URL POSTGRES_URL PAYLOADS`; a payload a line. Prints events a second.
"""

# mypy: ignore-errors

import asyncio
import sys
import time
from pathlib import Path

import asyncpg
import orjson
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


async def main(nats: str, postgres: str, payloads: list[bytes]) -> None:
    """Publish all, then consume all."""
    pool = await asyncpg.create_pool(postgres, min_size=4, max_size=8)
    await pool.execute(STATE)
    broker = NatsBroker(nats, logger=None)
    seen = asyncio.Event()
    done = 0

    stream = JStream("PEER", subjects=["ledger.posted"])
    pull = PullSub(batch_size=500)

    @broker.subscriber("ledger.posted", stream=stream, durable="peer", pull_sub=pull, deliver_policy=DeliverPolicy.ALL)
    async def posted(body: dict) -> None:
        nonlocal done
        data = body["data"]
        async with pool.acquire() as conn, conn.transaction():
            if await conn.fetchval(TAKE, body["id"]):
                known = await conn.fetchrow(READ, data["customer_id"])
                amount = data["amount_minor"]
                if known is not None and amount * known["facts"] > known["total"]:
                    await conn.execute(RAISE, body["id"], data["customer_id"], amount)
                await conn.execute(WRITE, data["customer_id"], amount)
        done += 1
        if done == len(payloads):
            seen.set()

    app = FastStream(broker, logger=None)
    publisher = await connect(nats)
    await publisher.jetstream().add_stream(name="PEER", subjects=["ledger.posted"])
    for payload in payloads:
        await publisher.jetstream().publish("ledger.posted", payload)
    await publisher.close()
    start = time.monotonic()
    running = asyncio.create_task(app.run())
    await seen.wait()
    spent = time.monotonic() - start
    sys.stdout.write(f"{len(payloads) / spent:.0f}\n")
    app.exit()
    await running


if __name__ == "__main__":
    lines = Path(sys.argv[3]).read_bytes().splitlines()
    assert orjson.loads(lines[0])
    asyncio.run(main(sys.argv[1], sys.argv[2], lines))
