"""Who sees which rows: forced row security; what must look beyond the caller's rows runs as the owner."""

from alembic import op

from attune_service_kit.migrations import roles
from attune_service_kit.row_security import (
    beyond_scope,
    not_for_app,
    of_branch,
    of_customer,
    of_subject,
    protect,
    through,
    unprotect,
)

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OWN = of_branch() | of_customer()
PROTECTED = {
    "proj_party": _OWN,
    "proj_consent": through("proj_party"),
    "proj_features": through("proj_party"),
    "proj_scores": through("proj_party"),
    "proj_account": through("proj_party"),
    "employee": of_branch(),
    "suppression": _OWN,
    "task": _OWN,
    # An opportunity may have joined a task of the branch that the customer has left since.
    "opportunity": _OWN | through("task", "task_id", "id"),
    # The generic list of a customer whom the caller cannot see belongs to who asked for it.
    "decision": _OWN | of_subject("caller", "{table}.branch_id IS NULL"),
    "decision_presented": through("decision", "decision_id", "id"),
    "contact": _OWN | through("decision", "decision_id", "id"),
    "response": _OWN | through("decision", "decision_id", "id"),
}
# Whether known to the caller or not: a held-out customer is offered nothing anywhere (X11).
CONTROL_OF = """
SELECT min(o.campaign) FROM opportunity o WHERE o.customer_id = $1 AND o.arm = 'control' AND o.assigned
    AND o.withdrawn_at IS NULL AND o.window_ends_on >= $2"""

# The table to be filled is nobody's but the worker's, since COPY is not for row security; swapped in, it gets both.
BEGIN_LOAD = """
CREATE OR REPLACE FUNCTION projection_begin(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF p_name NOT IN ('proj_features', 'proj_scores') THEN
        RAISE EXCEPTION 'not a projection that is swapped: %', p_name;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('projection/' || p_name));
    EXECUTE format('DROP TABLE IF EXISTS %I', p_name || '_new');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', p_name || '_new', p_name);
    EXECUTE format('REVOKE ALL ON %I FROM {app}', p_name || '_new');
END $$
"""
SWAP = """
CREATE OR REPLACE FUNCTION projection_swap(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF p_name NOT IN ('proj_features', 'proj_scores') THEN
        RAISE EXCEPTION 'not a projection that is swapped: %', p_name;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', p_name || '_old');
    EXECUTE format('ALTER TABLE %I RENAME TO %I', p_name, p_name || '_old');
    EXECUTE format('ALTER TABLE %I RENAME TO %I', p_name || '_new', p_name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', p_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', p_name);
    EXECUTE format('CREATE POLICY owner_all ON %I TO current_user USING (true) WITH CHECK (true)', p_name);
    EXECUTE format('CREATE POLICY worker_all ON %I TO {worker} USING (true) WITH CHECK (true)', p_name);
    EXECUTE format('CREATE POLICY app_scope ON %1$I TO {app} USING (current_setting(''app.scope'', true) = ''all'' OR'
        ' EXISTS (SELECT FROM proj_party parent WHERE parent.customer_id = %1$I.customer_id))', p_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {app}', p_name);
END $$
"""


def upgrade() -> None:
    """Protect every table that tells about a customer or a branch's staff."""
    for table, visible in PROTECTED.items():
        protect(op, table, visible)
    not_for_app(op, "pending_evidence", "policy_subject")
    beyond_scope(op, "control_of(customer uuid, day date)", "text", CONTROL_OF)
    app, worker = roles(op.get_bind())
    for function in (BEGIN_LOAD, SWAP):
        op.get_bind().exec_driver_sql(function.replace("{app}", app).replace("{worker}", worker))


def downgrade() -> None:
    """Let everybody see everything again."""
    op.execute("DROP FUNCTION control_of(uuid, date)")
    for table in PROTECTED:
        unprotect(op, table)
