"""The import engine: a bank's files in, typed rows and a reject report out (X3).

`load_mapping` is light; `attune_service_kit.files.engine` imports duckdb and belongs into job processes only (X29).
"""

from attune_service_kit.files.loading import MappingError, Problem, load_mapping
from attune_service_kit.files.mapping import Mapping

__all__ = ["Mapping", "MappingError", "Problem", "load_mapping"]
