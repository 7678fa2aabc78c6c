"""What Attune takes and tells. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from attune_client.base import OPEN, Model

Direction = Annotated[Literal["credit", "debit"], OPEN]
"""Seen from the customer: a credit raises the balance."""


Flag = Annotated[Literal["own_transfer", "maturity", "loan_payout", "reversal"], OPEN]
"""Why a credit is no new money, or that a posting undoes another (X37)."""


MessageClass = Annotated[Literal["marketing", "service", "legal"], OPEN]
"""What a message is for. The contact policy and holdouts bind `marketing` only; the others are exempt by class."""


OpportunityState = Annotated[
    Literal["open", "held_out", "suppressed", "deferred", "acted", "escalated", "expired", "withdrawn"], OPEN
]
"""What became of an opportunity. Only `open` ones make tasks and escalate (X10)."""


class AccountView(Model):
    """An account that the customer owns."""

    account_id: UUID
    branch_id: str | None
    closed_on: dt.date | None
    currency: str
    kind: str
    opened_on: dt.date | None
    source_id: str


class BothLanguages(Model):
    """One text in Chinese and English."""

    en: str
    zh: str


class Reason(Model):
    """Why an action is proposed."""

    code: str
    text: BothLanguages


class ScriptText(Model):
    """What to say, or to show."""

    id: str
    text: BothLanguages
    version: int


class CampaignMoney(Model):
    """An amount with its currency."""

    amount: str
    currency: str


class Action(Model):
    """One marketing action, the best first."""

    name: BothLanguages
    offer: str
    opportunity_id: UUID | None
    product_id: str | None
    rank: int
    reasons: Sequence[Reason]
    risk_level: str | None
    script: ScriptText | None
    value: CampaignMoney | None


class Activated(Model):
    """The version that is being made ready: the job makes its states, then it judges the stream."""

    job_id: UUID
    name: str
    version: int


class Activation(Model):
    """Which version is to judge the stream."""

    version: int


class AnsweringModel(Model):
    """Which bytes have answered."""

    model: str
    sha256: str
    version: int


class AnsweringVersions(Model):
    """Who answers for a model of the purpose."""

    challenger: int | None
    champion: int | None
    model: str


class Approval(Model):
    """What is approved: the hash of the payload that the approver has read."""

    sha256: str


class ArmResult(Model):
    """One arm: customers, those who bought, and their share."""

    n: int
    outcomes: int
    rate: float | None


class ArmView(Model):
    """Whether the customer was held out, and by what: a campaign's code, or `universal`."""

    by: str | None
    held_out: bool


class Assigned(Model):
    """How many customers have another manager now; the others had that one already."""

    assigned: int
    branch_id: str
    unchanged: int


class AssignmentView(Model):
    """One customer's arm."""

    arm: str
    business_date: dt.date
    customer_id: UUID


class CustomerAssignment(Model):
    """A customer and their manager to be."""

    customer_id: UUID
    manager_id: str


class Assignments(Model):
    """Customers of one branch to be given to managers: all of them, or none."""

    assignments: Sequence[CustomerAssignment]


class AuditEntry(Model):
    """One thing done: by whom, to what, in which request. `version` = the entity's after it; wall time."""

    at: dt.datetime
    detail: Mapping[str, Any] | None
    entity: str
    entity_id: str
    id: int
    request_id: str | None
    version: str | None
    what: str
    who: str


class CheckView(Model):
    """A policy that was asked for the whole customer."""

    check: str
    level: str | None
    passed: bool
    text: BothLanguages | None
    until: dt.datetime | None


class ChangeView(Model):
    """One fact, and what it would have to be."""

    fact: str
    subject: str | None
    was: str | int | float | None
    would_be: str | int | float | None


class CounterfactualView(Model):
    """With these changes the result would be this, as the rules say when they are run again."""

    about: str
    changes: Sequence[ChangeView]
    effect: Annotated[Literal["lifted", "first"], OPEN]
    result: Sequence[str]
    text: BothLanguages


class ModelVersion(Model):
    """A model whose score was used."""

    name: str
    version: int


class PlaceView(Model):
    """One offer in the arbitration: priority = propensity × weight × value in minor units × lever."""

    lever: float
    model: ModelVersion | None
    """Whose score the propensity is; null = the offer's base rate"""
    offer: str
    opportunity_id: UUID | None
    priority: float
    propensity: float
    rank: int
    shown: bool
    trigger: str | None
    value: CampaignMoney | None
    weight: float


class Versions(Model):
    """Everything that has a version and took part."""

    catalogue: int
    contact_policy: int
    models: Sequence[ModelVersion]
    rules: int


class RefusalView(Model):
    """An offer that a rule withheld; `step` says which condition."""

    offer: str
    rule: str
    step: str
    text: BothLanguages


class AuditorExplanation(Model):
    """Everything that led to the answer, and what would have changed it."""

    arm: ArmView
    as_of: dt.datetime
    audience: Annotated[Literal["auditor"], OPEN]
    caller: str
    channel: str
    checks: Sequence[CheckView]
    counterfactuals: Sequence[CounterfactualView]
    decision_id: UUID
    inputs: Mapping[str, Any]
    personalised: bool
    ranking: Sequence[PlaceView]
    replayed: bool
    """Deciding again on the stored inputs gives the same bytes"""
    sha256: str
    versions: Versions
    withheld: Sequence[RefusalView]


class Tried(Model):
    """A trigger by its name, or a definition as its file says it."""

    file: str | None = None
    """Or a trigger file"""
    trigger: str | None = None
    """The name of a trigger: its newest version is tried"""
    version: int | None = None
    """Of the named trigger: another version than the newest"""


class BacktestRequest(Model):
    """What is tried, on which days, and what it is looked at beside."""

    from_: dt.date = Field(alias="from")
    to: dt.date
    against: Tried | None = None
    """Another version, or another trigger, tried on the same days and set beside this one"""
    capacity: int | None = None
    """Opportunities that a relationship manager can act on in a day; without it the bank's own figure of the
    employee, else 8
    """
    file: str | None = None
    """Or a trigger file"""
    overlap: Sequence[str] | None = None
    """Active triggers to look at beside this one; without it the 20 of the highest priority, of an empty list none"""
    overlap_days: int | None = None
    """Detections of two triggers overlap up to so many days apart"""
    trigger: str | None = None
    """The name of a trigger: its newest version is tried"""
    version: int | None = None
    """Of the named trigger: another version than the newest"""


class BacktestView(Model):
    """A backtest in short; `branch` is the one whose customers alone were looked at, `version` none of a file."""

    branch: str | None
    created_at: dt.datetime
    detections: int | None
    """Once it is done"""
    finished_at: dt.datetime | None
    from_: dt.date = Field(alias="from")
    id: UUID
    state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN]
    subjects: int | None
    to: dt.date
    trigger: str
    version: int | None


class BehaviourIn(Model):
    """One thing that a customer did, e.g. `product_viewed`, `step_started`, `step_completed`."""

    behaviour: str
    behaviour_id: str
    customer_id: str
    """The bank's own customer id"""
    occurred_at: dt.datetime
    channel: str | None = None
    product: str | None = None
    seconds: int | None = None
    """How long"""
    step: str | None = None
    """Of an application"""


class DetectionRef(Model):
    """The detection that there is of the posting, the behaviour or the day."""

    detection_id: UUID
    late: bool
    reason: str | None
    state: Annotated[Literal["raised", "withdrawn"], OPEN]
    trigger_version: int


class PartView(Model):
    """One part of the rule and its values; amounts are minor units, sums that may be large are strings."""

    part: str
    passed: bool
    values: Mapping[str, str | int | None]


class Sentence(Model):
    """The same in both languages."""

    en: str
    zh: str


class Verdict(Model):
    """What one version of a trigger says: its parts in order, up to the first that failed."""

    current: bool
    """Whether it is the version that judges; a draft is told only among all versions"""
    detection: DetectionRef | None
    failed: str | None
    fired: bool
    parts: Sequence[PartView]
    text: Sentence
    trigger: str
    version: int


class BehaviourWhy(Model):
    """One behaviour, how it came, and what every trigger says of it."""

    behaviour: str
    behaviour_id: str
    business_date: dt.date
    came: Annotated[Literal["stream", "beyond", "lake", "waiting"], OPEN]
    channel: str | None
    occurred_at: dt.datetime
    product: str | None
    received_at: dt.datetime | None
    step: str | None
    triggers: Sequence[Verdict]


class BehavioursIn(Model):
    """Behaviours of one front end; `source` is the source system of the customer ids."""

    behaviours: Sequence[BehaviourIn]
    source: str


class BehavioursTaken(Model):
    """What became of them: on their way, or known before."""

    accepted: int
    clashes: Sequence[str]
    """Ids among the duplicates that came before with other content; what came first holds"""
    duplicates: int


class BranchRef(Model):
    """A branch; `name` is null if the branch list does not know it."""

    branch_id: str
    name: str | None


class BranchView(Model):
    """A branch and the one above it; null above head office."""

    branch_id: str
    name: str
    parent_id: str | None


class BusinessTime(Model):
    """Business time, and its day in the bank's zone."""

    business_date: dt.date
    now: dt.datetime


class GivenText(Model):
    """A text in both languages, as it is to be."""

    en: str
    zh: str


class CampaignChange(Model):
    """A campaign as it shall be; `version` is the one it was read at."""

    control_share: float
    """A multiple of 0.0001"""
    outcome_kinds: Sequence[str]
    version: int
    window_business_days: int
    channels: Sequence[Annotated[Literal["mobile", "call_centre", "relationship_manager"], OPEN]] | None = None
    """Which ways a task may go, the best first; empty: as suits the customer"""
    enabled: bool | None = None
    escalate_after_hours: int | None = None
    """Hours without action after which an opportunity escalates"""
    expire_after_hours: int | None = None
    """Hours after which it is lost; null: as the trigger says"""
    priority: int | None = None
    """Among a customer's campaigns, and in lists of tasks"""
    product_kind: (
        Annotated[Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN] | None
    ) = None
    """What its contacts sell, where that is one kind: the consent must cover it"""
    script: GivenText | None = None
    """What to say, shown with its tasks"""


class CampaignView(Model):
    """A campaign. The salt of its arms is a secret and no part of it."""

    channels: Sequence[Annotated[Literal["mobile", "call_centre", "relationship_manager"], OPEN]]
    code: str
    control_share: float
    enabled: bool
    escalate_after_hours: int
    expire_after_hours: int | None
    name: BothLanguages
    outcome: str
    outcome_kinds: Sequence[str]
    priority: int
    product_kind: (
        Annotated[Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN] | None
    )
    script: BothLanguages | None
    trigger: str
    trigger_retired_at: dt.datetime | None
    """Since when (business time) its trigger judges no more: it opens nothing until another version does"""
    version: int
    window_business_days: int


