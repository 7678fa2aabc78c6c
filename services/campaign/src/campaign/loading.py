"""Bulk loads of projections from the lake: job processes only (X17, X29)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.datasets import DATASETS
from attune_contracts.pointer import Pointer
from attune_service_kit import branch_scope
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake_sql import connect, scan
from campaign import consent_withdrawals, consents, opportunities, plans, turns
from campaign.branch_tree import closure

CHUNK = 20_000

_KEEP_OTHERS = """
INSERT INTO proj_scores_new SELECT * FROM proj_scores
WHERE model <> $1 OR scored_at > (SELECT coalesce(max(scored_at), 'infinity') FROM proj_scores_new)
ON CONFLICT (customer_id, model) DO UPDATE
SET (version, score, scored_at, model_hash, features_hash) =
    (excluded.version, excluded.score, excluded.scored_at, excluded.model_hash, excluded.features_hash)
WHERE excluded.scored_at > proj_scores_new.scored_at"""
JUDGED_AT_ONCE = 500

_NEWER = """
INSERT INTO projection (name, as_of, manifest, rows) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET as_of = excluded.as_of, manifest = excluded.manifest, rows = excluded.rows,
                                 loaded_at = now()
WHERE (excluded.as_of, excluded.manifest) > (projection.as_of, projection.manifest) RETURNING true"""

# The newest state of a profile wins, whichever way it comes (X7, X17); products may change without the profile.
_PARTIES = """
SELECT p.customer_id, p.party_kind, p.branch_id, p.manager_id, p.birth_date, p.risk_rating, p.risk_rated_on,
       p.risk_valid_until, p.personalisation, p.version, p.household_id,
       coalesce(list_sort(list_distinct(list(h.product_id) FILTER (WHERE h.product_id IS NOT NULL))), []),
       coalesce(list_sort(list_distinct(list(q.kind) FILTER (WHERE q.kind IS NOT NULL))), [])
FROM parties p LEFT JOIN holdings h USING (customer_id) LEFT JOIN products q USING (product_id)
GROUP BY ALL"""
_PARTY_COLUMNS = (
    "customer_id",
    "party_kind",
    "branch_id",
    "manager_id",
    "birth_date",
    "risk_rating",
    "risk_rated_on",
    "risk_valid_until",
    "personalisation",
    "version",
    "household_id",
    "products",
    "product_kinds",
)
_NEWER_PARTY = "WHERE excluded.version >= proj_party.version"
_CONSENT_COLUMNS = ("customer_id", "purpose", "channel", "product_kind", "granted", "since", "version")
_CHANGED_CONSENTS = """
SELECT customer_id FROM proj_consent JOIN (SELECT customer_id, max(version) AS told FROM consent_in GROUP BY 1) i
    USING (customer_id) GROUP BY customer_id, i.told HAVING max(version) < i.told"""
_STALE_CONSENTS = """
DELETE FROM proj_consent p USING (SELECT customer_id, max(version) AS told FROM consent_in GROUP BY 1) i
WHERE p.customer_id = i.customer_id AND p.version < i.told"""
_UNKNOWN = """
SELECT DISTINCT o.customer_id FROM opportunity o JOIN proj_party p USING (customer_id)
WHERE o.reason = 'unknown_customer' AND o.state = 'suppressed' AND o.expires_at > $1 ORDER BY 1"""


async def load_import(job: JobContext) -> dict[str, Any]:
    """Customers, consents, products, branches and employees of one import; then who was unknown is judged again."""
    pointers = {p.dataset: p for p in (Pointer.model_validate(raw) for raw in job.params["pointers"])}
    con = connect(job.runtime.lake, job.runtime.settings)
    _views(con, job, pointers)
    loaded: dict[str, Any] = {}
    async with job.transaction() as tx:
        for name, load in (
            ("branches", _branches),
            ("employees", _employees),
            ("products", _products),
            ("parties", _parties),
            ("accounts", _accounts),
            ("account_parties", _joint_owners),
        ):
            if name in pointers and await _newer(tx, name, pointers[name]):
                loaded[name] = await load(tx, con)
    async with job.transaction() as tx:
        if "consents" in pointers and await _newer(tx, "consents", pointers["consents"]):
            loaded["consents"] = await _consents(tx, con)
    await job.progress(1, 2, "projections loaded")
    loaded["ended"] = await _end_unwanted(job)
    loaded["judged_again"] = await _judge_unknown(job)
    return loaded


async def load_features(job: JobContext) -> dict[str, Any]:
    """The newest snapshot of everybody's features: into a new table, then swapped."""
    (pointer,) = (Pointer.model_validate(raw) for raw in job.params["pointers"])
    con = connect(job.runtime.lake, job.runtime.settings)
    _views(con, job, {"features": pointer})
    query = (
        "SELECT customer_id, as_of, demand_balance_minor, digital_share_90d, value_quadrant, lifecycle FROM features"
    )
    columns = ("customer_id", "as_of", "demand_balance_minor", "digital_share", "value_quadrant", "lifecycle")
    async with job.transaction() as tx:
        if not await _newer(tx, "features", pointer):
            return {"rows": 0, "skipped": "older"}
        await tx.conn.execute("SELECT projection_begin('proj_features')")
        rows = await _copy(tx, con, query, "proj_features_new", columns)
        await tx.conn.execute("SELECT projection_swap('proj_features')")
    return {"rows": rows}


