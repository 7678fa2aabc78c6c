"""Migrations: Alembic, run by the role <service>_owner, with the rights of the other two roles.

A service's package holds `migrations/versions/*.py` only; the environment is the kit's (`alembic_environment/env.py`).
"""

from importlib import import_module
from importlib.resources import files
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine

from attune_service_kit.runtime import Service
from attune_service_kit.tables import kit_tables

ENVIRONMENT = Path(__file__).parent / "alembic_environment"


# Not even the owner changes what was done; whoever could drop the trigger could drop the table.
_STAYS = """
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$"""


_PROPOSAL = """
CREATE TABLE proposal (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    entity text NOT NULL,
    payload text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 = encode(sha256(convert_to(payload, 'UTF8')), 'hex')),
    base text,
    maker text NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'approved', 'rejected', 'withdrawn', 'expired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    reason text,
    CONSTRAINT proposal_two_persons CHECK (
        state <> 'approved' OR (decided_by IS NOT NULL AND lower(trim(decided_by)) <> lower(trim(maker))))
)"""
# What was proposed stays as it was proposed, and what was decided as it was decided.
_PROPOSED_STAYS = """
CREATE FUNCTION proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'pending'
       AND (NEW.id, NEW.kind, NEW.entity, NEW.payload, NEW.base, NEW.maker, NEW.created_at, NEW.expires_at)
           IS NOT DISTINCT FROM
           (OLD.id, OLD.kind, OLD.entity, OLD.payload, OLD.base, OLD.maker, OLD.created_at, OLD.expires_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a proposal is decided once, and nothing else of it changes'
        USING ERRCODE = 'insufficient_privilege';
END $$"""


def create_proposals(op: Operations) -> None:
    """Create the table of a service whose changes need two persons; a migration of the service calls it."""
    app, worker = roles(op.get_bind())
    op.execute(_PROPOSAL)
    op.execute("CREATE UNIQUE INDEX proposal_one_waits ON proposal (kind, entity) WHERE state = 'pending'")
    op.execute(f"REVOKE UPDATE, DELETE ON proposal FROM {app}, {worker}")
    op.execute(f"REVOKE TRUNCATE ON proposal FROM {worker}")
    op.execute(f"GRANT UPDATE (state, decided_by, decided_at, reason) ON proposal TO {app}, {worker}")
    op.execute(_PROPOSED_STAYS)
    op.execute(
        "CREATE TRIGGER proposal_stays BEFORE UPDATE OR DELETE ON proposal"
        " FOR EACH ROW EXECUTE FUNCTION proposal_stays()"
    )
    op.execute(
        "CREATE TRIGGER proposals_stay BEFORE TRUNCATE ON proposal FOR EACH STATEMENT EXECUTE FUNCTION proposal_stays()"
    )


def drop_proposals(op: Operations) -> None:
    """Drop it; the migration's `downgrade` calls it."""
    op.execute("DROP TABLE proposal")
    op.execute("DROP FUNCTION proposal_stays()")


def create_kit_tables(op: Operations) -> None:
    """Create the kit's tables; the first migration of every service calls it."""
    metadata = MetaData()
    kit_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    app, worker = roles(op.get_bind())
    for table in ("audit", "encryption_key"):
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {app}, {worker}")
        op.execute(f"REVOKE TRUNCATE ON {table} FROM {worker}")
    op.execute(_STAYS)
    op.execute(
        "CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()"
    )


def roles(connection: Connection) -> tuple[str, str]:
    """The quoted names of the app and the worker role beside the migrating role <service>_owner."""
    name = str(connection.scalar(text("SELECT current_user"))).removesuffix("_owner")
    return f'"{name}_app"', f'"{name}_worker"'


def drop_kit_tables(op: Operations) -> None:
    """Drop the kit's tables; the first migration's `downgrade` calls it."""
    metadata = MetaData()
    kit_tables(metadata)
    metadata.drop_all(op.get_bind(), checkfirst=False)
    op.execute("DROP FUNCTION audit_stays()")


async def run(service: Service, owner_url: str, revision: str = "head") -> None:
    """Bring the service's database to a revision: up to `head`, or down by `-1` or to `base`."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(owner_url, timeout=10))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_grant)
            await connection.run_sync(_move, service, revision)
    finally:
        await engine.dispose()


def _move(connection: Connection, service: Service, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", str(folder(service) / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    down = revision == "base" or revision.startswith("-")
    (command.downgrade if down else command.upgrade)(config, revision)
    if revision == "head":
        for place in service.functions:
            module, _, name = place.partition(":")
            getattr(import_module(module), name)(Operations(MigrationContext.configure(connection)))


def folder(service: Service) -> Path:
    """Where the service's migrations are."""
    return service.migrations or Path(str(files(service.name))) / "migrations"


def _grant(connection: Connection) -> None:
    """Rights on whatever the owner makes from now on. A worker may also make tables: bulk loads swap them in (X17)."""
    # Two processes that migrate at once take turns.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('attune.migrations'))")
    app, worker = roles(connection)
    defaults = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT"
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {app}, {worker}",
        f"GRANT CREATE ON SCHEMA public TO {worker}",
        f"{defaults} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}, {worker}",
        f"{defaults} TRUNCATE ON TABLES TO {worker}",
        f"{defaults} USAGE, SELECT ON SEQUENCES TO {app}, {worker}",
        f"{defaults} EXECUTE ON FUNCTIONS TO {app}, {worker}",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ):
        connection.exec_driver_sql(statement)
