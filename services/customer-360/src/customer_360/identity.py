"""Who a party is, sealed for its row, and the keyed digests by which the row is found again (X25, X26)."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from attune_service_kit.crypto import Keyring, SealedTable
from attune_service_kit.runtime import Runtime
from customer_360 import normalise, pinyin
from customer_360.settings import settings_of

COLUMNS = ("name", "phone", "document", "address")
TABLE = "party_identity"
SEALED = SealedTable(TABLE, {"customer_id": "uuid"}, {name: name for name in COLUMNS}, ("customer_id",))

# The identities of all the records `m.ids` of a party `p`, its own first: to be joined, and to be selected.
OF_ALL_RECORDS = """
LEFT JOIN LATERAL (
    SELECT array_agg(i.customer_id ORDER BY i.customer_id <> p.customer_id, i.customer_id) AS record_ids,
           array_agg(i.name ORDER BY i.customer_id <> p.customer_id, i.customer_id) AS names,
           array_agg(i.phone ORDER BY i.customer_id <> p.customer_id, i.customer_id) AS phones,
           array_agg(i.document ORDER BY i.customer_id <> p.customer_id, i.customer_id) AS documents,
           array_agg(i.address ORDER BY i.customer_id <> p.customer_id, i.customer_id) AS addresses
    FROM party_identity i WHERE i.customer_id = ANY (m.ids)
) who ON true"""
TOGETHER = "who.record_ids, who.names, who.phones, who.documents, who.addresses"
_MANY = {"name": "names", "phone": "phones", "document": "documents", "address": "addresses"}

By = Literal["name", "pinyin", "phone", "document"]

# A change of how values are normalised changes every digest: the next import indexes all anew.
_RULES = b"1"

DIGEST_BYTES = 16
_FIRST = struct.Struct(">q")
MARK_BYTES = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a party, in plain: in memory only."""

    name: str | None = None
    phone: str | None = None
    document: str | None = None
    address: str | None = None


class Traces(NamedTuple):
    """What can be compared without being read: all else to be found by, the document, and two kinds of likeness."""

    keys: tuple[int, ...]
    document: bytes | None
    name_birth: int | None
    name_phone: int | None