class CampaignWhy(Model):
    """The rule that refuses, and whose limit it is."""

    code: str
    level: Annotated[Literal["customer", "household", "account"], OPEN] | None
    text: BothLanguages


class Cap(Model):
    """At most `limit` contacts of the level in any sliding window of `days`, in business time."""

    days: int
    channel: str | None = None
    """None counts all channels together"""
    level: Annotated[Literal["customer", "household", "account"], OPEN] | None = None
    limit: int | None = None
    """null: no limit; 0: nobody; n: at most n"""


class Challenger(Model):
    """How many of the purpose's customers its challengers answer for; without a share what holds, or a tenth."""

    share: float | None = None


class ConditionsView(Model):
    """Who is eligible; null asks nothing."""

    age_max: int | None
    age_min: int | None
    minimum_balance: CampaignMoney | None
    product_not_held: Sequence[str]
    rating_invalid: bool
    where: str | None


class OwnField(Model):
    """A field that a bank adds, as a folder or a file says it. `posting` and `event` are read of facts by triggers,
    `customer` is read by offers.
    """

    en: str
    is_: str = Field(alias="is")
    name: str
    type: Annotated[Literal["bool", "int", "money", "float", "text", "date", "ts"], OPEN]
    zh: str
    freshness: str | None = None
    grain: Annotated[Literal["posting", "event", "customer"], OPEN] | None = None
    level: Annotated[Literal["C1", "C2"], OPEN] | None = None
    meaning: str | None = None
    owner: str | None = None
    purpose: str | None = None
    unit: str | None = None


class ChangedOffer(Model):
    """The offer as stored, and the catalogue that decisions use from now on."""

    base_propensity: float
    catalogue_version: int
    code: str
    conditions: ConditionsView
    context: Mapping[str, float]
    enabled: bool
    expected_margin: CampaignMoney | None
    kind: str
    lever: float
    models: Sequence[str]
    name: BothLanguages
    own_fields: Sequence[OwnField]
    """The bank's own fields that the condition `where` reads, as they were when it was kept"""
    product_id: str | None
    product_kind: str | None
    risk_level: str | None
    scripts: Sequence[str]
    version: int


class ChangedScript(Model):
    """The script as stored, and the catalogue that decisions use from now on."""

    catalogue_version: int
    channel: str
    enabled: bool
    id: str
    offer: str
    text: BothLanguages
    version: int


class ChannelContactability(Model):
    """One channel. `free_from`: from when it is allowed as things stand; null = not foreseeable."""

    allowed: bool
    channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN]
    direction: Annotated[Literal["inbound", "outbound"], OPEN]
    free_from: dt.datetime | None
    reason: CampaignWhy | None


class ConditionView(Model):
    """A condition of the file: where it stands, what it says in words, which fields it reads, their data level."""

    en: str
    fields: Sequence[str]
    key: str
    level: str
    zh: str


class Checked(Model):
    """What a file says, in short."""

    conditions: Sequence[ConditionView]
    kind: str
    trigger: str


class Choice(Model):
    """One class of several: the channel that a customer uses most within so many days. Who uses none is left out."""

    values: Sequence[str]
    within_days: int
    by: Annotated[Literal["channel"], OPEN] | None = None
    starts_on: dt.date | None = None
    """First day of the window; by default the day after as_of"""


class Chosen(Model):
    """The customers whose scores are shared out, and how many features of each are named."""

    customer_ids: Sequence[UUID]
    most: int | None = None
    """Features a customer; the rest is one sum"""
    version: int | None = None
    """By default the champion"""


class ClockHours(Model):
    """Which hours the opportunities' clock counts: those of the calendar, or working hours of business days (X1)."""

    count: Annotated[Literal["calendar", "working"], OPEN]
    end: str
    start: str
    business_days: bool | None = None


class ClockShare(Model):
    """Acted on in time, of those whose moment has come; null while there are none."""

    acted: int
    due: int
    share: float | None


class ClockLine(Model):
    """One group of opportunities that could be acted on. `key` null: branch or channel is not known."""

    before_escalation: ClockShare
    before_expiry: ClockShare
    key: str | None
    opened: int
    running: int


class ClockReport(Model):
    """How many opportunities were acted on before they escalated (24 h) and before they were lost (48 h)."""

    as_of: dt.datetime
    by: Annotated[Literal["branch", "channel", "trigger"], OPEN]
    items: Sequence[ClockLine]
    next_cursor: str | None
    total: ClockLine


class ClockRequest(Model):
    """Where business time shall go."""

    to: dt.datetime


class Column(Model):
    """A column that may become a feature. A category's levels are those of the training rows; `unknown` is a level.
    `known_after: outcome`: known only once the answer is, and therefore refused. `dated`: the column that says of
    which day the value is; one that is later than the label's day is refused.
    """

    column: str | None = None
    """Its heading in the file, where that is another"""
    dated: str | None = None
    known_after: Annotated[Literal["outcome"], OPEN] | None = None
    type: Annotated[Literal["number", "boolean", "category"], OPEN] | None = None


class GroupView(Model):
    """One group: its customers, each counted once, those with the outcome, and the amount of these postings."""

    amount: str
    group: Annotated[Literal["model", "champion", "challenger", "no_model"], OPEN]
    n: int
    rate: float | None
    responses: int
    versions: Sequence[int]
    """Those that have answered for it in this time"""


class MoneyView(Model):
    """The difference of the amounts a customer with its interval of 95 %, and that times the group's customers."""

    difference: str | None
    earned: str | None
    earned_high: str | None
    earned_low: str | None
    high: str | None
    low: str | None
    method: str
    reason: str
    verdict: Annotated[Literal["proved", "not proved"], OPEN]


class EffectView(Model):
    """Group less the other one: the difference of the rates with its interval of 95 %, and what it may claim."""

    difference: float | None
    high: float | None
    low: float | None
    method: str
    reason: str
    verdict: Annotated[Literal["proved", "not proved"], OPEN]


class RatioView(Model):
    """Whether the groups' sizes fit the shares by which they were drawn."""

    ok: bool
    p: float


class ComparedView(Model):
    """Two groups. Outcomes after `since` count, up to `until`; `final` when the window has closed. The customers are
    those of the snapshot `population_as_of`: who came later is in neither group.
    """

    against: GroupView
    final: bool
    group: GroupView
    money: MoneyView
    population_as_of: dt.date | None
    response: EffectView
    sample_ratio: RatioView
    since: dt.date
    until: dt.date | None


class Outcome(Model):
    """What counts as a response, from the ledger (X14): a posting of one of these kinds that was not undone."""

    kinds: Sequence[str]
    within_days: int
    wanted: Annotated[Literal["more", "fewer"], OPEN] | None = None


class ComparisonView(Model):
    """What a model earned, by intention to treat: everybody counts in the purpose's arm, contacted or not. First the
    model with none, over the time in which it has answered without a break; then, where a challenger stands,
    champion and challenger with none and with each other. The ledger's last day was `as_of`.
    """

    as_of: dt.date | None
    comparisons: Sequence[ComparedView]
    currency: str | None
    model: str
    outcome: Outcome
    purpose: str
    settings_version: int
    shares_version: int


class Completion(Model):
    """What came of the contact: a code of the handling policy, with the moment that was agreed for a call-back."""

    disposition: str
    call_back_at: dt.datetime | None = None
    """Business time; for a call-back only"""
    note: str | None = None


class Confirmation(Model):
    """The contact took place."""

    disposition: str


class ConsentDecision(Model):
    """What the customer says about one purpose; a consent names the version of the notice they were shown."""

    granted: bool
    purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
    channel: (
        Annotated[
            Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push", "email", "mail"], OPEN
        ]
        | None
    ) = None
    """Of marketing_contact: one channel; null = all"""
    notice_version: int | None = None
    """Of the notice shown; a refusal needs none"""
    product_kind: (
        Annotated[Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN] | None
    ) = None
    """Of marketing_contact: one kind; null = all"""


class ConsentChange(Model):
    """What the customer gives and withdraws. A refusal ends every consent within what it covers."""

    decisions: Sequence[ConsentDecision]
    evidence: str | None = None
    """What proves it; staff must say so for a consent"""


class ConsentEntryView(Model):
    """One entry of the ledger: what was decided, how it is known, who wrote it down and when."""

    actor: str
    at: dt.datetime
    basis: Annotated[Literal["decision", "default"], OPEN]
    channel: (
        Annotated[
            Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push", "email", "mail"], OPEN
        ]
        | None
    )
    evidence: str
    granted: bool
    notice_version: int | None
    product_kind: (
        Annotated[Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN] | None
    )
    purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
    since: dt.date
    source: Annotated[Literal["customer", "staff", "import", "merge"], OPEN]
    version: int


class ConsentView(Model):
    """A decision of the customer that holds. A purpose that is not listed is unknown, and that means no. Of
    marketing contacts one channel or one product kind may have a decision of its own: the most specific one
    holds, null stands for all of them.
    """

    basis: Annotated[Literal["decision", "default"], OPEN]
    channel: (
        Annotated[
            Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push", "email", "mail"], OPEN
        ]
        | None
    )
    evidence: str
    granted: bool
    notice_version: int | None
    product_kind: (
        Annotated[Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN] | None
    )
    purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
    since: dt.date


class ConsentsView(Model):
    """All that holds for a customer; `version` grows with every change, 0 = nothing was ever said."""

    consents: Sequence[ConsentView]
    customer_id: UUID
    version: int


class ConsumerLag(Model):
    """How many messages of a stream's partition are not applied yet; null where this process cannot tell."""

    partition: int
    pending: int | None
    stream: str


class CoolDown(Model):
    """No contact of the level within `days` after one, in business time."""

    channel: str | None = None
    """None: a contact on any channel starts it"""
    days: int | None = None
    """null: no rule; 0: said to be none; n: n days"""
    level: Annotated[Literal["customer", "household", "account"], OPEN] | None = None


class QuietHours(Model):
    """The named channels contact nobody in these hours."""

    channels: Sequence[str]
    end: str
    start: str


class ContactPolicy(Model):
    """Caps, cool-downs and quiet hours of outbound marketing. Inbound contacts count and are never refused."""

    caps: Sequence[Cap] | None = None
    cool_down_days: int | None = None
    """Days after any contact with the customer: null, 0 and n as in cool_downs"""
    cool_downs: Sequence[CoolDown] | None = None
    """The same by level and channel"""
    quiet_hours: QuietHours | None = None


