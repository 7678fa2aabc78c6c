"""All tables of campaign. Rows that belong to a branch carry `branch_id`; moments are business time unless said."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from attune_service_kit.tables import kit_tables, proposal_table
from campaign import columns as c
from campaign import projection_tables, task_tables

# What is planned.


class Salt(c.Table, table=True):
    """An experiment's secret and its days (X13). `name` = a campaign's code, or `universal`."""

    name: str = c.text(primary_key=True)
    valid_from: date = Field(primary_key=True)
    valid_to: date | None = None
    value: str = c.text()


class Campaign(c.Table, table=True):
    """One version of a campaign; the highest counts. Shares in basis points.

    `trigger_version` is that of the trigger whose words it has, NULL once a person has changed it.
    """

    code: str = c.text(primary_key=True)
    version: int = Field(primary_key=True)
    trigger: str = c.text(index=True)
    family: str = c.text()
    control_share_bp: int
    outcome: str = c.text()
    outcome_kinds: list[str] = c.texts()
    window_business_days: int
    capacity: int | None = None
    escalate_after_hours: int = Field(sa_column_kwargs={"server_default": "24"})
    expire_after_hours: int | None = None
    enabled: bool = True
    product_kind: str | None = c.text(default=None)
    name_zh: str = c.text()
    name_en: str = c.text()
    channels: list[str] = c.texts(sa_column_kwargs={"server_default": "{}"})
    priority: int = c.small(sa_column_kwargs={"server_default": "50"})
    script_zh: str | None = c.text(default=None)
    script_en: str | None = c.text(default=None)
    trigger_version: int | None = None
    created_by: str = c.text()
    created_at: datetime | None = c.wall_now()


class TriggerHeard(c.Table, table=True):
    """The newest version of a trigger that eventing has told of, and since when (business time) none judges."""

    __tablename__ = "trigger_heard"

    trigger: str = c.text(primary_key=True)
    version: int
    retired_at: datetime | None = c.moment(default=None)


class Offer(c.Table, table=True):
    """One version of an offer; the highest counts."""

    code: str = c.text(primary_key=True)
    version: int = Field(primary_key=True)
    kind: str = c.text()
    product_id: str | None = c.text(default=None)
    product_kind: str | None = c.text(default=None)
    risk_level: str | None = c.text(default=None)
    currency: str = c.text()
    expected_margin_minor: int | None = c.minor(default=None)
    lever: float = c.real()
    models: list[str] = c.texts()
    base_propensity: float = c.real()
    context: dict[str, Any] = c.json()
    conditions: dict[str, Any] = c.json()
    name_zh: str = c.text()
    name_en: str = c.text()
    enabled: bool | None = c.yes()
    created_by: str | None = c.seeded()
    created_at: datetime | None = c.wall_now()


class Script(c.Table, table=True):
    """One version of a text for one offer on one channel."""

    id: str = c.text(primary_key=True)
    version: int = Field(primary_key=True)
    offer: str = c.text()
    channel: str = c.text()
    zh: str = c.text()
    en: str = c.text()
    enabled: bool | None = c.yes()
    created_by: str | None = c.seeded()
    created_at: datetime | None = c.wall_now()


class Catalogue(c.Table, table=True):
    """All offers and scripts as they stood: what a stored decision's version points at."""

    version: int = Field(primary_key=True)
    sha256: str = c.text(unique=True)
    content: bytes = c.blob()
    created_at: datetime | None = c.wall_now()


class Policy(c.Table, table=True):
    """One version of a policy (`contact`, `holdout`); the highest counts."""

    kind: str = c.text(primary_key=True)
    version: int = Field(primary_key=True)
    content: dict[str, Any] = c.json()
    created_by: str = c.text()
    created_at: datetime | None = c.wall_now()


# What happens.


class Opportunity(c.Table, table=True):
    """One opportunity for one detection (X9, X10). `due` is its next timer, NULL once its clock has ended."""

    __table_args__ = (
        UniqueConstraint("trigger", "subject", "event_key"),
        Index("opportunity_due", "due", "id", postgresql_where=text("due IS NOT NULL")),
        Index("opportunity_branch", "branch_id", "id"),
        Index("opportunity_customer", "customer_id", "id"),
        Index("opportunity_first", "campaign", "customer_id", "business_date", "opened_at"),
        Index("opportunity_day", "business_date", "branch_id"),
        Index("opportunity_unknown", "customer_id", postgresql_where=text("reason = 'unknown_customer'")),
    )

    id: UUID = Field(primary_key=True)
    trigger: str = c.text()
    subject: str = c.text()
    event_key: str = c.text()
    trigger_version: int
    detection_id: UUID = Field(unique=True)
    customer_id: UUID
    partition: int = c.small()
    branch_id: str | None = c.text(default=None)
    campaign: str = c.text()
    campaign_version: int
    control_share_bp: int
    arm: str = c.text()
    assigned: bool
    state: str = c.text()
    reason: str | None = c.text(default=None)
    channel: str | None = c.text(default=None)
    disposition: str | None = c.text(default=None)
    business_date: date
    window_ends_on: date
    late: bool = False
    opened_at: datetime = c.moment()
    escalates_at: datetime = c.moment()
    expires_at: datetime = c.moment()
    due: datetime | None = c.moment(default=None)
    acted_at: datetime | None = c.moment(default=None)
    withdrawn_at: datetime | None = c.moment(default=None)
    task_id: UUID | None = Field(default=None, index=True)
    amount_minor: int | None = c.minor(default=None)
    compared_with_minor: int | None = c.minor(default=None)
    metric: str | None = c.text(default=None)
    new_money: bool | None = c.yes()


