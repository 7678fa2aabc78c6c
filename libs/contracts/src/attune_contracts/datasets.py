"""The datasets of the lake: each has one owner that writes it; its schema is a contract like an event's (X19).

Types are DuckDB's. Money is BIGINT minor units. No name, phone, address or document ever stands here.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from attune_contracts import features
from attune_contracts.features import Level


@dataclass(frozen=True)
class Column:
    """One column: its DuckDB type, whether it may be NULL, its data level (JR/T 0171) and what it means."""

    name: str
    type: str
    level: Level
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Dataset:
    """One dataset: who owns it, how it is cut into partitions, what identifies a row."""

    name: str
    owner: str
    partition: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    version: int = 1

    def column(self, name: str) -> Column:
        """Return a column by name; KeyError if the dataset has none of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}; it has {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(c.name for c in self.columns)


def _c(name: str, type_: str, level: Level, meaning: str, nullable: bool = False) -> Column:
    return Column(name, type_, level, meaning, nullable)


PARTIES = Dataset(
    "parties",
    "customer_360",
    "all",
    ("customer_id",),
    (
        _c("customer_id", "VARCHAR", "C1", "Attune's id, lower-case hyphenated text"),
        _c("source_id", "VARCHAR", "C1", "the bank's own customer id"),
        _c("party_kind", "VARCHAR", "C1", "person, organisation, prospect (not yet a customer)"),
        _c("birth_date", "DATE", "C2", "persons only", True),
        _c("gender", "VARCHAR", "C2", "female, male", True),
        _c("branch_id", "VARCHAR", "C1", "the customer's home branch", True),
        _c("manager_id", "VARCHAR", "C1", "employee id of the relationship manager", True),
        _c("risk_rating", "VARCHAR", "C2", "C1 to C5", True),
        _c("risk_rated_on", "DATE", "C2", "day of the risk rating", True),
        _c("risk_valid_until", "DATE", "C2", "last day on which it holds; NULL = twelve months after", True),
        _c("opened_on", "DATE", "C1", "customer since", True),
        _c("has_phone", "BOOLEAN", "C1", "a phone number is known"),
        _c("has_address", "BOOLEAN", "C1", "an address is known"),
        _c("personalisation", "BOOLEAN", "C1", "false = the generic list, always"),
        _c("household_id", "VARCHAR", "C1", "the household that the party belongs to", True),
        _c("household_role", "VARCHAR", "C2", "head, partner, child, parent, other", True),
        _c("legal_form", "VARCHAR", "C1", "organisations only, the bank's code", True),
        _c("industry", "VARCHAR", "C1", "organisations only, the bank's or the national code", True),
        _c("prospect_source", "VARCHAR", "C1", "prospects only: where the bank knows them from", True),
        _c("legal_basis", "VARCHAR", "C1", "prospects only: consent, contract, public_information", True),
        _c("version", "BIGINT", "C1", "of the profile; the newest state wins (X7)"),
    ),
    version=2,
)
HOUSEHOLDS = Dataset(
    "households",
    "customer_360",
    "all",
    ("household_id",),
    (
        _c("household_id", "VARCHAR", "C1", "the bank's own id of the household"),
        _c("branch_id", "VARCHAR", "C1", "the branch that looks after it", True),
        _c("formed_on", "DATE", "C1", "known as a household since", True),
    ),
)
ACCOUNTS = Dataset(
    "accounts",
    "customer_360",
    "all",
    ("account_id",),
    (
        _c("account_id", "VARCHAR", "C1", "Attune's id"),
        _c("source_id", "VARCHAR", "C2", "the bank's own account id"),
        _c("customer_id", "VARCHAR", "C1", "the OWNER"),
        _c("branch_id", "VARCHAR", "C1", "the branch that keeps it", True),
        _c("kind", "VARCHAR", "C1", "demand, time, wealth, loan, card"),
        _c("currency", "VARCHAR", "C1", "ISO 4217"),
        _c("opened_on", "DATE", "C1", "day of opening", True),
        _c("closed_on", "DATE", "C1", "day of closing", True),
        _c("opening_balance_minor", "BIGINT", "C2", "balance before the first known posting"),
    ),
)
HOLDINGS = Dataset(
    "holdings",
    "customer_360",
    "all",
    ("holding_id",),
    (
        _c("holding_id", "VARCHAR", "C1", "the bank's own id of the holding"),
        _c("customer_id", "VARCHAR", "C1", "who holds it"),
        _c("account_id", "VARCHAR", "C1", "the account it is booked on", True),
        _c("product_id", "VARCHAR", "C1", "what is held"),
        _c("opened_on", "DATE", "C1", "since when", True),
        _c("matures_on", "DATE", "C1", "day of maturity", True),
        _c("amount_minor", "BIGINT", "C2", "amount held", True),
    ),
)
PRODUCTS = Dataset(
    "products",
    "customer_360",
    "all",
    ("product_id",),
    (
        _c("product_id", "VARCHAR", "C1", "the bank's product code"),
        _c("name_zh", "VARCHAR", "C1", "name in Chinese"),
        _c("name_en", "VARCHAR", "C1", "name in English"),
        _c("kind", "VARCHAR", "C1", "demand_deposit, time_deposit, wealth, fund, insurance, loan, card"),
        _c("risk_level", "VARCHAR", "C1", "R1 to R5", True),
    ),
)
BRANCHES = Dataset(
    "branches",
    "customer_360",
    "all",
    ("branch_id",),
    (
        _c("branch_id", "VARCHAR", "C1", "the bank's branch code"),
        _c("parent_id", "VARCHAR", "C1", "the branch above, NULL for head office", True),
        _c("name", "VARCHAR", "C1", "the branch's name"),
        _c("region_id", "VARCHAR", "C1", "the region it lies in", True),
    ),
)
REGIONS = Dataset(
    "regions",
    "customer_360",
    "all",
    ("region_id",),
    (
        _c("region_id", "VARCHAR", "C1", "the bank's region code"),
        _c("name", "VARCHAR", "C1", "the region's name"),
        _c("part_of", "VARCHAR", "C1", "name of the larger region", True),
        _c("inhabitants", "INTEGER", "C1", "how many people live there", True),
        _c("urban_percent", "DOUBLE", "C1", "share of them in towns", True),
        _c("average_salary_minor", "BIGINT", "C1", "a month, in the bank's base currency", True),
        _c("unemployment_percent", "DOUBLE", "C1", "latest year known", True),
        _c("unemployment_percent_before", "DOUBLE", "C1", "the year before it", True),
        _c("entrepreneurs_per_1000", "INTEGER", "C1", "of 1,000 inhabitants", True),
        _c("crimes", "INTEGER", "C1", "committed in the latest year known", True),
        _c("crimes_before", "INTEGER", "C1", "in the year before it", True),
    ),
)
EMPLOYEES = Dataset(
    "employees",
    "customer_360",
    "all",
    ("employee_id",),
    (
        _c("employee_id", "VARCHAR", "C1", "the bank's staff number"),
        _c("branch_id", "VARCHAR", "C1", "where they work"),
        _c("role", "VARCHAR", "C1", "teller, relationship_manager, call_centre, branch_manager"),
        _c("daily_capacity", "INTEGER", "C1", "tasks a day", True),
    ),
)
CONSENTS = Dataset(
    "consents",
    "customer_360",
    "all",
    ("customer_id", "purpose", "channel", "product_kind"),
    (
        _c("customer_id", "VARCHAR", "C1", "who decided"),
        _c("purpose", "VARCHAR", "C1", "personalised_decision, marketing_contact, survey, third_party"),
        _c("channel", "VARCHAR", "C1", "of marketing_contact: one channel; * = every channel"),
        _c("product_kind", "VARCHAR", "C1", "of marketing_contact: one kind of products; * = every kind"),
        _c("granted", "BOOLEAN", "C1", "true = yes; no row = unknown = no (X21)"),
        _c("evidence", "VARCHAR", "C1", "the notice or agreement behind it"),
        _c("since", "DATE", "C1", "when it was given or refused"),
        _c("basis", "VARCHAR", "C1", "decision = the customer's word; default = a documented agreement's"),
        _c("notice_version", "INTEGER", "C1", "version of the notice that was shown", True),
        _c("version", "BIGINT", "C1", "of the customer's consents as a whole; the newest state wins (X7)"),
    ),
    version=2,
)
ACCOUNT_PARTIES = Dataset(
    "account_parties",
    "customer_360",
    "all",
    ("account_id", "customer_id"),
    (
        _c("account_id", "VARCHAR", "C1", "the account"),
        _c("customer_id", "VARCHAR", "C1", "a person or organisation who may act on it"),
        _c("role", "VARCHAR", "C1", "owner, joint_owner, authorised"),
    ),
)
LOANS = Dataset(
    "loans",
    "customer_360",
    "all",
    ("loan_id",),
    (
        _c("loan_id", "VARCHAR", "C1", "the bank's own id of the loan"),
        _c("customer_id", "VARCHAR", "C1", "the borrower"),
        _c("account_id", "VARCHAR", "C1", "the account it is repaid from", True),
        _c("granted_on", "DATE", "C1", "day of granting"),
        _c("matures_on", "DATE", "C1", "day of the last instalment", True),
        _c("amount_minor", "BIGINT", "C2", "amount granted"),
        _c("months", "INTEGER", "C1", "duration in months", True),
        _c("payment_minor", "BIGINT", "C2", "instalment a month", True),
        _c("status", "VARCHAR", "C2", "running, in_arrears, repaid, defaulted"),
    ),
)
CARDS = Dataset(
    "cards",
    "customer_360",
    "all",
    ("card_id",),
    (
        _c("card_id", "VARCHAR", "C1", "the bank's own id of the card, never its number"),
        _c("customer_id", "VARCHAR", "C1", "the holder"),
        _c("account_id", "VARCHAR", "C1", "the account it draws on", True),
        _c("kind", "VARCHAR", "C1", "the bank's grade, e.g. classic, gold"),
        _c("issued_on", "DATE", "C1", "day of issue", True),
        _c("expires_on", "DATE", "C1", "last day of validity", True),
    ),
)
STANDING_ORDERS = Dataset(
    "standing_orders",
    "customer_360",
    "all",
    ("standing_order_id",),
    (
        _c("standing_order_id", "VARCHAR", "C1", "the bank's own id of the order"),
        _c("account_id", "VARCHAR", "C1", "the account it is paid from"),
        _c("amount_minor", "BIGINT", "C2", "each time"),
        _c("kind", "VARCHAR", "C2", "what it pays, e.g. household, insurance, loan_payment", True),
        _c("partner_bank", "VARCHAR", "C2", "the receiving bank's code", True),
        _c("partner_account", "VARCHAR", "C2", "the receiving account", True),
        _c("frequency", "VARCHAR", "C1", "how often, e.g. monthly", True),
        _c("started_on", "DATE", "C1", "first day", True),
        _c("ended_on", "DATE", "C1", "last day", True),
    ),
)
TRANSACTIONS = Dataset(
    "transactions",
    "eventing",
    "month=YYYY-MM",
    ("posting_id",),
    (
        _c("posting_id", "VARCHAR", "C2", "the bank's posting id"),
        _c("account_id", "VARCHAR", "C1", "Attune's id; the owner is joined from accounts"),
        _c("business_date", "DATE", "C2", "the bank's booking day"),
        _c("booked_at", "TIMESTAMPTZ", "C2", "moment of booking, UTC", True),
        _c("direction", "VARCHAR", "C2", "credit, debit"),
        _c("amount_minor", "BIGINT", "C2", "not negative; the direction gives the sign"),
        _c("currency", "VARCHAR", "C1", "ISO 4217"),
        _c("kind", "VARCHAR", "C2", "what was booked, e.g. salary, transfer_in, time_deposit_opened"),
        _c("channel", "VARCHAR", "C2", "where, e.g. counter, mobile, atm", True),
        _c("flags", "VARCHAR[]", "C2", "own_transfer, maturity, loan_payout, reversal"),
        _c("reverses", "VARCHAR", "C2", "posting id that this one undoes", True),
        _c("balance_minor", "BIGINT", "C2", "the bank's balance after it, for reconciling only", True),
    ),
)
BEHAVIOURS = Dataset(
    "behaviours",
    "eventing",
    "month=YYYY-MM",
    ("customer_id", "behaviour_id"),
    (
        _c("customer_id", "VARCHAR", "C1", "whose it is"),
        _c("behaviour_id", "VARCHAR", "C2", "the front end's own id"),
        _c("business_date", "DATE", "C2", "the day of the moment in the bank's zone"),
        _c("occurred_at", "TIMESTAMPTZ", "C2", "the moment, UTC"),
        _c("behaviour", "VARCHAR", "C2", "what was done, e.g. product_viewed, step_started, step_completed"),
        _c("product", "VARCHAR", "C2", "the product that was looked at", True),
        _c("step", "VARCHAR", "C2", "the step of an application", True),
        _c("channel", "VARCHAR", "C2", "where, e.g. mobile, web", True),
        _c("seconds", "INTEGER", "C2", "how long", True),
    ),
)
FEATURES = Dataset(
    "features",
    "insight",
    "as_of=YYYY-MM-DD",
    ("customer_id",),
    (
        _c("customer_id", "VARCHAR", "C1", "whom the features describe"),
        _c("as_of", "DATE", "C1", "postings up to and including this day are seen"),
        _c("branch_id", "VARCHAR", "C1", "home branch", True),
        *(_c(f.name, f.type, f.level, f.meaning, f.nullable) for f in features.CATALOGUE.values()),
    ),
    version=2,
)
SEGMENTS = Dataset(
    "segments",
    "insight",
    "as_of=YYYY-MM-DD",
    ("customer_id", "segment"),
    (
        _c("customer_id", "VARCHAR", "C1", "who belongs to it"),
        _c("as_of", "DATE", "C1", "the snapshot's day"),
        _c("segment", "VARCHAR", "C1", "value_quadrant, lifecycle, payroll, silver_hair, digital"),
        _c("value", "VARCHAR", "C2", "which part of the segment; `member` where it has but one"),
    ),
)
SCORES = Dataset(
    "scores",
    "scoring",
    "model=NAME",
    ("customer_id", "model"),
    (
        _c("customer_id", "VARCHAR", "C1", "who is scored"),
        _c("model", "VARCHAR", "C1", "the model's name"),
        _c("version", "INTEGER", "C1", "the version that answered"),
        _c("score", "DOUBLE", "C2", "probability in [0, 1]; that of the likeliest class; or the value"),
        _c("scored_at", "TIMESTAMPTZ", "C1", "business time of the scoring, UTC"),
        _c("likeliest", "VARCHAR", "C2", "the likeliest class, of a model that answers with classes", nullable=True),
        _c("features_hash", "VARCHAR", "C1", "16 hex digits of the sha256 of what the model saw (P-32)", nullable=True),
        _c("model_hash", "VARCHAR", "C1", "16 hex digits of the sha256 of the model's bytes (P-32)", nullable=True),
    ),
    version=2,
)

SHADOW_SCORES = Dataset(
    "shadow_scores",
    "scoring",
    "model=NAME",
    ("customer_id", "model", "version"),
    (
        *SCORES.columns,
        _c("why", "VARCHAR", "C1", "shadow: the version looks on; no_model: the champion, of those it does not answer"),
    ),
)

DATASETS: dict[str, Dataset] = {
    d.name: d
    for d in (
        PARTIES,
        HOUSEHOLDS,
        ACCOUNTS,
        HOLDINGS,
        PRODUCTS,
        REGIONS,
        BRANCHES,
        EMPLOYEES,
        ACCOUNT_PARTIES,
        LOANS,
        CARDS,
        STANDING_ORDERS,
        CONSENTS,
        TRANSACTIONS,
        BEHAVIOURS,
        FEATURES,
        SEGMENTS,
        SCORES,
        SHADOW_SCORES,
    )
}

# Who takes in which dataset: the import sends each to its owner (X3), in this order.
CustomerDataset = Literal[
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
]
LedgerDataset = Literal["transactions", "behaviours"]
IMPORT_ORDER: tuple[str, ...] = (*get_args(CustomerDataset), *get_args(LedgerDataset))

# Columns that a bank's extract carries for the import and that never reach the lake: they stay in customer-360.
IDENTITY_COLUMNS: dict[str, tuple[str, ...]] = {
    "parties": ("name", "phone", "document", "address"),
    "employees": ("name",),
}