async def load_scores(job: JobContext) -> dict[str, Any]:
    """One model's scores of everybody; other models' stay, and so do single customers' newer ones.

    Who is in the batch no more has no score of this model any more: no model answers for them (X13).
    """
    (pointer,) = (Pointer.model_validate(raw) for raw in job.params["pointers"])
    con = connect(job.runtime.lake, job.runtime.settings)
    _views(con, job, {"scores": pointer})
    query = "SELECT customer_id, model, version, score, epoch_us(scored_at), model_hash, features_hash FROM scores"
    columns = ("customer_id", "model", "version", "score", "scored_at", "model_hash", "features_hash")
    async with job.transaction() as tx:
        if not await _newer(tx, f"scores/{pointer.partition}", pointer):
            return {"rows": 0, "skipped": "older"}
        await tx.conn.execute("SELECT projection_begin('proj_scores')")
        rows = await _copy(tx, con, query, "proj_scores_new", columns)
        # From here to the commit merges wait, readers do not: no newer score falls between two tables.
        await tx.conn.execute("LOCK TABLE proj_scores IN SHARE ROW EXCLUSIVE MODE")
        await tx.conn.execute(_KEEP_OTHERS, pointer.partition.removeprefix("model="))
        await tx.conn.execute("SELECT projection_swap('proj_scores')")
    return {"rows": rows}


def _views(con: duckdb.DuckDBPyConnection, job: JobContext, pointers: dict[str, Pointer]) -> None:
    """A view of exactly what each pointer stands for; of the newest content where the import has none."""
    for name in {"parties", "holdings", "products", "consents", "branches", "employees", *pointers}:
        lake = job.runtime.lake
        files = lake.read_pointer(pointers[name]) if name in pointers else lake.files(name)
        con.execute(f"CREATE OR REPLACE VIEW {name} AS {scan(DATASETS[name], files)}")


async def _newer(tx: Transaction, name: str, pointer: Pointer) -> bool:
    newer: bool | None = await tx.conn.fetchval(_NEWER, name, pointer.as_of, pointer.manifest, pointer.rows)
    return newer is True


