"""The contact policy on every level: classes of message, households, accounts, suppressions, one function (X28)."""

from importlib import import_module

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Every lock before the first count, in one order, whoever asks: nobody waits in a circle. WHERE false locks the row
# that is there and writes nothing.
LOCK = """
CREATE FUNCTION lock_policy_subjects(p_subjects text[]) RETURNS void LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO policy_subject (subject) SELECT DISTINCT s FROM unnest(p_subjects) s WHERE s IS NOT NULL ORDER BY s
    ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject WHERE false
$$
"""

SUBJECTS = """
CREATE FUNCTION policy_subjects(p_customer uuid, p_household text, p_accounts uuid[]) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_remove(ARRAY['customer:' || p_customer, 'household:' || p_household], NULL)
        || ARRAY(SELECT 'account:' || a FROM unnest(p_accounts) a)
$$
"""

COVERS = """
CREATE FUNCTION covers(p_local time, p_start time, p_end time) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_start <= p_end THEN p_local >= p_start AND p_local < p_end
           ELSE p_local >= p_start OR p_local < p_end END
$$
"""

# How many marketing contacts count on a level since a moment, this one not among them. One query for each level: each
# has its own index.
USED = """
CREATE FUNCTION contacts_used(c contact, p_level text, p_channel text, p_since timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    CASE p_level
    WHEN 'customer' THEN
        RETURN (SELECT count(*) FROM contact o WHERE o.customer_id = c.customer_id
            AND o.at > p_since AND o.id <> c.id AND o.message_class = 'marketing'
            AND (p_channel IS NULL OR o.channel = p_channel) AND contact_counts(o.state, o.hold_until));
    WHEN 'household' THEN
        RETURN (SELECT count(*) FROM contact o WHERE o.household_id = c.household_id
            AND o.at > p_since AND o.id <> c.id AND o.message_class = 'marketing'
            AND (p_channel IS NULL OR o.channel = p_channel) AND contact_counts(o.state, o.hold_until));
    WHEN 'account' THEN
        RETURN (SELECT coalesce(max(used), 0) FROM (
            SELECT count(*) AS used FROM unnest(c.account_ids) a JOIN contact o ON o.account_ids @> ARRAY[a]
            WHERE o.at > p_since AND o.id <> c.id AND o.message_class = 'marketing'
            AND (p_channel IS NULL OR o.channel = p_channel) AND contact_counts(o.state, o.hold_until)
            GROUP BY a) each_account);
    END CASE;
END $$
"""

