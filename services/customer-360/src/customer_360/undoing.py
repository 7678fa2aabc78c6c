"""Taking an import back: what it added goes, what it changed is as before, or nothing at all and the reason. In a job.

One transaction over `import_change`, from the rows that refer to those that are referred to. The consent ledger keeps
what it said of customers who stay, and says what holds now; it forgets those whom only the import knew.
"""

from typing import Any
from uuid import UUID

import asyncpg

from attune_contracts.customer_360 import ConsentChanged, ImportCompleted
from attune_service_kit.database import Transaction
from attune_service_kit.failpoints import failpoint
from attune_service_kit.files import runs
from attune_service_kit.files.runs import ImportInUse
from attune_service_kit.jobs import JobContext
from customer_360 import consents, reindexing, resolution, segments
from customer_360.loads import CLOSURE
from customer_360.publishing import publish

# What imports fill, by primary key: rows of a later table may refer to those of an earlier one.
TABLES: dict[str, tuple[str, ...]] = {
    "region": ("region_id",),
    "branch": ("branch_id",),
    "employee": ("employee_id",),
    "product": ("product_id",),
    "household": ("household_id",),
    "party": ("customer_id",),
    "party_identity": ("customer_id",),
    "profile_field": ("customer_id", "field"),
    "risk_assessment": ("assessment_id",),
    "account": ("account_id",),
    "account_party": ("account_id", "customer_id"),
    "holding": ("holding_id",),
    "loan": ("loan_id",),
    "card": ("card_id",),
    "standing_order": ("standing_order_id",),
    "consent": ("customer_id", "purpose", "channel", "product_kind"),
    "timeline_entry": ("customer_id", "kind", "key"),
}

_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_MINE = """
CREATE TEMP TABLE mine ON COMMIT DROP AS
SELECT table_name, action,
       CASE WHEN action = 'changed' THEN r -> 0 WHEN jsonb_typeof(r) = 'array' THEN r
            ELSE jsonb_build_array(r) END AS key,
       CASE action WHEN 'changed' THEN r -> 1 END AS before, CASE action WHEN 'changed' THEN r -> 2 END AS after
FROM import_change, jsonb_array_elements(coalesce(keys, rows)) AS r WHERE import_id = $1"""
_LATER = """
SELECT c.import_id, count(*) AS rows FROM import_change c, jsonb_array_elements(c.rows) AS r
WHERE c.action = 'changed' AND c.import_id <> $1
  AND c.seq > (SELECT max(seq) FROM import_change WHERE import_id = $1)
  AND EXISTS (SELECT FROM mine m WHERE m.table_name = c.table_name AND m.key = r -> 0)
GROUP BY 1 ORDER BY max(c.seq) DESC LIMIT 1"""
# What people did since stands in the audit, behind the import's own first line.
_SINCE = """
SELECT a.what, count(DISTINCT a.entity_id) AS customers FROM audit a
JOIN mine m ON m.table_name IN ('party', 'consent') AND m.key ->> 0 = a.entity_id
WHERE a.entity IN ('party', 'customer') AND a.what = ANY ($2::text[])
  AND a.id > (SELECT max(id) FROM audit WHERE entity = 'import' AND entity_id = $1::text AND what = 'import.started')
GROUP BY 1 ORDER BY 1 LIMIT 1"""
_DEEDS = {
    "profile.changed": ("profiles have been changed since", "位客户的资料之后被修改"),
    "details.changed": ("profiles have been changed since", "位客户的资料之后被修改"),
    "consent.changed": ("of its customers have given or withdrawn consent since", "位客户之后给出或撤回了同意"),
    "consent.united": ("of its customers have been merged since", "位客户之后被归并"),
    "risk.assessed": ("of its customers have been assessed since", "位客户之后完成了风险评估"),
}
_OTHERWISE = """
SELECT count(*) FROM mine m JOIN party p ON p.customer_id = (m.key ->> 0)::uuid
WHERE m.table_name = 'party' AND m.action = 'changed'
  AND to_jsonb(p) - 'version' - 'updated_at' IS DISTINCT FROM m.after - 'version' - 'updated_at'"""
