"""Tags with their definitions and deletions; the timeline, last contacts and open opportunities.

Revision ID: 0004_tags_and_timeline
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_tags_and_timeline"
down_revision = "0003_consents"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE tag_definition (
    tag text PRIMARY KEY,
    version integer NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    allowed text[] NOT NULL,
    owner text NOT NULL,
    purpose text NOT NULL,
    personal boolean NOT NULL,
    customer_visible boolean NOT NULL,
    keep_days integer NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE tag (
    customer_id uuid NOT NULL REFERENCES party,
    tag text NOT NULL,
    source text NOT NULL,
    value text NOT NULL,
    assigned_by text NOT NULL,
    assigned_at timestamptz NOT NULL,
    expires_on date NOT NULL,
    PRIMARY KEY (customer_id, tag, source)
);
CREATE INDEX tag_expiry ON tag (expires_on);

CREATE TABLE tag_deletion (
    customer_id uuid NOT NULL REFERENCES party,
    tag text NOT NULL,
    source text NOT NULL,
    deleted_by text NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, tag, source)
);

CREATE TABLE tag_load (
    source text PRIMARY KEY,
    as_of date NOT NULL,
    manifest text NOT NULL
);

CREATE TABLE timeline_entry (
    customer_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    detail jsonb NOT NULL,
    PRIMARY KEY (customer_id, kind, key)
);
CREATE INDEX timeline_newest ON timeline_entry (customer_id, at DESC, kind DESC, key DESC);
CREATE INDEX timeline_age ON timeline_entry USING brin (at);

CREATE TABLE last_contact (
    customer_id uuid PRIMARY KEY,
    at timestamptz NOT NULL
);

CREATE TABLE open_opportunity (
    opportunity_id uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    detection_id uuid NOT NULL,
    escalated boolean NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX open_opportunity_customer ON open_opportunity (customer_id);
"""

# Insight's segments. They are internal: a bank that shows them to customers says so in the definition.
DEFINITIONS = (
    (
        "value_quadrant",
        "价值象限",
        "Value quadrant",
        ["A", "B", "C", "D", "private"],
        "choose channel, offer and script",
    ),
    ("aum_band", "资产分层", "Assets band", [f"band_{n}" for n in range(1, 10)], "sort a manager's list of customers"),
)


def upgrade() -> None:
    """Add the tables, and what Attune itself tags."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)
    texts = [sa.column(name) for name in ("tag", "name_zh", "name_en", "owner", "purpose", "changed_by")]
    flags = [sa.column(name, sa.Boolean) for name in ("personal", "customer_visible")]
    numbers = [sa.column(name, sa.Integer) for name in ("version", "keep_days")]
    others = [sa.column("allowed", postgresql.ARRAY(sa.Text)), sa.column("changed_at", sa.DateTime(timezone=True))]
    same = {"version": 1, "owner": "insight", "personal": True, "customer_visible": False, "keep_days": 60}
    made = same | {"changed_by": "attune", "changed_at": datetime.now(UTC)}
    op.bulk_insert(
        sa.table("tag_definition", *texts, *flags, *numbers, *others),
        [
            {"tag": tag, "name_zh": zh, "name_en": en, "allowed": allowed, "purpose": purpose} | made
            for tag, zh, en, allowed, purpose in DEFINITIONS
        ],
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE open_opportunity, last_contact, timeline_entry, tag_load, tag_deletion, tag, tag_definition")
