"""One customer's features by key: the newest snapshot in one of two slots, switched in one statement (X17).

A row holds the values by kind, without names: whole numbers, shares, flags, codes, each in the catalogue's order of the
snapshot that was loaded.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from attune_contracts.features import CATALOGUE
from attune_contracts.pointer import Pointer
from attune_service_kit.database import Scope
from attune_service_kit.errors import NotFound
from attune_service_kit.reads import Reads
from attune_service_kit.runtime import Runtime
from insight import visibility
from insight.settings import settings_of

# The arrays of a row, and the types of the catalogue that each holds.
KINDS = {
    "whole": ("INTEGER", "BIGINT"),
    "shares": ("DOUBLE",),
    "flags": ("BOOLEAN",),
    "codes": ("VARCHAR",),
}
NAMES = {kind: [f.name for f in CATALOGUE.values() if f.type in types] for kind, types in KINDS.items()}

_ROW = f"""
SELECT r.branch_id, r.whole, r.shares, r.flags, r.codes, s.manifest, s.as_of,
       (SELECT as_of FROM known_data WHERE dataset = 'transactions') AS data
FROM feature_set s JOIN feature_row r ON r.slot = s.slot AND r.customer_id = $4
WHERE {visibility.visible("r")}"""  # noqa: S608 - constants of this package
_SET = "SELECT whole, shares, flags, codes FROM feature_set WHERE manifest = $1"
_LOADED = "SELECT as_of, manifest, slot FROM feature_set"
_SWITCH = """
INSERT INTO feature_set (id, slot, as_of, manifest, rows, whole, shares, flags, codes, loaded_at)
VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, now())
ON CONFLICT (id) DO UPDATE SET (slot, as_of, manifest, rows, whole, shares, flags, codes, loaded_at) =
    (excluded.slot, excluded.as_of, excluded.manifest, excluded.rows, excluded.whole, excluded.shares, excluded.flags,
     excluded.codes, excluded.loaded_at)"""

# The names of the snapshots that answered last; a manifest never changes.
_names: "OrderedDict[str, tuple[str, ...]]" = OrderedDict()


@dataclass(frozen=True)
class Slot:
    """Which slot is being filled."""

    number: int
    features: str
    members: str


async def read(runtime: Runtime, scope: Scope, customer_id: UUID) -> bytes:
    """A customer's newest features as JSON. NotFound for one who is unknown, or not the caller's."""
    reads = runtime.database.reads(scope)
    row: Any = await reads.fetchrow(_ROW, *visibility.arguments(scope), customer_id)
    if row is None:
        raise NotFound("nothing is known of such a customer", "没有该客户的特征")
    names = _names.get(row["manifest"]) or await _learn(reads, row["manifest"])
    as_of: date = row["as_of"]
    data: date | None = row["data"]
    return orjson.dumps(
        {
            "customer_id": customer_id,
            "as_of": as_of,
            "stale": data is not None and (data - as_of).days > settings_of(runtime).stale_after_days,
            "branch_id": row["branch_id"],
            "features": dict(zip(names, [*row["whole"], *row["shares"], *row["flags"], *row["codes"]], strict=True)),
        }
    )


async def _learn(reads: Reads, manifest: str) -> tuple[str, ...]:
    row: Any = await reads.fetchrow(_SET, manifest)
    if row is None:  # switched between the two reads: the next request finds the new one
        raise NotFound("the snapshot has just been replaced: ask again", "快照刚刚更新，请重试")
    _names[manifest] = tuple(name for kind in KINDS for name in row[kind])
    while len(_names) > 4:
        _names.popitem(last=False)
    return _names[manifest]


async def empty_slot(conn: asyncpg.Connection, pointer: Pointer) -> Slot | None:
    """Empty the slot that does not answer; None if a newer snapshot answers. The caller holds the loading lock."""
    loaded = await conn.fetchrow(_LOADED)
    if loaded is not None and loaded["as_of"] > pointer.as_of:
        return None
    number = 0 if loaded is None else 1 - int(loaded["slot"])
    slot = Slot(number, f"feature_row_{number}", f"segment_member_{number}")
    await conn.execute(f"TRUNCATE {slot.features}, {slot.members}")
    return slot


async def switch(conn: asyncpg.Connection, slot: Slot, pointer: Pointer) -> None:
    """Let the filled slot answer."""
    names = [NAMES[kind] for kind in KINDS]
    await conn.execute(_SWITCH, slot.number, pointer.as_of, pointer.manifest, pointer.rows, *names)