async def _branches(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    parents = dict(con.execute("SELECT branch_id, parent_id FROM branches").fetchall())
    await branch_scope.replace(tx.conn, closure(parents))
    return len(parents)


async def _employees(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    await tx.conn.execute("DELETE FROM employee")
    query = "SELECT employee_id, branch_id, role, daily_capacity FROM employees"
    columns = ("employee_id", "branch_id", "role", "daily_capacity")
    return await _upsert(tx, con, query, "employee", columns, ("employee_id",), "")


async def _products(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    await tx.conn.execute("DELETE FROM proj_product")
    return await _copy(tx, con, "SELECT product_id, kind FROM products", "proj_product", ("product_id", "kind"))


async def _parties(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    return await _upsert(tx, con, _PARTIES, "proj_party", _PARTY_COLUMNS, ("customer_id",), _NEWER_PARTY)


async def _accounts(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    """Whose account each one is: the contact policy protects accounts too. A closed one is nobody's any more."""
    await tx.conn.execute("CREATE TEMP TABLE account_in (account_id uuid, customer_id uuid) ON COMMIT DROP")
    query = "SELECT account_id, CASE WHEN closed_on IS NULL THEN customer_id END AS customer_id FROM accounts"
    rows = await _copy(tx, con, query, "account_in", ("account_id", "customer_id"))
    await tx.conn.execute(
        "DELETE FROM proj_account p USING account_in i WHERE p.account_id = i.account_id"
        " AND (i.customer_id IS NULL OR p.role = 'owner' AND p.customer_id <> i.customer_id)"
    )
    await tx.conn.execute(
        "INSERT INTO proj_account (account_id, customer_id) SELECT account_id, customer_id FROM account_in"
        " WHERE customer_id IS NOT NULL ON CONFLICT (account_id, customer_id) DO UPDATE SET role = 'owner'"
    )
    return rows


async def _joint_owners(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    """Who holds an account beside its owner; whoever may only act on it is contacted about their own."""
    await tx.conn.execute("CREATE TEMP TABLE joint_in (account_id uuid, customer_id uuid) ON COMMIT DROP")
    query = "SELECT account_id, customer_id FROM account_parties WHERE role = 'joint_owner'"
    rows = await _copy(tx, con, query, "joint_in", ("account_id", "customer_id"))
    await tx.conn.execute("DELETE FROM proj_account WHERE role = 'joint_owner'")
    await tx.conn.execute(
        "INSERT INTO proj_account (account_id, customer_id, role) SELECT i.account_id, i.customer_id, 'joint_owner'"
        " FROM joint_in i WHERE EXISTS (SELECT FROM proj_account p WHERE p.account_id = i.account_id)"
        " ON CONFLICT DO NOTHING"
    )
    return rows


async def _consents(tx: Transaction, con: duckdb.DuckDBPyConnection) -> int:
    """Replace the consents of every customer whose version in the file is greater than the one held (X7, X17)."""
    columns = ", ".join(_CONSENT_COLUMNS)
    await tx.conn.execute("CREATE TEMP TABLE consent_in (LIKE proj_consent INCLUDING DEFAULTS) ON COMMIT DROP")
    rows = await _copy(tx, con, f"SELECT {columns} FROM consents", "consent_in", _CONSENT_COLUMNS)  # noqa: S608
    # Who changes is locked before their rows are: a contact is reserved under the old consents and found, or waits.
    await consents.lock_subjects(tx.conn, [row[0] for row in await tx.conn.fetch(_CHANGED_CONSENTS)])
    await tx.conn.execute(_STALE_CONSENTS)
    await tx.conn.execute(
        f"INSERT INTO proj_consent ({columns}) SELECT {columns} FROM consent_in i"  # noqa: S608 - names of ours
        " WHERE NOT EXISTS (SELECT FROM proj_consent p WHERE p.customer_id = i.customer_id)"
    )
    return rows


async def _upsert(
    tx: Transaction,
    con: duckdb.DuckDBPyConnection,
    query: str,
    table: str,
    columns: Sequence[str],
    key: Sequence[str],
    where: str,
) -> int:
    await tx.conn.execute(f"CREATE TEMP TABLE {table}_in (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DROP")
    rows = await _copy(tx, con, query, f"{table}_in", columns)
    names = ", ".join(columns)
    changes = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in key)
    await tx.conn.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {table}_in"  # noqa: S608 - names of ours
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes} {where}"
    )
    return rows


async def _copy(tx: Transaction, con: duckdb.DuckDBPyConnection, query: str, table: str, columns: Sequence[str]) -> int:
    """COPY a query's rows in chunks; return how many."""
    rows = 0
    for chunk in _chunks(con, query, columns):
        await tx.conn.copy_records_to_table(table, records=chunk, columns=columns)
        rows += len(chunk)
    return rows


def _chunks(con: duckdb.DuckDBPyConnection, query: str, columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    readers = [_READERS.get(column) for column in columns]
    result = con.execute(query)
    while rows := result.fetchmany(CHUNK):
        yield [tuple(r(v) if r and v is not None else v for r, v in zip(readers, row, strict=True)) for row in rows]


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


_READERS: dict[str, Callable[[Any], Any]] = {"customer_id": UUID, "account_id": UUID, "scored_at": _moment}


async def _end_unwanted(job: JobContext) -> int:
    """End what customers no longer agree to, for everybody with something open: the files may have withdrawn it."""
    ended, after = 0, None
    while True:
        async with job.transaction() as tx:
            found = await consent_withdrawals.waiting(tx.conn, after)
            if not found:
                return ended
            ended += await consent_withdrawals.end_after_load(tx, found)
        after = found[-1]


async def _judge_unknown(job: JobContext) -> int:
    now = job.runtime.clock.now()
    async with job.transaction() as tx:
        waiting = [row[0] for row in await tx.conn.fetch(_UNKNOWN, now)]
    judged = 0
    for start in range(0, len(waiting), JUDGED_AT_ONCE):
        async with job.transaction() as tx:
            await turns.alone(tx.conn)
            plan = await plans.current(job.runtime.database, tx.conn)
            chunk, zone = waiting[start : start + JUDGED_AT_ONCE], job.runtime.settings.zone
            judged += await opportunities.judge_again(tx, plan, chunk, now, zone)
    return judged
