"""Hold a Parquet file to its dataset's schema before anybody can read it. Imports pyarrow: for writers only."""

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from attune_contracts.datasets import Dataset
from attune_service_kit.lake import SchemaMismatch


def arrow_schema(dataset: Dataset) -> pa.Schema:
    """Return the dataset's schema as Arrow says it, for building a table to write."""
    return pa.schema([pa.field(c.name, _ARROW[c.type], c.nullable) for c in dataset.columns])


def check_parquet(dataset: Dataset, path: Path) -> int:
    """Return the file's number of rows; SchemaMismatch if names, order, types or nulls are not the dataset's."""
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        if tuple(schema.names) != dataset.names:
            raise SchemaMismatch(_names_differ(dataset, schema.names))
        for column in dataset.columns:
            found = schema.field(column.name).type
            if not _same(found, _ARROW[column.type]):
                raise SchemaMismatch(f"{dataset.name}.{column.name} is {found}, it must be {column.type}")
            if not column.nullable and (nulls := _nulls(file, column.name)):
                raise SchemaMismatch(f"{dataset.name}.{column.name} is NULL in {nulls} rows; it must have a value")
        return int(file.metadata.num_rows)


_ARROW = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
}


def _same(found: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_string(expected):
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
    if pa.types.is_list(expected):
        return bool(pa.types.is_list(found) or pa.types.is_large_list(found)) and _same(found.value_type, pa.string())
    if pa.types.is_timestamp(expected):
        return bool(pa.types.is_timestamp(found) and found.tz is not None)
    return bool(found == expected)


def _nulls(file: parquet.ParquetFile, column: str) -> int:
    """Count from the row groups' statistics; read the column where they are missing (nested columns have none)."""
    metadata = file.metadata
    index = next((i for i in range(metadata.num_columns) if metadata.schema.column(i).path == column), None)
    total = 0
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(index).statistics if index is not None else None
        if statistics is not None and statistics.has_null_count:
            total += statistics.null_count
        else:
            total += file.read_row_group(group, columns=[column]).column(0).null_count
    return total


def _names_differ(dataset: Dataset, found: list[str]) -> str:
    missing = [name for name in dataset.names if name not in found]
    unknown = [name for name in found if name not in dataset.names]
    if missing:
        return f"{dataset.name} lacks {', '.join(missing)}"
    if unknown:
        return f"{dataset.name} has no column {', '.join(unknown)}"
    return f"{dataset.name}'s columns stand in another order: {', '.join(found)}"
