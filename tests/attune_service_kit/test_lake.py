"""A partition changes only by its manifest, and holds only what its dataset's schema allows."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from attune_contracts.datasets import DATASETS, Column, Dataset
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake, SchemaMismatch
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.lake_store import Directory

AS_OF = date(2024, 5, 31)
BRANCHES = DATASETS["branches"]
TRANSACTIONS = DATASETS["transactions"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "scratch")


def branches(*names: str) -> pa.Table:
    rows = [{"branch_id": name, "parent_id": None, "name": f"Branch {name}", "region_id": None} for name in names]
    return pa.Table.from_pylist(rows, schema=arrow_schema(BRANCHES))


def read(lake: Lake, sql: str, *names: str) -> list[tuple[object, ...]]:
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, *names)
        rows: list[tuple[object, ...]] = con.execute(sql).fetchall()
        return rows


def test_the_newest_manifest_replaces_the_content(lake: Lake) -> None:
    first = lake.write(BRANCHES, "all", branches("1", "2"), as_of=AS_OF)
    second = lake.write(BRANCHES, "all", branches("3"), as_of=AS_OF)
    assert (first.rows, second.rows) == (2, 1)
    assert lake.latest("branches", "all") == second
    assert read(lake, "SELECT branch_id FROM branches", "branches") == [("3",)]
    assert len(lake.read_pointer(first)) == 1, "a reader that holds the older pointer still finds its file"


def test_append_keeps_the_files_and_absorbs_a_repeat(lake: Lake) -> None:
    lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF, append=True)
    again = lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF, append=True)
    assert again.rows == 2
    assert read(lake, "SELECT branch_id FROM branches ORDER BY 1", "branches") == [("1",), ("2",)]


def test_a_file_that_no_manifest_lists_is_not_read(lake: Lake) -> None:
    pointer = lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    listed = lake.read_pointer(pointer)
    listed[0].with_name("stray.parquet").write_bytes(b"not even parquet")
    assert lake.files("branches") == listed


def test_a_manifest_written_after_the_clock_stepped_back_still_wins(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    monkeypatch.setattr("attune_contracts.identifiers.time.time_ns", lambda: 0)
    newer = lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF)
    assert lake.latest("branches", "all") == newer


def test_two_partitions_are_read_as_one(lake: Lake) -> None:
    lake.write(BRANCHES, "region=north", branches("1"), as_of=AS_OF)
    lake.write(BRANCHES, "region=south", branches("2"), as_of=AS_OF)
    assert [p.partition for p in lake.pointers("branches")] == ["region=north", "region=south"]
    assert len(lake.files("branches")) == 2
    assert len(lake.files("branches", "region=south")) == 1
    assert lake.files("branches", "region=west") == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (branches("1").drop_columns(["name"]), "branches lacks name"),
        (branches("1").append_column("extra", pa.array([1])), "no column extra"),
        (branches("1").select(["name", "branch_id", "parent_id", "region_id"]), "another order"),
        (branches("1").set_column(2, "name", pa.array([7])), r"branches\.name is int64"),
        (branches("1").set_column(2, "name", pa.array([None], pa.string())), r"branches\.name is NULL in 1 rows"),
    ],
)
def test_a_bad_table_is_refused_by_column(lake: Lake, table: pa.Table, message: str) -> None:
    with pytest.raises(SchemaMismatch, match=message):
        lake.write(BRANCHES, "all", table, as_of=AS_OF)
    assert lake.latest("branches", "all") is None


@pytest.mark.parametrize("partition", ["../all", "a/b", "", ".hidden", "a..b"])
def test_a_partition_cannot_leave_its_dataset(lake: Lake, partition: str) -> None:
    with pytest.raises(ValueError, match="not a name of the lake"):
        lake.write(BRANCHES, partition, branches("1"), as_of=AS_OF)


def test_a_pointer_to_another_content_is_refused(lake: Lake) -> None:
    pointer = lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    with pytest.raises(ValueError, match="not the one that was announced"):
        lake.read_pointer(pointer.model_copy(update={"checksum": "0" * 64}))


def test_vacuum_deletes_what_nobody_can_read(lake: Lake, tmp_path: Path) -> None:
    lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    newest = lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF)
    assert lake.vacuum(timedelta(hours=1)) == []
    assert len(lake.vacuum(timedelta(0))) == 2, "the older manifest and its file"
    assert lake.read_pointer(newest) == lake.files("branches")
    assert read(lake, "SELECT branch_id FROM branches", "branches") == [("2",)]


def test_an_unfinished_write_is_invisible(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)

    def crash(self: Directory, content: bytes, key: str) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Directory, "put_bytes", crash)
        with pytest.raises(OSError, match="disk full"):
            lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF)
    assert lake.latest("branches", "all") == before
    assert list(lake.scratch.iterdir()) == []


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda d: d.name)
def test_an_unwritten_dataset_is_a_typed_empty_view(lake: Lake, dataset: Dataset) -> None:
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, dataset.name)
        described = con.execute(f"DESCRIBE {dataset.name}").fetchall()
    assert [row[0] for row in described] == list(dataset.names)
    types = [row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in described]
    assert types == [c.type for c in dataset.columns]


POSTINGS = """
SELECT 'p' || i AS posting_id, 'a' AS account_id, DATE '2024-01-15' + INTERVAL (i) MONTH AS business_date,
    TIMESTAMPTZ '2024-01-15 01:00:00+08' AS booked_at, 'credit' AS direction, i AS amount_minor, 'CNY' AS currency,
    'salary' AS kind, NULL AS channel, ['own_transfer'] AS flags, NULL AS reverses, NULL AS balance_minor
