"""The import job: files → DuckDB → COPY → one upsert a dataset; then the lake and one event. For a child process."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import duckdb
import pyarrow.csv

from attune_contracts.customer_360 import ImportCompleted
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files import Mapping, changes, load_mapping, runs
from attune_service_kit.files.engine import MEMORY, Prepared, Reference, look_at, prepare, sweep
from attune_service_kit.files.rejects import join_reports
from attune_service_kit.files.requests import extract_of
from attune_service_kit.files.uploads import Uploads
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake_sql import connect
from customer_360 import (
    consent_import,
    consent_union,
    details,
    party_import,
    reindexing,
    resolution_import,
    timeline,
)
from customer_360.identity import Identities
from customer_360.loads import CLOSURE, CYCLE, LOADS, STAGE, Load
from customer_360.publishing import publish

_BATCH = 50_000
_PLAIN_CSV = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")


class BranchCycle(Conflict):
    """The branch tree of the file leads back to itself: nobody could say who sees what."""

    code = "branch_cycle"


@dataclass(frozen=True)
class Counts:
    """What came of one dataset. accepted + rejected = read; unchanged ones are accepted.

    Of consents also: rows that hold as a documented agreement, rows that the customer's own word outranks, and
    agreements that say nothing for a prospect (X21). Of parties also: records merged with one of the same document, and
    pairs found for people to decide (X22).
    """

    read: int
    accepted: int
    rejected: int
    unchanged: int
    defaults: int = 0
    outranked: int = 0
    prospects: int = 0
    merged: int = 0
    doubtful: int = 0


async def run(job: JobContext) -> dict[str, Any]:
    """Import the datasets of `job.params` one after the other, each in one transaction, then publish them.

    Nothing is written of an extract that lacks a file or a column. The cursor holds the finished datasets' counts: a
    job that was killed goes on with the next one.
    """
    await runs.require_standing(job.runtime.database.pool, UUID(job.params["import_id"]))
    mapping = load_mapping(job.params["mapping"])
    names: list[str] = job.params["datasets"]
    done: dict[str, Any] = dict((job.cursor or {}).get("datasets", {}))
    sweep(_reports(job).parent)
    async with extract_of(job.runtime.settings, job.params, "customer_360") as folder:
        await asyncio.to_thread(_look_at, job, mapping, folder, [name for name in names if name not in done])
        for number, name in enumerate(names):
            await job.progress(number, len(names) + 1, f"importing {name}")
            if name not in done:
                dataset = _Dataset(job, mapping, folder, LOADS[name], (number, len(names) + 1))
                # Parties are compared with each other by their digests.
                async with reindexing.of_one_key(job) if LOADS[name].table == "party" else nullcontext() as keys:
                    done[name] = asdict(await dataset.run(done, keys))
    await job.progress(len(names), len(names) + 1, "publishing")
    rejecting = [name for name, counts in done.items() if counts["rejected"]]
    if not (job.cursor or {}).get("published"):
        await _complete(job, done, rejecting)
    await job.progress(len(names) + 1, len(names) + 1, "published")
    return {"import_id": job.params["import_id"], "datasets": done, "has_rejects": bool(rejecting)}


def _connect(job: JobContext) -> duckdb.DuckDBPyConnection:
    return connect(job.runtime.lake, job.runtime.settings, memory_limit=MEMORY)


def _look_at(job: JobContext, mapping: Mapping, folder: Path, names: list[str]) -> None:
    with closing(_connect(job)) as con:
        look_at(mapping, folder, names, con, _reports(job))


async def _complete(job: JobContext, done: dict[str, Any], rejecting: list[str]) -> None:
    """Write the lake's snapshot, then say so and remember the run, in one transaction."""
    import_id = UUID(job.params["import_id"])
    pointers = await publish(job)
    store = Uploads(job.runtime.settings)
    await asyncio.to_thread(join_reports, store, import_id, "customer_360", rejecting, _reports(job))
    failpoint("customer_360.import.before_completed")
    async with job.transaction() as tx:
        await runs.note(tx.conn, import_id, datetime.now(UTC), "published to the lake")
        await runs.completed(tx, import_id, done, bool(rejecting))
        tx.emit(ImportCompleted(import_id=import_id, pointers=tuple(pointers)))
        job.cursor = {"datasets": done, "published": True}


def _reports(job: JobContext) -> Path:
    return job.runtime.settings.scratch / "imports" / str(job.params["import_id"])


