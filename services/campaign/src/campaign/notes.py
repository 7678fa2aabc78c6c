"""Notes on tasks: short, plain, and without what identifies a person. They never leave this table but by the API."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid
from attune_service_kit.reads import Queryable
from campaign import tasks
from campaign.note_rules import clean


@dataclass(frozen=True)
class Note:
    """A note as it is read."""

    id: UUID
    note: str
    written_by: str
    written_at: datetime


async def add(tx: Transaction, caller: Caller, task_id: UUID, text: str) -> Note:
    """Keep a note on a task that the caller may work on. NotFound, Forbidden, Invalid if nothing is left of it."""
    row = await tasks.lock(tx, caller, task_id)
    return await keep(tx, row["id"], row["customer_id"], row["branch_id"], text)


async def keep(tx: Transaction, task_id: UUID, customer_id: UUID, branch_id: str | None, text: str) -> Note:
    """Keep a note; Invalid if nothing is left of it. The audit row says that there is one, not what it says."""
    note = Note(new_id(), clean(text), tx.who, tx.now)
    if not note.note:
        raise Invalid("the note is empty", "备注为空")
    await tx.conn.execute(
        "INSERT INTO task_note (id, task_id, customer_id, branch_id, note, written_by, written_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        note.id,
        task_id,
        customer_id,
        branch_id,
        note.note,
        note.written_by,
        note.written_at,
    )
    await tx.audit("task.noted", "task", task_id)
    return note


async def of(conn: Queryable, task_id: UUID) -> list[Note]:
    """A task's notes, the oldest first. The caller has looked whether they may be seen."""
    query = "SELECT id, note, written_by, written_at FROM task_note WHERE task_id = $1 ORDER BY id LIMIT 200"
    return [Note(*row) for row in await conn.fetch(query, task_id)]