# Plain READ COMMITTED is needed: each statement must see what was committed while the locks were awaited.
REFUSAL = """
CREATE FUNCTION contact_refusal(c contact, p_policy jsonb, p_local time) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    quiet jsonb := p_policy -> 'quiet_hours';
    rule jsonb;
BEGIN
    IF c.campaign IS NOT NULL AND EXISTS (
        SELECT FROM contact o WHERE o.campaign = c.campaign AND o.customer_id = c.customer_id AND o.step = c.step
            AND o.state IN ('reserved', 'confirmed') AND o.id <> c.id
    ) THEN
        RETURN 'already_contacted';
    END IF;
    CASE c.message_class
        WHEN 'marketing' THEN NULL;
        WHEN 'service', 'legal' THEN RETURN NULL;
    END CASE;
    IF c.direction = 'inbound' THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM suppression s WHERE s.subject = ANY (policy_subjects(c.customer_id, c.household_id, c.account_ids))
            AND s.lifted_at IS NULL AND s.starts_at <= c.at AND (s.permanent OR s.ends_at > c.at)
            AND (s.channel IS NULL OR s.channel = c.channel)
            AND (s.hours_start IS NULL OR covers(p_local, s.hours_start, s.hours_end))
    ) THEN
        RETURN 'do_not_contact';
    END IF;
    IF jsonb_typeof(quiet) = 'object' AND quiet -> 'channels' ? c.channel
        AND covers(p_local, (quiet ->> 'start')::time, (quiet ->> 'end')::time) THEN
        RETURN 'quiet_hours';
    END IF;
    -- Not set, 0 and n are three different values. Not set is no rule; no day is no cool-down; a limit of 0 lets
    -- nobody through.
    FOR rule IN SELECT jsonb_array_elements(p_policy -> 'cool_downs') LOOP
        CONTINUE WHEN coalesce((rule ->> 'days')::integer, 0) = 0;
        CONTINUE WHEN rule ->> 'channel' <> c.channel;
        IF contacts_used(c, rule ->> 'level', rule ->> 'channel',
                         c.at - make_interval(days => (rule ->> 'days')::integer)) > 0 THEN
            RETURN 'cool_down';
        END IF;
    END LOOP;
    FOR rule IN SELECT jsonb_array_elements(p_policy -> 'caps') LOOP
        CONTINUE WHEN rule ->> 'limit' IS NULL;
        CONTINUE WHEN rule ->> 'channel' <> c.channel;
        IF contacts_used(c, rule ->> 'level', rule ->> 'channel',
                         c.at - make_interval(days => (rule ->> 'days')::integer)) >= (rule ->> 'limit')::bigint THEN
            RETURN 'frequency_cap';
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""

# As its owner: a caller who sees one branch must count the whole household all the same.
RESERVE = """
CREATE FUNCTION reserve_contacts(p_wishes jsonb, p_policy jsonb) RETURNS TABLE (wish integer, reason text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wishes jsonb[];
    asked jsonb;
    c contact;
BEGIN
    -- Whom a contact touches is read once: what is locked is what is counted and kept.
    wishes := ARRAY(
        SELECT e || jsonb_build_object('household_id', p.household_id, 'account_ids', ARRAY(
            SELECT a.account_id FROM proj_account a WHERE a.customer_id = (e ->> 'customer_id')::uuid ORDER BY 1))
        FROM jsonb_array_elements(p_wishes) WITH ORDINALITY AS t (e, n)
        LEFT JOIN proj_party p ON p.customer_id = (e ->> 'customer_id')::uuid
        ORDER BY n);
    PERFORM lock_policy_subjects(ARRAY(
        SELECT unnest(policy_subjects(k.customer_id, k.household_id, k.account_ids))
        FROM unnest(wishes) w, jsonb_populate_record(NULL::contact, w) k));
    wish := 0;
    FOREACH asked IN ARRAY wishes LOOP
        c := jsonb_populate_record(NULL::contact, asked);
        UPDATE contact SET state = 'expired' WHERE customer_id = c.customer_id
            AND state = 'reserved' AND hold_until <= clock_timestamp() AND id <> c.id;
        reason := contact_refusal(c, p_policy, (asked ->> 'local')::time);
        IF reason IS NULL AND (asked ->> 'keep')::boolean THEN
            c.state := 'reserved';
            c.hold_until := clock_timestamp() + interval '15 minutes';
            c.beyond_policy := false;
            INSERT INTO contact SELECT c.*
            ON CONFLICT (id) DO UPDATE
                SET state = excluded.state, at = excluded.at, channel = excluded.channel,
                    direction = excluded.direction, message_class = excluded.message_class,
                    household_id = excluded.household_id, account_ids = excluded.account_ids,
                    hold_until = excluded.hold_until
                WHERE contact.state <> 'confirmed';
        END IF;
        RETURN NEXT;
        wish := wish + 1;
    END LOOP;
END $$
"""

# What a look at the policy needs to know of a customer: whoever else their household and accounts have in common.
HISTORY = """
CREATE FUNCTION contact_history(p_customer uuid, p_since timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    home text := (SELECT household_id FROM proj_party WHERE customer_id = p_customer);
    accounts uuid[] := ARRAY(SELECT account_id FROM proj_account WHERE customer_id = p_customer);
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(
            k.channel, k.at, k.direction = 'outbound',
            k.customer_id = p_customer, coalesce(k.household_id = home, false),
            ARRAY(SELECT a FROM unnest(k.account_ids) a WHERE a = ANY (accounts) ORDER BY a)) ORDER BY k.at, k.id)
        FROM contact k
        WHERE (k.customer_id = p_customer OR k.household_id = home OR k.account_ids && accounts)
            AND k.at > p_since AND k.message_class = 'marketing' AND contact_counts(k.state, k.hold_until));
