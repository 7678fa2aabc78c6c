"""Replay: state as of the first day, then the lake's facts once more through the stream, in business order (X4)."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import duckdb
import orjson

from attune_contracts.envelope import nats_subject
from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.identifiers import PARTITIONS, posting_event_id
from attune_contracts.identifiers import partition as partition_of
from attune_contracts.ledger import TransactionPosted
from attune_service_kit import clock
from attune_service_kit.errors import Conflict
from attune_service_kit.failpoints import failpoint
from attune_service_kit.jobs import JobContext
from attune_service_kit.messaging import Broker, Message, Stored
from eventing import moments, replays
from eventing.jobs import day_close, keyed_states, rebuild, workbench

# How far the publisher may run ahead of the workers: business time then stays close together in all partitions.
AHEAD = 4_000
CHUNK = 500
# A lost acknowledgement may reorder a chunk's postings. A chunk of so few days stays inside the least lateness.
CHUNK_DAYS = 3
# A killed replay sends at most so much wall time again; the inbox drops it.
SAVE_SECONDS = 1.0
POLL = 0.02
GATE_POLL = 0.05
LONGEST_PAUSE = 5.0

# The columns that both have come first; then a posting's own or a behaviour's own, in the order of `_message`.
_FACTS = """
SELECT t.posting_id AS key, o.customer_id, o.partition, t.business_date, epoch_us(t.booked_at) AS us, t.channel,
       t.account_id, o.kind AS account_kind, t.direction, t.amount_minor, t.currency, t.kind, t.flags, t.reverses,
       NULL AS behaviour, NULL AS product, NULL AS step, NULL AS seconds
FROM transactions t INNER JOIN account_owner o USING (account_id)
WHERE t.business_date BETWEEN $first AND $last
UNION ALL
SELECT behaviour_id, customer_id, NULL, business_date, epoch_us(occurred_at), channel,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       behaviour, product, step, seconds
FROM behaviours WHERE business_date BETWEEN $first AND $last
ORDER BY business_date, coalesce(us, epoch_us(business_date + INTERVAL 12 HOUR)), key"""
_COUNT = """
SELECT count(o.account_id), count(*) - count(o.account_id),
       (SELECT count(*) FROM behaviours WHERE business_date BETWEEN $first AND $last)
FROM transactions t LEFT JOIN account_owner o USING (account_id)
WHERE t.business_date BETWEEN $first AND $last"""
_POSITIONS = "SELECT consumer, last_seq, stream_created FROM position WHERE consumer LIKE 'LEDGER.%'"

Row = tuple[Any, ...]


class StreamLost(Conflict):
    """The stream is another than at the beginning: what was on it is gone."""

    code = "stream_lost"


@dataclass
class Progress:
    """How far the replay has come."""

    total: int
    done: int = 0
    sent: dict[int, int] = field(default_factory=dict)  # partition → stream sequence of its last fact
    marks: list[tuple[int, dict[int, int]]] = field(default_factory=list)  # count published, `sent` at that time


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `from`, `to` (ISO dates), `rebuild`, `speed` ("max" or postings a second).

    Result: `{postings, unknown_owners, behaviours, detections: {TRIGGER: {count, subjects, first}},
    events_per_second}`.
    """
    with workbench.opened(job.runtime) as con:
        replay = Replay(job, con, date.fromisoformat(job.params["from"]), date.fromisoformat(job.params["to"]))
        return await replay.run()


