"""Everything a decision is made from, in one function that runs as the owner and takes the caller's scope (X23).

Under row security each of the tables would ask the party's row again, for every row of its own: the scope is held
against the party once, and what is not the caller's is as unknown as somebody who does not exist. Plans are kept
generic: the tables are read by their keys, whoever asks.
"""

from alembic import op

from attune_service_kit.row_security import beyond_scope

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Contacts and suppressions bind outbound contacts only; the profile only of who has agreed to it. A foreign
# customer's control group does not show: the answer is an unknown one's.
BODY = """
WITH who AS (
    SELECT p.branch_id, p.birth_date, p.risk_rating, p.risk_rated_on, p.risk_valid_until,
           p.products || p.product_kinds AS held,
           c.marketing, (p.personalisation AND c.personalised_consent) IS TRUE AS personalised
    FROM proj_party p
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_array(channel, product_kind, granted) ORDER BY channel, product_kind)
                   FILTER (WHERE purpose = 'marketing_contact') AS marketing,
               bool_or(granted) FILTER (WHERE purpose = 'personalised_decision') AS personalised_consent
        FROM proj_consent WHERE customer_id = $1
    ) c ON true
    WHERE p.customer_id = $1 AND (
        $2 = 'all'
        OR ($2 = 'branch' AND EXISTS (
            SELECT FROM branch_scope s WHERE s.ancestor = $3 AND s.branch = p.branch_id))
        OR ($2 = 'customer' AND p.customer_id = $4)
        OR EXISTS (SELECT FROM visit v WHERE v.customer_id = p.customer_id AND v.subject = $5 AND v.until > now()))
)
SELECT w.*, f.as_of, f.demand_balance_minor, f.value_quadrant, f.lifecycle,
    CASE WHEN w.personalised THEN (
        SELECT json_agg(json_build_array(s.model, s.version, s.score) ORDER BY s.model)
        FROM proj_scores s WHERE s.customer_id = $1) END,
    CASE WHEN w.personalised THEN (
        SELECT json_agg(json_build_array(o.id, o.trigger, o.business_date, o.amount_minor, o.event_key) ORDER BY o.id)
        FROM opportunity o WHERE o.customer_id = $1 AND o.state IN ('open', 'escalated')) END,
    CASE WHEN w.held IS NOT NULL THEN (
        SELECT min(o.campaign) FROM opportunity o WHERE o.customer_id = $1 AND o.arm = 'control' AND o.assigned
        AND o.withdrawn_at IS NULL AND o.window_ends_on >= $6) END,
    CASE WHEN $9 AND w.held IS NOT NULL THEN contact_history($1, $7) END,
    CASE WHEN $9 AND w.held IS NOT NULL THEN suppressions_of($1, $8) END,
    (SELECT max(version) FROM catalogue),
    (SELECT max(version) FROM policy WHERE kind = 'contact'),
    (SELECT max(version) FROM policy WHERE kind = 'holdout')
FROM (SELECT) one
LEFT JOIN who w ON true
LEFT JOIN LATERAL (
    SELECT as_of, demand_balance_minor, value_quadrant, lifecycle FROM proj_features
    WHERE customer_id = $1 AND w.personalised
) f ON true
"""
FUNCTION = f"""
CREATE FUNCTION decision_facts(
    customer uuid, scope_kind text, scope_branch text, scope_customer uuid, subject text,
    day date, since timestamptz, moment timestamptz, outbound boolean
) RETURNS TABLE (
    branch_id text, birth_date date, risk_rating text, risk_rated_on date, risk_valid_until date, held text[],
    marketing json, personalised boolean, profile_as_of date, demand_balance_minor bigint, value_quadrant text,
    lifecycle text, scores json, opportunities json, control_of text, contacts json, suppressions json,
    catalogue_version integer, policy_version integer, holdout_version integer
) LANGUAGE sql STABLE SECURITY DEFINER ROWS 1
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
AS $facts${BODY}$facts$
"""


CONTROL_OF = """
SELECT min(o.campaign) FROM opportunity o WHERE o.customer_id = $1 AND o.arm = 'control' AND o.assigned
    AND o.withdrawn_at IS NULL AND o.window_ends_on >= $2"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(FUNCTION)
    op.execute("DROP FUNCTION control_of(uuid, date)")


def downgrade() -> None:
    beyond_scope(op, "control_of(customer uuid, day date)", "text", CONTROL_OF)
    op.execute("DROP FUNCTION decision_facts(uuid, text, text, uuid, text, date, timestamptz, timestamptz, boolean)")
