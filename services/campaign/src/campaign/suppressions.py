"""Suppressions: who is not to be contacted, on which channel, until when. Added, listed, lifted, taken in by lists."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Literal
from uuid import UUID

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Forbidden, Invalid, NotFound
from attune_service_kit.paging import by_time
from attune_service_kit.reads import Queryable
from campaign.contact_policy import Level
from campaign.sql import Conn, one
from campaign.visibility import parameters, visible

Source = Literal["do_not_contact_list", "complaint", "opt_out", "request"]

LARGEST_LIST = 10_000
REJECTS_TOLD = 100

# Who belongs to a subject, as far as the caller sees them.
_MEMBERS = {
    "customer": "p.customer_id = $4::uuid",
    "household": "p.household_id = $4",
    "account": "p.customer_id IN (SELECT a.customer_id FROM proj_account a WHERE a.account_id = $4::uuid)",
}
_COLUMNS = """
id, level, subject, customer_id, branch_id, channel, starts_at, ends_at, permanent, hours_start, hours_end, reason,
source, list_name, created_by"""
_INSERT = f"""
INSERT INTO suppression ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz, $8::timestamptz IS NULL, $9, $10, $11, $12, $13, $14)
RETURNING *"""  # noqa: S608 - ours
# What a suppression from the same source covers already, as long or longer, is not told twice.
_INSERT_LIST = f"""
INSERT INTO suppression ({_COLUMNS})
SELECT s.id, $4::text, s.subject, s.customer_id,
       (SELECT branch_id FROM proj_party p WHERE p.customer_id = s.customer_id),
       $5::text, $6::timestamptz, $7::timestamptz, $7::timestamptz IS NULL, NULL, NULL,
       $8::text, $9::text, $10::text, $11::text
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS s (id, subject, customer_id)
WHERE NOT EXISTS (
    SELECT FROM suppression o WHERE o.subject = s.subject AND o.lifted_at IS NULL AND o.source = $9
        AND o.channel IS NOT DISTINCT FROM $5 AND o.hours_start IS NULL AND o.starts_at <= $6
        AND (o.permanent OR $7 IS NOT NULL AND o.ends_at >= $7))"""  # noqa: S608 - ours
_LOCK = "SELECT lock_policy_subjects($1::text[])"
_RELEASE = "SELECT release_contacts_of($1, $2::text[], $3)"
_ONE = f"SELECT t.* FROM suppression t WHERE {visible('t', 1)} AND t.id = $4"  # noqa: S608 - a condition of ours
# Ids are time-ordered.
_LISTS = by_time(f"""
SELECT t.* FROM suppression t
WHERE {visible("t", 1)} AND ($4::text IS NULL OR t.level = $4) AND ($5::text IS NULL OR t.source = $5)
  AND ($6::text IS NULL OR t.channel = $6)
  AND ($7::boolean IS NULL OR (t.lifted_at IS NULL AND (t.permanent OR t.ends_at > $8)) = $7)
  AND ($9::uuid IS NULL OR t.subject = ANY (policy_subjects(
        $9, (SELECT household_id FROM proj_party WHERE customer_id = $9),
        ARRAY(SELECT account_id FROM proj_account WHERE customer_id = $9))))
  AND ($10::uuid IS NULL OR t.id {{beyond}} $10)
ORDER BY t.id {{order}} LIMIT $11""")  # noqa: S608 - a condition of ours


class AlreadyLifted(Conflict):
    """The suppression has been lifted before."""

    code = "suppression_lifted"


@dataclass(frozen=True)
class Subject:
    """Whom it protects: a customer, everybody of a household, or every holder of an account."""

    level: Level
    key: str

    def __str__(self) -> str:
        """As the policy's locks and rows name it."""
        return f"{self.level}:{self.key}"


@dataclass(frozen=True)
class Terms:
    """What is forbidden: one channel or all, until an end or for good (`ends_at` None), perhaps in some hours only."""

    channel: str | None
    ends_at: datetime | None
    reason: str
    source: Source
    hours: tuple[time, time] | None = None
    list_name: str | None = None


@dataclass(frozen=True)
class Filter:
    """Which suppressions to list; None asks nothing. `customer_id` finds those of household and accounts too."""

    level: str | None = None
    source: str | None = None
    channel: str | None = None
    active: bool | None = None
    customer_id: UUID | None = None


@dataclass(frozen=True)
class Reject:
    """An entry of a list that was not taken: its place, counted from 1, and why."""

    row: int
    code: Literal["empty", "not_an_id", "repeated"]


@dataclass(frozen=True)
class Imported:
    """What became of a list: read = added + unchanged + rejected."""

    read: int
    added: int
    unchanged: int
    rejected: int
    rejects: list[Reject]
    sha256: str


