"""All tables of eventing: triggers, keyed state, account owners, intake, posting buffer, detections."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, LargeBinary, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from attune_service_kit.files.runs import import_tables
from attune_service_kit.tables import kit_tables, proposal_table


class Table(SQLModel, registry=registry()):
    """The base of this service's tables: its own registry and metadata."""


def _moment(*, nullable: bool = False, default: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=nullable, server_default=text("now()") if default else None)


def _text(*, nullable: bool = False, primary_key: bool = False) -> Any:
    return Column(Text, nullable=nullable, primary_key=primary_key)


def _big(*, nullable: bool = False) -> Any:
    return Column(BigInteger, nullable=nullable)


def _account(*, primary_key: bool = False) -> Any:
    """The account of a trigger whose grain is the account; else the nil UUID."""
    nil = text("'00000000-0000-0000-0000-000000000000'::uuid")
    return Column(Uuid, nullable=False, primary_key=primary_key, server_default=nil)


def _small(*, primary_key: bool = False) -> Any:
    return Column(SmallInteger, nullable=False, primary_key=primary_key, autoincrement=False)


def _yes_no(default: str) -> Any:
    return Column(Boolean, nullable=False, server_default=text(default))


class Trigger(Table, table=True):
    """One version of a trigger; never changed, only followed. Without a definition it is large-deposit's parameters.

    The largest version that is backfilled is in force: a new one goes live when its states are there. One that has
    ended judges no more, and is kept.
    """

    __tablename__ = "trigger"

    name: str = Field(sa_column=_text(primary_key=True))
    version: int = Field(primary_key=True)
    kind: str = Field(sa_column=_text())
    event_type: str = Field(sa_column=_text())
    months: int
    minimum_minor: int = Field(sa_column=_big())
    cooldown_days: int
    lateness_days: int
    expires_hours: int
    enabled: bool
    created_at: datetime = Field(sa_column=_moment(default=True))
    created_by: str = Field(sa_column=_text())
    definition: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    definition_text: str | None = Field(default=None, sa_column=_text(nullable=True))
    backfilled_at: datetime | None = Field(default=None, sa_column=_moment(nullable=True, default=True))
    ended_at: datetime | None = Field(default=None, sa_column=_moment(nullable=True))


class TriggerRun(Table, table=True):
    """How far the nightly file's way has judged a trigger: since which day, up to which, and what days are over."""

    __tablename__ = "trigger_run"

    trigger: str = Field(sa_column=_text(primary_key=True))
    first_day: date
    through: date
    settled: date


class LedgerPartition(Table, table=True):
    """One partition of the ledger's stream: the epoch of its states, how far it has come, the replay that counts.

    Of days before `remembered_from` the states hold postings of the lake whose keys are not in `posting`.
    """

    __tablename__ = "ledger_partition"

    partition: int = Field(sa_column=_small(primary_key=True))
    epoch: int = Field(default=0, sa_column=_big())
    business_date: date | None = None
    event_time: datetime | None = Field(default=None, sa_column=_moment(nullable=True))
    run: UUID | None = None
    remembered_from: date | None = None
    beyond_watermark: int = Field(default=0, sa_column=_big())


class KeyedState(Table, table=True):
    """A customer's or account's state under one trigger, packed (X34); what all triggers share has no trigger. C2."""

    __tablename__ = "keyed_state"

    customer_id: UUID = Field(primary_key=True)
    trigger: str = Field(sa_column=_text(primary_key=True))
    account_id: UUID = Field(sa_column=_account(primary_key=True))
    partition: int = Field(sa_column=_small())
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Timer(Table, table=True):
    """The day after which a state may find something without a fact (X35); of a calendar's: the day itself. C2."""

    __tablename__ = "timer"
    __table_args__ = (Index("timer_due", "partition", "trigger", "due"),)

    customer_id: UUID = Field(primary_key=True)
    trigger: str = Field(sa_column=_text(primary_key=True))
    account_id: UUID = Field(sa_column=_account(primary_key=True))
    partition: int = Field(sa_column=_small())
    due: date


class DatedFact(Table, table=True):
    """A date of a customer that a dataset knows: of which kind, and since which business day (NULL = always). C2."""

    __tablename__ = "dated_fact"

    customer_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_column=_text(primary_key=True))
    source_id: str = Field(sa_column=_text(primary_key=True))
    day: date
    known_on: date | None = None
    account_id: UUID | None = None
    product: str | None = Field(default=None, sa_column=_text(nullable=True))
    product_kind: str | None = Field(default=None, sa_column=_text(nullable=True))
    amount_minor: int | None = Field(default=None, sa_column=_big(nullable=True))


class BaseCurrency(Table, table=True):
    """The one currency whose amounts are summed; a single row."""

    __tablename__ = "base_currency"

    id: int = Field(default=1, sa_column=_small(primary_key=True))
    currency: str = Field(sa_column=_text())


class AccountOwner(Table, table=True):
    """Whose an account is: the OWNER's customer id, partition and branch (X6)."""

    __tablename__ = "account_owner"
    __table_args__ = (Index("account_owner_customer", "customer_id"),)

    account_id: UUID = Field(primary_key=True)
    source_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    customer_id: UUID
    partition: int = Field(sa_column=_small())
    kind: str = Field(sa_column=_text())
    branch_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    opening_balance_minor: int = Field(default=0, sa_column=_big())


