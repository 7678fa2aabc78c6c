"""The bundled PostgreSQL and NATS servers of an embedded home and of the tests; never part of a production image."""

from attune_service_kit.embedded.nats import EmbeddedNats
from attune_service_kit.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedNats", "EmbeddedPostgres"]
