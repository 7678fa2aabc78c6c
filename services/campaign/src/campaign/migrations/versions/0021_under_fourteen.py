"""Nobody under fourteen is marketed to, whatever is agreed to in their name (R-05)."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_AGREED = """
    (SELECT bool_and(granted) FROM (
        SELECT granted, rank() OVER (ORDER BY (channel <> '*')::integer + (product_kind <> '*')::integer DESC) AS place
        FROM proj_consent
        WHERE customer_id = p_customer AND purpose = 'marketing_contact'
          AND channel IN ('*', p_channel) AND product_kind IN ('*', p_kind)
    ) covering WHERE place = 1)"""
# Business time is told where it comes by events, else it is the wall's: `attune_contracts.consent.too_young`.
_TOO_YOUNG = """
    EXISTS (SELECT FROM proj_party p WHERE p.customer_id = p_customer AND p.birth_date >
            (coalesce((SELECT max(now) FROM business_clock), now()) AT TIME ZONE 'UTC')::date - interval '14 years')"""


def upgrade() -> None:
    """Let no consent count of who is too young."""
    _function(f"CASE WHEN {_TOO_YOUNG} THEN false ELSE {_AGREED} END")


def downgrade() -> None:
    """Let all consents count again."""
    _function(_AGREED)


def _function(said: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION contact_permitted(p_customer uuid, p_channel text, p_kind text) RETURNS boolean"
        f" LANGUAGE sql STABLE AS $$ SELECT {said} $$"
    )
