"""Tasks that are leased, wait and come back; their notes and their feed; each campaign's own clock."""

import sqlalchemy as sa
from alembic import op

from attune_service_kit.row_security import of_branch, of_customer, protect
from campaign import handling

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Whatever changes a task is told, by whomever and however it is changed. `seq` is given later, see below.
FEED = """
CREATE FUNCTION feed_task() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    what text;
    was text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        what := 'created';
    ELSE
        was := OLD.employee_id;
        what := CASE
            WHEN NEW.employee_id IS DISTINCT FROM OLD.employee_id OR NEW.channel <> OLD.channel THEN 'reassigned'
            WHEN NEW.state <> OLD.state AND NEW.state = 'open' AND NEW.visible_from IS NULL THEN 'returned'
            WHEN NEW.state <> OLD.state AND NEW.state <> 'open' THEN NEW.state
            WHEN NEW.claimed_by IS DISTINCT FROM OLD.claimed_by AND NEW.state = 'claimed' THEN 'claimed'
            WHEN NEW.visible_from IS NOT NULL AND NEW.visible_from IS DISTINCT FROM OLD.visible_from THEN 'postponed'
            WHEN OLD.visible_from IS NOT NULL AND NEW.visible_from IS NULL THEN 'due'
            WHEN NEW.escalated AND NOT OLD.escalated THEN 'escalated'
        END;
        IF what IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO task_feed (kind, task_id, customer_id, branch_id, channel, employee_id, was_employee_id, state,
                           escalated, claimed_by, due_at, visible_from)
    VALUES (what, NEW.id, NEW.customer_id, NEW.branch_id, NEW.channel, NEW.employee_id, was, NEW.state,
            NEW.escalated, NEW.claimed_by, NEW.due_at, NEW.visible_from);
    PERFORM pg_notify('task_feed', '');
    RETURN NULL;
END $$
"""
TRIGGERS = """
CREATE TRIGGER task_feed AFTER INSERT OR UPDATE ON task FOR EACH ROW EXECUTE FUNCTION feed_task()
"""

# Ids are drawn before the commit, so a smaller one may appear after a larger one. Numbers are given afterwards, one
# transaction at a time, to what is committed: whoever has read up to a number has missed nothing below it.
NUMBER = """
CREATE FUNCTION number_task_feed() RETURNS void LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('campaign.task_feed'));
    UPDATE task_feed f SET seq = numbered.seq FROM (
        SELECT id, nextval('task_feed_seq') AS seq FROM (
            SELECT id FROM task_feed WHERE seq IS NULL ORDER BY id LIMIT 5000
        ) waiting
    ) numbered WHERE f.id = numbered.id;
END $$
"""

TASK_COLUMNS = ("claimed_until", "visible_from", "call_back_at", "kept_for", "rank", "attempts", "handling_version")


def upgrade() -> None:
    for moment in ("claimed_until", "visible_from", "call_back_at"):
        op.add_column("task", sa.Column(moment, sa.DateTime(timezone=True), nullable=True))
    op.add_column("task", sa.Column("kept_for", sa.Text(), nullable=True))
    op.add_column("task", sa.Column("rank", sa.SmallInteger(), server_default="2", nullable=False))
    op.add_column("task", sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("handling_version", sa.Integer(), nullable=True))
    alive = sa.text("state IN ('open', 'claimed')")
    op.create_index("task_queue", "task", ["channel", "rank", "due_at", "id"], unique=False, postgresql_where=alive)
    op.create_index(
        "task_waiting", "task", ["visible_from"], unique=False, postgresql_where=sa.text("visible_from IS NOT NULL")
    )
    op.create_index(
        "task_leased", "task", ["claimed_until"], unique=False, postgresql_where=sa.text("state = 'claimed'")
    )
    # Who holds a task now has a quarter of an hour, as from here on.
    op.execute("UPDATE task SET claimed_until = now() + interval '15 minutes' WHERE state = 'claimed'")
    op.execute("UPDATE task SET rank = 1 WHERE escalated")
    _note()
    _feed()
    protect(op, "task_note", of_branch() | of_customer())
    protect(op, "task_feed", of_branch())
    op.add_column("campaign", sa.Column("escalate_after_hours", sa.Integer(), server_default="24", nullable=False))
    op.add_column("campaign", sa.Column("expire_after_hours", sa.Integer(), nullable=True))
    op.create_index("opportunity_day", "opportunity", ["business_date", "branch_id"], unique=False)
    op.get_bind().execute(
        sa.text(
            "INSERT INTO policy (kind, version, content, created_by) VALUES ('handling', 1, (:content)::jsonb, :by)"
        ),
        {"content": handling.shipped().model_dump_json(), "by": "attune"},
    )


def downgrade() -> None:
    op.execute("DELETE FROM policy WHERE kind = 'handling'")
    op.drop_index("opportunity_day", table_name="opportunity")
    op.drop_column("campaign", "expire_after_hours")
    op.drop_column("campaign", "escalate_after_hours")
    op.execute("DROP TRIGGER task_feed ON task")
    op.execute("DROP FUNCTION feed_task()")
    op.execute("DROP FUNCTION number_task_feed()")
    op.execute("DROP SEQUENCE task_feed_seq")
    op.drop_table("task_feed")
    op.drop_table("task_note")
    for index in ("task_queue", "task_waiting", "task_leased"):
        op.drop_index(index, table_name="task")
    for column in TASK_COLUMNS:
        op.drop_column("task", column)


def _note() -> None:
    op.create_table(
        "task_note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("length(note) <= 500", name="task_note_length"),
    )
    op.create_index("task_note_task", "task_note", ["task_id", "id"], unique=False)


def _feed() -> None:
    op.create_table(
        "task_feed",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("branch_id", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=True),
        sa.Column("was_employee_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("escalated", sa.Boolean(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visible_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("task_feed_seq_key", "task_feed", ["seq"], unique=True)
    op.create_index("task_feed_waiting", "task_feed", ["id"], unique=False, postgresql_where=sa.text("seq IS NULL"))
    op.execute("CREATE SEQUENCE task_feed_seq")
    for statement in (FEED, NUMBER, TRIGGERS):
        op.get_bind().exec_driver_sql(statement)
