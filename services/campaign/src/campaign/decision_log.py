"""Decision records, committed in groups before their answers leave (X16).

While one group commits, the next gathers. A group waits a moment for decisions that are being made already, since one
commit for several costs little more than one for each; where there are none, an answer leaves at once.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog

from attune_service_kit.database import WHOLE_BANK, Database
from attune_service_kit.reads import scoped

log = structlog.get_logger(__name__)

LARGEST_GROUP = 100
PATIENCE = 0.002  # seconds that a group waits for those on their way

_RECORDS = """
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[],
                     $8::int[], $9::boolean[], $10::bytea[], $11::bytea[], $12::text[])"""
# A group holds the decisions of many callers: the service writes it in its own name.
_INSERT = f"""
INSERT INTO decision (id, customer_id, branch_id, channel, caller, as_of, catalogue_version, policy_version,
                      personalised, inputs, result, sha256)
{scoped(_RECORDS, 12)}"""


@dataclass(frozen=True)
class Record:
    """One decision as it is stored."""

    id: UUID
    customer_id: UUID
    branch_id: str | None
    channel: str
    caller: str
    as_of: datetime
    catalogue_version: int
    policy_version: int
    personalised: bool
    inputs: bytes
    result: bytes
    sha256: str


class DecisionLog:
    """One group committer per database and process."""

    _logs: ClassVar[WeakKeyDictionary[Database, "DecisionLog"]] = WeakKeyDictionary()

    def __init__(self, database: Database) -> None:
        self._pool = database.pool
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._coming = 0
        self._nobody_coming = asyncio.Event()

    @classmethod
    def of(cls, database: Database) -> "DecisionLog":
        """The committer of this database in this process."""
        if (existing := cls._logs.get(database)) is None:
            existing = cls._logs[database] = cls(database)
        return existing

    @contextmanager
    def coming(self) -> Iterator[None]:
        """A decision is being made; `write` follows at once."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            if not self._coming:
                self._nobody_coming.set()

    async def write(self, record: Record) -> None:
        """Return once the record is committed; raises what the database raised."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, future))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await future

    async def _flush(self) -> None:
        # One turn of the loop lets the requests that are already here join.
        await asyncio.sleep(0)
        while self._waiting:
            if self._coming and len(self._waiting) < LARGEST_GROUP:
                await self._gather()
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            try:
                await self._commit([record for record, _ in group])
            except Exception as error:
                log.error("decisions_not_stored", count=len(group), error=type(error).__name__)
                _settle(group, error)
            else:
                _settle(group, None)

    async def _gather(self) -> None:
        self._nobody_coming.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._nobody_coming.wait()

    async def _commit(self, records: list[Record]) -> None:
        columns = zip(*(tuple(getattr(r, f) for f in Record.__dataclass_fields__) for r in records), strict=True)
        await self._pool.execute(_INSERT, *(list(column) for column in columns), *WHOLE_BANK.settings())


def _settle(group: list[tuple[Record, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, future in group:
        if future.done():  # the client has gone
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
