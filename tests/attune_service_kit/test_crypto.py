"""Sealed values open at their own place and with their own keys only; digests are equal for equal values only."""

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_service_kit.crypto import KekUnusable, Keyring, NotOurs, new_kek, open_keyring, read_keks
from attune_service_kit.database import Database

KEYS = Keyring({1: b"d" * 31 + b"1"}, {2: b"i" * 32})
NAMES = KEYS.column("party_identity", "name")


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "\n", "changeme", "A" * 43 + "=", "é", "AAAA"])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    file = tmp_path / "kek"
    file.write_text(content)
    with pytest.raises(KekUnusable) as refused:
        read_keks(file)
    assert not content.strip() or content not in str(refused.value)
    with pytest.raises(KekUnusable):
        read_keks(tmp_path / "missing")


def test_a_process_without_its_key_does_not_start(delivery_script: Path, tmp_path: Path) -> None:
    environment = {
        "SAMPLE_ENVIRONMENT": "test", "SAMPLE_DATABASE_URL": "postgresql://x", "SAMPLE_WORKER_DATABASE_URL": "x",
        "SAMPLE_NATS_URL": "nats://127.0.0.1:1", "SAMPLE_LAKE_URL": str(tmp_path), "SAMPLE_SCRATCH": str(tmp_path),
        "SAMPLE_TOKEN_ISSUER": "x", "SAMPLE_TOKEN_JWKS": "x", "SAMPLE_CURSOR_KEY": "x",
        "SAMPLE_KEK_FILE": str(tmp_path / "kek"),
    }  # fmt: skip
    ended = subprocess.run([sys.executable, delivery_script, "app"], env=environment, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("kek: the key-encryption key cannot be read")


@pytest.mark.parametrize(
    "where", [("party_identity", "phone", "1"), ("other", "name", "1"), ("party_identity", "name", "2")]
)
def test_a_value_that_was_moved_does_not_open(where: tuple[str, str, str]) -> None:
    table, column, row = where
    with pytest.raises(NotOurs):
        KEYS.column(table, column).open(row, NAMES.seal("1", b"Ada"))


@pytest.mark.parametrize("damage", [0, 4, 16, -1])
def test_a_damaged_value_does_not_open(damage: int) -> None:
    sealed = bytearray(NAMES.seal("1", b"Ada"))
    sealed[damage] ^= 1
    with pytest.raises(NotOurs):
        NAMES.open("1", bytes(sealed))
    for length in range(len(sealed)):
        with pytest.raises(NotOurs):
            NAMES.open("1", bytes(sealed[:length]))


def test_another_index_key_or_purpose_gives_other_digests() -> None:
    other = Keyring({1: b"d" * 32}, {2: b"j" * 32})
    digests = {keys.digests(p).of(b"Ada") for keys in (KEYS, other) for p in ("name", "phone")}
    assert len(digests) == 4
    names = KEYS.digests("name")
    assert names.of_all([b"Ada", b"", b"Bo"]) == [names.of(b"Ada"), names.of(b""), names.of(b"Bo")]


# --- kept ------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_was_sealed_opens_and_shows_nothing(row: str, value: str) -> None:
    row, value = row.encode("utf-8", "ignore").decode(), value.encode("utf-8", "ignore").decode()
    [one, other, none] = NAMES.seal_texts([row, row, row], [value, value, None])
    assert one is not None
    assert other is not None
    assert none is None
    assert (NAMES.open_text(row, one), NAMES.open_text(row, other), NAMES.open_text(row, None)) == (value, value, None)
    assert one != other
    assert len(one) == 32 + len(value.encode())
    assert NAMES.open(row, NAMES.seal(row, value.encode())) == value.encode()


def test_values_of_an_older_key_open_and_new_ones_take_the_newest() -> None:
    both = Keyring({1: b"d" * 31 + b"1", 7: b"e" * 32}, {2: b"i" * 32}).column("party_identity", "name")
    assert both.open("1", NAMES.seal("1", b"Ada")) == b"Ada"
    assert both.seal("1", b"Ada")[:4] == (7).to_bytes(4, "big")
    with pytest.raises(NotOurs):
        NAMES.open("1", both.seal("1", b"Ada"))


async def test_a_service_makes_its_keys_once_and_no_other_kek_opens_them(
    sample_database: Database, kek_file: Path
) -> None:
    keks = read_keks(kek_file)
    rings = await asyncio.gather(*(open_keyring(sample_database.pool, "sample", keks) for _ in range(4)))
    row = str(uuid4())
    sealed = rings[0].column("t", "c").seal(row, b"Ada")
    assert {ring.column("t", "c").open(row, sealed) for ring in rings} == {b"Ada"}
    assert len({ring.digests("p").of(b"Ada") for ring in rings}) == 1
    assert await sample_database.pool.fetchval("SELECT count(*) FROM encryption_key") == 2
    for other_keks, service in (((new_kek().encode()[:32],), "sample"), (keks, "other")):
        with pytest.raises(KekUnusable):
            await open_keyring(sample_database.pool, service, other_keks)
    for statement in ("DELETE FROM encryption_key", "UPDATE encryption_key SET wrapped = ''"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sample_database.pool.execute(statement)
