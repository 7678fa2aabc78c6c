"""The kit's tables, what others know, and what is planned."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "proj_party",
    "proj_consent",
    "proj_features",
    "proj_scores",
    "proj_product",
    "branch_scope",
    "employee",
    "projection",
    "salt",
    "campaign",
    "offer",
    "script",
    "catalogue",
    "policy",
)


def upgrade() -> None:
    create_kit_tables(op)
    _proj_party()
    _proj_consent()
    _proj_features()
    _proj_scores()
    _proj_product()
    _branch_scope()
    _employee()
    _projection()
    _salt()
    _campaign()
    _offer()
    _script()
    _catalogue()
    _policy()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    drop_kit_tables(op)


def _proj_party() -> None:
    op.create_table(
        "proj_party",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("party_kind", sa.Text(), nullable=False),
        sa.Column("branch_id", sa.Text(), nullable=True),
        sa.Column("manager_id", sa.Text(), nullable=True),
        sa.Column("household_id", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("risk_rating", sa.Text(), nullable=True),
        sa.Column("risk_rated_on", sa.Date(), nullable=True),
        sa.Column("personalisation", sa.Boolean(), nullable=False),
        sa.Column("products", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("product_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("customer_id"),
    )


def _proj_consent() -> None:
    op.create_table(
        "proj_consent",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "purpose"),
    )


def _proj_features() -> None:
    op.create_table(
        "proj_features",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("demand_balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("digital_share", sa.Double(), nullable=True),
        sa.Column("value_quadrant", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id"),
    )


def _proj_scores() -> None:
    op.create_table(
        "proj_scores",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "model"),
    )


def _proj_product() -> None:
    op.create_table(
        "proj_product",
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("product_id"),
    )


def _branch_scope() -> None:
    op.create_table(
        "branch_scope",
        sa.Column("ancestor", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ancestor", "branch"),
    )


def _employee() -> None:
    op.create_table(
        "employee",
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("branch_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("daily_capacity", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("employee_id"),
    )


def _projection() -> None:
    op.create_table(
        "projection",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _salt() -> None:
    op.create_table(
        "salt",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "valid_from"),
    )


def _campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("control_share_bp", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("outcome_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("window_business_days", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("code", "version"),
    )
    op.create_index("ix_campaign_trigger", "campaign", ["trigger"], unique=False)


def _offer() -> None:
    op.create_table(
        "offer",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("product_kind", sa.Text(), nullable=True),
        sa.Column("risk_level", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("expected_margin_minor", sa.BigInteger(), nullable=True),
        sa.Column("lever", sa.Double(), nullable=False),
        sa.Column("models", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("base_propensity", sa.Double(), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conditions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", "version"),
    )


def _script() -> None:
    op.create_table(
        "script",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version"),
    )


def _catalogue() -> None:
    op.create_table(
        "catalogue",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        sa.UniqueConstraint("sha256"),
    )


def _policy() -> None:
    op.create_table(
        "policy",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "version"),
    )
