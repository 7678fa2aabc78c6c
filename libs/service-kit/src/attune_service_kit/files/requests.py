"""What an import may be asked for, checked before any job starts."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from pydantic import Field

from attune_service_kit.bodies import Body
from attune_service_kit.errors import Invalid
from attune_service_kit.files.loading import load_mapping
from attune_service_kit.files.uploads import Uploads
from attune_service_kit.settings import ServiceSettings


class WhatToImport(Body):
    """What is said of every import; a service adds which of its datasets."""

    import_id: UUID = Field(description="Chosen by the client; one import may span customer-360 and eventing")
    mapping: dict[str, Any] = Field(description="The mapping file's content")
    folder: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="A folder that the service can read; none: the files that were uploaded for this import",
    )


class FolderRefused(Invalid):
    """The folder is not one that an import may read. Whether it exists is not told."""

    code = "folder_refused"


class NotMapped(Invalid):
    """The mapping says nothing about a dataset that was asked for."""

    code = "dataset_not_mapped"


def checked(
    settings: ServiceSettings,
    import_id: UUID,
    mapping: dict[str, Any],
    folder: str | None,
    datasets: Sequence[str],
) -> dict[str, Any]:
    """Return the job's parameters; FolderRefused, MappingError or NotMapped. No folder = the uploaded files."""
    known = load_mapping(mapping)
    missing = [name for name in datasets if name not in known.datasets]
    if missing:
        raise NotMapped(f"the mapping has no {', '.join(missing)}", f"映射文件中没有 {', '.join(missing)}")
    return {
        "import_id": str(import_id),
        "mapping": mapping,
        "folder": None if folder is None else str(admitted(settings, folder)),
        "datasets": list(datasets),
    }


def admitted(settings: ServiceSettings, folder: str) -> Path:
    """The folder, resolved, if it lies in one of the settings' import roots; without roots only outside production."""
    path = Path(folder)
    if path.is_absolute() and "\x00" not in folder:
        resolved = path.resolve()
        inside = any(resolved.is_relative_to(root.resolve()) for root in settings.import_roots)
        if (inside or not (settings.import_roots or settings.safe)) and resolved.is_dir():
            return resolved
    raise FolderRefused("this folder is not one that imports may read", "该目录不在允许导入的范围内")


@asynccontextmanager
async def extract_of(settings: ServiceSettings, params: Any, own: str) -> AsyncIterator[Path]:
    """The folder that a job reads: the one it was given, or the uploaded files, put together on scratch meanwhile.

    They are customers' data: what a job that was killed has left goes when the next one begins, and with it what
    nobody has touched for a week.
    """
    store, place = Uploads(settings), settings.scratch / "uploaded" / own
    await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    await asyncio.to_thread(store.sweep)
    if params["folder"] is not None:
        yield Path(params["folder"])
        return
    import_id = UUID(params["import_id"])
    try:
        yield await asyncio.to_thread(store.assemble, import_id, place / str(import_id))
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def digest(params: Any) -> bytes:
    """What tells whether two requests ask for the same import."""
    return hashlib.sha256(orjson.dumps(params, option=orjson.OPT_SORT_KEYS)).digest()
