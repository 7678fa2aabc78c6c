"""The history of imports: one row an import, with what was asked, what came of it, and its log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import Boolean, Column, DateTime, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.dialects import postgresql

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.files.requests import digest
from attune_service_kit.jobs import Job
from attune_service_kit.paging import by_time
from attune_service_kit.runtime import Runtime

if TYPE_CHECKING:
    from alembic.operations import Operations

IMPORT, UNDO = "import", "import_undo"

_BEGIN = """
INSERT INTO import_run (import_id, source, datasets, digest, job_id, started_by) VALUES ($1, $2, $3, $4, $5, $6)"""
_KNOWN = "SELECT digest, job_id, undone_at FROM import_run WHERE import_id = $1 FOR UPDATE"
_COMPLETED = """
UPDATE import_run SET counts = $2::jsonb, has_rejects = $3, completed_at = now() WHERE import_id = $1"""
_NOTE = "UPDATE import_run SET log = log || $2::jsonb WHERE import_id = $1"
_UNDONE = "UPDATE import_run SET undone_at = now() WHERE import_id = $1"
_UNDOING = "UPDATE import_run SET undo_job_id = $2 WHERE import_id = $1"
_COLUMNS = """
SELECT r.import_id, r.source, r.datasets, r.job_id, r.undo_job_id, r.counts::text, r.has_rejects, r.log::text,
       r.started_by, r.started_at, r.completed_at, r.undone_at,
       CASE WHEN r.undone_at IS NOT NULL THEN 'undone' WHEN u.state IN ('queued', 'running') THEN 'undoing'
            ELSE coalesce(j.state, 'done') END AS state
FROM import_run r LEFT JOIN job j ON j.id = r.job_id LEFT JOIN job u ON u.id = r.undo_job_id"""
_ONE = f"{_COLUMNS} WHERE r.import_id = $1"
_LISTS = by_time(f"""
SELECT * FROM ({_COLUMNS}) AS i
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR source = $2)
  AND ($3::timestamptz IS NULL OR (started_at, import_id) {{beyond}} ($3, $4::uuid))
ORDER BY started_at {{order}}, import_id {{order}} LIMIT $5""")  # noqa: S608 - a constant of this module

Row = Mapping[str, Any]


class UnknownImport(NotFound):
    """No import of this service has that id."""

    code = "unknown_import"


class ImportIdTaken(Conflict):
    """An import with this id was started with another mapping, folder or set of datasets."""

    code = "import_id_taken"


class ImportNotDone(Conflict):
    """An import that is under way cannot be taken back: cancel it first."""

    code = "import_not_done"


class ImportTakenBack(Conflict):
    """What was cancelled and taken back does not go on: ask for the import anew."""

    code = "import_taken_back"


class ImportInUse(Conflict):
    """Something rests on what the import brought; the words say what. Nothing was taken back."""

    code = "import_in_use"
    shown = (
        "the import cannot be taken back: 140 detections rest on its postings",
        "无法撤销该导入：已有 140 条事件基于其流水",
    )

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(f"the import cannot be taken back: {en}", f"无法撤销该导入：{zh}")


def import_tables(metadata: MetaData) -> None:
    """Add the table of a service that imports."""

    def moment(name: str, *, now: bool = False) -> "Column[datetime]":
        return Column(name, DateTime(timezone=True), nullable=not now, server_default=text("now()") if now else None)

    Table(
        "import_run",
        metadata,
        Column("import_id", postgresql.UUID, primary_key=True),
        Column("source", Text, nullable=False),
        Column("datasets", postgresql.ARRAY(Text), nullable=False),
        Column("digest", LargeBinary, nullable=False),  # of the request: the same id for another one is refused
        Column("job_id", postgresql.UUID, nullable=False),
        Column("undo_job_id", postgresql.UUID),
        Column("counts", postgresql.JSONB),
        Column("has_rejects", Boolean, nullable=False, server_default=text("false")),
        Column("log", postgresql.JSONB, nullable=False, server_default=text("'[]'")),
        Column("started_by", Text, nullable=False),
        moment("started_at", now=True),
        moment("completed_at"),
        moment("undone_at"),
    )


def create_import_tables(op: "Operations") -> None:
    """Create the table, for a migration."""
    metadata = MetaData()
    import_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)


async def begin(runtime: Runtime, tx: Transaction, source: str, params: dict[str, Any]) -> Job:
    """Start an import's job and remember it; the same request again gives the same job. Raises ImportIdTaken."""
    import_id, mark = UUID(params["import_id"]), digest(params)
    known = await tx.conn.fetchrow(_KNOWN, import_id)
    if known is not None:
        if known["digest"] != mark or known["undone_at"] is not None:
            raise ImportIdTaken("this import id stands for another import", "该导入编号已用于其他导入")
        return await runtime.jobs.view(tx, known["job_id"])
    job_id = await runtime.jobs.start(tx, IMPORT, params, key=str(import_id))
    await tx.conn.execute(_BEGIN, import_id, source, params["datasets"], mark, job_id, tx.who)
    await tx.audit("import.started", "import", import_id, detail={"datasets": params["datasets"]})
    return await runtime.jobs.view(tx, job_id)


