"""A line between two ends that can be made bad, for tests: the faults of toxiproxy, by their names there (P-21)."""

import asyncio
import contextlib

_SLICE, _TRICKLE, _LITTLE = 7, 50, 20  # bytes

FAULTS = ("latency", "bandwidth", "slicer", "slow_close", "down", "reset_peer", "limit_data", "timeout")


class Line:
    """Carries bytes to a port of this machine and back; `fault` says how badly it brings back, from now on."""

    def __init__(self, port: int) -> None:
        self.fault: str | None = None
        self.calls = 0
        self.port = 0
        self._far = port
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def up(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._call, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Listen no more, and hang up whatever is carried."""
        assert self._server is not None  # noqa: S101 - it was up
        self._server.close()
        for task in list(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def spoil(self, fault: str) -> None:
        """Make it as bad as that."""
        self.fault = fault
        if fault == "down":
            await self.down()

    async def mend(self) -> None:
        """Make it good again; what hung in it is hung up."""
        if self.fault != "down":
            await self.down()
        self.fault = None
        await self.up()

    async def _call(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        self.calls += 1
        task = asyncio.ensure_future(self._carry(near, answer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await task
        answer.close()

    async def _carry(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        far, ask = await asyncio.open_connection("127.0.0.1", self._far)
        asking = asyncio.ensure_future(self._there(near, ask))
        try:
            await self._back(far, answer)
        finally:
            asking.cancel()
            ask.close()

    async def _there(self, near: asyncio.StreamReader, ask: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await near.read(65_536):
                ask.write(piece)
                await ask.drain()

    async def _back(self, far: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        while piece := await far.read(65_536):
            match self.fault:
                case "timeout":  # nothing comes any more, and nobody hangs up
                    await asyncio.Event().wait()
                case "reset_peer":
                    answer.transport.abort()
                    return
                case "limit_data":
                    answer.write(piece[:_LITTLE])
                    return
            step = {"slicer": _SLICE, "bandwidth": _TRICKLE}.get(self.fault or "", len(piece))
            for start in range(0, len(piece), step):
                answer.write(piece[start : start + step])
                await answer.drain()
                await asyncio.sleep({"latency": 0.1, "bandwidth": 0.005}.get(self.fault or "", 0))
        if self.fault == "slow_close":
            await asyncio.sleep(0.2)