class Identities:
    """Seals and opens identities, and makes their digests, with the service's keys."""

    def __init__(self, keys: Keyring, region: str) -> None:
        self._region = region
        self.columns = {name: keys.column(TABLE, name) for name in COLUMNS}
        self._keys = keys
        purposes = ("row", "name", "pinyin", "initials", "phone", "document", "name_birth", "name_phone")
        self._digests = {purpose: keys.digests(f"{TABLE}.{purpose}") for purpose in purposes}

    def open(self, customer_id: UUID, row: Mapping[str, bytes | None]) -> Identity:
        """The identity of a row of the table."""
        place = str(customer_id)
        return Identity(**{name: column.open_text(place, row[name]) for name, column in self.columns.items()})

    def open_first(self, row: asyncpg.Record, names: Sequence[str] = COLUMNS) -> Identity:
        """What all records of a customer know together, from a row with TOGETHER: of each column the first value."""
        found = {}
        for name in names:
            told = zip(row["record_ids"] or (), row[_MANY[name]] or (), strict=True)
            place, sealed = next(((id_, value) for id_, value in told if value is not None), (None, None))
            found[name] = self.columns[name].open_text(str(place), sealed)
        return Identity(**found)

    def open_name(self, customer_id: UUID, sealed: bytes | None) -> str | None:
        """The name alone: for lists."""
        return self.columns["name"].open_text(str(customer_id), sealed)

    @property
    def only_key(self) -> bool:
        """Whether there has never been another index key."""
        return self._keys.newest_index == self._keys.first_index

    @property
    def mark(self) -> bytes:
        """What a row's digest begins with: the number of the index key of its digests; nothing for the first key."""
        number = self._keys.indexing
        return b"" if number == self._keys.first_index else number.to_bytes(MARK_BYTES, "big")

    def digest(self, customer_id: str, values: Iterable[str | None]) -> bytes:
        """Equal for equal values of the same row: tells whether there is anything to write."""
        return self.digests([customer_id], [values])[0]

    def digests(self, customer_ids: Sequence[str], rows: Iterable[Iterable[str | None]]) -> list[bytes]:
        """The same of many rows."""
        said = [
            b"\x00".join([_RULES, id_.encode(), *[b"" if value is None else b"+" + value.encode() for value in row]])
            for id_, row in zip(customer_ids, rows, strict=True)
        ]
        mark = self.mark
        return [mark + digest[:DIGEST_BYTES] for digest in self._digests["row"].of_all(said)]

    def traces(self, party_kind: str, birth_date: date | None, who: Identity) -> Traces:
        """The digests of a party."""
        return self.traces_of([party_kind], [birth_date], [who.name], [who.phone], [who.document])[0]

    def traces_of(
        self,
        party_kinds: Sequence[str],
        birth_dates: Sequence[date | None],
        names: Sequence[str | None],
        phones: Sequence[str | None],
        documents: Sequence[str | None],
    ) -> list[Traces]:
        """The digests of many parties, column by column."""
        plain = [normalise.name(text) if text else "" for text in names]
        called = [normalise.phone(text, self._region) if text else "" for text in phones]
        papers = [normalise.document(text) if text else "" for text in documents]
        spelled = [
            ((pinyin.phrase(name),) if kind == "organisation" else pinyin.spellings(name)) if name else ()
            for kind, name in zip(party_kinds, plain, strict=True)
        ]
        read = ["".join(ways[0]) if ways else "" for ways in spelled]
        begun = ["".join([syllable[:1] for syllable in ways[0]]) if ways else "" for ways in spelled]
        born = [
            f"{name} {day}" if name and day is not None else "" for name, day in zip(plain, birth_dates, strict=True)
        ]
        reached = [f"{name} {phone}" if name and phone else "" for name, phone in zip(plain, called, strict=True)]
        told = {
            "name": plain, "pinyin": read, "initials": begun, "phone": called, "document": papers,
            "name_birth": born, "name_phone": reached,
        }  # fmt: skip
        digests = {purpose: self._digests_of(purpose, values) for purpose, values in told.items()}
        # A document is found by all of its digest.
        keys = {name: [_key(d) if d else None for d in made] for name, made in digests.items() if name != "document"}
        more = [self._other_readings(ways) if len(ways) > 1 else () for ways in spelled]
        every = zip(
            keys["name"], keys["pinyin"], keys["initials"], more, keys["phone"],
            keys["name_birth"], keys["name_phone"], digests["document"], strict=True,
        )  # fmt: skip
        return [
            Traces(
                tuple({key: None for key in (name, full, short, *others, phone, birth, reach) if key is not None}),
                digest[:DIGEST_BYTES] if digest else None,
                birth,
                reach,
            )
            for name, full, short, others, phone, birth, reach, digest in every
        ]

    def document_keys(self, text: str) -> list[bytes]:
        """The digests under which a document may lie, one by each index key; none if it has no letter and no digit."""
        normal = normalise.document(text).encode()
        return [digest[:DIGEST_BYTES] for digest in self._digests["document"].by_each(normal)] if normal else []

    def sought(self, query: str, by: Sequence[By]) -> list[int]:
        """The keys of everything that the query may mean, by each index key; a document has `document_keys`."""
        values: list[tuple[str, str]] = []
        if "name" in by:
            values.append(("name", normalise.name(query)))
        if "pinyin" in by:
            values += [(purpose, normalise.spelling(query)) for purpose in ("pinyin", "initials")]
        if "phone" in by:
            values.append(("phone", normalise.phone(query, self._region)))
        found = [(self._digests[purpose], value.encode()) for purpose, value in values if value]
        return [_key(digest) for digests, value in found for digest in digests.by_each(value)]

    def _digests_of(self, purpose: str, values: Sequence[str]) -> list[bytes]:
        """Nothing in the place of an empty text."""
        made = iter(self._digests[purpose].of_all([value.encode() for value in values if value]))
        return [next(made) if value else b"" for value in values]

    def _other_readings(self, spelled: Sequence[Sequence[str]]) -> list[int]:
        """The keys of a name whose surname is read in several ways, by all but the first."""
        read = ["".join(ways) for ways in spelled[1:]]
        begun = ["".join([syllable[:1] for syllable in ways]) for ways in spelled[1:]]
        pairs = zip(self._digests_of("pinyin", read), self._digests_of("initials", begun), strict=True)
        return [_key(digest) for pair in pairs for digest in pair]


def _key(digest: bytes) -> int:
    key: int = _FIRST.unpack_from(digest)[0]
    return key


def identities(runtime: Runtime) -> Identities:
    """The identities of a running service."""
    return _identities(runtime.keys, settings_of(runtime).phone_region)


@lru_cache(maxsize=8)
def _identities(keys: Keyring, region: str) -> Identities:
    return Identities(keys, region)
