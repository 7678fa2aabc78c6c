"""What an import or a reconciliation may be asked for, checked before any job starts."""

from typing import Any

from attune_service_kit.files import load_mapping
from attune_service_kit.files.requests import FolderRefused, NotMapped, admitted, checked
from attune_service_kit.settings import ServiceSettings

__all__ = ["DATASET", "FolderRefused", "NotMapped", "checked", "named"]

DATASET = "transactions"


def named(settings: ServiceSettings, mapping: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return mapping and folder as a job's parameters; raises FolderRefused, MappingError or NotMapped."""
    if DATASET not in load_mapping(mapping).datasets:
        raise NotMapped(f"the mapping has no {DATASET}", f"映射文件中没有 {DATASET}")
    return {"mapping": mapping, "folder": str(admitted(settings, folder))}
