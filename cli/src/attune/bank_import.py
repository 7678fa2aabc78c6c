"""Import a bank's folder: each dataset goes to its owner, in an order that keeps references whole (X3); and back."""

import base64
import csv
import hashlib
import io
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attune.client import Client
from attune.home import Home
from attune.output import Failure, console
from attune.progress import job_progress
from attune_client import Attune, schemas
from attune_contracts.datasets import DATASETS, IMPORT_ORDER
from attune_contracts.identifiers import new_id

if TYPE_CHECKING:
    from attune_service_kit.files import Mapping

OWNERS = {"customer_360": "/v1/imports", "eventing": "/v1/ledger/imports"}
_REPORTS: dict[str, Callable[[UUID], Callable[[Attune], Coroutine[Any, Any, bytes]]]] = {
    "customer_360": lambda import_id: lambda attune: attune.imports.read_customer_360_import_rejects(import_id),
    "eventing": lambda import_id: lambda attune: attune.imports.read_eventing_import_rejects(import_id),
}
# A part of an upload: what has to be sent again if a line breaks.
_PART = 4 << 20


def read_mapping(mapping_file: Path) -> "Mapping":
    """Return the mapping; a Failure names every fault by line."""
    # A second of imports that only those who read a mapping pay.
    from attune_service_kit.files import MappingError, load_mapping

    if not mapping_file.is_file():
        raise Failure(f"{mapping_file}: no such mapping file (examples lie in mappings/)")
    try:
        return load_mapping(mapping_file)
    except MappingError as error:
        raise Failure(str(error)) from error


def extract_of(folder: Path) -> Path:
    """Return the extract's folder."""
    if not folder.is_dir():
        raise Failure(f"{folder} is no folder: give the one that holds the bank's files")
    return folder.resolve()


def run_import(
    home: Home, mapping_file: Path, folder: Path, quiet: bool = False, upload: bool = False
) -> dict[str, Any]:
    """Import every dataset of the mapping; return `{datasets: {NAME: counts}, has_rejects, import_id}`.

    Where a file of any of them is missing, or cannot be read as a whole, nothing is imported.
    `upload`: send the files, for a home that does not see this folder.
    """
    extract, mapping = extract_of(folder), read_mapping(mapping_file)
    _all_there(mapping, extract)
    _all_readable(mapping, extract)
    import_id = str(new_id())
    body = {"import_id": import_id, "mapping": mapping.as_object(), "folder": None if upload else str(extract)}
    result: dict[str, Any] = {"datasets": {}, "has_rejects": False, "import_id": import_id}
    with Client(home) as client, job_progress(console, quiet=quiet) as progress:
        sent = list(_send(client, import_id, mapping, extract)) if upload else []
        for owner, path in OWNERS.items():
            names = [n for n in IMPORT_ORDER if n in mapping.datasets and DATASETS[n].owner == owner]
            if not names:
                continue
            done = client.run_job(owner, path, body | {"datasets": names}, progress(f"import {owner}"))
            result["datasets"] |= done["datasets"]
            result["has_rejects"] |= done["has_rejects"]
        for name in sent:
            client.ask(lambda attune, name=name: attune.imports.remove_import_file(UUID(import_id), name))  # type: ignore[misc]
        # The import is over when what it set in motion is: owners known, features made, scores given.
        client.settle(timeout=900)
    return result


def run_undo(home: Home, import_id: str, quiet: bool = False) -> dict[str, Any]:
    """Take an import back in every service that has it, or in none; return `{import_id, services: {NAME: result}}`."""
    with Client(home) as client, job_progress(console, quiet=quiet) as progress:
        # What was brought last goes first: postings before the accounts that they stand on.
        having = [owner for owner in reversed(OWNERS) if _known(client, owner, import_id)]
        if not having:
            raise _unknown(import_id)
        for only_check in (True, False):
            services = {
                owner: client.run_job(
                    owner,
                    f"{OWNERS[owner]}/{import_id}:undo",
                    {"only_check": only_check},
                    progress(f"{'check' if only_check else 'take back'} {owner}"),
                )
                for owner in having
            }
        client.settle(timeout=900)
    return {"import_id": import_id, "services": services}