_LEAVING = """
SELECT (m.key ->> 0)::uuid AS customer_id, v.version FROM mine m
LEFT JOIN consent_version v ON v.customer_id = (m.key ->> 0)::uuid
WHERE m.table_name = 'party' AND m.action = 'added'"""
_STAYING = """
SELECT DISTINCT (m.key ->> 0)::uuid AS customer_id FROM mine m WHERE m.table_name = 'consent'
AND NOT EXISTS (SELECT FROM mine p WHERE p.table_name = 'party' AND p.action = 'added' AND p.key ->> 0 = m.key ->> 0)"""
_NEW_VERSION = "UPDATE consent_version SET version = version + 1, changed_at = $2 WHERE customer_id = ANY ($1::uuid[])"
_ENTRIES = """
INSERT INTO consent_entry (customer_id, version, purpose, channel, product_kind, granted, basis, source, notice_version,
                           evidence, since, actor, at)
SELECT v.customer_id, v.version, m.key ->> 1, m.key ->> 2, m.key ->> 3, coalesce(c.granted, false),
       coalesce(c.basis, 'default'), 'import', c.notice_version, coalesce(c.evidence, 'import ' || $2 || ' taken back'),
       coalesce(c.since, $3::timestamptz::date), $4, $3
FROM mine m JOIN consent_version v ON v.customer_id = (m.key ->> 0)::uuid
LEFT JOIN consent c ON (c.customer_id, c.purpose, c.channel, c.product_kind)
    = (v.customer_id, m.key ->> 1, m.key ->> 2, m.key ->> 3)
WHERE m.table_name = 'consent' AND v.customer_id = ANY ($1::uuid[])"""
# What insight found of those who leave is no deed of anybody's: the next snapshot is without them.
_FOUND = "DELETE FROM tag WHERE customer_id = ANY ($1::uuid[]) AND source = $2"
_FORGET = "DELETE FROM import_change WHERE import_id = $1"