class ContactView(Model):
    """A contact. Reserved, it counts until `hold_until` (wall time); confirmed, it counts for good."""

    at: dt.datetime
    beyond_policy: bool
    campaign: str | None
    channel: str
    customer_id: UUID
    direction: str
    disposition: str | None
    hold_until: dt.datetime | None
    id: UUID
    message_class: MessageClass
    state: str
    step: str | None


class Contactability(Model):
    """May we contact this customer, by channel, at this moment of business time?"""

    as_of: dt.datetime
    channels: Sequence[ChannelContactability]
    customer_id: UUID
    message_class: MessageClass
    policy_version: int


class DataUsed(Model):
    """A kind of data that the answer was made from."""

    code: str
    text: BothLanguages


class WayToObject(Model):
    """What the customer may do."""

    code: str
    text: BothLanguages


class Objection(Model):
    """How to object."""

    text: BothLanguages
    ways: Sequence[WayToObject]


class ProposedView(Model):
    """An offer that was shown, and why."""

    offer: str
    rank: int
    reasons: Sequence[str]
    text: BothLanguages


class CustomerExplanation(Model):
    """In plain words, about oneself: what was proposed and why, from which data, and how to object."""

    as_of: dt.datetime
    audience: Annotated[Literal["customer"], OPEN]
    channel: str
    data_used: Sequence[DataUsed]
    decision_id: UUID
    objection: Objection
    personalised: bool
    proposed: Sequence[ProposedView]
    summary: BothLanguages
    what_if: Sequence[BothLanguages]


class CustomerFeatures(Model):
    """One customer's features as of a day. Money is integer minor units; null = not known."""

    as_of: dt.date
    branch_id: str | None
    customer_id: UUID
    features: Mapping[str, int | float | bool | str | None]
    stale: bool


class CustomerSummary(Model):
    """One line of a list of customers."""

    branch_id: str | None
    customer_id: UUID
    manager_id: str | None
    name: str | None
    """In full for those who serve customers, else masked: 张*"""
    party_kind: Annotated[Literal["person", "organisation", "prospect"], OPEN]
    phone: str | None
    """Masked: 138****1234"""
    source: str
    source_id: str


class CustomerType(Model):
    """Who this is in one line; null in a generic answer."""

    lifecycle: str | None
    risk_rating: str | None
    value_quadrant: str | None


class DetailSummary(Model):
    """One field in the view: its value where it may be shown there, and whether it can be relied on."""

    field: Annotated[
        Literal["job", "employer", "income_band", "marital_status", "education", "phone", "address", "email"], OPEN
    ]
    freshness: Annotated[Literal["fresh", "stale"], OPEN]
    source: Annotated[Literal["bank", "manager", "customer", "import"], OPEN]
    updated_at: dt.datetime
    value: str | None


class Names(Model):
    """A name in both languages."""

    en: str
    zh: str


class ProductView(Model):
    """A product of the bank."""

    kind: str
    name: Names
    product_id: str
    risk_level: str | None


class Money(Model):
    """A decimal amount with its currency's own places."""

    amount: str
    currency: str


class HoldingView(Model):
    """A product that the customer holds, and its worth where the bank's extract says."""

    account_id: UUID | None
    holding_id: str
    matures_on: dt.date | None
    opened_on: dt.date | None
    product: ProductView
    value: Money | None


class MemberView(Model):
    """Another member of the household whom the caller may see."""

    customer_id: UUID
    name: str | None
    role: str | None


class HouseholdView(Model):
    """The household, the customer's own role in it, and its other members within the caller's scope, 20 at most."""

    household_id: str
    members: Sequence[MemberView]
    role: str | None


class Manager(Model):
    """The relationship manager; `name` is null if the staff list does not say."""

    employee_id: str
    name: str | None


class OrganisationView(Model):
    """What an organisation has beside a person; its registration number is its document."""

    industry: str | None
    legal_form: str | None


class ProspectView(Model):
    """Where the bank knows somebody from who is not a customer yet, and why it may hold their data."""

    legal_basis: Annotated[Literal["consent", "contract", "public_information"], OPEN]
    source: str


class RiskSummary(Model):
    """The rating that holds, or held last; `valid` = it holds today. `assessments` were made in twelve months."""

    assessments: int
    rated_on: dt.date | None
    rating: Annotated[Literal["C1", "C2", "C3", "C4", "C5"], OPEN] | None
    valid: bool
    valid_until: dt.date | None


class TagSummary(Model):
    """A tag in one line."""

    expires_on: dt.date
    name: Names
    source: str
    tag: str
    value: str


class TimelineEntryView(Model):
    """One event: its kind, what happened, and the particulars that carry no personal data."""

    at: dt.datetime
    detail: Mapping[str, Any]
    key: str
    kind: Annotated[Literal["detection", "contact", "response", "consent", "profile", "risk", "import"], OPEN]
    what: str


class CustomerView(Model):
    """Everything that customer-360 knows about one customer."""

    accounts: Sequence[AccountView]
    birth_date: dt.date | None
    branch: BranchRef | None
    consents: Sequence[ConsentView]
    customer_id: UUID
    details: Sequence[DetailSummary]
    document: str | None
    """Masked: 110***********1234"""
    gender: str | None
    has_address: bool
    holdings: Sequence[HoldingView]
    household: HouseholdView | None
    manager: Manager | None
    name: str | None
    """In full for those who serve customers, else masked: 张*"""
    opened_on: dt.date | None
    organisation: OrganisationView | None
    party_kind: Annotated[Literal["person", "organisation", "prospect"], OPEN]
    personalisation: bool
    phone: str | None
    """Masked: 138****1234"""
    prospect: ProspectView | None
    risk: RiskSummary
    risk_rated_on: dt.date | None
    risk_rating: str | None
    source: str
    source_id: str
    tags: Sequence[TagSummary]
    timeline: Sequence[TimelineEntryView]
    version: int


class DailyHours(Model):
    """From one local time of the bank's zone to another, over midnight too."""

    end: str
    start: str


class DayRate(Model):
    """Detections of one business day."""

    business_date: dt.date
    raised: int
    withdrawn: int


class DecileView(Model):
    """A tenth of the customers by score, 1 the best: who responded, with an interval of 95 %, and training's rate."""

    decile: int
    high: float
    low: float
    n: int
    rate: float
    responses: int
    trained: float | None


class Decision(Model):
    """Why it was decided so; no personal data."""

    reason: str | None = None


class ServiceAction(Model):
    """Something to do for the customer that sells nothing."""

    name: BothLanguages
    offer: str
    reasons: Sequence[Reason]
    script: ScriptText | None


class Withheld(Model):
    """An offer that a rule forbids: eligibility, suitability, consent or contact_policy."""

    offer: str
    rule: str
    text: BothLanguages


class NextBestActions(Model):
    """The answer to "what do we propose to this customer, here and now?"."""

    actions: Sequence[Action]
    as_of: dt.datetime
    channel: str
    customer_type: CustomerType | None
    decision_id: UUID
    message: Reason | None
    models: Sequence[ModelVersion]
    personalised: bool
    score_source: Annotated[Literal["stored", "fresh", "none"], OPEN]
    service_actions: Sequence[ServiceAction]
    withheld: Sequence[Withheld]


class DecisionView(Model):
    """A stored decision; the inputs for auditors only."""

    caller: str
    catalogue_version: int
    customer_id: UUID
    decision_id: UUID
    inputs: Mapping[str, Any] | None
    policy_version: int
    presented: Sequence[str]
    replayed: bool
    """Deciding again on the stored inputs gives the same bytes"""
    result: NextBestActions
    sha256: str


class DetailView(Model):
    """One field. Contact data are masked, an address is not shown at all: in full they are disclosed for a reason."""

    field: Annotated[
        Literal["job", "employer", "income_band", "marital_status", "education", "phone", "address", "email"], OPEN
    ]
    freshness: Annotated[Literal["fresh", "stale"], OPEN]
    masked: bool
    source: Annotated[Literal["bank", "manager", "customer", "import"], OPEN]
    updated_at: dt.datetime
    updated_by: str
    value: str | None


class DetailsChange(Model):
    """What to set or confirm; null removes a field, and what is left out stays. Income is a month's, in the bank's
    base currency.
    """

    address: str | None = None
    education: Annotated[Literal["school", "college", "bachelor", "master", "doctor"], OPEN] | None = None
    email: str | None = None
    employer: str | None = None
    income_band: (
        Annotated[Literal["under_5000", "5000_10000", "10000_20000", "20000_50000", "over_50000"], OPEN] | None
    ) = None
    job: str | None = None
    marital_status: Annotated[Literal["single", "married", "divorced", "widowed"], OPEN] | None = None
    phone: str | None = None


class DetailsView(Model):
    """All that is known, field by field, and what has gone stale or was never known."""

    customer_id: UUID
    details: Sequence[DetailView]
    missing: Sequence[
        Annotated[
            Literal["job", "employer", "income_band", "marital_status", "education", "phone", "address", "email"], OPEN
        ]
    ]
    stale: Sequence[
        Annotated[
            Literal["job", "employer", "income_band", "marital_status", "education", "phone", "address", "email"], OPEN
        ]
    ]


class Evidence(Model):
    """Why: the amount, and what it was compared with; null where the trigger has no such figure, or leaves it out."""

    amount: str | None
    compared_with: str | None
    currency: str
    metric: str


class DetectionView(Model):
    """What a trigger found, on whom and why. `raised` stands; amounts and the bank's account id need evidence:read."""

    account_id: UUID | None
    account_source_id: str | None
    branch_id: str | None
    """The customer's branch today"""
    business_date: dt.date
    customer_id: UUID
    detection_id: UUID
    event_key: str
    event_time: dt.datetime
    evidence: Evidence | None
    expires_at: dt.datetime
    late: bool
    reason: str | None
    state: Annotated[Literal["raised", "withdrawn"], OPEN]
    trigger: str
    trigger_version: int


class Difference(Model):
    """One key that differs; null where the file does not have it."""

    after: Any
    before: Any
    key: str


class Differences(Model):
    """How a version differs from another one."""

    differences: Sequence[Difference]
    name: str
    other: int
    version: int


class Discard(Model):
    """Why a message is given up."""

    reason: str
    """Kept in the audit row: no customer's data"""


class Labels(Model):
    """What a disposition is called."""

    en: str
    zh: str


