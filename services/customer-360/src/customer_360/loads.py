"""How each dataset of an import enters its table: the SQL of staging, of reference checks, of the upsert. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from attune_contracts.datasets import (
    ACCOUNT_PARTIES,
    ACCOUNTS,
    BRANCHES,
    CARDS,
    CONSENTS,
    EMPLOYEES,
    HOLDINGS,
    HOUSEHOLDS,
    IDENTITY_COLUMNS,
    IMPORT_ORDER,
    LOANS,
    PARTIES,
    PRODUCTS,
    REGIONS,
    STANDING_ORDERS,
    Dataset,
)
from attune_service_kit.files.targets import COUNTED

STAGE = "incoming"

_POSTGRES = {
    "VARCHAR": "text",
    "DATE": "date",
    "BOOLEAN": "boolean",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
}
_UUIDS = frozenset({"customer_id", "account_id"})

# Columns that only the lake has: they follow from the identity columns.
_DERIVED = frozenset({"has_phone", "has_address"})


@dataclass(frozen=True)
class Reference:
    """A column that must name a row of another table; `reason` stands in the reject report."""

    column: str
    table: str
    key: str
    reason: str


@dataclass(frozen=True)
class Load:
    """One dataset's way into its table."""

    dataset: Dataset
    table: str
    references: tuple[Reference, ...] = ()
    with_source: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are staged: the dataset's and its identity columns."""
        identity = IDENTITY_COLUMNS.get(self.dataset.name, ())
        names = (*self.dataset.names, *identity)
        return tuple(n for n in names if n not in _DERIVED and (self.dataset.name, n) not in COUNTED)

    def stage(self) -> str:
        """A temporary table: unlogged, gone with the transaction."""
        columns = [f"{name} {self.type_of(name)}" for name in self.columns]
        return f"CREATE TEMPORARY TABLE {STAGE} ({', '.join(columns)}) ON COMMIT DROP"

    def type_of(self, name: str) -> str:
        """The PostgreSQL type of a staged column."""
        if name in _UUIDS:
            return "uuid"
        known = {column.name: column.type for column in self.dataset.columns}
        return _POSTGRES[known.get(name, "VARCHAR")]

    def upsert(self) -> str:
        """Insert or change what differs, as one statement; `$1` is the source system where the table keeps it."""
        columns = [*self.columns, *(["source"] if self.with_source else [])]
        values = [*self.columns, *(["$1::text"] if self.with_source else [])]
        select = f"SELECT {', '.join(values)} FROM {STAGE}"  # noqa: S608 - names of this module
        return _upsert(self.table, self.dataset.key, columns, select)


def _upsert(table: str, key: Sequence[str], columns: Sequence[str], select: str) -> str:
    rest = [name for name in columns if name not in key]
    assignments = ", ".join(f"{name} = excluded.{name}" for name in rest)
    old = ", ".join(f"t.{name}" for name in rest)
    new = ", ".join(f"excluded.{name}" for name in rest)
    return (
        f"INSERT INTO {table} AS t ({', '.join(columns)}) {select}"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments} WHERE ({old}) IS DISTINCT FROM ({new})"
    )


_CUSTOMER = Reference("customer_id", "party", "customer_id", "no such customer")
_ACCOUNT = Reference("account_id", "account", "account_id", "no such account")

LOADS: dict[str, Load] = {
    load.dataset.name: load
    for load in (
        Load(REGIONS, "region"),
        Load(BRANCHES, "branch"),
        Load(EMPLOYEES, "employee"),
        Load(PRODUCTS, "product"),
        Load(HOUSEHOLDS, "household"),
        Load(PARTIES, "party", with_source=True),
        Load(ACCOUNTS, "account", (_CUSTOMER,), with_source=True),
        Load(
            HOLDINGS,
            "holding",
            (
                _CUSTOMER,
                Reference("product_id", "product", "product_id", "no such product"),
                _ACCOUNT,
            ),
        ),
        Load(ACCOUNT_PARTIES, "account_party", (_CUSTOMER, _ACCOUNT)),
        Load(LOANS, "loan", (_CUSTOMER, _ACCOUNT)),
        Load(CARDS, "card", (_CUSTOMER, _ACCOUNT)),
        Load(STANDING_ORDERS, "standing_order", (_ACCOUNT,)),
        Load(CONSENTS, "consent", (_CUSTOMER,)),
    )
}

OWN_DATASETS = tuple(name for name in IMPORT_ORDER if name in LOADS)

# The closure of the branch tree (X23). UNION ends on a cycle, which CYCLE then finds.
CLOSURE = """
WITH RECURSIVE up (ancestor, branch) AS (
    SELECT branch_id, branch_id FROM branch
    UNION
    SELECT b.parent_id, up.branch FROM up JOIN branch b ON b.branch_id = up.ancestor WHERE b.parent_id IS NOT NULL
)
INSERT INTO branch_scope (ancestor, branch) SELECT ancestor, branch FROM up
"""
CYCLE = """
SELECT s.branch FROM branch_scope s JOIN branch_scope r ON r.ancestor = s.branch AND r.branch = s.ancestor
WHERE s.branch <> s.ancestor LIMIT 1
"""


# The lake knows customers, not records: who answers stands in for who was merged (X22).
_ANSWERED = {"customer_id": "coalesce(a.customer_id, t.customer_id) AS customer_id"}
_STRONGER = "array_position(ARRAY['owner', 'joint_owner', 'authorised'], t.role)"


def _known(column: str) -> str:
    table, known = "FROM party_identity i", f"i.{column} IS NOT NULL"
    own = f"EXISTS (SELECT {table} WHERE i.customer_id = p.customer_id AND {known})"
    joined = f"{table} JOIN party_alias a ON a.alias_id = i.customer_id"
    return f"({own} OR EXISTS (SELECT {joined} WHERE a.customer_id = p.customer_id AND {known}))"


def snapshot(name: str) -> str:
    """The whole dataset as the lake gets it, as a PostgreSQL query."""
    if name == "parties":
        derived = {"has_phone": _known("phone"), "has_address": _known("address")}
        columns = ", ".join(f"{derived.get(c, f'p.{c}')} AS {c}" for c in PARTIES.names)
        return f"SELECT {columns} FROM customer p"  # noqa: S608 - names of this module
    load = LOADS[name]
    columns = ", ".join(_ANSWERED.get(column, column) for column in load.dataset.names)
    if load.table == "consent":  # united for all records of a customer
        table = "consent JOIN consent_version USING (customer_id) WHERE NOT EXISTS (SELECT FROM party_alias a"
        return f"SELECT {', '.join(load.dataset.names)} FROM {table} WHERE a.alias_id = consent.customer_id)"  # noqa: S608
    if "customer_id" not in load.dataset.names:
        return f"SELECT {columns} FROM {load.table}"  # noqa: S608 - names of this module
    table = f"{load.table} t LEFT JOIN party_alias a ON a.alias_id = t.customer_id"
    if load.table == "account_party":  # one person with two records on an account has its strongest role
        return f"SELECT DISTINCT ON (1, 2) {columns} FROM {table} ORDER BY 1, 2, {_STRONGER}"  # noqa: S608
    return f"SELECT {columns} FROM {table}"  # noqa: S608 - names of this module
