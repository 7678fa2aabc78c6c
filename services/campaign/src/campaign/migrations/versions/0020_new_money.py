"""Not every amount behind an opportunity has come to the customer: only new money adds to the balance decided by."""

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_AMOUNT = "o.business_date, o.amount_minor, o.event_key"
_NEW_MONEY = "o.business_date, CASE WHEN o.new_money THEN o.amount_minor END, o.event_key"
_FIGURES = ("amount_minor", "compared_with_minor")


def upgrade() -> None:
    """Keep whether the amount is new money, and figures that there are not; all that is there is new money."""
    for table in ("opportunity", "pending_evidence"):
        op.add_column(table, sa.Column("new_money", sa.Boolean, nullable=False, server_default=sa.true()))
    for figure in _FIGURES:
        op.alter_column("pending_evidence", figure, nullable=True)
    _functions(_AMOUNT, _NEW_MONEY)


def downgrade() -> None:
    """Take every amount for new money again."""
    _functions(_AMOUNT, _AMOUNT)
    for figure in _FIGURES:
        op.execute(f"DELETE FROM pending_evidence WHERE {figure} IS NULL")  # noqa: S608 - a name of ours
        op.alter_column("pending_evidence", figure, nullable=False)
    for table in ("pending_evidence", "opportunity"):
        op.drop_column(table, "new_money")


def _functions(before: str, now: str) -> None:
    facts: str = import_module("campaign.migrations.versions.0016_decision_facts").FUNCTION
    hashes = import_module("campaign.migrations.versions.0018_score_hashes")
    inputs = facts.replace("FUNCTION decision_facts(", "FUNCTION decision_inputs(").replace(hashes._BEFORE, hashes._NOW)
    for function in (facts, inputs):
        assert before in function  # noqa: S101 - a migration of ours
        replaced = function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(before, now)
        op.get_bind().exec_driver_sql(replaced)
