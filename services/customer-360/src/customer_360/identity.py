"""Who a party is, sealed for its row, and the keyed digests by which the row is found again (X25, X26)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal
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
MARK_BYTES = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a party, in plain: in memory only."""

    name: str | None = None
    phone: str | None = None
    document: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Traces:
    """What can be compared without being read: every way to be found, the document, and two kinds of likeness."""

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
        parts = [b"" if value is None else b"+" + value.encode() for value in values]
        return self.mark + self._digests["row"].of(b"\x00".join([_RULES, customer_id.encode(), *parts]))[:DIGEST_BYTES]

    def traces(self, party_kind: str, birth_date: date | None, who: Identity) -> Traces:
        """The digests of a party."""
        keys: list[int] = []
        document = name_birth = name_phone = None
        phone = normalise.phone(who.phone, self._region) if who.phone else ""
        plain = normalise.name(who.name) if who.name else ""
        if plain:
            keys.append(self._key("name", plain))
            spelled = (pinyin.phrase(plain),) if party_kind == "organisation" else pinyin.spellings(plain)
            for syllables in spelled:
                keys.append(self._key("pinyin", "".join(syllables)))
                keys.append(self._key("initials", "".join([syllable[:1] for syllable in syllables])))
            if birth_date is not None:
                name_birth = self._key("name_birth", f"{plain} {birth_date}")
            if phone:
                name_phone = self._key("name_phone", f"{plain} {phone}")
        if phone:
            keys.append(self._key("phone", phone))
        if who.document and (document := self._document_key(who.document)):
            keys.append(int.from_bytes(document[:8], "big", signed=True))
        keys += [key for key in (name_birth, name_phone) if key is not None]
        return Traces(tuple(dict.fromkeys(keys)), document, name_birth, name_phone)

    def document_keys(self, text: str) -> list[bytes]:
        """The digests under which a document may lie, one by each index key; none if it has no letter and no digit."""
        normal = normalise.document(text).encode()
        return [digest[:DIGEST_BYTES] for digest in self._digests["document"].by_each(normal)] if normal else []

    def sought(self, query: str, by: Sequence[By]) -> list[int]:
        """The keys of everything that the query may mean, by each index key."""
        values: list[tuple[str, str]] = []
        if "name" in by:
            values.append(("name", normalise.name(query)))
        if "pinyin" in by:
            values += [(purpose, normalise.spelling(query)) for purpose in ("pinyin", "initials")]
        if "phone" in by:
            values.append(("phone", normalise.phone(query, self._region)))
        if "document" in by:
            values.append(("document", normalise.document(query)))
        found = [(self._digests[purpose], value.encode()) for purpose, value in values if value]
        return [_key(digest) for digests, value in found for digest in digests.by_each(value)]

    def _document_key(self, text: str) -> bytes | None:
        normal = normalise.document(text)
        return self._digests["document"].of(normal.encode())[:DIGEST_BYTES] if normal else None

    def _key(self, purpose: str, value: str) -> int:
        return _key(self._digests[purpose].of(value.encode()))


def _key(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big", signed=True)


def identities(runtime: Runtime) -> Identities:
    """The identities of a running service."""
    return _identities(runtime.keys, settings_of(runtime).phone_region)


@lru_cache(maxsize=8)
def _identities(keys: Keyring, region: str) -> Identities:
    return Identities(keys, region)
