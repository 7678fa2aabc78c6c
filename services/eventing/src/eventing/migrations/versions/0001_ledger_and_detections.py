"""The ledger's tables: triggers, keyed state, owners, intake, posting buffer, detections.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")


def _moment(name: str, *, nullable: bool = False, default: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=NOW if default else None)


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _uuid(name: str, *, primary_key: bool = False) -> "sa.Column[object]":
    return sa.Column(name, UUID, nullable=False, primary_key=primary_key)


def _big(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.BigInteger, nullable=False)


def _partition(*, primary_key: bool = False) -> "sa.Column[object]":
    return sa.Column("partition", sa.SmallInteger, nullable=False, primary_key=primary_key, autoincrement=False)


def upgrade() -> None:
    """Create everything; the eight partitions and the large-deposit trigger are there from the start."""
    create_kit_tables(op)
    _triggers()
    _state()
    _intake()
    _detections()


def _triggers() -> None:
    table = op.create_table(
        "trigger",
        _text("name", primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        _text("kind"),
        _text("event_type"),
        sa.Column("months", sa.Integer, nullable=False),
        _big("minimum_minor"),
        sa.Column("cooldown_days", sa.Integer, nullable=False),
        sa.Column("lateness_days", sa.Integer, nullable=False),
        sa.Column("expires_hours", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        _moment("created_at", default=True),
        _text("created_by"),
    )
    op.bulk_insert(
        table,
        [
            {
                "name": "large-deposit",
                "version": 1,
                "kind": "own_history",
                "event_type": "ledger.transaction.posted.v1",
                "months": 6,
                "minimum_minor": 0,
                "cooldown_days": 30,
                "lateness_days": 3,
                "expires_hours": 48,
                "enabled": True,
                "created_by": "attune",
            }
        ],
    )


def _state() -> None:
    table = op.create_table(
        "ledger_partition",
        _partition(primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("business_date", sa.Date),
        _moment("event_time", nullable=True),
        sa.Column("run", UUID),
        sa.Column("beyond_watermark", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.bulk_insert(table, [{"partition": number} for number in range(8)])
    op.create_table(
        "keyed_state",
        _uuid("customer_id", primary_key=True),
        _text("trigger", primary_key=True),
        _partition(),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "base_currency",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        _text("currency"),
    )
    op.create_table(
        "account_owner",
        _uuid("account_id", primary_key=True),
        _text("source_id", nullable=True),
        _uuid("customer_id"),
        _partition(),
        _text("kind"),
        _text("branch_id", nullable=True),
        sa.Column("opening_balance_minor", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("account_owner_customer", "account_owner", ["customer_id"])
    op.create_table("owner_version", _uuid("customer_id", primary_key=True), _big("version"))
    op.create_table("branch_scope", _text("ancestor", primary_key=True), _text("branch", primary_key=True))


def _intake() -> None:
    op.create_table(
        "intake",
        _text("source", primary_key=True),
        _text("posting_id", primary_key=True),
        _moment("received_at", default=True),
    )
    op.create_table(
        "intake_pending",
        _text("source", primary_key=True),
        _text("posting_id", primary_key=True),
        _uuid("account_id"),
        sa.Column("posting", JSONB, nullable=False),
        _moment("received_at", default=True),
    )
    op.create_index("intake_pending_account", "intake_pending", ["account_id"])
    op.create_table(
        "posting",
        _uuid("account_id", primary_key=True),
        _text("posting_id", primary_key=True),
        sa.Column("business_date", sa.Date, nullable=False),
        _moment("booked_at", nullable=True),
        _text("direction"),
        _big("amount_minor"),
        _text("currency"),
        _text("kind"),
        _text("channel", nullable=True),
        sa.Column("flags", ARRAY(sa.Text), nullable=False, server_default="{}"),
        _text("reverses", nullable=True),
        sa.Column("in_lake", sa.Boolean, nullable=False, server_default=sa.false()),
        _moment("received_at", default=True),
    )
    op.create_index("posting_unpublished", "posting", ["business_date"], postgresql_where=sa.text("NOT in_lake"))


def _detections() -> None:
    op.create_table(
        "detection",
        _uuid("detection_id", primary_key=True),
        _text("trigger"),
        sa.Column("trigger_version", sa.Integer, nullable=False),
        _uuid("customer_id"),
        _text("event_key"),
        _uuid("account_id"),
        sa.Column("business_date", sa.Date, nullable=False),
        _text("state"),
        _text("reason", nullable=True),
        sa.Column("late", sa.Boolean, nullable=False),
        _big("amount_minor"),
        _big("compared_with_minor"),
        _text("currency"),
        _text("metric"),
        _text("branch_id", nullable=True),
        _moment("event_time"),
        _moment("expires_at"),
        _moment("raised_at"),
        _moment("withdrawn_at", nullable=True),
        sa.Column("unconfirmed", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("detection_key", "detection", ["trigger", "customer_id", "event_key"], unique=True)
    op.create_index("detection_feed", "detection", ["business_date", "detection_id"])
    op.create_index("detection_branch_feed", "detection", ["branch_id", "business_date", "detection_id"])
    op.create_table("replay_gate", _uuid("job_id", primary_key=True), sa.Column("through", sa.Date))


def downgrade() -> None:
    """Drop everything."""
    for name in (
        "replay_gate", "detection", "posting", "intake_pending", "intake", "branch_scope", "owner_version",
        "account_owner", "base_currency", "keyed_state", "ledger_partition", "trigger",
    ):  # fmt: skip
        op.drop_table(name)
    drop_kit_tables(op)
