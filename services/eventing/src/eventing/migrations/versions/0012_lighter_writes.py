"""What a posting costs to write: its day by ranges of pages, and room beside a state for the one that follows it."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Postings come day by day: ranges find a day as well, and one more posting costs them next to nothing."""
    op.drop_index("posting_day")
    op.create_index(
        "posting_day", "posting", ["business_date"], postgresql_using="brin", postgresql_with={"autosummarize": True}
    )
    # A state that stays on its page leaves the index alone.
    op.execute("ALTER TABLE keyed_state SET (fillfactor = 80)")


def downgrade() -> None:
    """As it was."""
    op.execute("ALTER TABLE keyed_state RESET (fillfactor)")
    op.drop_index("posting_day")
    op.create_index("posting_day", "posting", ["business_date"])
