"""Who signs models: Ed25519, those that a bank brings by keys whose private halves never come here.

With signers in the settings no version answers without a signature by one of them: it is asked for at the upload and
again whenever the bytes are loaded, so that nobody who can only write the database puts another model in its place, and
a signer who is taken from the settings signs nothing any more. What is trained here the job signs, by a key of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from attune_contracts.model_statement import statement
from attune_service_kit.errors import Conflict, Invalid
from attune_service_kit.runtime import Runtime
from scoring.outputs import Output, UnfitModel
from scoring.settings import ScoringSettings


class SignatureInvalid(Invalid):
    """Models are signed here, and this one is not: not at all, by somebody unknown, or for something else."""

    code = "signature_invalid"
    shown = "the signature is not over this model", "签名与该模型不符"


class TrainingUnsigned(Conflict):
    """Models are signed here, and what would be trained could not be: no version of it would ever answer."""

    code = "training_unsigned"
    shown = (
        "models are signed here, and none signs what is trained: set SCORING_MODEL_KEY_FILE, or bring it signed",
        "此处的模型须签名，但未配置训练签名密钥：请设置 SCORING_MODEL_KEY_FILE，或上传已签名的模型",
    )


@dataclass(frozen=True)
class Signed:
    """A signature and whose it is."""

    signer: str
    value: bytes


class _Trust:
    """Whose signatures count in this process."""

    signers: Mapping[str, bytes] = MappingProxyType({})


_TRUST = _Trust()


async def prepare(runtime: Runtime) -> None:
    """Take the signers from the settings; each process does before it loads a model."""
    assert isinstance(runtime.settings, ScoringSettings)  # noqa: S101 - the service declares it
    _TRUST.signers = MappingProxyType(runtime.settings.signers)


@dataclass(frozen=True)
class Key:
    """By which what is trained here is signed, and under whose name it is known."""

    signer: str
    private: Ed25519PrivateKey

    def sign(self, name: str, sha256: str, inputs: Sequence[str], output: Output) -> Signed:
        """The signature over a version."""
        return Signed(self.signer, self.private.sign(statement(name, sha256, inputs, output.kind, output.classes)))


def check_trainable(settings: ScoringSettings) -> None:
    """Refuse with TrainingUnsigned where what is trained could not be signed, though models are."""
    if settings.signers and settings.model_key_file is None:
        raise TrainingUnsigned(*TrainingUnsigned.shown)


def own_key(settings: ScoringSettings) -> Key | None:
    """The key of trainings, None where models are not signed; raises TrainingUnsigned naming what is wrong with it."""
    check_trainable(settings)
    file = settings.model_key_file
    if file is None:
        return None
    try:
        private = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as broken:
        raise TrainingUnsigned("SCORING_MODEL_KEY_FILE holds no private key", "签名密钥文件无法读取") from broken
    if not isinstance(private, Ed25519PrivateKey):
        raise TrainingUnsigned("SCORING_MODEL_KEY_FILE holds no Ed25519 key", "签名密钥不是 Ed25519 密钥")
    public = private.public_key().public_bytes_raw()
    signer = next((name for name, key in settings.signers.items() if key == public), None)
    if signer is None:
        raise TrainingUnsigned(
            "the key in SCORING_MODEL_KEY_FILE is none of SCORING_MODEL_SIGNERS'", "签名密钥不属于任何受信任的签名者"
        )
    return Key(signer, private)


def check_upload(name: str, sha256: str, inputs: Sequence[str], output: Output, signed: Signed | None) -> None:
    """Refuse with SignatureInvalid what is not signed as the settings ask for."""
    if fault := _fault(name, sha256, tuple(inputs), output, signed):
        raise SignatureInvalid(*fault)


def check_loaded(name: str, sha256: str, inputs: Sequence[str], output: Output, signed: Signed | None) -> None:
    """Raise UnfitModel of what is not signed, where models are."""
    if not _TRUST.signers:
        return
    if fault := _fault(name, sha256, tuple(inputs), output, signed):
        raise UnfitModel(fault[0])


def _fault(
    name: str, sha256: str, inputs: tuple[str, ...], output: Output, signed: Signed | None
) -> tuple[str, str] | None:
    if signed is None:
        return (
            ("models are signed here: this one has no signature", "此处的模型须签名：该模型没有签名")
            if (_TRUST.signers)
            else None
        )
    key = _TRUST.signers.get(signed.signer)
    if key is None:
        return "the signature is nobody's whose models are taken here", "签名者不在受信任名单中"
    said = statement(name, sha256, inputs, output.kind, output.classes)
    return None if _fits(key, signed.value, said) else ("the signature is not over this model", "签名与该模型不符")


@lru_cache(maxsize=256)
def _fits(key: bytes, value: bytes, said: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(value, said)
    except InvalidSignature:
        return False
    return True
