"""NKeys: who a NATS client is (P-26). A client proves it by signing the server's nonce; the server knows no secret.

The text form is NATS's own: base32 of prefix, Ed25519 bytes and CRC-16 (XMODEM, little-endian). Seeds begin with SU,
public keys of users with U.
"""

import base64
import binascii
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED, _USER = 18 << 3, 20 << 3
_HEAD = bytes((_SEED | _USER >> 5, (_USER & 31) << 3))


def new_seed(entropy: bytes | None = None) -> str:
    """Return a user's secret seed: random, or the one that follows from 32 bytes."""
    return _text(_HEAD + (entropy or secrets.token_bytes(32)))


def public_key(seed: str) -> str:
    """Return the public key of a seed, as the server's configuration names it."""
    return _text(bytes((_USER,)) + _key(seed).public_key().public_bytes_raw())


def sign(seed: str, nonce: str) -> bytes:
    """Return the signature of the server's nonce, base64 without padding."""
    return base64.urlsafe_b64encode(_key(seed).sign(nonce.encode())).rstrip(b"=")


def _key(seed: str) -> Ed25519PrivateKey:
    """The private key of a seed; ValueError for anything else, without repeating it."""
    try:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
    except ValueError:
        raw = b""
    if len(raw) != 36 or raw[:2] != _HEAD or _crc(raw[:-2]) != raw[-2:]:
        raise ValueError("not the seed of a NATS user: it begins with SU and has 58 characters")
    return Ed25519PrivateKey.from_private_bytes(raw[2:-2])


def _text(body: bytes) -> str:
    return base64.b32encode(body + _crc(body)).rstrip(b"=").decode()


def _crc(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0).to_bytes(2, "little")
