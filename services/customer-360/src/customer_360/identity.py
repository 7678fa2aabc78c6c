"""Who a party is, sealed for its row, and the keyed digests by which the row is found again (X25, X26)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal
from uuid import UUID

from attune_service_kit.crypto import Keyring
from attune_service_kit.runtime import Runtime
from customer_360 import normalise, pinyin
from customer_360.settings import settings_of

COLUMNS = ("name", "phone", "document", "address")
TABLE = "party_identity"

By = Literal["name", "pinyin", "phone", "document"]

# A change of how values are normalised changes every digest: the next import indexes all anew.
_RULES = b"1"


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a party, in plain: in memory only."""

    name: str | None = None
    phone: str | None = None
    document: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Traces:
    """What can be compared without being read. `alike` = same name and birth date, or same name and phone."""

    keys: tuple[int, ...]
    document: bytes | None
    alike: tuple[int, ...]


class Identities:
    """Seals and opens identities, and makes their digests, with the service's keys."""

    def __init__(self, keys: Keyring, region: str) -> None:
        self._region = region
        self.columns = {name: keys.column(TABLE, name) for name in COLUMNS}
        purposes = ("row", "name", "pinyin", "initials", "phone", "document", "name_birth", "name_phone")
        self._digests = {purpose: keys.digests(f"{TABLE}.{purpose}") for purpose in purposes}

    def open(self, customer_id: UUID, row: Mapping[str, bytes | None]) -> Identity:
        """The identity of a row of the table."""
        place = str(customer_id)
        return Identity(**{name: column.open_text(place, row[name]) for name, column in self.columns.items()})

    def open_name(self, customer_id: UUID, sealed: bytes | None) -> str | None:
        """The name alone: for lists."""
        return self.columns["name"].open_text(str(customer_id), sealed)

    def digest(self, customer_id: str, values: Iterable[str | None]) -> bytes:
        """Equal for equal values of the same row: tells whether there is anything to write."""
        parts = [b"" if value is None else b"+" + value.encode() for value in values]
        return self._digests["row"].of(b"\x00".join([_RULES, customer_id.encode(), *parts]))[:16]

    def traces(self, party_kind: str, birth_date: date | None, who: Identity) -> Traces:
        """The digests of a party: every way to find it, and what makes two parties look alike."""
        keys: list[int] = []
        alike: list[int] = []
        document = None
        phone = normalise.phone(who.phone, self._region) if who.phone else ""
        plain = normalise.name(who.name) if who.name else ""
        if plain:
            keys.append(self._key("name", plain))
            spelled = (pinyin.phrase(plain),) if party_kind == "organisation" else pinyin.spellings(plain)
            for syllables in spelled:
                keys.append(self._key("pinyin", "".join(syllables)))
                keys.append(self._key("initials", "".join([syllable[:1] for syllable in syllables])))
            if birth_date is not None:
                alike.append(self._key("name_birth", f"{plain} {birth_date}"))
            if phone:
                alike.append(self._key("name_phone", f"{plain} {phone}"))
        if phone:
            keys.append(self._key("phone", phone))
        if who.document and (document := self.document_key(who.document)):
            keys.append(int.from_bytes(document[:8], "big", signed=True))
        return Traces((*dict.fromkeys(keys), *alike), document, tuple(alike))

    def document_key(self, text: str) -> bytes | None:
        """The digest under which a document lies; None if nothing of it is a letter or digit."""
        normal = normalise.document(text)
        return self._digests["document"].of(normal.encode())[:16] if normal else None

    def sought(self, query: str, by: Sequence[By]) -> list[int]:
        """The keys of everything that the query may mean."""
        keys: list[int] = []
        if "name" in by and (plain := normalise.name(query)):
            keys.append(self._key("name", plain))
        if "pinyin" in by and (spelled := normalise.spelling(query)):
            keys += [self._key("pinyin", spelled), self._key("initials", spelled)]
        if "phone" in by and (phone := normalise.phone(query, self._region)):
            keys.append(self._key("phone", phone))
        if "document" in by and (document := normalise.document(query)):
            keys.append(self._key("document", document))
        return keys

    def _key(self, purpose: str, value: str) -> int:
        return int.from_bytes(self._digests[purpose].of(value.encode())[:8], "big", signed=True)


def identities(runtime: Runtime) -> Identities:
    """The identities of a running service."""
    return _identities(runtime.keys, settings_of(runtime).phone_region)


@lru_cache(maxsize=8)
def _identities(keys: Keyring, region: str) -> Identities:
    return Identities(keys, region)
