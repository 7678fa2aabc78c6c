"""Import a bank's folder: each dataset goes to its owner, in an order that keeps references whole (X3)."""

from pathlib import Path
from typing import Any

from attune.client import Client
from attune.home import Home
from attune.output import Failure, console
from attune.progress import job_progress
from attune_contracts.datasets import DATASETS, IMPORT_ORDER
from attune_contracts.identifiers import new_id
from attune_service_kit.files import MappingError, load_mapping

OWNERS = {"customer_360": "/v1/imports", "eventing": "/v1/ledger/imports"}


def run_import(home: Home, mapping_file: Path, folder: Path, quiet: bool = False) -> dict[str, Any]:
    """Import every dataset of the mapping; return `{datasets: {NAME: counts}, rejects_file, import_id}`."""
    if not folder.is_dir():
        raise Failure(f"{folder} is no folder: give the one that holds the bank's files")
    if not mapping_file.is_file():
        raise Failure(f"{mapping_file}: no such mapping file (examples lie in mappings/)")
    try:
        mapping = load_mapping(mapping_file)
    except MappingError as error:
        raise Failure(str(error)) from error
    import_id = str(new_id())
    body = {
        "import_id": import_id,
        "mapping": mapping.as_object(),
        "folder": str(folder.resolve()),
    }
    result: dict[str, Any] = {"datasets": {}, "rejects_file": None, "import_id": import_id}
    with Client(home) as client, job_progress(console, quiet=quiet) as progress:
        for owner, path in OWNERS.items():
            names = [n for n in IMPORT_ORDER if n in mapping.datasets and DATASETS[n].owner == owner]
            if not names:
                continue
            done = client.run_job(owner, path, body | {"datasets": names}, progress(f"import {owner}"))
            result["datasets"] |= done["datasets"]
            result["rejects_file"] = result["rejects_file"] or done.get("rejects_file")
            result.setdefault("rejects_files", []).extend([done["rejects_file"]] if done.get("rejects_file") else [])
        # The import is over when what it set in motion is: owners known, features made, scores given.
        client.settle(timeout=900)
    return result
