"""The contact reservation (X28) and the swap of a freshly loaded projection (X17)."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Plain READ COMMITTED is needed: each statement below must see what was committed while the locks were awaited.
RESERVE = """
CREATE FUNCTION reserve_contact(
    p_id uuid, p_customer uuid, p_household text, p_account uuid, p_branch text,
    p_channel text, p_direction text, p_campaign text, p_step text, p_opportunity uuid, p_decision uuid,
    p_now timestamptz, p_policy jsonb, p_local time, p_insert boolean
) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    subjects text[] := ARRAY(
        SELECT s FROM unnest(ARRAY[
            'customer:' || p_customer, 'household:' || p_household, 'account:' || p_account
        ]) s WHERE s IS NOT NULL ORDER BY s);
    quiet jsonb := p_policy -> 'quiet_hours';
    cool integer := (p_policy ->> 'cool_down_days')::integer;
    cap jsonb;
    hushed boolean;
    since timestamptz;
    used bigint;
BEGIN
    INSERT INTO policy_subject SELECT unnest(subjects) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM policy_subject WHERE subject = ANY (subjects) ORDER BY subject FOR UPDATE;
    UPDATE contact SET state = 'expired'
        WHERE customer_id = p_customer AND state = 'reserved' AND hold_until <= clock_timestamp() AND id <> p_id;
    IF p_campaign IS NOT NULL AND EXISTS (
        SELECT FROM contact WHERE campaign = p_campaign AND customer_id = p_customer AND step = p_step
            AND state IN ('reserved', 'confirmed') AND id <> p_id
    ) THEN
        RETURN 'already_contacted';
    END IF;
    IF p_direction = 'outbound' THEN
        -- Not inside IF: PL/pgSQL would take the THEN of CASE for its own.
        hushed := jsonb_typeof(quiet) = 'object' AND quiet -> 'channels' ? p_channel
            AND CASE WHEN (quiet ->> 'start')::time <= (quiet ->> 'end')::time
                THEN p_local >= (quiet ->> 'start')::time AND p_local < (quiet ->> 'end')::time
                ELSE p_local >= (quiet ->> 'start')::time OR p_local < (quiet ->> 'end')::time END;
        IF hushed THEN
            RETURN 'quiet_hours';
        END IF;
        IF cool > 0 AND EXISTS (
            SELECT FROM contact c WHERE c.customer_id = p_customer AND c.id <> p_id
                AND c.at > p_now - make_interval(days => cool) AND contact_counts(c.state, c.hold_until)
        ) THEN
            RETURN 'cool_down';
        END IF;
        FOR cap IN SELECT jsonb_array_elements(p_policy -> 'caps') LOOP
            -- Not set, 0 and n are three different values: not set forbids nothing, 0 forbids everything.
            CONTINUE WHEN cap ->> 'limit' IS NULL;
            CONTINUE WHEN cap ->> 'channel' IS NOT NULL AND cap ->> 'channel' <> p_channel;
            CONTINUE WHEN cap ->> 'level' = 'household' AND p_household IS NULL;
            CONTINUE WHEN cap ->> 'level' = 'account' AND p_account IS NULL;
            since := p_now - make_interval(days => (cap ->> 'days')::integer);
            -- One query for each level: each has its own index.
            IF cap ->> 'level' = 'household' THEN
                SELECT count(*) INTO used FROM contact c WHERE c.household_id = p_household AND c.at > since
                    AND c.id <> p_id AND (cap ->> 'channel' IS NULL OR c.channel = cap ->> 'channel')
                    AND contact_counts(c.state, c.hold_until);
            ELSIF cap ->> 'level' = 'account' THEN
                SELECT count(*) INTO used FROM contact c WHERE c.account_id = p_account AND c.at > since
                    AND c.id <> p_id AND (cap ->> 'channel' IS NULL OR c.channel = cap ->> 'channel')
                    AND contact_counts(c.state, c.hold_until);
            ELSE
                SELECT count(*) INTO used FROM contact c WHERE c.customer_id = p_customer AND c.at > since
                    AND c.id <> p_id AND (cap ->> 'channel' IS NULL OR c.channel = cap ->> 'channel')
                    AND contact_counts(c.state, c.hold_until);
            END IF;
            IF used >= (cap ->> 'limit')::bigint THEN
                RETURN 'frequency_cap';
            END IF;
        END LOOP;
    END IF;
    IF p_insert THEN
        INSERT INTO contact (id, customer_id, household_id, account_id, branch_id, channel, direction, campaign, step,
                             opportunity_id, decision_id, state, at, hold_until, beyond_policy)
        VALUES (p_id, p_customer, p_household, p_account, p_branch, p_channel, p_direction, p_campaign, p_step,
                p_opportunity, p_decision, 'reserved', p_now, clock_timestamp() + interval '15 minutes', false)
        ON CONFLICT (id) DO UPDATE
            SET state = 'reserved', at = excluded.at, channel = excluded.channel, hold_until = excluded.hold_until
            WHERE contact.state <> 'confirmed';
    END IF;
    RETURN NULL;
END $$
"""

COUNTS = """
CREATE FUNCTION contact_counts(state text, hold_until timestamptz) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT state = 'confirmed' OR (state = 'reserved' AND hold_until > clock_timestamp())
$$
"""

# A worker may make tables but not rename the owner's: these two run as the owner, for two tables only.
BEGIN_LOAD = """
CREATE FUNCTION projection_begin(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF p_name NOT IN ('proj_features', 'proj_scores') THEN
        RAISE EXCEPTION 'not a projection that is swapped: %', p_name;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('projection/' || p_name));
    EXECUTE format('DROP TABLE IF EXISTS %I', p_name || '_new');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', p_name || '_new', p_name);
END $$
"""
SWAP = """
CREATE FUNCTION projection_swap(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF p_name NOT IN ('proj_features', 'proj_scores') THEN
        RAISE EXCEPTION 'not a projection that is swapped: %', p_name;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', p_name || '_old');
    EXECUTE format('ALTER TABLE %I RENAME TO %I', p_name, p_name || '_old');
    EXECUTE format('ALTER TABLE %I RENAME TO %I', p_name || '_new', p_name);
END $$
"""
PRIVATE = """
REVOKE EXECUTE ON FUNCTION projection_begin(text), projection_swap(text) FROM PUBLIC
"""


def upgrade() -> None:
    for statement in (COUNTS, RESERVE, BEGIN_LOAD, SWAP, PRIVATE):
        # As it stands: the colons of := are no parameters.
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for table in ("proj_features_old", "proj_features_new", "proj_scores_old", "proj_scores_new"):
        op.execute(f"DROP TABLE IF EXISTS {table}")
    op.execute("DROP FUNCTION projection_swap(text)")
    op.execute("DROP FUNCTION projection_begin(text)")
    op.execute("DROP FUNCTION reserve_contact")
    op.execute("DROP FUNCTION contact_counts")