class _Dataset:
    """One dataset's way from the files into its table."""

    def __init__(self, job: JobContext, mapping: Mapping, folder: Path, load: Load, place: tuple[int, int]) -> None:
        self._job, self._mapping, self._folder, self._load, self._place = job, mapping, folder, load, place

    async def run(self, done: dict[str, Any], keys: Identities | None) -> Counts:
        """Load the dataset; its counts stand in the cursor when its rows stand in the table. Parties need `keys`."""
        con = _connect(self._job)
        try:
            references = await self._references(con)
            prepared = await asyncio.to_thread(
                prepare,
                self._mapping,
                self._folder,
                self._load.dataset.name,
                con,
                _reports(self._job),
                references,
                self._tell,
            )
            with prepared:
                await asyncio.to_thread(self._keep_report, prepared)
                async with self._job.transaction() as tx:
                    await changes.say_which(tx, self._job.params["import_id"])
                    counts = await self._write(tx, con, prepared, keys)
                    await timeline.add_imported(tx, self._load.dataset.name, self._job.params["import_id"])
                    await self._note(tx, counts)
                    self._job.cursor = {"datasets": {**done, self._load.dataset.name: asdict(counts)}}
        finally:
            con.close()
        failpoint(f"customer_360.import.{self._load.dataset.name}.loaded")
        return counts

    def _keep_report(self, prepared: Prepared) -> None:
        """Before the rows stand: who goes on after a kill may be on another machine."""
        if prepared.rejects_file:
            import_id, name = UUID(self._job.params["import_id"]), f"customer_360.{self._load.dataset.name}"
            Uploads(self._job.runtime.settings).put_report(import_id, name, prepared.rejects_file)

    async def _note(self, tx: Transaction, counts: Counts) -> None:
        text = (
            f"{self._load.dataset.name}: {counts.read:,} read, {counts.accepted:,} accepted,"
            f" {counts.rejected:,} rejected, {counts.unchanged:,} unchanged"
        )
        await runs.note(tx.conn, UUID(self._job.params["import_id"]), datetime.now(UTC), text)

    def _tell(self, rows: int) -> None:
        """In the engine's thread: how far it is, and whether anybody wants it still."""
        message = f"importing {self._load.dataset.name}: {rows:,} lines read"
        self._job.wait(self._job.progress(*self._place, message))

    async def _references(self, con: duckdb.DuckDBPyConnection) -> list[Reference]:
        """Fetch the keys that the file's rows may refer to, as tables of DuckDB."""
        found = []
        for reference in self._load.references:
            known = f"known_{reference.table}"
            con.execute(f"CREATE TABLE {known} (key VARCHAR)")
            async with self._job.runtime.database.transaction() as tx:
                await _copy_keys(tx.conn, con, f"SELECT {reference.key}::text FROM {reference.table}", known)  # noqa: S608
            found.append(Reference(reference.column, known, reference.reason))
        return found

    async def _stage(self, conn: asyncpg.Connection, batches: Iterator[Any]) -> None:
        await conn.execute(self._load.stage())
        await conn.copy_to_table(STAGE, source=_as_csv(batches), columns=list(self._load.columns), format="csv")
        await conn.execute(f"ANALYZE {STAGE}")
        self._staged()

    def _staged(self) -> None:
        failpoint(f"customer_360.import.{self._load.dataset.name}.staged")

    async def _write(
        self, tx: Transaction, con: duckdb.DuckDBPyConnection, prepared: Prepared, keys: Identities | None
    ) -> Counts:
        """Write what differs; return the counts."""
        columns = ", ".join(self._load.columns)
        at_once = _BATCH if keys is None else party_import.AT_ONCE
        batches = con.sql(f"SELECT {columns} FROM {prepared.relation}").to_arrow_reader(at_once)  # noqa: S608
        if keys is not None:
            return await self._write_parties(tx, batches, prepared, keys)
        await self._stage(tx.conn, batches)
        if self._load.table == "consent":
            said = await consent_import.write(tx)
            await consent_union.unite_all(tx)
            counts = _counts(prepared, said.changed)
            return replace(counts, defaults=said.defaults, outranked=said.outranked, prospects=said.prospects)
        return _counts(prepared, await self._upsert(tx))

    async def _write_parties(
        self, tx: Transaction, batches: Iterator[Any], prepared: Prepared, keys: Identities
    ) -> Counts:
        runtime = self._job.runtime
        desk = party_import.Desk(keys, runtime.database.pool, details.fresh_since(runtime), self._mapping.source)
        loaded = await party_import.load(tx, batches, desk)
        self._staged()
        found = await resolution_import.resolve(tx, loaded.older)
        return replace(_counts(prepared, loaded.changed), merged=found.merged, doubtful=found.doubtful)

    async def _upsert(self, tx: Transaction) -> int:
        """Write what differs; return how many rows that were."""
        arguments = [self._mapping.source] if self._load.with_source else []
        changed = int((await tx.conn.execute(self._load.upsert(), *arguments)).rpartition(" ")[2])
        if self._load.table == "branch" and changed:
            await _renew_closure(tx.conn)
        return changed


def _counts(prepared: Prepared, changed: int) -> Counts:
    return Counts(
        read=prepared.read,
        accepted=prepared.accepted,
        rejected=prepared.rejected,
        unchanged=prepared.accepted - changed,
    )


async def _renew_closure(conn: asyncpg.Connection) -> None:
    await conn.execute("DELETE FROM branch_scope")
    await conn.execute(CLOSURE)
    if await conn.fetchval(CYCLE) is not None:
        raise BranchCycle("the branches' parents lead in a circle", "机构上下级关系存在循环")


async def _as_csv(batches: Iterator[Any]) -> AsyncIterator[bytes]:
    """Arrow batches as PostgreSQL's CSV: NULL is nothing, an empty text is quoted. Names never touch a disk here."""
    for batch in batches:
        out = io.BytesIO()
        pyarrow.csv.write_csv(batch, out, _PLAIN_CSV)
        yield out.getvalue()


async def _copy_keys(conn: asyncpg.Connection, con: duckdb.DuckDBPyConnection, query: str, table: str) -> None:
    """Keys from PostgreSQL into a DuckDB table, in pieces."""
    async for rows in _pieces(conn, query):
        # Not registered as an Arrow table: that makes DuckDB look for pandas, and load it where it finds it.
        con.execute(f"INSERT INTO {table} SELECT unnest(?::VARCHAR[])", [rows])


async def _pieces(conn: asyncpg.Connection, query: str) -> AsyncIterator[list[str]]:
    cursor = await conn.cursor(query)
    while rows := await cursor.fetch(_BATCH):
        yield [row[0] for row in rows]
