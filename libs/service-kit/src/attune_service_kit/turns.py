"""How many batches one process applies at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """How many batches one process has in flight: no more than the pool can serve, or a suspect alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = asyncio.Semaphore(most)
        self._gate = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """One of several."""
        async with self._free:
            yield

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """The only one."""
        async with self._gate, contextlib.AsyncExitStack() as stack:
            for _ in range(self._most):
                await stack.enter_async_context(self._free)
            yield
