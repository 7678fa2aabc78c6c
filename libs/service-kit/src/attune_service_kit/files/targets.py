"""What each column of a dataset admits: allowed values, lengths, defaults, and which options its source may use."""

from dataclasses import dataclass

from attune_contracts.consent import ANY, CHANNELS, DIVISIBLE, PRODUCT_KINDS, PURPOSES
from attune_contracts.datasets import DATASETS, IDENTITY_COLUMNS, Column
from attune_contracts.identifiers import SOURCE_ID_LENGTH
from attune_contracts.ledger import AccountKind, Direction, Flag
from attune_service_kit.files.sources import Words

LONGEST_TEXT = 200
LARGEST_MINOR = 10**13

ALLOWED: dict[tuple[str, str], tuple[str, ...]] = {
    ("parties", "party_kind"): ("person", "organisation", "prospect"),
    ("parties", "household_role"): ("head", "partner", "child", "parent", "other"),
    ("parties", "legal_basis"): ("consent", "contract", "public_information"),
    ("parties", "gender"): ("female", "male"),
    ("parties", "risk_rating"): ("C1", "C2", "C3", "C4", "C5"),
    ("accounts", "kind"): tuple(kind.value for kind in AccountKind),
    ("products", "kind"): PRODUCT_KINDS,
    ("products", "risk_level"): ("R1", "R2", "R3", "R4", "R5"),
    ("employees", "role"): ("teller", "relationship_manager", "call_centre", "branch_manager"),
    ("account_parties", "role"): ("owner", "joint_owner", "authorised"),
    ("loans", "status"): ("running", "in_arrears", "repaid", "defaulted"),
    ("consents", "purpose"): PURPOSES,
    ("consents", "channel"): (ANY, *CHANNELS),
    ("consents", "product_kind"): (ANY, *PRODUCT_KINDS),
    ("consents", "basis"): ("decision", "default"),
    ("transactions", "direction"): tuple(direction.value for direction in Direction),
    ("transactions", "flags"): tuple(flag.value for flag in Flag),
}

_CODE = ("[a-z][a-z0-9_]{0,39}", Words("lower-case letters, digits and _", "小写字母、数字与 _"))
_PRODUCT = ("[a-z][a-z0-9_-]{0,63}", Words("lower-case letters, digits, _ and -", "小写字母、数字、_ 与 -"))
_CURRENCY = ("[A-Z]{3}", Words("an ISO 4217 code", "ISO 4217 货币代码"))
# Open lists: any code of the right form.
PATTERNS: dict[tuple[str, str], tuple[str, Words]] = {
    ("transactions", "kind"): _CODE,
    ("transactions", "channel"): _CODE,
    ("transactions", "currency"): _CURRENCY,
    ("behaviours", "behaviour"): _CODE,
    ("behaviours", "channel"): _CODE,
    ("behaviours", "product"): _PRODUCT,
    ("behaviours", "step"): _PRODUCT,
    ("accounts", "currency"): _CURRENCY,
    ("cards", "kind"): _CODE,
    ("standing_orders", "kind"): _CODE,
    ("standing_orders", "frequency"): _CODE,
}

# What stands where the mapping names no source, as SQL; every other column that may be NULL is NULL.
DEFAULTS: dict[tuple[str, str], str] = {
    ("parties", "party_kind"): "'person'",
    ("parties", "has_phone"): '"phone" IS NOT NULL',
    ("parties", "has_address"): '"address" IS NOT NULL',
    ("parties", "personalisation"): "true",
    ("accounts", "opening_balance_minor"): "0",
    ("transactions", "flags"): "[]::VARCHAR[]",
    ("consents", "channel"): f"'{ANY}'",
    ("consents", "product_kind"): f"'{ANY}'",
    ("consents", "basis"): "'decision'",
}

# What one value demands of another in the same row: a condition over the dataset's columns, the column at fault, why.
ROW_RULES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "parties": (
        ("party_kind = 'prospect' AND prospect_source IS NULL", "prospect_source", "is empty, but needed of prospects"),
        ("party_kind = 'prospect' AND legal_basis IS NULL", "legal_basis", "is empty, but needed of prospects"),
    ),
}

