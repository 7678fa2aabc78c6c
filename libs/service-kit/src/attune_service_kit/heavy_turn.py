"""One heavy job at a time in a home: a turn is taken, laid aside by a job that waits for somebody else, and given."""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

_POLL_SECONDS = 0.2


class HeavyTurn:
    """A lock on a file of the home: whoever dies gives it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    async def take(self) -> None:
        """Wait until no other heavy job has it."""
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                await asyncio.sleep(_POLL_SECONDS)

    @contextlib.asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Let others go first as long as this lasts; then wait for the turn again."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        yield
        await self.take()


@contextlib.contextmanager
def heavy_turn(folder: Path) -> Iterator[HeavyTurn]:
    """The home's turn, not yet taken."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "heavy.lock").open("a") as file:
        yield HeavyTurn(file)