# What people call the rows that refer to a customer, an account, a product.
_CALLED = {
    "account": ("accounts", "账户"),
    "holding": ("holdings", "持有"),
    "account_party": ("account parties", "账户关系人"),
    "tag": ("tags", "标签"),
    "party_alias": ("merged identities", "已归并的客户"),
    "visit": ("visits", "到访"),
    "risk_assessment": ("risk assessments", "风险评估"),
    "consent": ("consents", "同意"),
    "standing_order": ("standing orders", "自动转账"),
}


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `import_id`, `only_check`. Result: `{import_id, undone, removed, restored}`; fails with ImportInUse."""
    import_id = UUID(job.params["import_id"])
    if not (job.cursor or {}).get("taken_back"):
        await job.progress(0, 2, "taking back")
        counts = await _take_back(job, import_id)
    else:
        counts = job.cursor["counts"] if job.cursor else {}
    if job.params["only_check"]:
        return {"import_id": str(import_id), "undone": False} | counts
    failpoint("customer_360.undo.before_publishing")
    await reindexing.run(job)  # what is as before is of an index key of that time
    await job.progress(1, 2, "publishing")
    if not (job.cursor or {}).get("published"):
        pointers = await publish(job)
        async with job.transaction() as tx:
            tx.emit(ImportCompleted(import_id=import_id, pointers=tuple(pointers)))
            await runs.undone(tx, import_id)
            job.cursor = {"taken_back": True, "counts": counts, "published": True}
    return {"import_id": str(import_id), "undone": True} | counts


class _OnlyChecking(Exception):
    """Nothing stands in the way; and nothing is to be done."""


async def _take_back(job: JobContext, import_id: UUID) -> dict[str, int]:
    counts: dict[str, int] = {}
    try:
        async with job.transaction() as tx:
            await tx.conn.execute(_MINE, import_id)
            await _refuse_if_in_use(tx, import_id)
            leaving = await tx.conn.fetch(_LEAVING)
            staying = [row["customer_id"] for row in await tx.conn.fetch(_STAYING)]
            if decided := await resolution.forget(tx, [row["customer_id"] for row in leaving]):
                en, zh = _DEEDS["consent.united"]
                raise ImportInUse(f"{decided} {en}", f"有 {decided} {zh}")
            counts = await _restore(tx, leaving)
            await _say_consents(tx, import_id, leaving, staying)
            if job.params["only_check"]:
                raise _OnlyChecking
            await tx.conn.execute(_FORGET, import_id)
            job.cursor = {"taken_back": True, "counts": counts}
    except _OnlyChecking:
        return counts
    except asyncpg.ForeignKeyViolationError as error:
        table = error.table_name or ""
        en, zh = _CALLED.get(table, (table.replace("_", " "), table))
        raise ImportInUse(f"{en} rest on what it brought", f"已有{zh}基于其数据") from error
    return counts


async def _refuse_if_in_use(tx: Transaction, import_id: UUID) -> None:
    later = await tx.conn.fetchrow(_LATER, import_id)
    if later is not None:
        other, rows = later["import_id"], later["rows"]
        raise ImportInUse(
            f"import {other} has changed {rows} of its rows since: take that one back first",
            f"导入 {other} 之后又修改了其中 {rows} 条记录，请先撤销该导入",
        )
    if changed := await tx.conn.fetchval(_OTHERWISE):
        en, zh = _DEEDS["profile.changed"]
        raise ImportInUse(f"{changed} {en}", f"有 {changed} {zh}")
    done = await tx.conn.fetchrow(_SINCE, str(import_id), list(_DEEDS))
    if done is not None:
        en, zh = _DEEDS[done["what"]]
        raise ImportInUse(f"{done['customers']} {en}", f"有 {done['customers']} {zh}")


async def _restore(tx: Transaction, leaving: list[asyncpg.Record]) -> dict[str, int]:
    """Table by table, those that refer to others first; return how many rows went and how many are as before."""
    removed = restored = 0
    for table in reversed(TABLES):
        columns = {row["name"]: row["type"] for row in await tx.conn.fetch(_COLUMNS, table)}
        key = ", ".join(f"(m.key ->> {i})::{columns[name]}" for i, name in enumerate(TABLES[table]))
        same = f"({', '.join(f't.{name}' for name in TABLES[table])}) = ({key})"
        if table == "party" and leaving:
            customers = [row["customer_id"] for row in leaving]
            await tx.conn.execute("SELECT forget_imported_consents($1)", customers)
            await tx.conn.execute(_FOUND, customers, segments.SOURCE)
        mine = f"FROM mine m WHERE m.table_name = '{table}'"
        done = await tx.conn.execute(
            f"DELETE FROM {table} t USING (SELECT m.key {mine} AND m.action = 'added') m WHERE {same}"  # noqa: S608
        )
        removed += int(done.rpartition(" ")[2])
        rest = [name for name in columns if name not in TABLES[table]]
        if not rest:
            continue
        # A profile's version only grows: whoever holds the newer state would ignore an older one.
        new = {"version": "t.version + 1", "updated_at": "$1::timestamptz"} if table == "party" else {}
        assignments = ", ".join(f"{name} = {new.get(name, f'b.{name}')}" for name in rest)
        done = await tx.conn.execute(
            f"UPDATE {table} t SET {assignments} FROM (SELECT m.key, m.before {mine} AND m.action = 'changed') m,"  # noqa: S608
            f" jsonb_populate_record(NULL::{table}, m.before) b WHERE {same}",
            *([tx.now] if new else []),
        )
        restored += int(done.rpartition(" ")[2])
        if table == "branch":
            await tx.conn.execute("DELETE FROM branch_scope")
            await tx.conn.execute(CLOSURE)
    return {"removed": removed, "restored": restored}


async def _say_consents(tx: Transaction, import_id: UUID, leaving: list[asyncpg.Record], staying: list[UUID]) -> None:
    """Who stays has what held before, as a new entry of the ledger; who leaves agrees to nothing any more."""
    if staying:
        await tx.conn.execute(_NEW_VERSION, staying, tx.now)
        await tx.conn.execute(_ENTRIES, staying, str(import_id), tx.now, tx.who)
        for customer_id in staying:
            tx.emit(consents.event(await consents.of_record(tx.conn, customer_id)))
    for row in leaving:
        if row["version"] is not None:
            tx.emit(ConsentChanged(customer_id=row["customer_id"], version=row["version"] + 1, consents=()))