def read_rejects(home: Home, import_id: str) -> list[dict[str, str]]:
    """Return every rejected line of an import: `{dataset, file, line, column, reason, row}`."""
    with Client(home) as client:
        having = [owner for owner in OWNERS if _known(client, owner, import_id)]
        if not having:
            raise _unknown(import_id)
        reports = [
            client.ask(_REPORTS[owner](UUID(import_id))) for owner in having if _rejected(client, owner, import_id)
        ]
    return [row for report in reports for row in csv.DictReader(io.StringIO(report.decode(), newline=""))]


def list_imports(home: Home) -> list[dict[str, Any]]:
    """Return the home's imports, the newest first, each with the services that have a part of it."""
    found: dict[str, dict[str, Any]] = {}
    with Client(home) as client:
        for owner, path in OWNERS.items():
            for run in client.pages(path):
                apart = {"services": {}, "counts": {}, "datasets": [], "log": [], "has_rejects": False}
                one = found.setdefault(run["import_id"], run | apart)
                one["datasets"] = [*one["datasets"], *run["datasets"]]
                one["log"] = sorted([*one["log"], *run["log"]], key=lambda line: str(line["at"]))
                one["has_rejects"] |= run["has_rejects"]
                one["services"][owner] = run["state"]
                one["counts"] |= run["counts"] or {}
    return sorted(found.values(), key=lambda run: str(run["started_at"]), reverse=True)


def _patterns(mapping: "Mapping") -> list[str]:
    """The files that the mapping speaks of, by name or pattern."""
    parts = [part for dataset in mapping.datasets.values() for part in dataset]
    files = [file for part in parts for file in (part.file, *(join.file for join in part.join.values())) if file]
    return sorted(set(files))


def _all_there(mapping: "Mapping", extract: Path) -> None:
    """A Failure names every file that is missing: half of a bank is no bank."""
    missing = [file for file in _patterns(mapping) if not any(path.is_file() for path in extract.glob(file))]
    if missing:
        raise Failure(f"{extract} has no file {', no file '.join(missing)}; nothing was imported")


def _all_readable(mapping: "Mapping", extract: Path) -> None:
    """A Failure says what no service could read, or which column is lacking: of each file the heading is read."""
    from attune_service_kit.errors import Invalid
    from attune_service_kit.files.engine import look_at
    from attune_service_kit.lake import Lake
    from attune_service_kit.lake_sql import connect

    names = [name for name in IMPORT_ORDER if name in mapping.datasets]
    with TemporaryDirectory(prefix="attune-import-") as scratch:
        place = Path(scratch)
        with connect(Lake(str(place / "lake"), place)) as con:
            try:
                look_at(mapping, extract, names, con, place / "look")
            except Invalid as error:
                raise Failure(f"{error.en}; nothing was imported") from error


def _unknown(import_id: str) -> Failure:
    return Failure(f"no import {import_id}: `attune import --list` names them")


def _rejected(client: Client, owner: str, import_id: str) -> bool:
    return bool(client.get(f"{OWNERS[owner]}/{import_id}")["has_rejects"])


def _known(client: Client, owner: str, import_id: str) -> bool:
    return any(run["import_id"] == import_id for run in client.pages(OWNERS[owner]))


def _part(
    import_id: str, name: str, block: bytes, offset: int, digest: str
) -> Callable[[Attune], Coroutine[Any, Any, schemas.UploadedPart]]:
    return lambda attune: attune.imports.upload_import_file(
        UUID(import_id), name, block, offset=offset, content_digest=digest
    )


def _send(client: Client, import_id: str, mapping: "Mapping", extract: Path) -> Iterator[str]:
    """Send the files that the mapping speaks of, in parts; yield their names."""
    for file in sorted({path for pattern in _patterns(mapping) for path in extract.glob(pattern) if path.is_file()}):
        with file.open("rb") as content:
            offset = 0
            while (block := content.read(_PART)) or not offset:
                digest = base64.b64encode(hashlib.sha256(block).digest()).decode()
                offset = client.ask(_part(import_id, file.name, block, offset, f"sha-256=:{digest}:")).bytes
                if not block:
                    break
        yield file.name
