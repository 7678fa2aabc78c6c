"""Tasks, their notes and their feed. Moments are business time unless said."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, text
from sqlmodel import Field

from campaign import columns as c

_ALIVE = text("state IN ('open', 'claimed')")


class Task(c.Table, table=True):
    """What one employee or one queue is to do. At most one is alive per customer and trigger family (X9).

    `claimed_until` is wall time: a lease. `rank`: 0 an agreed call-back, 1 escalated, 2 any other.
    `campaign_priority`: the highest of the campaigns whose opportunities lie in it.
    """

    __table_args__ = (
        Index("task_one_alive", "customer_id", "family", unique=True, postgresql_where=_ALIVE),
        Index("task_employee", "employee_id", "id"),
        Index("task_branch", "branch_id", "id"),
        Index("task_day", "employee_id", "business_date"),
        Index("task_queue", "channel", "rank", text("(-campaign_priority)"), "due_at", "id", postgresql_where=_ALIVE),
        Index("task_waiting", "visible_from", postgresql_where=text("visible_from IS NOT NULL")),
        Index("task_leased", "claimed_until", postgresql_where=text("state = 'claimed'")),
    )

    id: UUID = Field(primary_key=True)
    customer_id: UUID
    branch_id: str | None = c.text(default=None)
    campaign: str = c.text()
    family: str = c.text()
    channel: str = c.text(index=True)
    employee_id: str | None = c.text(default=None)
    contact_id: UUID
    state: str = c.text()
    disposition: str | None = c.text(default=None)
    handling_version: int | None = None
    escalated: bool = False
    rank: int = c.small(default=2, sa_column_kwargs={"server_default": "2"})
    campaign_priority: int = c.small(default=50, sa_column_kwargs={"server_default": "50"})
    attempts: int = c.small(default=0, sa_column_kwargs={"server_default": "0"})
    claimed_by: str | None = c.text(default=None)
    claimed_until: datetime | None = c.moment(default=None)
    kept_for: str | None = c.text(default=None)
    call_back_at: datetime | None = c.moment(default=None)
    visible_from: datetime | None = c.moment(default=None)
    business_date: date
    created_at: datetime = c.moment()
    due_at: datetime = c.moment()
    completed_at: datetime | None = c.moment(default=None)


class TaskNote(c.Table, table=True):
    """What somebody wrote down about a task: never on events, in logs or in the lake."""

    __tablename__ = "task_note"
    __table_args__ = (Index("task_note_task", "task_id", "id"),)

    id: UUID = Field(primary_key=True)
    task_id: UUID
    customer_id: UUID
    branch_id: str | None = c.text(default=None)
    note: str = c.text()
    written_by: str = c.text()
    written_at: datetime = c.moment()


class TaskFeed(c.Table, table=True):
    """A change of a task, as the live feed tells it. `seq` is given after the commit; kept for a day (wall time)."""

    __tablename__ = "task_feed"
    __table_args__ = (
        Index("task_feed_seq_key", "seq", unique=True),
        Index("task_feed_waiting", "id", postgresql_where=text("seq IS NULL")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity(always=True)])
    seq: int | None = c.minor(default=None)
    kind: str = c.text()
    task_id: UUID
    customer_id: UUID
    branch_id: str | None = c.text(default=None)
    channel: str = c.text()
    employee_id: str | None = c.text(default=None)
    was_employee_id: str | None = c.text(default=None)
    state: str = c.text()
    escalated: bool
    claimed_by: str | None = c.text(default=None)
    due_at: datetime = c.moment()
    visible_from: datetime | None = c.moment(default=None)
    told_at: datetime | None = c.wall_now()


TABLES = (Task, TaskNote, TaskFeed)
