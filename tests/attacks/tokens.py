"""An issuer of a bank, good and bad tokens of it: what the A-rows of the attack list are made from."""

import base64
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from joserfc.jwk import ECKey, OKPKey, RSAKey

ISSUER, AUDIENCE = "https://login.bank.example", "attune-insight"
KEY = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
WEAK = RSAKey.generate_key(1024, {"kid": "weak"})
OTHER_CURVE = ECKey.generate_key("P-384", {"kid": "p384"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})
FOR_ENCRYPTION = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; a claim that is changed to None is left out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "teller-7",
        "iat": now,
        "exp": now + 300,
        "jti": uuid4().hex,
        "roles": ["teller"],
        "branch": "B01",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(key: Any = KEY, *, alg: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token, signed; header fields that are changed to None are left out."""
    head = {"alg": alg, "typ": "at+jwt", "kid": key.kid} | (header or {})
    head = {name: value for name, value in head.items() if value is not None}
    return signed(head, claims(**changes), key, alg)


def encoded(content: bytes) -> str:
    """Base64url without its padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: dict[str, Any], content: dict[str, Any], key: Any, alg: str) -> str:
    """Any compact JWS, whatever a library would think of its header or key."""
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, content))
    digest = hashes.SHA384() if alg.endswith("384") else hashes.SHA256()
    if alg.startswith("ES"):
        size = 48 if alg == "ES384" else 32
        r, s = utils.decode_dss_signature(key.private_key.sign(text.encode(), ec.ECDSA(digest)))
        return f"{text}.{encoded(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"
    scheme: Any = padding.PSS(padding.MGF1(digest), digest.digest_size) if alg == "PS256" else padding.PKCS1v15()
    return f"{text}.{encoded(key.private_key.sign(text.encode(), scheme, digest))}"


def write_jwks(folder: Path) -> Path:
    """The issuer's key set with good, weak and foreign keys in it."""
    public = [key.as_dict(private=False) for key in (KEY, RSA, ED, WEAK, OTHER_CURVE, FOR_ENCRYPTION)]
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": [*public, {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, {"kty": "?"}, 7]}))
    return path