class Disposition(Model):
    """An outcome code, and what it does to the contact, to the opportunities and to the task."""

    code: str
    contact: Annotated[Literal["confirmed", "released"], OPEN]
    """confirmed: it counts; released: nobody was reached"""
    label: Labels
    opportunity: Annotated[Literal["acted", "waits"], OPEN]
    """acted: its clock stops; waits: it runs on"""
    task: Annotated[Literal["done", "again", "call_back"], OPEN]
    """again: open once more after a pause; call_back: open once more at an agreed moment"""
    pause_minutes: int | None = None
    suppress_days: int | Annotated[Literal["permanent"], OPEN] | None = None
    """The customer is not to be contacted for so long; null: no suppression"""


class DriftView(Model):
    """A crossing: a feature, or the score (null), drifted more than when it was last looked at."""

    as_of: dt.date
    detected_at: dt.datetime
    feature: str | None
    id: UUID
    ks: float
    level: Annotated[Literal["moderate", "major"], OPEN]
    psi: float
    version: int


class EventingImportRequest(Model):
    """What to import: a mapping and the folder with the bank's files."""

    datasets: Sequence[Annotated[Literal["transactions", "behaviours"], OPEN]]
    import_id: UUID
    """Chosen by the client; one import may span customer-360 and eventing"""
    mapping: Mapping[str, Any]
    """The mapping file's content"""
    folder: str | None = None
    """A folder that the service can read; none: the files that were uploaded for this import"""


class FeatureDrift(Model):
    """One feature of the version."""

    by_chance: float | None
    feature: str
    ks: float | None
    level: Annotated[Literal["stable", "moderate", "major"], OPEN]
    missing: float | None
    missing_before: float | None
    psi: float | None


class FeatureView(Model):
    """One feature: its labels, unit and purpose, and whether a model may use it (`never` says why not)."""

    label: Mapping[str, str]
    level: Annotated[Literal["C1", "C2"], OPEN]
    meaning: str
    name: str
    never: str | None
    nullable: bool
    purpose: str
    type: str
    unit: str
    usable: bool


class FeatureList(Model):
    """Every feature, and what is known of a customer and no model may see."""

    freshness: str
    items: Sequence[FeatureView]
    never: Sequence[FeatureView]


class FeatureSpec(Model):
    """One feature. `min` and `max`: what values usually lie between; they are probed there, not bounded."""

    name: str
    max: float | None = None
    min: float | None = None
    nullable: bool | None = None
    type: Annotated[Literal["INTEGER", "BIGINT", "DOUBLE", "BOOLEAN"], OPEN] | None = None
    unit: str | None = None


class FileBody(Model):
    """A trigger file, YAML or JSON, as docs/reference/triggers.md has it."""

    file: str


class FileLabel(Model):
    """The answer: the column that holds it and the values that mean yes."""

    column: str
    positive: Sequence[str]
    dated: str | None = None
    """The column with the day by which features must be known"""


class Protected(Model):
    """A protected attribute: never a feature, but fairness is reported over it; a number by bands."""

    column: str
    bands: Sequence[float] | None = None


class Treatment(Model):
    """Who was treated, by chance: the column that says so and the values that mean yes."""

    column: str
    treated: Sequence[str]


class FileData(Model):
    """A CSV or Parquet file, sent before by `PUT /v1/model-uploads/files/{file_id}`."""

    columns: Mapping[str, Any]
    file_id: UUID
    label: FileLabel
    sha256: str
    encoding: Annotated[Literal["utf-8", "gb18030", "latin-1"], OPEN] | None = None
    format: Annotated[Literal["csv", "parquet"], OPEN] | None = None
    headings: Sequence[str] | None = None
    """Where the file's first line has none"""
    protected: Mapping[str, Any] | None = None
    separator: str | None = None
    time: str | None = None
    """A column of ISO dates: stability over time, split by time"""
    treatment: Treatment | None = None
    """Of the kind uplift"""


class FilePart(Model):
    """What has arrived: how many bytes of the file there are now, and the hash of this part."""

    bytes: int
    sha256: str


class Gate(Model):
    """The last day that the replay may publish."""

    through: dt.date


class GateRequest(Model):
    """How far a gated replay may go."""

    through: dt.date


class GivenMoney(Model):
    """An amount that is not negative, with the currency's own places."""

    amount: str
    currency: str


class GivenConditions(Model):
    """Who is eligible; what is not set asks nothing."""

    age_max: int | None = None
    age_min: int | None = None
    minimum_balance: GivenMoney | None = None
    product_not_held: Sequence[str] | None = None
    rating_invalid: bool | None = None
    where: str | None = None
    """A condition over age, held (has_tag), risk_rating, balance, value_quadrant, lifecycle and the bank's own
    fields of customers
    """


class GivenName(Model):
    """A name in both languages, as it is to be."""

    en: str
    zh: str


class GivenNames(Model):
    """A name in both languages, as it is given."""

    en: str
    zh: str


class OpeningHours(Model):
    """When a channel works."""

    end: str
    start: str
    business_days: bool | None = None
    """Only on the bank's business days"""


class Handling(Model):
    """One version of the handling policy."""

    dispositions: Sequence[Disposition]
    hours: ClockHours
    max_attempts: int | None = None
    """So many times nobody is reached, then the task is done; null: no limit"""
    opening_hours: Mapping[str, OpeningHours] | None = None
    """By channel; a channel that is not named is always open"""


class HandlingChange(Model):
    """The handling policy as it shall be; `version` is the one it was read at."""

    policy: Handling
    version: int


class HandlingView(Model):
    """The handling policy and its version."""

    policy: Handling
    version: int


class HoldingMerge(Model):
    """What holds two records together: the same document, a decided pair, or a steward's own finding."""

    first: UUID
    how: Annotated[Literal["document", "review", "steward"], OPEN]
    merge_id: UUID
    merged_at: dt.datetime
    merged_by: str
    reason: str | None
    second: UUID


class IdentityView(Model):
    """The fields that were asked for, in full; null if not asked for, or not known."""

    address: str | None
    customer_id: UUID
    document: str | None
    name: str | None
    phone: str | None


class ImportRequest(Model):
    """What to import: a mapping, the folder with the bank's files, and which of the mapping's datasets."""

    datasets: Sequence[
        Annotated[
            Literal[
                "regions",
                "branches",
                "employees",
                "products",
                "households",
                "parties",
                "accounts",
                "account_parties",
                "holdings",
                "loans",
                "cards",
                "standing_orders",
                "consents",
            ],
            OPEN,
        ]
    ]
    import_id: UUID
    """Chosen by the client; one import may span customer-360 and eventing"""
    mapping: Mapping[str, Any]
    """The mapping file's content"""
    folder: str | None = None
    """A folder that the service can read; none: the files that were uploaded for this import"""


class LogLine(Model):
    """What the import did, and when."""

    at: dt.datetime
    text: str


class ImportRun(Model):
    """An import as the history shows it. Its job tells how far it is, and may be cancelled or go on."""

    completed_at: dt.datetime | None
    counts: Mapping[str, Any] | None
    """By dataset: accepted + rejected = read, and of the accepted how many stood there already"""
    datasets: Sequence[str]
    has_rejects: bool
    """Whether there is a report of rejected lines to download"""
    import_id: UUID
    job_id: UUID
    log: Sequence[LogLine]
    source: str
    """The source system's name in the mapping"""
    started_at: dt.datetime
    started_by: str
    state: Annotated[Literal["queued", "running", "done", "failed", "cancelled", "undoing", "undone"], OPEN]
    undo_job_id: UUID | None
    undone_at: dt.datetime | None


class RejectView(Model):
    """An entry that was not taken: its place in the list, from 1, and why."""

    code: Annotated[Literal["empty", "not_an_id", "repeated"], OPEN]
    row: int


class ImportedList(Model):
    """read = added + unchanged + rejected; the first hundred rejects. `sha256` names the content."""

    added: int
    read: int
    rejected: int
    rejects: Sequence[RejectView]
    sha256: str
    unchanged: int


class JobError(Model):
    """Why a job failed; `trace` are the last lines of its process, without data."""

    code: str
    en: str
    zh: str
    trace: Sequence[str] | None = None


class Job(Model):
    """A job as clients see it. `progress` counts in the job's own unit, up to `total` where that is known."""

    created_at: dt.datetime
    error: JobError | None
    finished_at: dt.datetime | None
    id: UUID
    kind: str
    message: str | None
    progress: int
    result: Mapping[str, Any] | None
    started_at: dt.datetime | None
    state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN]
    total: int | None


class Label(Model):
    """The positive class: customers with a posting of one of these kinds within so many days."""

    kinds: Sequence[str]
    within_days: int
    dataset: Annotated[Literal["transactions"], OPEN] | None = None
    starts_on: dt.date | None = None
    """First day of the window; by default the day after as_of"""


class Leaving(Model):
    """The positive class: of those with at least `had_minor` of assets, whoever has at most `has_minor` at the end."""

    had_minor: int
    has_minor: int
    within_days: int
    starts_on: dt.date | None = None
    """First day of the window; by default the day after as_of"""


class Lift(Model):
    """Why the suppression ends before its time."""

    reason: str


class Signature(Model):
    """Who has signed the model, and the Ed25519 signature over its statement, 64 bytes in base64."""

    signer: str
    value: str


class TrainedOn(Model):
    """The data that the model was trained on."""

    dataset: str
    as_of: dt.date | None = None
    rows: int | None = None


class Manifest(Model):
    """A model's data sheet. A feature of the catalogue has its name, type and unit; others are the model's own."""

    features: Sequence[FeatureSpec]
    """In the order of the input's columns"""
    file_id: UUID
    """Under which the bytes were sent"""
    owner: str
    population: str
    purpose: str
    risk_class: Annotated[Literal["minimal", "limited", "high_risk"], OPEN]
    sha256: str
    target: str
    card: Mapping[str, Any] | None = None
    """What a reader of the card should know"""
    classes: Sequence[str] | None = None
    highest: float | None = None
    lowest: float | None = None
    metrics: Mapping[str, Any] | None = None
    output: Annotated[Literal["probability", "class_probabilities", "value"], OPEN] | None = None
    signature: Signature | None = None
    """Needed where the settings name signers"""
    training: TrainedOn | None = None


class Member(Model):
    """One customer of a segment."""

    branch_id: str | None
    customer_id: UUID
    value: str


class Members(Model):
    """One page of members, of the newest snapshot. `stale`: the ledger has gone on for more than a day since."""

    as_of: dt.date
    items: Sequence[Member]
    next_cursor: str | None
    stale: bool


class MergeRequest(Model):
    """Two records and why they are one customer; no personal data."""

    first: UUID
    reason: str
    second: UUID


class MergeView(Model):
    """A merge that holds."""

    first: UUID
    merge_id: UUID
    second: UUID


