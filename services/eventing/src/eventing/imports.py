"""What an import may be asked for, checked before any job starts."""

from pathlib import Path
from typing import Any
from uuid import UUID

from attune_service_kit.errors import Invalid
from attune_service_kit.files import load_mapping
from attune_service_kit.settings import ServiceSettings

DATASET = "transactions"


class FolderRefused(Invalid):
    """The folder is not one that an import may read. Whether it exists is not told."""

    code = "folder_refused"


class NotMapped(Invalid):
    """The mapping says nothing about the postings."""

    code = "dataset_not_mapped"


def checked(settings: ServiceSettings, import_id: UUID, mapping: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return the job's parameters; raises FolderRefused, MappingError or NotMapped."""
    return {"import_id": str(import_id)} | named(settings, mapping, folder)


def named(settings: ServiceSettings, mapping: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return mapping and folder as a job's parameters; raises the same."""
    if DATASET not in load_mapping(mapping).datasets:
        raise NotMapped(f"the mapping has no {DATASET}", f"映射文件中没有 {DATASET}")
    return {"mapping": mapping, "folder": str(admitted(settings, folder))}


def admitted(settings: ServiceSettings, folder: str) -> Path:
    """The folder, resolved, if it lies in one of the settings' import roots; without roots only outside production."""
    path = Path(folder)
    if path.is_absolute() and "\x00" not in folder:
        resolved = path.resolve()
        inside = any(resolved.is_relative_to(root.resolve()) for root in settings.import_roots)
        if (inside or not (settings.import_roots or settings.safe)) and resolved.is_dir():
            return resolved
    raise FolderRefused("this folder is not one that imports may read", "该目录不在允许导入的范围内")