class OwnerVersion(Table, table=True):
    """The newest profile version applied for a customer: an older one is ignored (X7)."""

    __tablename__ = "owner_version"

    customer_id: UUID = Field(primary_key=True)
    version: int = Field(sa_column=_big())


class BranchScope(Table, table=True):
    """Every branch under every branch, itself included (X23)."""

    __tablename__ = "branch_scope"

    ancestor: str = Field(sa_column=_text(primary_key=True))
    branch: str = Field(sa_column=_text(primary_key=True))


class Intake(Table, table=True):
    """Every posting that came in by the API, once: source and posting id (X4). `digest` is of what it said."""

    __tablename__ = "intake"

    source: str = Field(sa_column=_text(primary_key=True))
    posting_id: str = Field(sa_column=_text(primary_key=True))
    received_at: datetime = Field(sa_column=_moment(default=True))
    digest: bytes | None = None


class IntakePending(Table, table=True):
    """A posting whose account is not known yet: it goes on when the account arrives (X6). C2."""

    __tablename__ = "intake_pending"
    __table_args__ = (Index("intake_pending_account", "account_id"),)

    source: str = Field(sa_column=_text(primary_key=True))
    posting_id: str = Field(sa_column=_text(primary_key=True))
    account_id: UUID
    posting: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    received_at: datetime = Field(sa_column=_moment(default=True))


class Posting(Table, table=True):
    """A streamed posting until its day goes into the lake, and its key for a while after. C2.

    `came`: by the stream, by the stream `beyond` the watermark (it judged nothing), or known from the `lake`.
    """

    __tablename__ = "posting"
    __table_args__ = (
        Index("posting_unpublished", "business_date", postgresql_where=text("NOT in_lake")),
        Index("posting_day", "business_date", postgresql_using="brin", postgresql_with={"autosummarize": True}),
    )

    account_id: UUID = Field(primary_key=True)
    posting_id: str = Field(sa_column=_text(primary_key=True))
    business_date: date
    booked_at: datetime | None = Field(default=None, sa_column=_moment(nullable=True))
    direction: str = Field(sa_column=_text())
    amount_minor: int = Field(sa_column=_big())
    currency: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    channel: str | None = Field(default=None, sa_column=_text(nullable=True))
    flags: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))
    reverses: str | None = Field(default=None, sa_column=_text(nullable=True))
    in_lake: bool = Field(default=False, sa_column=_yes_no("false"))
    came: str = Field(default="stream", sa_column=Column(Text, nullable=False, server_default="stream"))
    received_at: datetime = Field(sa_column=_moment(default=True))


class Behaviour(Table, table=True):
    """What a front end has recorded until its day goes into the lake, and its key ever after. C2.

    `came`: by the stream, or known from the `lake`.
    """

    __tablename__ = "behaviour"
    __table_args__ = (Index("behaviour_unpublished", "business_date", postgresql_where=text("NOT in_lake")),)

    customer_id: UUID = Field(primary_key=True)
    behaviour_id: str = Field(sa_column=_text(primary_key=True))
    business_date: date
    occurred_at: datetime = Field(sa_column=_moment())
    behaviour: str = Field(sa_column=_text())
    product: str | None = Field(default=None, sa_column=_text(nullable=True))
    step: str | None = Field(default=None, sa_column=_text(nullable=True))
    channel: str | None = Field(default=None, sa_column=_text(nullable=True))
    seconds: int | None = None
    in_lake: bool = Field(default=False, sa_column=_yes_no("false"))
    came: str = Field(default="stream", sa_column=Column(Text, nullable=False, server_default="stream"))
    received_at: datetime = Field(sa_column=_moment(default=True))


class Detection(Table, table=True):
    """What a trigger found. `unconfirmed`: a running replay has not found it again yet. C2."""

    __tablename__ = "detection"
    __table_args__ = (
        Index("detection_key", "trigger", "customer_id", "event_key", unique=True),
        Index("detection_feed", "business_date", "detection_id"),
        Index("detection_branch_feed", "branch_id", "business_date", "detection_id"),
        Index("detection_customer_feed", "customer_id", "business_date", "detection_id"),
    )

    detection_id: UUID = Field(primary_key=True)
    trigger: str = Field(sa_column=_text())
    trigger_version: int
    customer_id: UUID
    event_key: str = Field(sa_column=_text())
    account_id: UUID | None = None
    business_date: date
    state: str = Field(sa_column=_text())
    reason: str | None = Field(default=None, sa_column=_text(nullable=True))
    late: bool
    amount_minor: int | None = Field(default=None, sa_column=_big(nullable=True))
    compared_with_minor: int | None = Field(default=None, sa_column=_big(nullable=True))
    currency: str = Field(sa_column=_text())
    metric: str = Field(sa_column=_text())
    branch_id: str | None = Field(default=None, sa_column=_text(nullable=True))
    event_time: datetime = Field(sa_column=_moment())
    expires_at: datetime = Field(sa_column=_moment())
    raised_at: datetime = Field(sa_column=_moment())
    withdrawn_at: datetime | None = Field(default=None, sa_column=_moment(nullable=True))
    unconfirmed: bool = Field(default=False, sa_column=_yes_no("false"))


class ReplayGate(Table, table=True):
    """The last day that a replay may publish for now; NULL = all."""

    __tablename__ = "replay_gate"

    job_id: UUID = Field(primary_key=True)
    through: date | None = None


METADATA = Table.metadata
kit_tables(METADATA)
proposal_table(METADATA)
import_tables(METADATA)