async def add(tx: Transaction, caller: Caller, subject: Subject, terms: Terms) -> Any:
    """Suppress: from the commit on nobody reserves a contact against it, and what was reserved is given back.

    NotFound for a subject outside the caller's scope; Invalid for an end that is past.
    """
    _check_end(tx, terms)
    member = await _member(tx.conn, caller, subject)
    await tx.conn.execute(_LOCK, [str(subject)])
    row = await one(
        tx.conn,
        _INSERT,
        new_id(),
        subject.level,
        str(subject),
        UUID(subject.key) if subject.level == "customer" else None,
        member["branch_id"] if member else None,
        terms.channel,
        tx.now,
        terms.ends_at,
        *(terms.hours or (None, None)),
        terms.reason,
        terms.source,
        terms.list_name,
        tx.who,
    )
    if terms.hours is None:
        await tx.conn.execute(_RELEASE, subject.level, [subject.key], terms.channel)
    detail = {"level": subject.level, "channel": terms.channel, "source": terms.source, "reason": terms.reason}
    await tx.audit("suppression.added", "suppression", row["id"], detail=detail)
    return row


async def take_in(tx: Transaction, caller: Caller, level: Level, keys: Sequence[str | None], terms: Terms) -> Imported:
    """Suppress everybody on a list, known to campaign or not: who becomes a customer later is protected too.

    `keys` are Attune's ids, None where the list's own could not be read. Forbidden but for the whole bank's staff.
    """
    if caller.scope.kind != "all":
        raise Forbidden("lists are taken in for the whole bank", "名单须由全行权限导入")
    _check_end(tx, terms)
    subjects, rejects = _read(level, keys)
    texts = [str(subject) for subject in subjects]
    await tx.conn.execute(_LOCK, texts)
    status: str = await tx.conn.execute(
        _INSERT_LIST,
        [new_id() for _ in subjects],
        texts,
        [UUID(s.key) if level == "customer" else None for s in subjects],
        level,
        terms.channel,
        tx.now,
        terms.ends_at,
        terms.reason,
        terms.source,
        terms.list_name,
        tx.who,
    )
    await tx.conn.execute(_RELEASE, level, [s.key for s in subjects], terms.channel)
    added = int(status.rpartition(" ")[2])
    told = Imported(
        read=len(keys),
        added=added,
        unchanged=len(subjects) - added,
        rejected=len(rejects),
        rejects=rejects[:REJECTS_TOLD],
        sha256=hashlib.sha256("\n".join(texts).encode()).hexdigest(),
    )
    detail = {
        "level": level,
        "channel": terms.channel,
        "source": terms.source,
        "sha256": told.sha256,
        "read": told.read,
        "added": told.added,
        "rejected": told.rejected,
    }
    await tx.audit("suppression.list_taken_in", "suppression_list", terms.list_name or told.sha256, detail=detail)
    return told


async def lift(tx: Transaction, caller: Caller, suppression_id: UUID, reason: str) -> Any:
    """End a suppression before its time; the row stays. NotFound, AlreadyLifted."""
    row = await tx.conn.fetchrow(_ONE + " FOR UPDATE", *parameters(caller.scope), suppression_id)
    if row is None:
        raise NotFound("there is no such suppression", "免打扰记录不存在")
    if row["lifted_at"] is not None:
        raise AlreadyLifted("the suppression has been lifted before", "该免打扰已解除")
    lifted = await one(
        tx.conn,
        "UPDATE suppression SET lifted_at = $2, lifted_by = $3, lift_reason = $4 WHERE id = $1 RETURNING *",
        suppression_id,
        tx.now,
        tx.who,
        reason,
    )
    await tx.audit("suppression.lifted", "suppression", suppression_id, detail={"reason": reason})
    return lifted


async def listed(
    conn: Queryable, caller: Caller, wanted: Filter, now: datetime, sort: str, after: UUID | None, limit: int
) -> list[Any]:
    """One page, in the order of their making or the other way round."""
    scope = parameters(caller.scope)
    asked = (wanted.level, wanted.source, wanted.channel, wanted.active, now, wanted.customer_id)
    return list(await conn.fetch(_LISTS[sort], *scope, *asked, after, limit))


async def _member(conn: Conn, caller: Caller, subject: Subject) -> Any:
    """Somebody whom the suppression protects; None if campaign knows nobody, which only the whole bank may ignore."""
    where = f"{visible('p', 1)} AND {_MEMBERS[subject.level]}"
    query = f"SELECT p.customer_id, p.branch_id FROM proj_party p WHERE {where} ORDER BY 1 LIMIT 1"  # noqa: S608 - ours
    member = await conn.fetchrow(query, *parameters(caller.scope), subject.key)
    if member is None and caller.scope.kind != "all":
        raise NotFound("there is no such customer, household or account", "客户、家庭或账户不存在")
    return member


def _check_end(tx: Transaction, terms: Terms) -> None:
    if terms.ends_at is not None and terms.ends_at <= tx.now:
        raise Invalid("until lies in the past", "截止时间已过")


def _read(level: Level, keys: Sequence[str | None]) -> tuple[list[Subject], list[Reject]]:
    """The subjects of a list, each once, and what was wrong with the others."""
    subjects: dict[Subject, None] = {}
    rejects = []
    for row, key in enumerate(keys, 1):
        if key is None:
            rejects.append(Reject(row, "not_an_id"))
        elif not key:
            rejects.append(Reject(row, "empty"))
        elif (subject := Subject(level, key)) in subjects:
            rejects.append(Reject(row, "repeated"))
        else:
            subjects[subject] = None
    return list(subjects), rejects
