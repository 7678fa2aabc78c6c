"""`python -m attune_contracts.schemas`: write the JSON Schemas of events and datasets, the diffable truth.

One file an event type (`<type>.json`), one a dataset (`datasets/<name>.json`), and the envelope around all events.
"""

import json
import sys
from pathlib import Path
from typing import Any

from attune_contracts.catalog import CATALOGUE, Entry
from attune_contracts.datasets import DATASETS, Dataset
from attune_contracts.envelope import Envelope

FOLDER = Path(__file__).parents[2] / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schema(entry: Entry) -> dict[str, Any]:
    """The schema of an event's `data`, with the catalogue's line about it."""
    about = {
        "producer": entry.producer,
        "owner": entry.owner,
        "consumers": list(entry.consumers),
        "stream": entry.stream,
        "retention_days": entry.retention_days,
        "level": entry.level,
        "partition": entry.partition,
    }
    return {"$schema": _DIALECT, "$id": f"attune:{entry.type}", "x-attune": about} | entry.data.model_json_schema()


def dataset_schema(dataset: Dataset) -> dict[str, Any]:
    """A dataset's columns, key and partition; types are DuckDB's."""
    return {
        "dataset": dataset.name,
        "version": dataset.version,
        "owner": dataset.owner,
        "partition": dataset.partition,
        "key": list(dataset.key),
        "columns": [
            {"name": c.name, "type": c.type, "nullable": c.nullable, "level": c.level, "meaning": c.meaning}
            for c in dataset.columns
        ],
    }


def rendered() -> dict[str, str]:
    """Every schema file's text by its path inside the folder."""
    files = {"envelope.json": {"$schema": _DIALECT, "$id": "attune:envelope"} | Envelope.model_json_schema()}
    files |= {f"{entry.type}.json": event_schema(entry) for entry in CATALOGUE.values()}
    files |= {f"datasets/{dataset.name}.json": dataset_schema(dataset) for dataset in DATASETS.values()}
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in files.items()}


def write(folder: Path) -> int:
    """Write all schemas and remove those of what is no longer said; return how many there are."""
    files = rendered()
    for old in folder.rglob("*.json"):
        if old.relative_to(folder).as_posix() not in files:
            old.unlink()
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return len(files)


if __name__ == "__main__":
    sys.stdout.write(f"{write(FOLDER)} schemas written\n")
