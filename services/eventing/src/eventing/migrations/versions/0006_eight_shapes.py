"""Triggers of all eight shapes: their definitions, states by account, business timers, dates that datasets know.

States of before carry no moments: they are rewritten, with the noon of its day for each credit that is still open.
"""

import msgpack
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

from attune_service_kit.row_security import protect, through, unprotect
from eventing.judging import Credit, Subject
from eventing.own_history import OwnHistory

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NO_ACCOUNT = sa.text("'00000000-0000-0000-0000-000000000000'::uuid")
_FIGURES = ("account_id", "amount_minor", "compared_with_minor")
AT_ONCE = 5_000


def upgrade() -> None:
    """Add columns and tables; rewrite the states."""
    op.add_column("trigger", sa.Column("definition", JSONB))
    op.add_column("trigger", sa.Column("definition_text", sa.Text))
    op.add_column("trigger", sa.Column("backfilled_at", sa.DateTime(timezone=True), server_default=sa.text("now()")))
    op.add_column("keyed_state", _account())
    op.execute("ALTER TABLE keyed_state DROP CONSTRAINT keyed_state_pkey")
    op.execute("ALTER TABLE keyed_state ADD PRIMARY KEY (customer_id, trigger, account_id)")
    for column in _FIGURES:
        op.alter_column("detection", column, nullable=True)
    op.create_table(
        "timer",
        sa.Column("customer_id", UUID, primary_key=True),
        sa.Column("trigger", sa.Text, primary_key=True),
        _account(primary_key=True),
        sa.Column("partition", sa.SmallInteger, nullable=False),
        sa.Column("due", sa.Date, nullable=False),
        sa.Index("timer_due", "partition", "trigger", "due"),
    )
    op.create_table(
        "dated_fact",
        sa.Column("customer_id", UUID, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("source_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("known_on", sa.Date),
        sa.Column("account_id", UUID),
        sa.Column("product", sa.Text),
        sa.Column("product_kind", sa.Text),
        sa.Column("amount_minor", sa.BigInteger),
    )
    for table in ("timer", "dated_fact"):
        protect(op, table, through("account_owner"))
    _rewrite()


def downgrade() -> None:
    """Take them away; a rebuild makes the states of before anew."""
    for table in ("dated_fact", "timer"):
        unprotect(op, table)
        op.drop_table(table)
    op.execute("DELETE FROM keyed_state")
    op.execute("ALTER TABLE keyed_state DROP CONSTRAINT keyed_state_pkey")
    op.drop_column("keyed_state", "account_id")
    op.execute("ALTER TABLE keyed_state ADD PRIMARY KEY (customer_id, trigger)")
    op.execute("DELETE FROM detection WHERE account_id IS NULL OR amount_minor IS NULL OR compared_with_minor IS NULL")
    for column in _FIGURES:
        op.alter_column("detection", column, nullable=False)
    for column in ("backfilled_at", "definition_text", "definition"):
        op.drop_column("trigger", column)


def _account(*, primary_key: bool = False) -> "sa.Column[object]":
    return sa.Column("account_id", UUID, nullable=False, server_default=NO_ACCOUNT, primary_key=primary_key)


def _rewrite() -> None:
    conn = op.get_bind()
    rows = conn.execute(sa.text("SELECT customer_id, trigger, packed FROM keyed_state")).fetchall()
    update = sa.text("UPDATE keyed_state SET packed = :packed WHERE customer_id = :customer_id AND trigger = :trigger")
    for first in range(0, len(rows), AT_ONCE):
        changes = [
            {"customer_id": customer_id, "trigger": trigger, "packed": _rewritten(bytes(packed))}
            for customer_id, trigger, packed in rows[first : first + AT_ONCE]
        ]
        conn.execute(update, changes)


def _rewritten(packed: bytes) -> bytes:
    first, last, upto, base, deltas, nets, anchor, judged, reversals = msgpack.unpackb(packed)
    days, day = [], upto
    for delta in deltas:
        day += delta
        days.append(day)
    subject = Subject(
        OwnHistory(first, last, upto, base, days, nets),
        [Credit(last - back, 0, *rest) for back, *rest in judged],
        [(last - back, key) for back, key in reversals],
        (anchor[0], 0, anchor[1]),
    )
    return subject.pack()
