"""The tables every service has beside its own: delivery, idempotency, jobs, business clock, audit."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

# The names, in the order in which they are created; none refers to another.
KIT_TABLES = (
    "outbox", "inbox", "position", "quarantine", "idempotency_key", "job", "business_clock", "audit",
    "encryption_key",
)  # fmt: skip

_NOW = text("now()")


def _moment(name: str, *, nullable: bool = False, default: bool = False) -> "Column[datetime]":
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=_NOW if default else None)


def kit_tables(metadata: MetaData) -> None:
    """Add the kit's tables to a service's metadata. Core tables, never mapped classes: two services share a process."""
    _delivery(metadata)
    _requests(metadata)
    _jobs(metadata)
    _keys(metadata)


def proposal_table(metadata: MetaData) -> None:
    """Add the table of a service whose changes need two persons; `migrations.create_proposals` makes it."""
    Table(
        "proposal",
        metadata,
        Column("id", UUID, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("entity", Text, nullable=False),
        Column("payload", Text, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("base", Text),
        Column("maker", Text, nullable=False),
        Column("state", Text, nullable=False, server_default=text("'pending'")),
        _moment("created_at", default=True),
        _moment("expires_at"),
        Column("decided_by", Text),
        _moment("decided_at", nullable=True),
        Column("reason", Text),
        Index("proposal_one_waits", "kind", "entity", unique=True, postgresql_where=text("state = 'pending'")),
    )


def _delivery(metadata: MetaData) -> None:
    Table(
        "outbox",
        metadata,
        Column("seq", BigInteger, Identity(), primary_key=True),
        Column("event_id", UUID, nullable=False, unique=True),
        Column("stream", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("partition", SmallInteger, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("traceparent", Text),
        Column("correlation_id", Text),
        _moment("created_at", default=True),
        _moment("published_at", nullable=True),
        Column("js_seq", BigInteger),
        Index("outbox_unpublished", "seq", postgresql_where=text("published_at IS NULL")),
    )
    Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("event_id", UUID, primary_key=True),
        _moment("received_at", default=True),
        Index("inbox_received", "received_at", postgresql_using="brin"),  # rows come in order of time: for the purge
    )
    Table(
        "position",
        metadata,
        Column("consumer", Text, primary_key=True),  # e.g. EVT.p3
        Column("stream_created", Text),
        Column("last_seq", BigInteger, nullable=False, server_default="0"),
        Column("inflight_from", BigInteger),
        Column("inflight_to", BigInteger),
        Column("starts", SmallInteger, nullable=False, server_default="0"),
        Column("lease_owner", Text),
        _moment("lease_until", nullable=True),
    )
    Table(
        "quarantine",
        metadata,
        Column("id", UUID, primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("event_id", UUID),
        Column("type", Text),
        Column("subject", Text),
        Column("payload", LargeBinary, nullable=False),
        Column("error", Text, nullable=False),
        Column("state", Text, nullable=False, server_default="held"),
        _moment("created_at", default=True),
    )


def _requests(metadata: MetaData) -> None:
    Table(
        "idempotency_key",
        metadata,
        Column("client_id", Text, primary_key=True),
        Column("method", Text, primary_key=True),
        Column("route", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("body_hash", LargeBinary, nullable=False),
        Column("status", SmallInteger),
        Column("response", LargeBinary),
        Column("state", Text, nullable=False),
        _moment("created_at", default=True),
    )
    Table(
        "audit",
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        _moment("at", default=True),
        Column("who", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("entity", Text, nullable=False),
        Column("entity_id", Text, nullable=False),
        Column("version", Text),
        Column("request_id", Text),
        Column("detail", JSONB),
        Index("audit_entity", "entity", "entity_id", "id"),
        Index("audit_who", "who", "id"),
        Index("audit_request", "request_id"),
    )


def _keys(metadata: MetaData) -> None:
    Table(
        "encryption_key",
        metadata,
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("purpose", Text, nullable=False),
        Column("wrapped", LargeBinary, nullable=False),  # by the key-encryption key, which is not in the database
        _moment("created_at", default=True),
    )


def _jobs(metadata: MetaData) -> None:
    Table(
        "job",
        metadata,
        Column("id", UUID, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("key", Text),
        Column("params", JSONB, nullable=False),
        Column("state", Text, nullable=False, server_default="queued"),
        Column("progress", BigInteger, nullable=False, server_default="0"),
        Column("total", BigInteger),
        Column("message", Text),
        Column("cursor", JSONB),
        Column("result", JSONB),
        Column("error", JSONB),
        Column("attempts", Integer, nullable=False, server_default="0"),
        _moment("created_at", default=True),
        _moment("started_at", nullable=True),
        _moment("finished_at", nullable=True),
        Index("job_active_key", "kind", "key", unique=True, postgresql_where=text("state IN ('queued', 'running')")),
        Index("job_active", "created_at", postgresql_where=text("state IN ('queued', 'running')")),
    )
    Table(
        "business_clock",
        metadata,
        Column("partition", SmallInteger, primary_key=True),
        _moment("now"),
    )
