"""`attune bring-model`: a bank's own ONNX model, sent, looked at and registered."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
import yaml
from pydantic import ValidationError

from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result, reason
from attune.progress import job_progress
from attune.session import running
from attune_client import schemas
from attune_contracts.model_statement import statement

PART = 4 << 20
"""Bytes of one request: what has to be sent again if a line breaks."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bring-model")(bring_model)


def bring_model(
    name: Annotated[str, typer.Argument(help="The model's name, e.g. propensity-wealth.")],
    model: Annotated[Path, typer.Argument(help="The ONNX file, 50 MB at most.")],
    manifest: Annotated[Path, typer.Argument(help="Its data sheet, YAML or JSON: see the guide.")],
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Sign it with this Ed25519 private key, a PEM file.")
    ] = None,
    signer: Annotated[str | None, typer.Option(help="As whom, by the name in the service's settings.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a model of one's own and wait until it has been looked at; it answers nobody until it is promoted."""
    content, sheet = _read(model), _sheet(manifest)
    if sign is not None:
        sheet["signature"] = {"signer": signer or sign.stem, "value": signature(name, content, sheet, sign)}
    with running(Home.at(home)) as place:
        result = _bring(place, name, content, sheet)
    if result["state"] == "refused":
        why = "; ".join(f"{r['code']} {r['detail']}: {r['en']}" for r in result["reasons"])
        raise Failure(f"{name} v{result['version']} is refused: {why}")
    print_result(result, as_json, f"{name} v{result['version']} is {result['state']}: promote it, or let it look on")


def _read(model: Path) -> bytes:
    try:
        return model.read_bytes()
    except OSError as error:
        raise Failure(f"{model}: {error.strerror}") from error


def _sheet(manifest: Path) -> dict[str, Any]:
    try:
        sheet = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise Failure(f"{manifest}: {reason(error)}") from error
    if not isinstance(sheet, dict):
        raise Failure(f"{manifest}: a manifest is a mapping of keys, see docs/guides/bring-your-own-model.md")
    return sheet


def signature(name: str, content: bytes, sheet: dict[str, Any], file: Path) -> str:
    """The signature over what the manifest says of these bytes, in base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(file), None)
        inputs = [str(feature["name"]) for feature in sheet["features"]]
    except (ValueError, TypeError, KeyError) as error:
        raise Failure(f"{file}: no private key, or the manifest names no features: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure(f"{file}: no Ed25519 key")
    said = statement(
        name,
        hashlib.sha256(content).hexdigest(),
        inputs,
        sheet.get("output", "probability"),
        sheet.get("classes") or (),
    )
    return b64encode(key.sign(said)).decode()


def _bring(home: Home, name: str, content: bytes, sheet: dict[str, Any]) -> dict[str, Any]:
    file_id = uuid4()
    body = manifest_of(sheet, file_id, content)
    with Client(home) as client, Client(home, "model_admin") as admin, job_progress(console) as progress:
        send(admin, file_id, content)
        started = admin.ask(lambda attune: attune.models.upload(name, body))
        return client.wait_job("scoring", str(started.id), progress(f"look at {name} v{started.version}"))


def manifest_of(sheet: dict[str, Any], file_id: UUID, content: bytes) -> schemas.Manifest:
    """What the sheet says of these bytes; a key that nobody knows is told, and never left out."""
    told = sheet | {"file_id": str(file_id), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        body = schemas.Manifest.model_validate(told)
    except ValidationError as error:
        raise Failure(f"the manifest does not meet its contract: {_faults(error)}") from error
    if unknown := list(_left_out(told, body.model_dump(mode="json", by_alias=True))):
        raise Failure(f"the manifest does not meet its contract: there is no field {', '.join(unknown)}")
    return body


def _left_out(given: object, kept: object, at: str = "") -> Iterator[str]:
    """The keys that were given and not kept, by their place."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _left_out(value, kept[key], f"{at}{key}.")
            else:
                yield f"{at}{key}"
    elif isinstance(given, list | tuple) and isinstance(kept, list):
        for place, (one, other) in enumerate(zip(given, kept, strict=False)):
            yield from _left_out(one, other, f"{at}{place}.")


def send(client: Client, file_id: UUID, content: bytes) -> None:
    """Send a file's bytes, in parts."""
    for offset in range(0, max(len(content), 1), PART):
        _send(client, file_id, offset, content[offset : offset + PART])


def _send(client: Client, file_id: UUID, offset: int, part: bytes) -> None:
    client.ask(lambda attune: attune.models.model_files_put_(file_id, part, offset=offset))


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'manifest'}: {fault['msg']}" for fault in error.errors()[:5]
    )