END $$
"""
SUPPRESSIONS = """
CREATE FUNCTION suppressions_of(p_customer uuid, p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    subjects text[] := policy_subjects(
        p_customer,
        (SELECT household_id FROM proj_party WHERE customer_id = p_customer),
        ARRAY(SELECT account_id FROM proj_account WHERE customer_id = p_customer));
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(
            s.level, s.channel, s.starts_at, s.ends_at, s.hours_start, s.hours_end, s.reason, s.source) ORDER BY s.id)
        FROM suppression s
        WHERE s.subject = ANY (subjects) AND s.lifted_at IS NULL AND (s.permanent OR s.ends_at > p_now));
END $$
"""

FUNCTIONS = {
    "lock_policy_subjects(text[])": LOCK,
    "policy_subjects(uuid, text, uuid[])": SUBJECTS,
    "covers(time, time, time)": COVERS,
    "contacts_used(contact, text, text, timestamptz)": USED,
    "contact_refusal(contact, jsonb, time)": REFUSAL,
    "reserve_contacts(jsonb, jsonb)": RESERVE,
    "contact_history(uuid, timestamptz)": HISTORY,
    "suppressions_of(uuid, timestamptz)": SUPPRESSIONS,
}


def upgrade() -> None:
    op.execute("DROP FUNCTION reserve_contact")
    _proj_account()
    _suppression()
    _contact()
    for statement in FUNCTIONS.values():
        # As it stands: the colons of := are no parameters.
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    op.add_column("contact", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE contact SET account_id = account_ids[1]")
    op.drop_column("contact", "account_ids")
    op.drop_column("contact", "message_class")
    op.create_index(
        "contact_account",
        "contact",
        ["account_id", "at"],
        unique=False,
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )
    op.drop_table("suppression")
    op.drop_table("proj_account")
    functions = import_module("campaign.migrations.versions.0003_functions")
    op.get_bind().exec_driver_sql(functions.RESERVE)


def _proj_account() -> None:
    op.create_table(
        "proj_account",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "customer_id"),
    )
    op.create_index("ix_proj_account_customer_id", "proj_account", ["customer_id"], unique=False)


def _suppression() -> None:
    op.create_table(
        "suppression",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("branch_id", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("hours_start", sa.Time(), nullable=True),
        sa.Column("hours_end", sa.Time(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("level IN ('customer', 'household', 'account')", name="suppression_level"),
        # An end or the word: a suppression that has neither would last for ever by accident.
        sa.CheckConstraint("permanent = (ends_at IS NULL)", name="suppression_ends_or_is_permanent"),
        sa.CheckConstraint("ends_at > starts_at", name="suppression_lasts"),
        sa.CheckConstraint("(hours_start IS NULL) = (hours_end IS NULL)", name="suppression_hours"),
    )
    op.create_index(
        "suppression_subject", "suppression", ["subject"], unique=False, postgresql_where=sa.text("lifted_at IS NULL")
    )
    op.create_index("suppression_branch", "suppression", ["branch_id", "id"], unique=False)


def _contact() -> None:
    op.drop_index("contact_account", table_name="contact")
    op.add_column(
        "contact", sa.Column("account_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False)
    )
    op.execute("UPDATE contact SET account_ids = ARRAY[account_id] WHERE account_id IS NOT NULL")
    op.drop_column("contact", "account_id")
    # Until now every contact was marketing. From here on whoever makes one says its class.
    op.add_column("contact", sa.Column("message_class", sa.Text(), server_default="marketing", nullable=False))
    op.alter_column("contact", "message_class", server_default=None)
    op.create_check_constraint("contact_message_class", "contact", "message_class IN ('marketing', 'service', 'legal')")
    op.create_index(
        "contact_accounts",
        "contact",
        ["account_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": False},
    )