async def note(conn: asyncpg.Connection, import_id: UUID, at: datetime, text_: str) -> None:
    """Add a line to the import's log; it never holds a value of the files."""
    line = [{"at": at.isoformat(timespec="milliseconds"), "text": text_}]
    await conn.execute(_NOTE, import_id, orjson.dumps(line).decode())


async def completed(tx: Transaction, import_id: UUID, counts: Mapping[str, Any], has_rejects: bool) -> None:
    """Remember what came of the import."""
    await tx.conn.execute(_COMPLETED, import_id, orjson.dumps(dict(counts)).decode(), has_rejects)


async def undo(runtime: Runtime, tx: Transaction, import_id: UUID, only_check: bool) -> Job:
    """Start the job that takes an import back, also one that was cancelled or has failed half-way; again, the same job.

    Raises UnknownImport, ImportNotDone.
    """
    run = await tx.conn.fetchrow(_ONE, import_id)
    if run is None:
        raise unknown()
    if run["undone_at"] is not None and run["undo_job_id"] is not None:
        return await runtime.jobs.view(tx, run["undo_job_id"])
    if run["state"] in ("queued", "running"):
        raise ImportNotDone("an import that is under way cannot be taken back: cancel it", "导入进行中，请先取消再撤销")
    params = {"import_id": str(import_id), "only_check": only_check}
    job_id = await runtime.jobs.start(tx, UNDO, params, key=f"{import_id}:{only_check}")
    if not only_check:
        await tx.conn.execute(_UNDOING, import_id, job_id)
        await tx.audit("import.undo_started", "import", import_id)
    return await runtime.jobs.view(tx, job_id)


async def require_standing(pool: Any, import_id: UUID) -> None:
    """Refuse to go on with an import that is being taken back, or was. Raises ImportTakenBack."""
    if (await one(pool, import_id))["state"] in ("undoing", "undone"):
        raise ImportTakenBack("the import was taken back: ask for it anew", "该导入已撤销，请重新发起")


async def undone(tx: Transaction, import_id: UUID) -> None:
    """Remember that the import was taken back."""
    await tx.conn.execute(_UNDONE, import_id)
    await tx.audit("import.undone", "import", import_id)


async def one(pool: Any, import_id: UUID) -> Row:
    """An import as the history shows it. Raises UnknownImport."""
    row = await pool.fetchrow(_ONE, import_id)
    if row is None:
        raise unknown()
    return _shown(row)


async def listed(
    pool: Any, state: str | None, source: str | None, sort: str, after: Sequence[Any], limit: int
) -> list[Row]:
    """Imports by when they were asked for, the newest or the oldest first."""
    started, import_id = after or (None, None)
    return [_shown(row) for row in await pool.fetch(_LISTS[sort], state, source, started, import_id, limit)]


def _shown(row: asyncpg.Record) -> Row:
    return dict(row) | {name: orjson.loads(row[name]) if row[name] else None for name in ("counts", "log")}


def unknown() -> UnknownImport:
    """The one answer about imports that are not there."""
    return UnknownImport("no such import", "导入不存在")
