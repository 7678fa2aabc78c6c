"""Encryption at rest: data keys and index keys of a service, wrapped by a key that never lies in its database.

A sealed value is key id (4 bytes) ‖ nonce (12) ‖ AES-256-GCM, bound to table, column and row: moved elsewhere, it does
not open. What must be found again is looked up by a keyed digest (HMAC-SHA256), equal for equal values only.

A newer data key opens at once and seals only when every process has had the time to read it (`spread`): what one
process seals, all others open, at every moment. A newer index key likewise: it is looked up by at once, and written by
when it has spread. `key_rotation` makes them, and seals or digests anew what older ones hold.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

KEY_BYTES = 32

_NONCE = 12
_ID = 4
_HEAD = _ID + _NONCE

_KEYS = """
SELECT id, purpose, wrapped, created_at < now() - make_interval(secs => $1) AS spread FROM encryption_key
ORDER BY id"""
# In one statement: two processes may start at once, and the first one's keys stand, both or none.
_MAKE = """
INSERT INTO encryption_key (id, purpose, wrapped) VALUES (1, 'data', $1), (2, 'index', $2) ON CONFLICT DO NOTHING"""
_ADD = "INSERT INTO encryption_key (id, purpose, wrapped) VALUES ($1, $2, $3)"
_LOCKED = "SELECT id, purpose, wrapped FROM encryption_key ORDER BY id FOR UPDATE"
_REWRAP = "UPDATE encryption_key SET wrapped = $2 WHERE id = $1"
_REWRAPPED = """
INSERT INTO audit (who, what, entity, entity_id) VALUES ('operator', 'keys.rewrapped', 'encryption_key', $1)"""


class KekUnusable(ValueError):
    """There is no key-encryption key, or not one that fits: the service must not start."""


class NotOurs(ValueError):
    """A sealed value that these keys did not seal for this place: moved, damaged or of another home."""


def new_kek() -> str:
    """A key-encryption key as its file holds it: 256 random bits in base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def read_keks(path: Path) -> tuple[bytes, ...]:
    """The key-encryption keys of a file, one a line: the first one wraps, the others open what they wrapped before.

    KekUnusable says why there is none, never what was read.
    """
    try:
        keks = tuple(base64.b64decode(line, validate=True) for line in path.read_text().split())
    except OSError as error:
        raise KekUnusable("the key-encryption key cannot be read") from error
    except (binascii.Error, ValueError) as error:
        raise KekUnusable("the key-encryption key is not base64") from error
    if not keks or any(len(kek) != KEY_BYTES or len(set(kek)) < KEY_BYTES // 4 for kek in keks):
        raise KekUnusable("the key-encryption key is not 256 random bits")
    return keks


@dataclass(frozen=True)
class SealedTable:
    """A table with sealed columns: what a rotation of the data key goes through."""

    name: str
    key: Mapping[str, str]  # the primary key: column → its type
    columns: Mapping[str, str]  # sealed column → the name that it is sealed under
    row: tuple[str, ...]  # the columns that make a value's row

    def place(self, row: Any) -> str:
        """The row of the table as its values are bound to it."""
        return "\x00".join(str(row[name]) for name in self.row)


class _Held:
    """The data keys that a process holds, shared by all sealers of its keyring."""

    __slots__ = ("keys", "sealing")

    def __init__(self, keys: Mapping[int, bytes], sealing: int) -> None:
        self.keys: dict[int, AESGCM] = {}
        self.take(keys, sealing)

    def take(self, keys: Mapping[int, bytes], sealing: int) -> None:
        """Hold these too; from now on the one of this number seals."""
        self.keys |= {number: AESGCM(key) for number, key in keys.items()}
        self.sealing = (sealing.to_bytes(_ID, "big"), self.keys[sealing])


class Sealer:
    """Seals and opens the values of one column; `row` is the row's own key as text."""

    def __init__(self, held: _Held, table: str, column: str) -> None:
        self._held = held
        self._place = f"{table}|{column}|".encode()

    def seal(self, row: str, value: bytes) -> bytes:
        """Encrypt a value for the place where it will lie."""
        id_, key = self._held.sealing
        nonce = os.urandom(_NONCE)
        return id_ + nonce + key.encrypt(nonce, value, self._place + row.encode())

    def seal_texts(self, rows: Sequence[str], values: Sequence[str | None]) -> list[bytes | None]:
        """Encrypt a column at once; None stays None."""
        # One draw for all: a system call for each costs as much as the encryption.
        nonces, (id_, key), place = os.urandom(_NONCE * len(rows)), self._held.sealing, self._place
        encrypt = key.encrypt
        sealed: list[bytes | None] = []
        for number, (row, value) in enumerate(zip(rows, values, strict=True)):
            if value is None:
                sealed.append(None)
                continue
            nonce = nonces[number * _NONCE : (number + 1) * _NONCE]
            sealed.append(id_ + nonce + encrypt(nonce, value.encode(), place + row.encode()))
        return sealed

    def open(self, row: str, sealed: bytes) -> bytes:
        """Decrypt what lies at this row of the column; NotOurs if it was sealed for another place or by another key."""
        try:
            key = self._held.keys[int.from_bytes(sealed[:_ID], "big")]
            return key.decrypt(sealed[_ID:_HEAD], sealed[_HEAD:], self._place + row.encode())
        except (KeyError, InvalidTag, ValueError) as error:
            raise NotOurs(f"sealed for another place or by another key: {self._place.decode()[:-1]}") from error

    def open_text(self, row: str, sealed: bytes | None) -> str | None:
        """The text that lies there; None where nothing does."""
        return None if sealed is None else self.open(row, sealed).decode()

    def anew(self, row: str, sealed: bytes | None) -> bytes | None:
        """The same value by the key that seals now; as it is where that one has sealed it."""
        if sealed is None or sealed.startswith(self._held.sealing[0]):
            return sealed
        return self.seal(row, self.open(row, sealed))


class _Indexed:
    """The index keys that a process holds, shared by all digests of its keyring."""

    __slots__ = ("keys", "writing")

    def __init__(self, keys: Mapping[int, bytes], writing: int) -> None:
        self.keys, self.writing = dict(keys), writing


class Digests:
    """Keyed digests for one purpose: equal values have equal digests, and nobody without the key can try values out."""

    def __init__(self, held: _Indexed, purpose: str) -> None:
        self._held = held
        self._purpose = purpose.encode() + b"\x00"
        self._begun: dict[int, HMAC] = {}

    def of(self, value: bytes) -> bytes:
        """The 32 bytes of a value, as they are written now."""
        return self._by(self._held.writing, value)

    def of_all(self, values: Sequence[bytes]) -> list[bytes]:
        """The same of many values, one after the other."""
        begin, digests = self._begin(self._held.writing).copy, []
        for value in values:
            digest = begin()
            digest.update(value)
            digests.append(digest.finalize())
        return digests

    def by_each(self, value: bytes) -> list[bytes]:
        """A value's digests by every index key: what it is looked up by."""
        return [self._by(number, value) for number in self._held.keys]

    def _by(self, number: int, value: bytes) -> bytes:
        digest = self._begin(number).copy()
        digest.update(value)
        return digest.finalize()

    def _begin(self, number: int) -> HMAC:
        begun = self._begun.get(number)
        if begun is None:
            begun = self._begun[number] = HMAC(self._held.keys[number], SHA256())
            begun.update(self._purpose)
        return begun


class Keyring:
    """A service's keys, unwrapped, in memory only. Its sealers and digests follow it to newer keys."""

    def __init__(
        self,
        data: Mapping[int, bytes],
        index: Mapping[int, bytes],
        sealing: int | None = None,
        writing: int | None = None,
    ) -> None:
        self._held = _Held(data, sealing or max(data))
        self._indexed = _Indexed(index, writing or max(index))

    @property
    def sealing(self) -> int:
        """The number of the data key that seals."""
        return int.from_bytes(self._held.sealing[0], "big")

    @property
    def indexing(self) -> int:
        """The number of the index key that digests are written by."""
        return self._indexed.writing

    @property
    def newest_index(self) -> int:
        """The number of the newest index key, whether it is written by already or not."""
        return max(self._indexed.keys)

    @property
    def first_index(self) -> int:
        """The number of the oldest index key."""
        return min(self._indexed.keys)

    def holds(self, number: int) -> bool:
        """Whether the key of that number is among them."""
        return number in self._held.keys or number in self._indexed.keys

    def take(self, data: Mapping[int, bytes], sealing: int) -> None:
        """Hold these data keys too, and seal with the one of that number from now on."""
        self._held.take(data, sealing)

    def take_index(self, index: Mapping[int, bytes], writing: int) -> None:
        """Look up by these index keys too, and write by the one of that number from now on."""
        self._indexed.keys |= index
        self._indexed.writing = writing

    def as_now(self) -> "Keyring":
        """The same keys for a piece of work that must write by one index key from its beginning to its end."""
        still = copy(self)
        still._indexed = _Indexed(self._indexed.keys, self._indexed.writing)
        return still

    def column(self, table: str, column: str) -> Sealer:
        """The sealer of a column."""
        return Sealer(self._held, table, column)

    def digests(self, purpose: str) -> Digests:
        """The digests for a purpose; those of another purpose are unlike."""
        return Digests(self._indexed, purpose)


async def open_keyring(pool: asyncpg.Pool, service: str, keks: Sequence[bytes], spread: float = 0) -> Keyring:
    """The keys of a service's database, made at its first start. KekUnusable if another key wrapped them.

    A data key younger than `spread` seconds opens and does not seal yet.
    """
    known = await pool.fetch(_KEYS, spread)
    if not known:
        made = [
            _wrap(keks[0], service, purpose, number, os.urandom(KEY_BYTES))
            for number, purpose in ((1, "data"), (2, "index"))
        ]
        await pool.execute(_MAKE, *made)
        known = await pool.fetch(_KEYS, spread)
    keys = [(row["id"], row["purpose"], _unwrap(keks, service, row)) for row in known]
    data, index = ({number: key for number, purpose, key in keys if purpose == p} for p in ("data", "index"))
    return Keyring(data, index, _newest(known, "data"), _newest(known, "index"))


async def refresh(keyring: Keyring, pool: asyncpg.Pool, service: str, kek_file: Path, spread: float) -> None:
    """Take over the keys that were made since, and those that seal and digest by now."""
    known = await pool.fetch(_KEYS, spread)
    new = [row for row in known if not keyring.holds(row["id"])]
    keks = read_keks(kek_file) if new else ()
    keys = [(row["id"], row["purpose"], _unwrap(keks, service, row)) for row in new]
    data, index = ({number: key for number, purpose, key in keys if purpose == p} for p in ("data", "index"))
    keyring.take(data, _newest(known, "data"))
    keyring.take_index(index, _newest(known, "index"))


async def add_key(conn: asyncpg.Connection, service: str, kek: bytes, purpose: str) -> int:
    """Make one more data or index key and return its number: the largest one counts, once it has spread."""
    number = int(await conn.fetchval("SELECT max(id) + 1 FROM encryption_key"))
    await conn.execute(_ADD, number, purpose, _wrap(kek, service, purpose, number, os.urandom(KEY_BYTES)))
    return number


async def rewrap(conn: asyncpg.Connection, service: str, keks: Sequence[bytes]) -> int:
    """Wrap anew by the first key what the others wrapped: all of it or nothing. As the owner; returns how many."""
    async with conn.transaction():
        older = [row for row in await conn.fetch(_LOCKED) if _opened(keks[0], service, row) is None]
        for row in older:
            key = _unwrap(keks, service, row)
            await conn.execute(_REWRAP, row["id"], _wrap(keks[0], service, row["purpose"], row["id"], key))
        if older:
            numbers = ",".join(str(row["id"]) for row in older)
            await conn.execute(_REWRAPPED, numbers)
    return len(older)


def _newest(known: Sequence[asyncpg.Record], purpose: str) -> int:
    """The newest key for a purpose that every process holds; the first one until there is any."""
    keys = [row for row in known if row["purpose"] == purpose]
    return int(max((row["id"] for row in keys if row["spread"]), default=keys[0]["id"]))


def _wrap(kek: bytes, service: str, purpose: str, number: int, key: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(kek).encrypt(nonce, key, f"{service}|{purpose}|{number}".encode())


def _opened(kek: bytes, service: str, row: asyncpg.Record) -> bytes | None:
    """The key that this one wrapped; None if it was another."""
    wrapped, place = row["wrapped"], f"{service}|{row['purpose']}|{row['id']}".encode()
    try:
        return AESGCM(kek).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], place)
    except InvalidTag:
        return None


def _unwrap(keks: Sequence[bytes], service: str, row: asyncpg.Record) -> bytes:
    for kek in keks:
        if (key := _opened(kek, service, row)) is not None:
            return key
    raise KekUnusable("this database's keys were wrapped by another key-encryption key")