class ModelSummary(Model):
    """A model and which version answers; `champion` is null before the first."""

    champion: int | None
    classes: Sequence[str] | None
    name: str
    output: str
    """probability, class_probabilities (one of each of `classes`) or value"""
    owner: str
    population: str
    purpose: str
    risk_class: str
    """minimal, limited or high_risk"""
    target: str
    versions: int


class ScoringApiModelsReason(Model):
    """Why an uploaded version was refused, and where; `detail` holds what the model calls it, cleaned."""

    code: str
    detail: str
    en: str
    zh: str


class ScoringVersionView(Model):
    """One version. `state`: uploaded, vetted, shadow, challenger, champion, retired or refused (`reasons` says why).
    `origin`: trained or uploaded. `snapshot` tells of the data that it was trained on.
    """

    approved_by: str | None
    card: Mapping[str, Any]
    feature_specs: Sequence[FeatureSpec]
    features: Sequence[str]
    metrics: Mapping[str, float]
    origin: str
    reasons: Sequence[ScoringApiModelsReason]
    sha256: str
    signer: str | None
    """Whose signature of the bytes was found to fit"""
    snapshot: Mapping[str, Any]
    state: str
    trained_at: dt.datetime
    version: int


class ModelView(Model):
    """A model with its versions, the newest first."""

    champion: int | None
    classes: Sequence[str] | None
    name: str
    output: str
    """probability, class_probabilities (one of each of `classes`) or value"""
    owner: str
    population: str
    purpose: str
    risk_class: str
    """minimal, limited or high_risk"""
    target: str
    versions: Sequence[ScoringVersionView]


class ReasonToCall(Model):
    """Why to call, and the day on which the reason ends, where it has one."""

    code: Annotated[
        Literal[
            "open_opportunity", "maturing_holding", "risk_rating_expiring", "birthday", "silence", "stale_contact_data"
        ],
        OPEN,
    ]
    due: dt.date | None


class MyCustomer(Model):
    """A customer of a book, the most pressing reason first. `assets_band` is insight's, 0 = not known."""

    assets_band: int
    branch_id: str | None
    customer_id: UUID
    last_contact_at: dt.datetime | None
    manager_id: str | None
    name: str | None
    """In full for those who serve customers, else masked: 张*"""
    party_kind: Annotated[Literal["person", "organisation", "prospect"], OPEN]
    phone: str | None
    """Masked: 138****1234"""
    reasons: Sequence[ReasonToCall]
    source: str
    source_id: str


class NewContact(Model):
    """A contact that is about to be made. Its class is said, never guessed: only `marketing` is bound by the policy."""

    channel: Annotated[Literal["call_centre", "relationship_manager", "sms", "push"], OPEN]
    customer_id: UUID
    message_class: MessageClass
    campaign: str | None = None
    product_kind: (
        Annotated[Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"], OPEN] | None
    ) = None
    """What it is about, for the customer's consent"""
    step: str | None = None
    """A step of the campaign: each reaches a customer once"""


class NewNote(Model):
    """A note to keep."""

    note: str
    """Plain words; numbers and addresses of persons are masked"""


class NewResponse(Model):
    """What a customer answered: to a decision's offer, or to an opportunity."""

    offer: str
    outcome: Annotated[Literal["accepted", "refused", "later", "not_interested"], OPEN]
    decision_id: UUID | None = None
    opportunity_id: UUID | None = None


class NewRiskAssessment(Model):
    """What an assessment of today has found."""

    rating: Annotated[Literal["C1", "C2", "C3", "C4", "C5"], OPEN]
    source: str
    """What found it: the questionnaire and its version"""
    score: int | None = None
    valid_months: int | None = None
    """Twelve, or what the bank has set"""


class NewSuppression(Model):
    """Somebody is not to be contacted: one of a customer, a household, an account."""

    reason: str
    source: Annotated[Literal["do_not_contact_list", "complaint", "opt_out", "request"], OPEN]
    until: dt.datetime | Annotated[Literal["permanent"], OPEN]
    """Its end, or the word `permanent`: nothing lasts for ever by being left out"""
    account_id: UUID | None = None
    channel: (
        Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN] | None
    ) = None
    """null: every channel"""
    customer_id: UUID | None = None
    hours: DailyHours | None = None
    """Only in these hours of the day; null: at any hour"""
    household_id: str | None = None


class TaskView(Model):
    """A task: one customer to contact."""

    attempts: int
    branch_id: str | None
    business_date: dt.date
    call_back_at: dt.datetime | None
    campaign: str
    campaign_priority: int
    channel: str
    claimed_by: str | None
    claimed_until: dt.datetime | None
    completed_at: dt.datetime | None
    created_at: dt.datetime
    customer_id: UUID
    disposition: str | None
    due_at: dt.datetime
    employee_id: str | None
    escalated: bool
    id: UUID
    kept_for: str | None
    opportunity_ids: Sequence[UUID]
    priority: Annotated[Literal["call_back", "escalated", "normal"], OPEN]
    state: str
    visible_from: dt.datetime | None


class NextTask(Model):
    """The task that is yours now; null with the reason for which the last ones that waited had to be put off."""

    put_off: int
    reason: str | None
    task: TaskView | None


class NextTaskQuery(Model):
    """Which queue; null: any that the caller works on."""

    channel: Annotated[Literal["call_centre", "mobile", "relationship_manager"], OPEN] | None = None


class NotProposedView(Model):
    """An offer that was not shown. `rule`: the one that withholds it; `rank` = others fitted better; `none` =
    nothing is recommended.
    """

    lifted_by: BothLanguages | None
    """What would have to be different"""
    offer: str
    rule: str
    text: BothLanguages


class NoteView(Model):
    """A note on a task."""

    id: UUID
    note: str
    written_at: dt.datetime
    written_by: str


class NoticeTexts(Model):
    """The notice in both languages."""

    en: str
    zh: str


class NoticeChange(Model):
    """A new text of a notice; `version` is the newest one that the caller has read, 0 = there is none."""

    text: NoticeTexts
    version: int


class NoticeView(Model):
    """One version of a notice; `current` = the one to show now."""

    created_at: dt.datetime
    created_by: str
    current: bool
    purpose: Annotated[Literal["personalised_decision", "marketing_contact", "survey", "third_party"], OPEN]
    text: NoticeTexts
    version: int


class OfferChange(Model):
    """An offer as it shall be; `version` is the one it was read at, 0 for a new offer."""

    name: GivenName
    version: int
    base_propensity: float | None = None
    conditions: GivenConditions | None = None
    context: Mapping[str, Any] | None = None
    enabled: bool | None = None
    expected_margin: GivenMoney | None = None
    """Marketing offers need one"""
    kind: Annotated[Literal["marketing", "service"], OPEN] | None = None
    lever: float | None = None
    models: Sequence[str] | None = None
    product_id: str | None = None
    product_kind: str | None = None
    risk_level: Annotated[Literal["R1", "R2", "R3", "R4", "R5"], OPEN] | None = None


class OfferView(Model):
    """An offer of the sheet; `scripts` are the ids of those that speak for it."""

    base_propensity: float
    code: str
    conditions: ConditionsView
    context: Mapping[str, float]
    enabled: bool
    expected_margin: CampaignMoney | None
    kind: str
    lever: float
    models: Sequence[str]
    name: BothLanguages
    own_fields: Sequence[OwnField]
    """The bank's own fields that the condition `where` reads, as they were when it was kept"""
    product_id: str | None
    product_kind: str | None
    risk_level: str | None
    scripts: Sequence[str]
    version: int


class OpportunityCounts(Model):
    """How many opportunities there are, by state."""

    states: Mapping[str, int]
    total: int


class OpportunityView(Model):
    """An opportunity. `arm` is null for whoever may not tell the arms apart. `assignee` is whose it is while it
    waits for action: null = nobody's by name yet, a queue's.
    """

    acted_at: dt.datetime | None
    amount: CampaignMoney | None
    arm: str | None
    assignee: str | None
    branch_id: str | None
    business_date: dt.date
    campaign: str
    channel: str | None
    compared_with: CampaignMoney | None
    customer_id: UUID
    detection_id: UUID
    disposition: str | None
    escalates_at: dt.datetime
    event_key: str
    expires_at: dt.datetime
    id: UUID
    late: bool
    metric: str | None
    opened_at: dt.datetime
    reason: str | None
    state: str
    task_id: UUID | None
    trigger: str
    withdrawn_at: dt.datetime | None


class OptOut(Model):
    """An objection to all marketing; with `personalisation` also to being picked and advised by one's own data."""

    evidence: str | None = None
    personalisation: bool | None = None
    """true = no personalised offers either, anywhere"""


class AssignmentViewPage(Model):
    """One page of a list: Page_AssignmentView_"""

    items: Sequence[AssignmentView]
    next_cursor: str | None


class AuditEntryPage(Model):
    """One page of a list: Page_AuditEntry_"""

    items: Sequence[AuditEntry]
    next_cursor: str | None


class BacktestViewPage(Model):
    """One page of a list: Page_BacktestView_"""

    items: Sequence[BacktestView]
    next_cursor: str | None


class BranchViewPage(Model):
    """One page of a list: Page_BranchView_"""

    items: Sequence[BranchView]
    next_cursor: str | None


class ConsentEntryViewPage(Model):
    """One page of a list: Page_ConsentEntryView_"""

    items: Sequence[ConsentEntryView]
    next_cursor: str | None


class ContactViewPage(Model):
    """One page of a list: Page_ContactView_"""

    items: Sequence[ContactView]
    next_cursor: str | None


class CustomerSummaryPage(Model):
    """One page of a list: Page_CustomerSummary_"""

    items: Sequence[CustomerSummary]
    next_cursor: str | None


class DetectionViewPage(Model):
    """One page of a list: Page_DetectionView_"""

    items: Sequence[DetectionView]
    next_cursor: str | None


class DriftViewPage(Model):
    """One page of a list: Page_DriftView_"""

    items: Sequence[DriftView]
    next_cursor: str | None


class ImportRunPage(Model):
    """One page of a list: Page_ImportRun_"""

    items: Sequence[ImportRun]
    next_cursor: str | None


class JobPage(Model):
    """One page of a list: Page_Job_"""

    items: Sequence[Job]
    next_cursor: str | None


class ModelSummaryPage(Model):
    """One page of a list: Page_ModelSummary_"""

    items: Sequence[ModelSummary]
    next_cursor: str | None


class MyCustomerPage(Model):
    """One page of a list: Page_MyCustomer_"""

    items: Sequence[MyCustomer]
    next_cursor: str | None


class NoticeViewPage(Model):
    """One page of a list: Page_NoticeView_"""

    items: Sequence[NoticeView]
    next_cursor: str | None


