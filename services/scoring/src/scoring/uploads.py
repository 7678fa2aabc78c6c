"""Models that a bank brings: their bytes are taken in, registered, and looked at before anything else."""

import asyncio
import hashlib
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, TooLarge
from attune_service_kit.files.uploads import ChecksumMismatch, Uploads
from attune_service_kit.runtime import Runtime
from attune_service_kit.settings import ServiceSettings
from scoring import registry, signing
from scoring.manifest import Manifest
from scoring.signing import Signed

MOST_BYTES = 50 << 20
FILE = "model"
"""The name of every upload: what a client calls its file is never asked for."""

# What somebody sends by mistake, by its first bytes.
_MAGIC = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"\x80\x04\x95": "pickle", b"\x80\x05\x95": "pickle"}


class NoModel(Invalid):
    """The bytes are of another kind of file: an archive or a pickle is not unpacked, and nothing in it is run."""

    code = "not_a_model"


def store(settings: ServiceSettings) -> Uploads:
    """Where the bytes wait."""
    return Uploads(settings, most=MOST_BYTES)


async def accept(runtime: Runtime, tx: Transaction, name: str, manifest: Manifest) -> tuple[int, UUID]:
    """Register what was uploaded as a version, and start the job that looks at it; return its number and the job's id.

    Raises NothingUploaded, ChecksumMismatch, TooLarge, NoModel, OtherOutput, SignatureInvalid.
    """
    about, inputs = manifest.about(name), [feature.name for feature in manifest.features]
    given = manifest.signature
    signed = None if given is None else Signed(given.signer, b64decode(given.value))
    signing.check_upload(name, manifest.sha256, inputs, about.output, signed)
    content = await asyncio.to_thread(_content, runtime, manifest.file_id)
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ChecksumMismatch("the bytes are not those that the manifest names", "内容与清单中的校验值不符")
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise NoModel("this is no ONNX file", "该文件不是 ONNX 模型", kind=kind)
    number = await registry.register(
        tx,
        about,
        onnx=content,
        sha256=manifest.sha256,
        features=inputs,
        metrics=manifest.metrics,
        card={"sheet": manifest.card, "trained_by": tx.who},
        feature_specs=manifest.features,
        snapshot={} if manifest.training is None else manifest.training.model_dump(mode="json"),
        origin="uploaded",
        signed=signed,
    )
    detail = {"sha256": manifest.sha256, "signer": signed.signer if signed else None}
    await tx.audit("upload", "model", name, version=number, detail=detail)
    job_id = await runtime.jobs.start(tx, "vet", {"model": name, "version": number})

    def remove() -> None:
        store(runtime.settings).remove(manifest.file_id)

    tx.after_commit(remove)
    return number, job_id


def _content(runtime: Runtime, file_id: UUID) -> bytes:
    runtime.settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="upload-") as folder:
        path = store(runtime.settings).assemble(file_id, Path(folder) / "files") / FILE
        if path.stat().st_size > MOST_BYTES:
            raise TooLarge("the upload is too large", "上传文件过大", max_bytes=MOST_BYTES)
        return path.read_bytes()
