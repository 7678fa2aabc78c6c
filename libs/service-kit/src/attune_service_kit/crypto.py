"""Encryption at rest: one data key and one index key a service, wrapped by a key that never lies in its database.

A sealed value is key id (4 bytes) ‖ nonce (12) ‖ AES-256-GCM, bound to table, column and row: moved elsewhere, it does
not open. What must be found again is looked up by a keyed digest (HMAC-SHA256), equal for equal values only.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

KEY_BYTES = 32

_NONCE = 12
_ID = 4
_HEAD = _ID + _NONCE

_KEYS = "SELECT id, purpose, wrapped FROM encryption_key ORDER BY id"
# In one statement: two processes may start at once, and the first one's keys stand, both or none.
_MAKE = """
INSERT INTO encryption_key (id, purpose, wrapped) VALUES (1, 'data', $1), (2, 'index', $2) ON CONFLICT DO NOTHING"""


class KekUnusable(ValueError):
    """There is no key-encryption key, or not one that fits: the service must not start."""


class NotOurs(ValueError):
    """A sealed value that these keys did not seal for this place: moved, damaged or of another home."""


def new_kek() -> str:
    """A key-encryption key as its file holds it: 256 random bits in base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def read_kek(path: Path) -> bytes:
    """The key-encryption key of a file; KekUnusable says why there is none, never what was read."""
    try:
        kek = base64.b64decode(path.read_text().strip(), validate=True)
    except OSError as error:
        raise KekUnusable("the key-encryption key cannot be read") from error
    except (binascii.Error, ValueError) as error:
        raise KekUnusable("the key-encryption key is not base64") from error
    if len(kek) != KEY_BYTES or len(set(kek)) < KEY_BYTES // 4:
        raise KekUnusable("the key-encryption key is not 256 random bits")
    return kek


class Sealer:
    """Seals and opens the values of one column; `row` is the row's own key as text."""

    def __init__(self, keys: Mapping[int, AESGCM], newest: int, table: str, column: str) -> None:
        self._keys, self._key = keys, keys[newest]
        self._id = newest.to_bytes(_ID, "big")
        self._place = f"{table}|{column}|".encode()

    def seal(self, row: str, value: bytes) -> bytes:
        """Encrypt a value for the place where it will lie."""
        nonce = os.urandom(_NONCE)
        return self._id + nonce + self._key.encrypt(nonce, value, self._place + row.encode())

    def seal_texts(self, rows: Sequence[str], values: Sequence[str | None]) -> list[bytes | None]:
        """Encrypt a column at once; None stays None."""
        # One draw for all: a system call for each costs as much as the encryption.
        nonces, id_, place, encrypt = os.urandom(_NONCE * len(rows)), self._id, self._place, self._key.encrypt
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
            key = self._keys[int.from_bytes(sealed[:_ID], "big")]
            return key.decrypt(sealed[_ID:_HEAD], sealed[_HEAD:], self._place + row.encode())
        except (KeyError, InvalidTag, ValueError) as error:
            raise NotOurs(f"sealed for another place or by another key: {self._place.decode()[:-1]}") from error

    def open_text(self, row: str, sealed: bytes | None) -> str | None:
        """The text that lies there; None where nothing does."""
        return None if sealed is None else self.open(row, sealed).decode()


class Digests:
    """Keyed digests for one purpose: equal values have equal digests, and nobody without the key can try values out."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._begun = HMAC(key, SHA256())
        self._begun.update(purpose.encode() + b"\x00")

    def of(self, value: bytes) -> bytes:
        """The 32 bytes of a value."""
        digest = self._begun.copy()
        digest.update(value)
        return digest.finalize()


class Keyring:
    """A service's keys, unwrapped, in memory only."""

    def __init__(self, data: Mapping[int, bytes], index: bytes) -> None:
        self._data = {number: AESGCM(key) for number, key in data.items()}
        self._newest = max(data)
        self._index = index

    def column(self, table: str, column: str) -> Sealer:
        """The sealer of a column."""
        return Sealer(self._data, self._newest, table, column)

    def digests(self, purpose: str) -> Digests:
        """The digests for a purpose; those of another purpose are unlike."""
        return Digests(self._index, purpose)


async def open_keyring(pool: asyncpg.Pool, service: str, kek: bytes) -> Keyring:
    """The keys of a service's database, made at its first start. KekUnusable if another key wrapped them."""
    known = await pool.fetch(_KEYS)
    if not known:
        made = [_wrap(kek, service, purpose, number) for number, purpose in ((1, "data"), (2, "index"))]
        await pool.execute(_MAKE, *made)
        known = await pool.fetch(_KEYS)
    keys = [(row["id"], row["purpose"], _unwrap(kek, row["wrapped"], service, row)) for row in known]
    data = {number: key for number, purpose, key in keys if purpose == "data"}
    [index] = [key for _, purpose, key in keys if purpose == "index"]
    return Keyring(data, index)


def _wrap(kek: bytes, service: str, purpose: str, number: int) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(kek).encrypt(nonce, os.urandom(KEY_BYTES), f"{service}|{purpose}|{number}".encode())


def _unwrap(kek: bytes, wrapped: bytes, service: str, row: asyncpg.Record) -> bytes:
    place = f"{service}|{row['purpose']}|{row['id']}".encode()
    try:
        return AESGCM(kek).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], place)
    except InvalidTag as error:
        raise KekUnusable("this database's keys were wrapped by another key-encryption key") from error