class OfferViewPage(Model):
    """One page of a list: Page_OfferView_"""

    items: Sequence[OfferView]
    next_cursor: str | None


class OpportunityViewPage(Model):
    """One page of a list: Page_OpportunityView_"""

    items: Sequence[OpportunityView]
    next_cursor: str | None


class Proposal(Model):
    """A change that waits for another person, or what became of it. `sha256` is that of the payload's canonical
    JSON. Until `expires_at`, wall time, another person may approve it. `base` is the version that the change was
    made on.
    """

    base: str | None
    created_at: dt.datetime
    decided_at: dt.datetime | None
    decided_by: str | None
    entity: str
    expires_at: dt.datetime
    id: UUID
    kind: str
    maker: str
    payload: Mapping[str, Any]
    reason: str | None
    sha256: str
    state: Annotated[Literal["pending", "approved", "rejected", "withdrawn", "expired"], OPEN]


class ProposalPage(Model):
    """One page of a list: Page_Proposal_"""

    items: Sequence[Proposal]
    next_cursor: str | None


class QuadrantNumbers(Model):
    """What divides the customers; money in minor units, quantiles and weights as shares."""

    active_days: int | None = None
    """Without a posting in so many days a customer is inactive"""
    current_quantile: float | None = None
    """High current value: not below this rank among the active, the top 30 %"""
    digital_weight: float | None = None
    inflow_weight: float | None = None
    """Weights of the potential; together 1"""
    potential_quantile: float | None = None
    """High potential: above this quantile of the active, the median"""
    private_at_minor: int | None = None
    """Mean assets of 90 days from which a customer is `private`: 500,000.00"""
    youth_weight: float | None = None


class QuadrantVersion(Model):
    """One version of the parameters, and who made it. Snapshots say which version they used."""

    made_at: dt.datetime
    made_by: str
    parameters: QuadrantNumbers
    version: int


class QuadrantVersionPage(Model):
    """One page of a list: Page_QuadrantVersion_"""

    items: Sequence[QuadrantVersion]
    next_cursor: str | None


class Shape(Model):
    """A payload without its values: known fields and what kind of value each had; the names of others are not told."""

    bytes: int
    fields: Mapping[str, str]
    readable: bool
    unknown_fields: int


class Quarantined(Model):
    """A message set aside: where it stood, why, for how long. Never what it said."""

    age_seconds: int
    at: Sequence[str]
    """Where in the code, outermost first"""
    consumer: str
    """Stream and partition"""
    created_at: dt.datetime
    event_id: UUID | None
    id: UUID
    payload: Shape
    reason: str
    """The kind of the fault; what an error said of the data is not repeated"""
    seq: int
    """Its number in the stream"""
    state: Annotated[Literal["held", "retrying", "applying", "applied", "discarded"], OPEN]
    type: str | None


class QuarantinedPage(Model):
    """One page of a list: Page_Quarantined_"""

    items: Sequence[Quarantined]
    next_cursor: str | None


class SourceRecord(Model):
    """One record of a source system, masked."""

    answered_by: UUID
    birth_date: dt.date | None
    branch_id: str | None
    customer_id: UUID
    """The record's own id, whoever answers for it"""
    document: str | None
    name: str | None
    opened_on: dt.date | None
    party_kind: Annotated[Literal["person", "organisation", "prospect"], OPEN]
    phone: str | None
    source: str
    source_id: str


class ReviewView(Model):
    """Two records that look alike and prove nothing."""

    decided_at: dt.datetime | None
    decided_by: str | None
    documents: Annotated[Literal["other", "missing"], OPEN]
    """Both show one and they differ, or one shows none"""
    first: SourceRecord
    found_at: dt.datetime
    grounds: Sequence[Annotated[Literal["name_birth", "name_phone"], OPEN]]
    reason: str | None
    review_id: UUID
    second: SourceRecord
    state: Annotated[Literal["open", "merged", "rejected"], OPEN]


class ReviewViewPage(Model):
    """One page of a list: Page_ReviewView_"""

    items: Sequence[ReviewView]
    next_cursor: str | None


class RiskAssessmentView(Model):
    """One assessment: the rating, what found it, and how long it holds."""

    assessed_by: str
    assessment_id: UUID
    at: dt.datetime
    rated_on: dt.date
    rating: Annotated[Literal["C1", "C2", "C3", "C4", "C5"], OPEN]
    score: int | None
    source: str
    valid_until: dt.date


class RiskAssessmentViewPage(Model):
    """One page of a list: Page_RiskAssessmentView_"""

    items: Sequence[RiskAssessmentView]
    next_cursor: str | None


class ScriptView(Model):
    """What staff say, or a screen shows, for one offer on one channel."""

    channel: str
    enabled: bool
    id: str
    offer: str
    text: BothLanguages
    version: int


class ScriptViewPage(Model):
    """One page of a list: Page_ScriptView_"""

    items: Sequence[ScriptView]
    next_cursor: str | None


class SizeOfDay(Model):
    """The sizes of one snapshot."""

    as_of: dt.date
    customers: int
    values: Mapping[str, int]


class SizeOfDayPage(Model):
    """One page of a list: Page_SizeOfDay_"""

    items: Sequence[SizeOfDay]
    next_cursor: str | None


class SnapshotView(Model):
    """A published snapshot of every customer's features."""

    as_of: dt.date
    checksum: str
    manifest: str
    published_at: dt.datetime
    quadrant_version: int
    rows: int


class SnapshotViewPage(Model):
    """One page of a list: Page_SnapshotView_"""

    items: Sequence[SnapshotView]
    next_cursor: str | None


class SuppressionView(Model):
    """A suppression; of the three ids one is set."""

    account_id: UUID | None
    channel: str | None
    created_at: dt.datetime
    created_by: str
    customer_id: UUID | None
    hours: DailyHours | None
    household_id: str | None
    id: UUID
    level: Annotated[Literal["customer", "household", "account"], OPEN]
    lift_reason: str | None
    lifted_at: dt.datetime | None
    lifted_by: str | None
    list_name: str | None
    reason: str
    source: Annotated[Literal["do_not_contact_list", "complaint", "opt_out", "request"], OPEN]
    starts_at: dt.datetime
    until: dt.datetime | Annotated[Literal["permanent"], OPEN]


class SuppressionViewPage(Model):
    """One page of a list: Page_SuppressionView_"""

    items: Sequence[SuppressionView]
    next_cursor: str | None


class TagDefinitionView(Model):
    """What a tag means. An empty list of values allows any; `keep_days` = how long one lives without renewal."""

    changed_at: dt.datetime
    changed_by: str
    customer_visible: bool
    keep_days: int
    name: Names
    owner: str
    personal: bool
    purpose: str
    tag: str
    values: Sequence[str]
    version: int


class TagDefinitionViewPage(Model):
    """One page of a list: Page_TagDefinitionView_"""

    items: Sequence[TagDefinitionView]
    next_cursor: str | None


class TagView(Model):
    """A tag that a customer has: what it says, who answers for it, what for, and until when."""

    assigned_at: dt.datetime
    assigned_by: str
    customer_visible: bool
    expires_on: dt.date
    name: Names
    owner: str
    personal: bool
    purpose: str
    source: str
    tag: str
    value: str


class TagViewPage(Model):
    """One page of a list: Page_TagView_"""

    items: Sequence[TagView]
    next_cursor: str | None


class TaskViewPage(Model):
    """One page of a list: Page_TaskView_"""

    items: Sequence[TaskView]
    next_cursor: str | None


class TimelineEntryViewPage(Model):
    """One page of a list: Page_TimelineEntryView_"""

    items: Sequence[TimelineEntryView]
    next_cursor: str | None


class TriggerView(Model):
    """A trigger's newest version. `in_force` is the one that judges the stream; null before the first is activated."""

    cooldown_days: int
    created_at: dt.datetime
    created_by: str
    enabled: bool
    event_type: str
    expires_hours: int
    in_force: int | None
    kind: str
    lateness_days: int
    minimum_minor: int
    months: int
    name: str
    state: Annotated[Literal["draft", "live", "paused", "superseded", "discarded", "retired"], OPEN]
    version: int


class TriggerViewPage(Model):
    """One page of a list: Page_TriggerView_"""

    items: Sequence[TriggerView]
    next_cursor: str | None


class UnassignedCount(Model):
    """A branch: its customers, and those who have no manager or one who is no longer on the staff list."""

    branch_id: str
    customers: int
    manager_left: int
    name: str
    without_manager: int


class UnassignedCountPage(Model):
    """One page of a list: Page_UnassignedCount_"""

    items: Sequence[UnassignedCount]
    next_cursor: str | None


class VersionView(Model):
    """One version of a trigger. `draft` judges nothing yet; `superseded` is followed by one in force. `discarded`
    was a draft, and is never activated; `retired` judged last, and nothing judges now.
    """

    created_at: dt.datetime
    created_by: str
    definition: Mapping[str, Any]
    """What the file says"""
    enabled: bool
    file: str
    """The file's text"""
    kind: str
    name: str
    state: Annotated[Literal["draft", "live", "paused", "superseded", "discarded", "retired"], OPEN]
    version: int


class VersionViewPage(Model):
    """One page of a list: Page_VersionView_"""

    items: Sequence[VersionView]
    next_cursor: str | None


class ResponsesView(Model):
    """Response by decile of the snapshot `as_of`'s customers, from the day after to `until`; `final` when closed."""

    as_of: dt.date
    deciles: Sequence[DecileView]
    final: bool
    outcome: Outcome
    until: dt.date


class ScoreDrift(Model):
    """The version's scores: how many there are now, and by bin those of training and those of now."""

    by_chance: float | None
    counts: Sequence[int]
    edges: Sequence[float]
    ks: float | None
    level: Annotated[Literal["stable", "moderate", "major"], OPEN]
    missing: float | None
    missing_before: float | None
    psi: float | None
    rows: int
    trained: Sequence[int]


class WatchView(Model):
    """What was seen of a version on a snapshot, features in the order of their drift. `score` is null where the
    version has given no scores, `responses` where no outcome is known or none could come yet.
    """

    as_of: dt.date
    features: Sequence[FeatureDrift]
    id: UUID
    major: float
    moderate: float
    responses: ResponsesView | None
    rows: int
    score: ScoreDrift | None
    settings_version: int
    state: str
    version: int
    watched_at: dt.datetime


class WatchViewPage(Model):
    """One page of a list: Page_WatchView_"""

    items: Sequence[WatchView]
    next_cursor: str | None