class PendingEvidence(c.Table, table=True):
    """Evidence that came before its detection: kept until the opportunity exists."""

    __tablename__ = "pending_evidence"

    detection_id: UUID = Field(primary_key=True)
    amount_minor: int | None = c.minor(default=None)
    compared_with_minor: int | None = c.minor(default=None)
    metric: str = c.text()
    new_money: bool | None = c.yes()


class PolicySubject(c.Table, table=True):
    """Whom the contact policy protects: a row to lock, e.g. `customer:…`, `household:…`, `account:…` (X28)."""

    __tablename__ = "policy_subject"

    subject: str = c.text(primary_key=True)


class Suppression(c.Table, table=True):
    """Somebody is not to be contacted: until an end or for good, never by the lack of either. Business time."""

    __table_args__ = (
        Index("suppression_subject", "subject", postgresql_where=text("lifted_at IS NULL")),
        Index("suppression_branch", "branch_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    level: str = c.text()
    subject: str = c.text()
    customer_id: UUID | None = None
    branch_id: str | None = c.text(default=None)
    channel: str | None = c.text(default=None)
    starts_at: datetime = c.moment()
    ends_at: datetime | None = c.moment(default=None)
    permanent: bool
    hours_start: time | None = None
    hours_end: time | None = None
    reason: str = c.text()
    source: str = c.text()
    list_name: str | None = c.text(default=None)
    created_by: str = c.text()
    created_at: datetime | None = c.wall_now()
    lifted_at: datetime | None = c.moment(default=None)
    lifted_by: str | None = c.text(default=None)
    lift_reason: str | None = c.text(default=None)


class Contact(c.Table, table=True):
    """A permission to contact, then the contact itself. `at` is business time, `hold_until` wall time (X28)."""

    __table_args__ = (
        Index("contact_customer", "customer_id", "at"),
        Index("contact_household", "household_id", "at", postgresql_where=text("household_id IS NOT NULL")),
        Index("contact_accounts", "account_ids", postgresql_using="gin", postgresql_with={"fastupdate": False}),
        Index(
            "contact_once_a_step",
            "campaign",
            "customer_id",
            "step",
            unique=True,
            postgresql_where=text("state IN ('reserved', 'confirmed')"),
        ),
    )

    id: UUID = Field(primary_key=True)
    customer_id: UUID
    household_id: str | None = c.text(default=None)
    account_ids: list[UUID] = c.uuids(sa_column_kwargs={"server_default": text("'{}'")})
    branch_id: str | None = c.text(default=None)
    channel: str = c.text()
    direction: str = c.text()
    message_class: str = c.text()
    campaign: str | None = c.text(default=None)
    step: str | None = c.text(default=None)
    opportunity_id: UUID | None = None
    decision_id: UUID | None = None
    state: str = c.text()
    at: datetime = c.moment()
    hold_until: datetime | None = c.moment(default=None)
    disposition: str | None = c.text(default=None)
    confirmed_at: datetime | None = c.moment(default=None)
    beyond_policy: bool = False


class Decision(c.Table, table=True):
    """What was asked, known and answered, byte for byte: `decide` on `inputs` gives `result` again."""

    __table_args__ = (
        Index("decision_customer", "customer_id", "id"),
        # Business time grows with the rows: a range is found without an entry for every decision.
        Index("decision_as_of", "as_of", postgresql_using="brin"),
    )

    id: UUID = Field(primary_key=True)
    customer_id: UUID
    branch_id: str | None = c.text(default=None)
    channel: str = c.text()
    caller: str = c.text()
    as_of: datetime = c.moment()
    catalogue_version: int
    policy_version: int
    personalised: bool
    inputs: bytes = c.blob()
    result: bytes = c.blob()
    sha256: str = c.text()
    created_at: datetime | None = c.wall_now()


class DecisionPresented(c.Table, table=True):
    """An offer of a decision was shown to the customer."""

    __tablename__ = "decision_presented"

    decision_id: UUID = Field(primary_key=True)
    offer: str = c.text(primary_key=True)
    contact_id: UUID
    presented_by: str = c.text()
    presented_at: datetime = c.moment()


class Response(c.Table, table=True):
    """What a customer answered to an offer: a process figure, never an outcome (X14)."""

    __table_args__ = (Index("response_customer", "customer_id", "id"),)

    id: UUID = Field(primary_key=True)
    customer_id: UUID
    branch_id: str | None = c.text(default=None)
    decision_id: UUID | None = None
    opportunity_id: UUID | None = None
    offer: str = c.text()
    outcome: str = c.text()
    channel: str | None = c.text(default=None)
    recorded_by: str = c.text()
    recorded_at: datetime = c.moment()


class Result(c.Table, table=True):
    """One computed result of a campaign; the newest is shown."""

    __table_args__ = (Index("result_campaign", "campaign", "id"),)

    id: UUID = Field(primary_key=True)
    campaign: str = c.text()
    campaign_version: int
    as_of: date
    content: dict[str, Any] = c.json()
    created_at: datetime | None = c.wall_now()


# Tasks, and what others know, stand in files of their own.

TASKS = task_tables.TABLES
PROJECTIONS = projection_tables.TABLES

METADATA = c.Table.metadata
kit_tables(METADATA)
proposal_table(METADATA)
