"""Identifiers: the same bank file gives the same ids, partitions and arms on every machine (X6, X13, X22)."""

import hashlib
import os
import time
import uuid
import zlib

PARTITIONS = 8

# The bank's own ids are opaque strings of at most this many characters.
SOURCE_ID_LENGTH = 64


def _uuid8(*parts: str) -> uuid.UUID:
    """UUIDv8 of the SHA-256 of the parts: 118 bits of the digest, version nibble 8, variant nibble 8."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return uuid.UUID(f"{digest[:12]}8{digest[13:16]}8{digest[17:32]}")


def digest_sql(*parts: str) -> str:
    """The digest that such an id is made of, as a DuckDB expression over SQL expressions (quote literals)."""
    return f"sha256({' || chr(31) || '.join(parts)})"


def uuid8_of_sql(digest: str) -> str:
    """The id as lower-case hyphenated text, from a column that holds the digest; NULL gives NULL."""
    # Not slices, which count graphemes; concat is quicker than || but takes NULL for an empty text.
    places = ((1, 8), (9, 4), (14, 3), (18, 3), (21, 12))
    one, two, three, four, five = (f"substring({digest}, {first}, {length})" for first, length in places)
    text = f"concat({one}, '-', {two}, '-8', {three}, '-8', {four}, '-', {five})"
    return f"CASE WHEN {digest} IS NOT NULL THEN {text} END"


def uuid8_sql(*parts: str) -> str:
    """The same at once; where speed counts, put the digest into a column of its own."""
    return uuid8_of_sql(digest_sql(*parts))


def customer_id(source: str, bank_id: str) -> uuid.UUID:
    """The customer's id from the source system's name and the bank's own customer id."""
    return _uuid8(source, "party", bank_id)


def account_id(source: str, bank_id: str) -> uuid.UUID:
    """The account's id from the source system's name and the bank's own account id."""
    return _uuid8(source, "account", bank_id)


def posting_event_id(run: str, posting_id: str) -> uuid.UUID:
    """The event id of a posting within one run (a replay, an intake): repeating the run repeats the id (X4)."""
    return _uuid8(run, "posting", posting_id)


def detection_id(trigger: str, subject: str, event_key: str) -> uuid.UUID:
    """The detection's id from its unique key (X9): raising it again is raising the same one."""
    return _uuid8(trigger, "detection", subject, event_key)


def new_id() -> uuid.UUID:
    """UUIDv7: time-ordered, for what is born here (RFC 9562, 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def partition(customer: str | uuid.UUID) -> int:
    """The customer's partition, 0 to 7: crc32 of the lower-case hyphenated text. SQL never recomputes it (X6)."""
    return zlib.crc32(str(customer).encode()) % PARTITIONS