class Params(Model):
    """LightGBM's parameters that a bank may turn. `early_stopping`: after so many rounds without a gain on a quarter
    of the training rows, set aside for it, no more are needed; `rounds` is then the most. The rows held back to
    be tested choose nothing.
    """

    early_stopping: int | None = None
    feature_fraction: float | None = None
    lambda_l2: float | None = None
    learning_rate: float | None = None
    min_data_in_leaf: int | None = None
    num_leaves: int | None = None
    rounds: int | None = None


class Points(Model):
    """A scorecard's scale: so many points at these odds of good to bad, and so many more where the odds double."""

    base_odds: float | None = None
    base_points: int | None = None
    double_odds: int | None = None


class PolicyChange(Model):
    """The contact policy as it shall be; `version` is the one it was read at."""

    policy: ContactPolicy
    version: int


class PolicyView(Model):
    """The contact policy and its version."""

    policy: ContactPolicy
    version: int


class PostingIn(Model):
    """One posting as the bank books it."""

    account_id: str
    """The bank's own account id"""
    amount: str
    """Decimal string with the currency's own places, e.g. "86000.00" """
    business_date: dt.date
    """The bank's booking day"""
    currency: str
    direction: Direction
    kind: str
    posting_id: str
    booked_at: dt.datetime | None = None
    channel: str | None = None
    flags: Sequence[Flag] | None = None
    reverses: str | None = None
    """The posting id that this one undoes"""


class PostingWhy(Model):
    """One posting, how it came, and what every trigger says of it."""

    account_id: UUID
    account_source_id: str | None
    amount: str
    business_date: dt.date
    came: Annotated[Literal["stream", "beyond", "lake", "waiting"], OPEN]
    """By the stream, by the stream beyond the watermark, with a file only (lake), or not yet (waiting)"""
    currency: str
    direction: str
    posting_id: str
    received_at: dt.datetime | None
    triggers: Sequence[Verdict]


class PostingsIn(Model):
    """Postings of one source system; `source` is the name in its mapping file."""

    postings: Sequence[PostingIn]
    source: str


class PostingsTaken(Model):
    """What became of them: on their way, known before, or waiting for their account."""

    accepted: int
    clashes: Sequence[str]
    """Ids among the duplicates that came before with other content; what came first holds"""
    duplicates: int
    waiting: int


class Present(Model):
    """Which of the decision's offers are shown; none named means all."""

    offers: Sequence[str] | None = None


class PresentedView(Model):
    """What was shown, and the contact it counts as."""

    contact_id: UUID
    decision_id: UUID
    offers: Sequence[str]
    presented_at: dt.datetime


class ProfileChange(Model):
    """What to change; fields that are left out stay. `manager_id: null` takes the customer out of every book."""

    manager_id: str | None = None
    personalisation: bool | None = None
    """false = the generic list, always; never null"""


class ProfileView(Model):
    """What stands after a change."""

    customer_id: UUID
    manager_id: str | None
    personalisation: bool
    version: int


class PurchaseFile(Model):
    """A line a purchase, days as ISO dates; sent before by `PUT /v1/model-uploads/files/{file_id}`."""

    amount: str
    customer: str
    day: str
    file_id: UUID
    sha256: str
    headings: Sequence[str] | None = None
    """Where the file's first line has none"""
    separator: str | Annotated[Literal["spaces"], OPEN] | None = None


class Purchases(Model):
    """Postings of these kinds, or a file. What was foretold is measured on what lies after `until`. By default
    `until` leaves the last `test_weeks` of the purchases.
    """

    file: PurchaseFile | None = None
    kinds: Sequence[str] | None = None
    test_weeks: int | None = None
    until: dt.date | None = None
    weeks: int | None = None
    """The value is that of so many weeks"""


class PurposeView(Model):
    """A purpose's shares, salt and models. `version` counts the settings, 0 where none was made."""

    challenger_share: float
    models: Sequence[AnsweringVersions]
    no_model_share: float
    purpose: str
    salt: str | None
    """An arm is a function of salt and customer (X13): with it the arms can be recomputed"""
    since: dt.datetime | None
    version: int
    who: str | None


class QuadrantChange(Model):
    """All numbers of the next version; what is left out takes its default."""

    active_days: int | None = None
    """Without a posting in so many days a customer is inactive"""
    based_on: int | None = None
    """Refuse if another one is the newest"""
    current_quantile: float | None = None
    """High current value: not below this rank among the active, the top 30 %"""
    digital_weight: float | None = None
    inflow_weight: float | None = None
    """Weights of the potential; together 1"""
    potential_quantile: float | None = None
    """High potential: above this quantile of the active, the median"""
    private_at_minor: int | None = None
    """Mean assets of 90 days from which a customer is `private`: 500,000.00"""
    youth_weight: float | None = None


class QuadrantSizes(Model):
    """How many customers stand in each quadrant, together and by branch."""

    as_of: dt.date
    branches: Mapping[str, Mapping[str, int]]
    customers: int
    quadrants: Mapping[str, int]
    stale: bool


class Rate(Model):
    """Detections by day, the last days of business time; days without any are there with 0."""

    days: Sequence[DayRate]
    name: str


class ReasonGiven(Model):
    """Why the version is to answer no more; kept in the trail."""

    reason: str


class Reassignment(Model):
    """Who works on the task from now on."""

    employee_id: str


class RebuildRequest(Model):
    """Which days the states shall know, and whose: all that is known of everybody, where nothing is said."""

    before: dt.date | None = None
    """Only days before this one: the stream is to bring the others. Null: all by now"""
    customers: Sequence[UUID] | None = None
    """Only these customers, as after a change of owner or a merge"""


class ReconciliationRequest(Model):
    """Which day to compare; with the bank's own file of it, or else with what the lake has."""

    date: dt.date
    folder: str | None = None
    """A folder that the service can read"""
    mapping: Mapping[str, Any] | None = None
    """The mapping file's content"""


class Rejection(Model):
    """Why the change is not to be made."""

    reason: str


class Removed(Model):
    """What was removed."""

    removed: int


class ReplayRange(Model):
    """The business days whose decisions are decided again, both included."""

    from_: dt.date = Field(alias="from")
    to: dt.date


class ReplayRequest(Model):
    """Which days of the lake go through the stream again."""

    from_: dt.date = Field(alias="from")
    to: dt.date
    rebuild: bool | None = None
    """Set the states to the beginning of the first day before"""
    speed: Annotated[Literal["max"], OPEN] | float | None = None
    """Postings a second of wall time"""
    through: dt.date | None = None
    """Pause after this day, until the gate is opened further"""


class ResponseView(Model):
    """An answer as recorded."""

    customer_id: UUID
    decision_id: UUID | None
    offer: str
    opportunity_id: UUID | None
    outcome: str
    recorded_at: dt.datetime
    response_id: UUID


class SampleRatioView(Model):
    """Do the arms' sizes fit their shares?"""

    ok: bool
    p: float


class ResultView(Model):
    """What the experiment shows. Null where an arm is empty."""

    as_of: dt.date | None
    campaign_version: int
    control: ArmResult
    difference: float | None
    final: bool
    high: float | None
    low: float | None
    method: str
    outcome: str
    reason: str
    sample_ratio: SampleRatioView
    treated: ArmResult
    verdict: Annotated[Literal["proved", "not proved"], OPEN]


class Retired(Model):
    """The version that judged last, and the job that removes the trigger's keyed states."""

    job_id: UUID
    name: str
    state: Annotated[Literal["draft", "live", "paused", "superseded", "discarded", "retired"], OPEN]
    version: int


class Retirement(Model):
    """Why the trigger is to judge no more; kept in the trail."""

    reason: str


class ReviewDecided(Model):
    """What was decided. `merge_id` is null if they are two, or were one by another way meanwhile."""

    merge_id: UUID | None
    review_id: UUID
    state: Annotated[Literal["open", "merged", "rejected"], OPEN]


class RunRequest(Model):
    """Which business day's facts are judged; its file lies in the lake."""

    date: dt.date


class ScoreRequest(Model):
    """Rows of values by feature name, the same as columns, or customers by their stored rows: one of them. Customers
    are scored by whoever answers for them: the champion, its challenger, or no model, as their arm of the model's
    purpose says; rows by the champion that they name. A named `version` scores all of them.
    """

    columns: Mapping[str, Sequence[Any]] | None = None
    """Rows by feature: of each one value a row, in the rows' order; shorter than `rows`"""
    customer_ids: Sequence[UUID] | None = None
    model: str | None = None
    reasons: int | None = None
    """So many reasons a score, the strongest first; of 100 rows or customers at most"""
    rows: Sequence[Mapping[str, Any]] | None = None
    """Each with exactly the model's features; null = unknown"""
    version: int | None = None


class AttuneContractsScoringReason(Model):
    """What one feature does to a score: the score less what it were with the feature at `baseline`. `compared_with`
    says what the baseline is: the median of the training snapshot, or an unknown value (null).
    """

    baseline: float | None
    compared_with: Annotated[Literal["training_median", "unknown"], OPEN]
    direction: Annotated[Literal["raises", "lowers"], OPEN]
    effect: float
    en: str
    feature: str
    zh: str


class ScoredView(Model):
    """One row's scores, in the order of `models`."""

    classes: Sequence[Mapping[str, float] | None]
    """The probability of every class, of models that answer with classes: their score is the likeliest's"""
    customer_id: UUID | None
    reasons: Sequence[Sequence[AttuneContractsScoringReason] | None]
    """What each feature does to the score, where reasons are asked for; null where the model cannot tell"""
    scores: Sequence[float | None]
    """null where another version answers for this customer, or none"""


class ScoresView(Model):
    """Scores in the order asked for, with the version and hash of every model that gave them."""

    as_of: dt.date | None
    """The feature snapshot's day; null for rows of values"""
    items: Sequence[ScoredView]
    models: Sequence[AnsweringModel]
    unknown: Sequence[UUID]
    """Customers without a feature row"""


class Scoring(Model):
    """Score the base anew: with one model or every champion, over one snapshot or the newest."""

    as_of: dt.date | None = None
    model: str | None = None


class ScriptChange(Model):
    """A script as it shall be; `version` is the one it was read at, 0 for a new script."""

    channel: Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager"], OPEN]
    offer: str
    text: GivenText
    version: int
    enabled: bool | None = None


class SearchRequest(Model):
    """What to look for. Without `by`, whatever the query's form may mean is tried; the match is always exact."""

    query: str
    """A name, its pinyin or initials, a phone, a document, an account or an id"""
    by: (
        Annotated[Literal["customer_id", "source_id", "account", "name", "pinyin", "phone", "document"], OPEN] | None
    ) = None
    cursor: str | None = None
    """`next_cursor` of the page before"""
    limit: int | None = None