# Computed from source_id, never mapped.
OWN_ID = {"parties": ("customer_id", "party"), "accounts": ("account_id", "account")}

# Counted by the owner while it writes the rows, never mapped.
COUNTED = {("parties", "version"), ("consents", "version")}

# Columns that only rows with a certain value of another column may divide by: otherwise they stand for all.
DIVIDING = {("consents", name): ("purpose", DIVISIBLE, ANY) for name in ("channel", "product_kind")}

# Mapped to the bank's id of another row; Attune's id is computed from it.
REFERENCES = {"customer_id": "party", "account_id": "account"}

# The largest value of a whole number that is no amount.
LARGEST = {("behaviours", "seconds"): 10**6}

NOT_NEGATIVE = {
    ("behaviours", "seconds"),
    ("transactions", "amount_minor"),
    ("holdings", "amount_minor"),
    ("loans", "amount_minor"),
    ("loans", "payment_minor"),
    ("standing_orders", "amount_minor"),
    ("regions", "average_salary_minor"),
}


@dataclass(frozen=True)
class Target:
    """One column to be filled."""

    dataset: str
    name: str
    type: str
    nullable: bool

    @property
    def key(self) -> tuple[str, str]:
        """Dataset and column."""
        return self.dataset, self.name

    @property
    def longest(self) -> int:
        """Most characters that a text may have: identifiers are short."""
        identifier = self.name.endswith("_id") or self.name == "reverses"
        return SOURCE_ID_LENGTH if identifier else LONGEST_TEXT


def targets(dataset: str) -> list[Target]:
    """Return the dataset's columns and then its identity columns, in order."""
    lake = [_target(dataset, c) for c in DATASETS[dataset].columns if (dataset, c.name) not in COUNTED]
    return lake + [Target(dataset, name, "VARCHAR", True) for name in IDENTITY_COLUMNS.get(dataset, ())]


def mappable(dataset: str) -> dict[str, Target]:
    """Return the columns that a mapping may name."""
    own = OWN_ID.get(dataset, ("", ""))[0]
    return {t.name: t for t in targets(dataset) if t.name != own}


def required(dataset: str) -> list[str]:
    """Return the columns that a mapping must name."""
    return [t.name for t in mappable(dataset).values() if not t.nullable and t.key not in DEFAULTS]


def options(target: Target) -> set[str]:
    """Return the keys of a source that mean something for this column."""
    if target.type == "VARCHAR[]":
        return {"when"}
    general = {"column", "constant", "first_of", "cases", "concat", "empty", "characters", "strip_left"}
    number = {"decimal", "thousands", "minus", "sum", "difference"}
    by_type = {
        "VARCHAR": {"codes", "otherwise", "case"},
        "BOOLEAN": {"codes", "otherwise", "present"},
        "DATE": {"format", "century", "women_month_plus", "plus_months", "plus_days"},
        "TIMESTAMPTZ": {"format", "century", "zone"},
        "BIGINT": number | {"places", "unit", "negative", "sign"},
        "INTEGER": number,
        "DOUBLE": number,
    }
    by_column = {
        ("parties", "gender"): {"women_month_plus", "format"},
        ("transactions", "direction"): {"sign", "decimal", "thousands", "minus"},
    }
    return general | by_type.get(target.type, set()) | by_column.get(target.key, set())


def derived_options(target: Target) -> set[str]:
    """Return those of a source that is made from others: it has no text of its own to be read."""
    allowed = {"first_of", "cases", "concat", "sum", "difference", "when"}
    by_type = {
        "VARCHAR": {"characters", "strip_left", "case", "codes", "otherwise"},
        "DATE": {"plus_months", "plus_days"},
        "BIGINT": {"negative", "sign"},
    }
    return allowed | by_type.get(target.type, set())


def _target(dataset: str, column: Column) -> Target:
    return Target(dataset, column.name, column.type, column.nullable)
