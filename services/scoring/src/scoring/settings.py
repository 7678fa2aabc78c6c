"""Settings of scoring."""

from base64 import b64decode
from binascii import Error
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.token_settings import audience

_KEY_BYTES = 32


class ScoringSettings(ServiceSettings):
    """What scoring must know beside the kit's settings."""

    model_config = settings_config("SCORING_")

    token_audience: str = audience("scoring")
    memory_limit: str = Field(default="1GB", pattern=r"^[1-9][0-9]*(MB|GB)$", description="DuckDB's, of one job")
    batch_rows: int = Field(default=20_000, ge=1_000, le=1_000_000, description="Rows of one batch of a scoring job")
    vetting_cpu_seconds: int = Field(default=8, ge=1, le=60, description="Of the processor, for looking at one upload")
    vetting_memory_bytes: int = Field(default=1 << 30, ge=1 << 28, le=8 << 30, description="For looking at one upload")
    most_rows: int = Field(default=500, ge=1, le=10_000, description="Rows or customers that one request may ask for")
    model_signers: str = Field(
        default="",
        description="NAME:KEY with commas, a key the 32 bytes of an Ed25519 public key in base64: then no model"
        " answers without a signature by one of them",
    )
    model_key_file: Path | None = Field(
        default=None,
        description="The Ed25519 private key, PEM, by which what is trained here is signed; its public half is one of"
        " `model_signers`. Read by jobs alone; without it nothing is trained where models are signed",
    )

    @field_validator("model_signers")
    @classmethod
    def _with_keys(cls, value: str) -> str:
        for name, key in _signers(value).items():
            try:
                whole = bool(name) and len(b64decode(key, validate=True)) == _KEY_BYTES
            except Error:
                whole = False
            if not whole:
                raise ValueError(f"the signer {name!r} has no Ed25519 public key: 32 bytes in base64")
        return value

    @field_validator("model_key_file")
    @classmethod
    def _for_somebody(cls, value: Path | None, known: ValidationInfo) -> Path | None:
        if value is not None and not known.data.get("model_signers"):
            raise ValueError("the key signs for nobody: model_signers is empty")
        return value

    @property
    def signers(self) -> dict[str, bytes]:
        """The public key of each signer."""
        return {name: b64decode(key) for name, key in _signers(self.model_signers).items()}


def _signers(value: str) -> dict[str, str]:
    return dict(one.strip().partition(":")[::2] for one in value.split(",") if one.strip())