class Seeds(Model):
    """Whom to be alike: customers with a posting of one of `kinds` from `since` to `until`, or these `customers`."""

    customers: Sequence[UUID] | None = None
    kinds: Sequence[str] | None = None
    since: dt.date | None = None
    until: dt.date | None = None


class SegmentView(Model):
    """A segment and what it means."""

    code: str
    meaning: str
    name: Mapping[str, str]
    values: Sequence[str]


class SegmentList(Model):
    """Every segment; `as_of` is the snapshot whose members are shown."""

    as_of: dt.date | None
    items: Sequence[SegmentView]
    stale: bool


class SharesBody(Model):
    """The shares that are to hold. A new salt draws all arms anew: what has been compared so far ends with it."""

    challenger_share: float
    no_model_share: float
    new_salt: bool | None = None


class Size(Model):
    """How many customers belong to each part; `branches` where it was asked for, "" for customers of none."""

    as_of: dt.date
    branches: Mapping[str, Mapping[str, int]] | None
    code: str
    customers: int
    stale: bool
    values: Mapping[str, int]


class SnapshotRequest(Model):
    """Which day to look back from; null = the ledger's last day."""

    as_of: dt.date | None = None


class SourceRecords(Model):
    """The records that answer as one customer, the oldest first, and the merges between them."""

    customer_id: UUID
    merges: Sequence[HoldingMerge]
    records: Sequence[SourceRecord]


class SpecFileBody(Model):
    """A training's specification, YAML or JSON, as docs/reference/training.md has it."""

    file: str


class SpecView(Model):
    """What a specification says. `spec` is the body of `POST /v1/trainings`, where it learns from the lake. Of a
    file that it learns from `path` says the place, if any; sent, it is named by `file_id` and `sha256` in `spec`.
    """

    kind: Annotated[
        Literal["classifier", "scorecard", "multiclass", "lookalike", "uplift", "lifetime_value", "clusters"], OPEN
    ]
    model: str
    path: str | None
    purpose: str
    risk_class: str
    spec: Mapping[str, Any]
    target: str


class Split(Model):
    """Who is held back to be tested; a repetition divides alike. `customer`: by a hash of the customer, in a file of
    the column `column`. Files also by `row` (number modulo `modulo` is `test`, from 0), by `time` (from `since`
    on) or by `column` (its value is one of `values`).
    """

    by: Annotated[Literal["customer", "row", "time", "column"], OPEN] | None = None
    column: str | None = None
    modulo: int | None = None
    since: dt.date | None = None
    test: int | None = None
    test_share: float | None = None
    values: Sequence[str] | None = None


class StaffExplanation(Model):
    """Why this, and why not the others."""

    as_of: dt.datetime
    audience: Annotated[Literal["staff"], OPEN]
    channel: str
    decision_id: UUID
    not_proposed: Sequence[NotProposedView]
    personalised: bool
    proposed: Sequence[ProposedView]
    summary: BothLanguages
    what_if: Sequence[BothLanguages]


class Status(Model):
    """How far a service has come. Settled = nothing pending anywhere and no job active."""

    business_date: dt.date
    business_time: dt.datetime
    consumers: Sequence[ConsumerLag]
    jobs_active: int
    outbox_pending: int
    quarantined: int
    service: str


class SuppressionList(Model):
    """A do-not-contact list, one id a line: Attune's own ids, or with `source_system` the bank's."""

    ids: Sequence[str]
    list_name: str
    reason: str
    source: Annotated[Literal["do_not_contact_list", "complaint", "opt_out", "request"], OPEN]
    until: dt.datetime | Annotated[Literal["permanent"], OPEN]
    """Its end, or the word `permanent`: nothing lasts for ever by being left out"""
    channel: (
        Annotated[Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"], OPEN] | None
    ) = None
    """null: every channel"""
    level: Annotated[Literal["customer", "household", "account"], OPEN] | None = None
    source_system: str | None = None
    """The ids are this system's own; null: they are Attune's"""


class TagAssignment(Model):
    """The value to be given; without an end the tag lives as long as its definition allows."""

    value: str
    expires_on: dt.date | None = None


class TagDefinitionChange(Model):
    """A definition as it shall be; `version` is the one it was read at, 0 = a new tag."""

    customer_visible: bool
    """The customer sees it and may delete it"""
    keep_days: int
    name: GivenNames
    owner: str
    """Who answers for it: a unit or a person of the bank"""
    personal: bool
    """A profile: not read of customers who want no personalisation"""
    purpose: str
    """What it is used for (R-06)"""
    version: int
    values: Sequence[str] | None = None


class TagDeletionView(Model):
    """What was deleted: these sources never give the tag again."""

    customer_id: UUID
    sources: Sequence[str]
    tag: str


class TaskDetail(Model):
    """A task with its notes, which only those read who may work on it, and what to say, as its campaign has it."""

    attempts: int
    branch_id: str | None
    business_date: dt.date
    call_back_at: dt.datetime | None
    campaign: str
    campaign_priority: int
    channel: str
    claimed_by: str | None
    claimed_until: dt.datetime | None
    completed_at: dt.datetime | None
    created_at: dt.datetime
    customer_id: UUID
    disposition: str | None
    due_at: dt.datetime
    employee_id: str | None
    escalated: bool
    id: UUID
    kept_for: str | None
    notes: Sequence[NoteView]
    opportunity_ids: Sequence[UUID]
    priority: Annotated[Literal["call_back", "escalated", "normal"], OPEN]
    script: BothLanguages | None
    state: str
    visible_from: dt.datetime | None


class TrainingSpec(Model):
    """One training: which snapshot, which label, which features. Unknown fields are refused."""

    model: str
    as_of: dt.date | None = None
    """The snapshot's day; by default the newest that leaves room for the label"""
    calibration: Annotated[Literal["platt", "none"], OPEN] | None = None
    """How scores become probabilities; part of the exported model"""
    choice: Choice | None = None
    """Of the kind multiclass"""
    clusters: int | None = None
    """How many, of that kind"""
    dataset: Annotated[Literal["features", "file"], OPEN] | None = None
    features: Sequence[str] | None = None
    file: FileData | None = None
    """The dataset `file`"""
    kind: (
        Annotated[
            Literal["classifier", "scorecard", "multiclass", "lookalike", "uplift", "lifetime_value", "clusters"], OPEN
        ]
        | None
    ) = None
    label: Label | None = None
    """Of the feature snapshot; a file has its own"""
    learner: Annotated[Literal["t", "x"], OPEN] | None = None
    """Of the kind uplift: T- or X-learner"""
    leaving: Leaving | None = None
    """Of the feature snapshot, in place of a label"""
    owner: str | None = None
    params: Params | None = None
    points: Points | None = None
    population: str | None = None
    promote: bool | None = None
    purchases: Purchases | None = None
    """Of the kind lifetime_value"""
    purpose: Annotated[Literal["propensity", "response", "churn", "channel", "credit", "lookalike"], OPEN] | None = None
    seed: int | None = None
    seeds: Seeds | None = None
    """Of the kind lookalike"""
    split: Split | None = None


class TriggerChange(Model):
    """Parameters to change; what is left out stays."""

    cooldown_days: int | None = None
    """Days of rest after a detection that was raised"""
    enabled: bool | None = None
    expires_hours: int | None = None
    lateness_days: int | None = None
    """How late a posting may come and still be judged; raise it, then rebuild"""
    minimum_minor: int | None = None


class UndoRequest(Model):
    """How to take the import back."""

    only_check: bool | None = None
    """Only find out whether it can be taken back"""


class UndoneView(Model):
    """A merge that no longer holds."""

    holds: bool
    merge_id: UUID


class UploadedFile(Model):
    """A file of an import, as far as it has arrived."""

    bytes: int
    name: str


class Uploaded(Model):
    """The files of an import."""

    files: Sequence[UploadedFile]


class UploadedPart(Model):
    """A part that has arrived, and where the next one begins."""

    bytes: int
    name: str
    sha256: str
    """Of the part, hexadecimal"""


class UploadedVersion(Model):
    """The job that looks at a version; that one is `uploaded` until the job has ended, then `vetted` or `refused`."""

    created_at: dt.datetime
    error: JobError | None
    finished_at: dt.datetime | None
    id: UUID
    kind: str
    message: str | None
    model: str
    progress: int
    result: Mapping[str, Any] | None
    sha256: str
    started_at: dt.datetime | None
    state: Annotated[Literal["queued", "running", "done", "failed", "cancelled"], OPEN]
    total: int | None
    version: int


class VisitRequest(Model):
    """What the customer presents, and why it is asked for."""

    number: str
    """The document's or account's number; the bank's id of a card"""
    presented: Annotated[Literal["document", "account", "card"], OPEN]
    reason: Annotated[Literal["counter_service", "identity_check", "account_opening", "complaint"], OPEN]


class VisitView(Model):
    """Whom the caller may now serve as if they were the own branch's, and until when."""

    customer_id: UUID
    until: dt.datetime
    visit_id: UUID


class WatchSettingsBody(Model):
    """Settings of a model's watch. `version` is that of the settings which this change is based on, 0 of the
    defaults. `outcome`: null = the label that the champion was trained on.
    """

    version: int
    major: float | None = None
    moderate: float | None = None
    outcome: Outcome | None = None


class WatchSettingsView(Model):
    """The settings that hold; version 0 are the defaults. `outcome`: null where the model has none of the ledger."""

    major: float
    moderate: float
    outcome: Outcome | None
    since: dt.datetime | None
    version: int
    who: str | None


class Why(Model):
    """The answer: from live state, from the lake, or of a posting that waits for its account in the intake."""

    behaviours: Sequence[BehaviourWhy]
    business_date: dt.date | None
    """How far the customer's partition has come"""
    customer_id: UUID
    day: Sequence[Verdict]
    """Of a day: what those triggers say that find something without a posting or a behaviour on it (absence,
    silence, change, calendar)
    """
    postings: Sequence[PostingWhy]
    source: Annotated[Literal["state", "lake", "intake"], OPEN]


class WhyView(Model):
    """Why one offer is, or is not, proposed to a customer now."""

    as_of: dt.datetime
    channel: str
    lifted_by: BothLanguages | None
    offer: str
    outcome: Annotated[Literal["proposed", "not_proposed"], OPEN]
    personalised: bool
    rank: int | None
    rule: str | None
    """What withholds it; also rank, none, switched_off, not_due"""
    text: BothLanguages


class AttuneServiceKitFilesRoutesUndoRequest(Model):
    """How to take the import back."""

    only_check: bool | None = None
    """Only find out whether it can be taken back"""


class Customer360ApiModelsResolutionUndoRequest(Model):
    """Why they are two customers; no personal data."""

    reason: str
