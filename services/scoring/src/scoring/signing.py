"""Who signs the models that a bank brings: Ed25519, by keys whose private halves never come here.

With signers in the settings no uploaded version answers without a signature by one of them: it is asked for at the
upload and again whenever the bytes are loaded, so that nobody who can only write the database puts another model in
its place, and a signer who is taken from the settings signs nothing any more. What was trained here has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from attune_contracts.model_statement import statement
from attune_service_kit.errors import Invalid
from attune_service_kit.runtime import Runtime
from scoring.outputs import Output, UnfitModel
from scoring.settings import ScoringSettings


class SignatureInvalid(Invalid):
    """Models are signed here, and this one is not: not at all, by somebody unknown, or for something else."""

    code = "signature_invalid"
    shown = "the signature is not over this model", "签名与该模型不符"


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


def check_upload(name: str, sha256: str, inputs: Sequence[str], output: Output, signed: Signed | None) -> None:
    """Refuse with SignatureInvalid what is not signed as the settings ask for."""
    if fault := _fault(name, sha256, tuple(inputs), output, signed):
        raise SignatureInvalid(*fault)


def check_loaded(name: str, sha256: str, inputs: Sequence[str], output: Output, signed: Signed | None) -> None:
    """Raise UnfitModel of what was uploaded and is not signed, where models are."""
    if not _TRUST.signers:
        return
    if fault := _fault(name, sha256, tuple(inputs), output, signed):
        raise UnfitModel(fault[0])


def _fault(
    name: str, sha256: str, inputs: tuple[str, ...], output: Output, signed: Signed | None
) -> tuple[str, str] | None:
    if signed is None:
        return (
            ("models are signed here: the manifest has no signature", "此处的模型须签名：清单缺少签名")
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