class Replay:
    """One run. Killed, it goes on with the day it was at: its event ids are the same, so nothing counts twice."""

    def __init__(self, job: JobContext, con: duckdb.DuckDBPyConnection, first: date, last: date) -> None:
        self.job, self.con, self.first, self.last = job, con, first, last
        self.zone = job.runtime.settings.zone
        self.speed = job.params.get("speed", "max")
        self._streams: dict[str, str] = {}

    async def run(self) -> dict[str, Any]:
        """Prepare once, publish, follow, report."""
        if self.job.cursor is None:
            await self._prepare()
        else:
            await workbench.load_owners(self.con, self.job.runtime)
        postings, unknown, behaviours = self._count(self.first, self.last)
        started = time.monotonic()
        progress = Progress(postings + behaviours)
        await self._publish(progress)
        await self._close_day(progress, self.last)
        seconds = time.monotonic() - started
        async with self.job.transaction() as tx:
            await replays.refuse_if_overtaken(tx.conn, self.job.id)
            await replays.withdraw_unconfirmed(tx, self.first, self.last)
            found = await replays.summary(tx.conn, self.first, self.last)
        return {
            "postings": postings,
            "unknown_owners": unknown,
            "behaviours": behaviours,
            "detections": found,
            "events_per_second": round(progress.done / seconds, 1) if seconds else 0.0,
        }

    async def _prepare(self) -> None:
        """State of the days before, and every detection of the range unconfirmed until found again: one transaction."""
        await day_close.publish(self.job, self.con)
        await workbench.load_owners(self.con, self.job.runtime)
        rebuilt = None
        if self.job.params.get("rebuild", True):
            rebuilt = await rebuild.compute(self.job, self.con, self.first)
        async with self.job.transaction() as tx:
            await keyed_states.remember_last_days(tx.conn, self.con, self.last + timedelta(1), range(PARTITIONS))
            if rebuilt is not None:
                await rebuild.swap(tx, rebuilt, run=self.job.id)
            else:
                await replays.take_over(tx.conn, self.job.id)
            await replays.unconfirm(tx.conn, self.first, self.last)
            self.job.cursor = {"day": self.first.isoformat()}
        await self.job.progress(0, None, "states rebuilt")

    async def _publish(self, progress: Progress) -> None:
        assert self.job.cursor is not None  # noqa: S101 - set by `_prepare`
        start = date.fromisoformat(self.job.cursor["day"])
        progress.done = self._count_before(start)
        open_day: date | None = None
        pace = _Pace(self.speed)
        saved = time.monotonic()
        for chunk in self._chunks(start):
            day = chunk[0][3]
            if open_day is None or day > open_day:
                open_day = await self._gate(progress, day)
            await self._ahead(progress)
            await pace.wait(len(chunk))
            await self._send(chunk, progress)
            progress.done += len(chunk)
            if time.monotonic() - saved >= SAVE_SECONDS:
                async with self.job.transaction() as tx:
                    await replays.refuse_if_overtaken(tx.conn, self.job.id)
                    self.job.cursor = {"day": day.isoformat()}
                saved = time.monotonic()
            failpoint("replay.chunk")
            await self.job.progress(progress.done, progress.total, "publishing")

    def _chunks(self, start: date) -> Iterator[list[Row]]:
        """The facts in order, cut at CHUNK of them and CHUNK_DAYS days, and wherever the gate closes."""
        cursor = self.con.cursor().execute(_FACTS, {"first": start, "last": self.last})
        chunk: list[Row] = []
        while rows := cursor.fetchmany(5_000):
            for row in rows:
                if chunk and (
                    len(chunk) == CHUNK
                    or row[3] - chunk[0][3] >= timedelta(CHUNK_DAYS)
                    or (self._gated and row[3] != chunk[0][3])
                ):
                    yield chunk
                    chunk = []
                chunk.append(row)
        if chunk:
            yield chunk

    @property
    def _gated(self) -> bool:
        return self.job.params.get("through") is not None

    def _count_before(self, start: date) -> int:
        postings, _, behaviours = self._count(self.first, start - timedelta(1))
        return postings + behaviours

    def _count(self, first: date, last: date) -> tuple[int, int, int]:
        """Postings of known owners, postings of others, behaviours."""
        postings, unknown, behaviours = self.con.execute(_COUNT, {"first": first, "last": last}).fetchall()[0]
        return postings, unknown, behaviours

    async def _gate(self, progress: Progress, day: date) -> date:
        """Wait until the gate lets this day through; return the last open day."""
        while (through := await self._opened()) < day:
            await self._close_day(progress, through)
            await self.job.progress(progress.done, progress.total, f"waiting after {through}")
            # Nobody may ever open the next day: no training waits for that.
            async with self.job.aside():
                await self._opened_beyond(through)
        return through

    async def _opened_beyond(self, through: date) -> None:
        while True:
            if await self._opened() != through:
                return
            await asyncio.sleep(GATE_POLL)

    async def _opened(self) -> date:
        """The last day that the gate lets through."""
        through = await replays.gate(self.job.runtime.worker_database.pool, self.job.id)
        return self.last if through is None else through

    async def _send(self, chunk: list[Row], progress: Progress) -> None:
        """Publish a chunk in order: postings as the ledger, behaviours as eventing itself."""
        for posted, rows in groupby(chunk, key=lambda row: row[6] is not None):
            broker = await self.job.broker(user="ledger" if posted else None)
            await self._send_all(broker, [self._message(row) for row in rows], progress)

    async def _send_all(self, broker: Broker, left: list[tuple[int, Message]], progress: Progress) -> None:
        """Publish until the stream has it all; a full or absent stream is waited for."""
        pause = 0.1
        while left:
            outcomes = await broker.publish_window([message for _, message in left])
            failed = []
            for (partition, message), outcome in zip(left, outcomes, strict=True):
                if isinstance(outcome, Stored):
                    progress.sent[partition] = max(progress.sent.get(partition, 0), outcome.seq)
                else:
                    failed.append((partition, message))
            left = failed
            if left:
                await self.job.progress(progress.done, progress.total, "the stream takes no more for now")
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _message(self, row: Row) -> tuple[int, Message]:
        key, customer, partition, day, us, channel, account, account_kind, direction, amount, currency, kind, flags, \
            reverses, behaviour, product, step, seconds = row  # fmt: skip
        at = None if us is None else datetime.fromtimestamp(us / 1e6, UTC)
        data = {"customer_id": customer, "business_date": day, "channel": channel, "origin": "replay",
                "run": str(self.job.id)}  # fmt: skip
        if account is None:
            # Two customers may have behaviours of one id.
            event_id = str(posting_event_id(f"{self.job.id}:{customer}", key))
            data |= {"behaviour_id": key, "occurred_at": at, "behaviour": behaviour, "product": product, "step": step,
                     "seconds": seconds}  # fmt: skip
            return self._event(BehaviourRecorded.TYPE, event_id, partition_of(customer), at, data)
        event_id = str(posting_event_id(str(self.job.id), key))
        data |= {
            "posting_id": key, "account_id": account, "booked_at": at, "direction": direction, "amount_minor": amount,
            "currency": currency, "kind": kind, "flags": flags, "reverses": reverses, "account_kind": account_kind,
        }  # fmt: skip
        return self._event(TransactionPosted.TYPE, event_id, partition, at or moments.noon(day, self.zone), data)

    def _event(
        self, type_: str, event_id: str, partition: int, time_: datetime | None, data: dict[str, Any]
    ) -> tuple[int, Message]:
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "ledger" if type_ == TransactionPosted.TYPE else "eventing",
            "type": type_,
            "subject": data["customer_id"],
            "time": time_,
            "datacontenttype": "application/json",
            "dataschema": type_,
            "data": data,
        }
        # As few headers as may be: a client's cost of reading a message is mostly theirs.
        return partition, Message(nats_subject(type_, partition), orjson.dumps(event), event_id, "LEDGER")

    async def _ahead(self, progress: Progress) -> None:
        """Wait while more than AHEAD postings are published and not applied."""
        progress.marks.append((progress.done, dict(progress.sent)))
        while progress.done - progress.marks[0][0] > AHEAD:
            await self._until_applied(progress.marks.pop(0)[1])

    async def _until_applied(self, sent: dict[int, int]) -> None:
        while not await self._applied(sent):  # noqa: ASYNC110 - another process tells by its rows only
            await asyncio.sleep(POLL)

    async def _applied(self, sent: dict[int, int]) -> bool:
        """Whether the workers have passed these sequences."""
        rows = await self.job.runtime.worker_database.pool.fetch(_POSITIONS)
        for row in rows:
            if row["stream_created"] != self._streams.setdefault(row["consumer"], row["stream_created"]):
                raise StreamLost(
                    "the ledger's stream was lost during the replay: start it again", "账务流已丢失，请重新回放"
                )
        positions = {row["consumer"]: row["last_seq"] for row in rows}
        return all(positions.get(f"LEDGER.p{partition}", 0) >= seq for partition, seq in sent.items())

    async def _close_day(self, progress: Progress, day: date) -> None:
        """Wait until everything published has been applied, then move business time to the day's end."""
        await self._until_applied(progress.sent)
        end = moments.end_of(day, self.zone)
        runtime = self.job.runtime
        if runtime.clock.kind == "events":
            await runtime.clock.load(runtime.database)
            async with self.job.transaction() as tx:
                if end > tx.now:
                    await clock.advance(runtime, tx, end)


class _Pace:
    """Spreads postings over wall time: so many a second, or as fast as they are taken."""

    def __init__(self, speed: str | float) -> None:
        self._seconds = 0.0 if speed == "max" else 1 / float(speed)
        self._next = time.monotonic()

    async def wait(self, count: int) -> None:
        """Return when the next `count` postings may go."""
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = max(self._next, time.monotonic()) + count * self._seconds
