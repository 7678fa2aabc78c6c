"""Signing a model that is brought: what the command signs is what the service looks at; what is no key is said so."""

from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attune.commands.bringing import signature
from attune.output import Failure
from attune_contracts.model_statement import statement

SHEET = {"features": [{"name": "age"}, {"name": "visits"}], "output": "class_probabilities", "classes": ["a", "b"]}
PEM = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()


def test_a_signature_is_over_name_bytes_inputs_and_output(tmp_path: Path) -> None:
    key, file = Ed25519PrivateKey.from_private_bytes(b"k" * 32), tmp_path / "risk.pem"
    file.write_bytes(key.private_bytes(*PEM))
    value = b64decode(signature("m", b"bytes", SHEET, file))
    said = statement("m", sha256(b"bytes").hexdigest(), ["age", "visits"], "class_probabilities", ["a", "b"])
    key.public_key().verify(value, said)
    assert len(value) == 64


@pytest.mark.parametrize(
    "content", [b"no key", generate_private_key(SECP256R1()).private_bytes(*PEM)], ids=["text", "ec"]
)
def test_another_file_is_no_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "risk.pem"
    file.write_bytes(content)
    with pytest.raises(Failure, match=r"risk\.pem: no"):
        signature("m", b"bytes", SHEET, file)


def test_a_manifest_without_features_is_not_signed(tmp_path: Path) -> None:
    file = tmp_path / "risk.pem"
    file.write_bytes(Ed25519PrivateKey.from_private_bytes(b"k" * 32).private_bytes(*PEM))
    with pytest.raises(Failure, match="names no features"):
        signature("m", b"bytes", {}, file)
