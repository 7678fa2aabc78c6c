"""The history of imports, what each has added and changed, and the way back.

Revision ID: 0011_import_history
"""

from alembic import op

from attune_service_kit.files.changes import create_change_tables, drop_change_tables
from attune_service_kit.files.runs import create_import_tables
from attune_service_kit.migrations import roles

revision = "0011_import_history"
down_revision = "0010_resolution"
branch_labels = None
depends_on = None

# What imports fill, by primary key.
TABLES = {
    "region": ("region_id",),
    "branch": ("branch_id",),
    "employee": ("employee_id",),
    "product": ("product_id",),
    "household": ("household_id",),
    "party": ("customer_id",),
    "party_identity": ("customer_id",),
    "profile_field": ("customer_id", "field"),
    "risk_assessment": ("assessment_id",),
    "account": ("account_id",),
    "account_party": ("account_id", "customer_id"),
    "holding": ("holding_id",),
    "loan": ("loan_id",),
    "card": ("card_id",),
    "standing_order": ("standing_order_id",),
    "consent": ("customer_id", "purpose", "channel", "product_kind"),
    "timeline_entry": ("customer_id", "kind", "key"),
}
KEEP_HISTORY = """
INSERT INTO import_run (import_id, source, datasets, digest, job_id, counts, started_by, started_at, completed_at)
SELECT import_id, source, datasets, '', gen_random_uuid(), counts, 'service', completed_at, completed_at
FROM former_import_run"""

# The ledger proves what customers decided. Of a customer whom an import brought and who never decided anything, its
# entries are the file's; they go with the customer, by this function of the table's owner alone.
STAYS = """
CREATE OR REPLACE FUNCTION consent_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = (SELECT tableowner FROM pg_tables
            WHERE schemaname = 'public' AND tablename = 'consent_entry') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the consent ledger is append-only';
END $$
"""
STAYED = """
CREATE OR REPLACE FUNCTION consent_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the consent ledger is append-only';
END $$
"""
FORGET = """
CREATE FUNCTION forget_imported_consents(customers uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM consent_entry WHERE customer_id = ANY (customers) AND source <> 'import') THEN
        RAISE EXCEPTION 'these customers have decided themselves';
    END IF;
    DELETE FROM consent_entry WHERE customer_id = ANY (customers);
    DELETE FROM consent_version WHERE customer_id = ANY (customers);
END $$
"""


def upgrade() -> None:
    """Keep the history that is there in its new form, and remember changes from now on."""
    op.execute("ALTER TABLE import_run RENAME TO former_import_run")
    op.execute("ALTER TABLE former_import_run RENAME CONSTRAINT import_run_pkey TO former_import_run_pkey")
    create_import_tables(op)
    op.execute(KEEP_HISTORY)
    op.execute("DROP TABLE former_import_run")
    create_change_tables(op, TABLES)
    op.execute(STAYS)
    op.get_bind().exec_driver_sql(FORGET)
    app, _ = roles(op.get_bind())
    op.execute(f"REVOKE EXECUTE ON FUNCTION forget_imported_consents(uuid[]) FROM {app}")


def downgrade() -> None:
    """Forget what was remembered."""
    op.execute("DROP FUNCTION forget_imported_consents(uuid[])")
    op.execute(STAYED)
    drop_change_tables(op, TABLES)
    op.execute("ALTER TABLE import_run DROP COLUMN digest, DROP COLUMN job_id, DROP COLUMN undo_job_id,"
               " DROP COLUMN has_rejects, DROP COLUMN log, DROP COLUMN started_by, DROP COLUMN started_at,"
               " DROP COLUMN undone_at")  # fmt: skip
    op.execute("DELETE FROM import_run WHERE counts IS NULL OR completed_at IS NULL")
    op.execute("ALTER TABLE import_run ALTER counts SET NOT NULL, ALTER completed_at SET NOT NULL")