FROM range(4) t(i)
"""


def test_postings_become_one_partition_a_month_in_one_pass(lake: Lake) -> None:
    with lake_sql.connect(lake) as con:
        pointers = lake_sql.write_partitions(
            con, lake, TRANSACTIONS, POSTINGS, key="month", value="strftime(business_date, '%Y-%m')", as_of=AS_OF
        )
    assert [p.partition for p in pointers] == ["month=2024-01", "month=2024-02", "month=2024-03", "month=2024-04"]
    assert {p.rows for p in pointers} == {1}
    rows = read(lake, "SELECT posting_id, epoch_us(booked_at), flags FROM transactions ORDER BY 1", "transactions")
    moment = int(datetime(2024, 1, 14, 17, tzinfo=UTC).timestamp()) * 1_000_000
    assert rows[0] == ("p0", moment, ["own_transfer"])
    assert len(rows) == 4


def test_a_query_is_published_with_the_datasets_types(lake: Lake) -> None:
    with lake_sql.connect(lake) as con:
        pointer = lake_sql.write_query(con, lake, TRANSACTIONS, "all", POSTINGS, as_of=AS_OF)
        empty = lake_sql.write_query(con, lake, TRANSACTIONS, "none", f"{POSTINGS} WHERE false", as_of=AS_OF)
    assert (pointer.rows, empty.rows) == (4, 0)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 'a' AS branch_id, 'n' AS name", "lacks parent_id"),
        ("SELECT 'a' AS branch_id, NULL AS parent_id, 'n' AS name, NULL AS region_id, 1 AS phone", "no column phone"),
        ("SELECT NULL AS branch_id, NULL AS parent_id, 'n' AS name, NULL AS region_id", r"branches\.branch_id is NULL"),
    ],
)
def test_a_bad_query_is_refused_by_column(lake: Lake, sql: str, message: str) -> None:
    with lake_sql.connect(lake) as con, pytest.raises(SchemaMismatch, match=message):
        lake_sql.write_query(con, lake, BRANCHES, "all", sql, as_of=AS_OF)


def test_the_connection_fetches_no_extension_and_draws_nothing_into_a_log(lake: Lake) -> None:
    settings = (
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "allow_community_extensions",
        "enable_progress_bar",
    )
    with lake_sql.connect(lake) as con:
        values = [con.execute(f"SELECT current_setting('{name}')").fetchone() for name in settings]
        zone = con.execute("SELECT current_setting('TimeZone')").fetchone()
    assert values == [(False,)] * 4
    assert zone == ("UTC",)


def test_another_kind_of_store_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gs://"):
        Lake("gs://bucket/lake", tmp_path)


def test_files_of_an_older_version_lack_what_was_added_since(tmp_path: Path) -> None:
    known = (Column("key", "VARCHAR", "C1", "what"), Column("old", "BIGINT", "C1", "since ever"))
    added = Column("new", "BIGINT", "C1", "added", True)
    dataset = Dataset("grown", "sample", "all", ("key",), (added, *known), version=2)
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 'a' AS key, 1::BIGINT AS old) TO '{tmp_path / 'old.parquet'}' (FORMAT parquet)")
        new = "SELECT 'b' AS key, 2::BIGINT AS old, 3::BIGINT AS new"
        con.execute(f"COPY ({new}) TO '{tmp_path / 'new.parquet'}' (FORMAT parquet)")
        both = lake_sql.scan(dataset, [tmp_path / "old.parquet", tmp_path / "new.parquet"])
        assert con.execute(f"FROM ({both}) ORDER BY key").fetchall() == [(None, "a", 1), (3, "b", 2)]
        alone = lake_sql.scan(dataset, [tmp_path / "old.parquet"])
        assert con.execute(f"FROM ({alone})").fetchall() == [(None, "a", 1)]
