"""An HTTP load generator in a process of its own: closed loop for ceilings, open loop at a fixed rate for latencies.

`python -m benchmarks.load` reads a Plan as JSON from stdin and prints what happened as JSON. An open loop measures each
answer from the moment its request was intended, whether or not the server was ready for it (no coordinated omission).
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0


@dataclass(frozen=True)
class Plan:
    """What is asked: `paths` in turn. `rate` a second = open loop, else closed; ends after `seconds` or `count`.

    With `sent` each request is a POST of the next of these bodies; they and the answers are bytes as latin-1 has them.
    """

    port: int
    paths: list[str]
    headers: dict[str, str]
    connections: int = 8
    seconds: float | None = None
    count: int | None = None
    rate: float | None = None
    keep_bodies: bool = False
    keep_statuses: bool = False
    sent: list[str] | None = None


@dataclass
class Happened:
    """What came of it; latencies in seconds."""

    count: int = 0
    seconds: float = 0.0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(
        self, on_answer: Callable[["_Connection", int, bytes], None], on_loss: Callable[[Exception | None], None]
    ) -> None:
        self._on_answer, self._on_loss = on_answer, on_loss
        self._buffer = bytearray()
        self.transport: asyncio.Transport
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_loss(exc)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : at + 20].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        self._buffer.clear()
        self._on_answer(self, int(head[9:12]), body)


def _requests(plan: Plan) -> list[bytes]:
    """Each request as it goes over the wire."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in plan.headers.items())
    if plan.sent is None:
        return [f"GET {p} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode() for p in plan.paths]
    bodies = [body.encode("latin-1") for body in plan.sent]
    turns = max(len(bodies), len(plan.paths))
    asked = [(plan.paths[n % len(plan.paths)], bodies[n % len(bodies)]) for n in range(turns)]
    return [
        f"POST {p} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for p, body in asked
    ]


class _Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = _requests(plan)
        self._sent = 0
        self._free: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._done = asyncio.Event()
        self._failure = ""
        self._until = float("inf")
        self.happened = Happened()

    async def run(self) -> Happened:
        plan, loop = self._plan, asyncio.get_running_loop()
        connections = [
            (await loop.create_connection(lambda: _Connection(self._answered, self._lost), "127.0.0.1", plan.port))[1]
            for _ in range(plan.connections)
        ]
        start = time.perf_counter()
        self._until = start + plan.seconds if plan.seconds else float("inf")
        if plan.rate is None:
            for connection in connections:
                self._send(connection, time.perf_counter())
        else:
            self._free.extend(connections)
            await self._at_rate(start, plan.rate)
        async with asyncio.timeout((plan.seconds or 0) + PATIENCE):
            await self._done.wait()
        if self._failure:
            raise RuntimeError(self._failure)
        self.happened.seconds = time.perf_counter() - start
        for connection in connections:
            connection.transport.abort()
        return self.happened

    async def _at_rate(self, start: float, rate: float) -> None:
        number = 0
        while not self._enough(number) and (due := start + number / rate) < self._until:
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            number += 1
            if self._free:
                self._send(self._free.popleft(), due)
            else:
                self._waiting.append(due)
        self._plan = Plan(**asdict(self._plan) | {"count": number, "seconds": None})
        if self.happened.count >= number:
            self._done.set()

    def _lost(self, error: Exception | None) -> None:
        """Nobody answers on this connection any more: after the end that is as it should be."""
        if not self._done.is_set():
            self._failure = (
                f"the server ended a connection, or did not say how long its answer is: {error or 'no reason'}"
            )
            self._done.set()

    def _enough(self, number: int) -> bool:
        return self._plan.count is not None and number >= self._plan.count

    def _send(self, connection: _Connection, due: float) -> None:
        connection.started = due
        connection.transport.write(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def _answered(self, connection: _Connection, status: int, body: bytes) -> None:
        now = time.perf_counter()
        self.happened.count += 1
        self.happened.refused += status != 200
        self.happened.latencies.append(now - connection.started)
        if self._plan.keep_bodies:
            self.happened.bodies.append(body.decode("utf-8" if self._plan.sent is None else "latin-1"))
        if self._plan.keep_statuses:
            self.happened.statuses.append(status)
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        elif self._plan.rate is not None:
            self._free.append(connection)
            if self._enough(self.happened.count):
                self._done.set()
        elif now < self._until and not self._enough(self._sent):
            self._send(connection, now)
        elif self.happened.count == self._sent:
            self._done.set()


class Running:
    """A load that has been started; `result` waits for its end."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(plan)).encode())
        self._process.stdin.close()

    def result(self) -> Happened:
        """Wait for the end and return what happened."""
        assert self._process.stdout is not None
        raw = self._process.stdout.read()
        if self._process.wait():
            raise RuntimeError("the load generator failed")
        return Happened(**json.loads(raw))


def generate(plan: Plan) -> Happened:
    """Run one load to its end in a process of its own."""
    return Running(plan).result()


def main() -> None:
    """Read a plan, carry it out, print what happened."""
    told: dict[str, Any] = json.load(sys.stdin)
    happened = uvloop.run(_Load(Plan(**told)).run())
    json.dump(asdict(happened), sys.stdout)


if __name__ == "__main__":
    main()
