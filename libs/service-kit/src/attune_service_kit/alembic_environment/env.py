"""Alembic's environment for every service: `attune_service_kit.migrations.run` hands over the open connection."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
