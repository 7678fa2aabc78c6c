"""Versioned parameters, segments' members, and the newest snapshot by customer.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from attune_service_kit.row_security import not_for_app, of_branch, of_customer, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_FIRST = {
    "private_at_minor": 50_000_000,
    "active_days": 365,
    "current_quantile": 0.7,
    "potential_quantile": 0.5,
    "inflow_weight": 0.4,
    "digital_weight": 0.3,
    "youth_weight": 0.3,
}


def upgrade() -> None:
    _parameters()
    _rows()


def _parameters() -> None:
    op.create_table(
        "known_data", sa.Column("dataset", sa.Text, primary_key=True), sa.Column("as_of", sa.Date, nullable=False)
    )
    table = op.create_table(
        "quadrant_parameters",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("numbers", JSONB, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False, server_default=sa.text("now()")),
    )
    op.bulk_insert(table, [{"version": 1, "numbers": _FIRST, "made_by": "attune"}])


def _rows() -> None:
    op.create_table(
        "feature_set",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        *(sa.Column(kind, ARRAY(sa.Text), nullable=False) for kind in ("whole", "shares", "flags", "codes")),
        sa.Column("loaded_at", _MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", "feature_set_one_row"),
    )
    op.create_table(
        "feature_row",
        sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("customer_id", sa.Uuid, primary_key=True),
        sa.Column("branch_id", sa.Text),
        sa.Column("whole", ARRAY(sa.BigInteger), nullable=False),
        sa.Column("shares", ARRAY(sa.Double), nullable=False),
        sa.Column("flags", ARRAY(sa.Boolean), nullable=False),
        sa.Column("codes", ARRAY(sa.Text), nullable=False),
        postgresql_partition_by="LIST (slot)",
    )
    op.create_table(
        "segment_member",
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("branch_id", sa.Text),
        sa.PrimaryKeyConstraint("slot", "segment", "customer_id"),
        postgresql_partition_by="LIST (slot)",
    )
    op.create_index("segment_member_branch", "segment_member", ["segment", "branch_id", "customer_id"])
    for table in ("feature_row", "segment_member"):
        for slot in (0, 1):
            op.execute(f"CREATE TABLE {table}_{slot} PARTITION OF {table} FOR VALUES IN ({slot})")
        # The app reads through the table above, whose policy answers; the worker copies into a slot itself.
        not_for_app(op, f"{table}_0", f"{table}_1")
        protect(op, table, of_branch() | of_customer())


def downgrade() -> None:
    for table in (
        "segment_member", "feature_row", "feature_set", "quadrant_parameters", "known_data",
    ):  # fmt: skip
        op.drop_table(table)
