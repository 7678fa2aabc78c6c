"""The consent ledger: decisions by channel and product kind, versions, notices. What stood before is its first entry.

Revision ID: 0003_consents
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0003_consents"
down_revision = "0002_products_in_depth"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE consent ADD COLUMN channel text NOT NULL DEFAULT '*';
ALTER TABLE consent ADD COLUMN product_kind text NOT NULL DEFAULT '*';
ALTER TABLE consent ADD COLUMN basis text NOT NULL DEFAULT 'decision';
ALTER TABLE consent ADD COLUMN notice_version integer;
ALTER TABLE consent DROP CONSTRAINT consent_pkey;
ALTER TABLE consent ADD PRIMARY KEY (customer_id, purpose, channel, product_kind);

CREATE TABLE consent_version (
    customer_id uuid PRIMARY KEY REFERENCES party,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE consent_entry (
    customer_id uuid NOT NULL REFERENCES party,
    version bigint NOT NULL,
    purpose text NOT NULL,
    channel text NOT NULL,
    product_kind text NOT NULL,
    granted boolean NOT NULL,
    basis text NOT NULL,
    source text NOT NULL,
    notice_version integer,
    evidence text NOT NULL,
    since date NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, version, purpose, channel, product_kind)
);

CREATE TABLE consent_notice (
    purpose text NOT NULL,
    version integer NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (purpose, version)
);

INSERT INTO consent_version SELECT DISTINCT customer_id, 1, now() FROM consent;

INSERT INTO consent_entry (customer_id, version, purpose, channel, product_kind, granted, basis, source, evidence,
                           since, actor, at)
SELECT customer_id, 1, purpose, channel, product_kind, granted, basis, 'import', evidence, since, 'service', now()
FROM consent;
"""

# What proves a consent is never rewritten, by nobody but the owner of the table.
KEEP = """
CREATE FUNCTION consent_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the consent ledger is append-only';
END $$
"""
GUARD = """
CREATE TRIGGER consent_entry_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON consent_entry
FOR EACH STATEMENT EXECUTE FUNCTION consent_entry_stays()
"""

NOTICES = {
    "personalised_decision": (
        "同意后,本行将依据您的账户与行为信息为您推荐合适的产品。不同意不影响您使用任何服务,您可随时撤回。",
        "If you agree, we use your accounts and your use of our services to propose what fits you."
        " Refusing changes nothing about any service; you can withdraw at any time.",
    ),
    "marketing_contact": (
        "同意后,本行可就产品与活动通过您所选的渠道与您联系。不同意不影响您使用任何服务,您可随时撤回。",
        "If you agree, we may contact you about products through the channels you choose."
        " Refusing changes nothing about any service; you can withdraw at any time.",
    ),
    "survey": (
        "同意后,本行可邀请您参加满意度调查。不同意不影响您使用任何服务,您可随时撤回。",
        "If you agree, we may invite you to surveys."
        " Refusing changes nothing about any service; you can withdraw at any time.",
    ),
    "third_party": (
        "同意后,本行可在您授权的范围内向合作机构提供您的信息。不同意不影响您使用任何服务,您可随时撤回。",
        "If you agree, we may share the data you allow with our partners."
        " Refusing changes nothing about any service; you can withdraw at any time.",
    ),
}


def upgrade() -> None:
    """Add the ledger and fill it with what holds."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)
    op.execute(KEEP)
    op.execute(GUARD)
    texts = [sa.column(name) for name in ("purpose", "zh", "en", "created_by")]
    others = sa.column("version", sa.Integer), sa.column("created_at", sa.DateTime(timezone=True))
    notice = sa.table("consent_notice", *texts, *others)
    made = {"version": 1, "created_by": "attune", "created_at": datetime.now(UTC)}
    op.bulk_insert(notice, [{"purpose": p, "zh": zh, "en": en} | made for p, (zh, en) in NOTICES.items()])


def downgrade() -> None:
    """Keep one row a purpose; the ledger goes."""
    op.execute("DROP TABLE consent_notice, consent_entry, consent_version")
    op.execute("DROP FUNCTION consent_entry_stays()")
    op.execute("DELETE FROM consent WHERE (channel, product_kind) <> ('*', '*')")
    op.execute("ALTER TABLE consent DROP CONSTRAINT consent_pkey")
    op.execute("ALTER TABLE consent ADD PRIMARY KEY (customer_id, purpose)")
    for column in ("channel", "product_kind", "basis", "notice_version"):
        op.execute(f"ALTER TABLE consent DROP COLUMN {column}")
