"""B3's peer on servers of the same run: FastStream, by one process and by two, from a stream that is there before."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from benchmarks.bank_b3 import Bank
from benchmarks.paced_b3 import message_of
from benchmarks.peers import environments
from benchmarks.worker_b3 import Servers, seeds

from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.embedded.postgres import SUPERUSER

PEER = Path(__file__).parent / "peers" / "faststream_b3.py"
EVENTS = 10_000
LONGEST = 120.0


class _Open(EmbeddedNats):
    """The same server with the same disk syncs, for everybody."""

    def config(self) -> dict[str, Any]:
        """Without users."""
        return {name: value for name, value in super().config().items() if name != "authorization"}


async def faststream(servers: Servers, bank: Bank) -> dict[int, int] | str:
    """Events a second, by how many processes there are; why not, if it is not installed."""
    python = environments.python_of("faststream")
    if python is None:
        return "not installed: python -m benchmarks.peers.environments faststream"
    payloads = servers.folder / "payloads"
    count = min(EVENTS, len(bank))
    payloads.write_bytes(b"\n".join(message_of(posting).payload for posting in bank.some(0, count)))
    return {number: await _rate(servers, [python, str(PEER)], payloads, count, number) for number in (1, 2)}


async def _rate(servers: Servers, peer: list[str], payloads: Path, count: int, processes: int) -> int:
    """From the moment when all are ready until the last message is applied."""
    postgres = servers.postgres.url(SUPERUSER, "postgres")
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=servers.folder)))
        nats = _Open(place / "store", seeds=seeds)
        nats.start(servers.folder / "peer.log")
        stack.callback(nats.stop)
        await nats.wait_ready()
        command = [*peer, nats.url, postgres]
        await asyncio.to_thread(subprocess.run, [*command, "publish", str(payloads)], check=True)
        conn = await asyncpg.connect(postgres)
        running = [stack.enter_context(_consumer([*command, "consume"])) for _ in range(processes)]
        for process in running:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
        start = time.monotonic()
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        while await conn.fetchval("SELECT count(*) FROM peer_inbox") < count:
            assert time.monotonic() - start < LONGEST, "the peer does not come to its end"
            await asyncio.sleep(0.02)
        spent = time.monotonic() - start
        await conn.close()
        return round(count / spent)


@contextmanager
def _consumer(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
