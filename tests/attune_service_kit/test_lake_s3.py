"""The lake in a bucket: the same promises as in a directory, and none lost between writers without a lock."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from attune_contracts.datasets import DATASETS
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.lake_store import open_store

AS_OF = date(2024, 5, 31)
BRANCHES = DATASETS["branches"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server of this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def url(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The address of an empty bucket."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = f"region=us-east-1&scheme=http&endpoint_override={endpoint.replace(':', '%3A')}"
    bucket = request.node.name.replace("_", "-")[:60]
    boto3.client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/lake?{options}"


@pytest.fixture
def lake(url: str, tmp_path: Path) -> Lake:
    return Lake(url, tmp_path / "scratch")


def branches(*names: str) -> pa.Table:
    rows = [{"branch_id": name, "parent_id": None, "name": f"Branch {name}"} for name in names]
    return pa.Table.from_pylist(rows, schema=arrow_schema(BRANCHES))


def read(lake: Lake) -> list[str]:
    with lake_sql.connect(lake) as con:
        lake_sql.register(con, lake, "branches")
        return [row[0] for row in con.execute("SELECT branch_id FROM branches ORDER BY 1").fetchall()]


def test_what_is_written_here_is_read_by_another_machine(lake: Lake, url: str, tmp_path: Path) -> None:
    assert lake.latest("branches", "all") is None
    first = lake.write(BRANCHES, "all", branches("1", "2"), as_of=AS_OF)
    other = Lake(url, tmp_path / "elsewhere")
    assert other.latest("branches", "all") == first
    assert read(other) == ["1", "2"]
    second = lake.write(BRANCHES, "all", branches("3"), as_of=AS_OF)
    assert other.pointers("branches") == [second]
    assert read(other) == ["3"]


def test_a_copy_is_fetched_once_and_forgotten_after_a_day(lake: Lake, tmp_path: Path) -> None:
    lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    (copy,) = lake.files("branches")
    copy.write_bytes(copy.read_bytes() + b"kept")
    assert lake.files("branches")[0].read_bytes().endswith(b"kept"), "it was not fetched again"
    os.utime(copy, (0, 0))
    lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF)
    lake.files("branches")
    assert not copy.exists()


def test_parallel_writers_lose_no_file(url: str, tmp_path: Path) -> None:
    def write(number: int) -> None:
        Lake(url, tmp_path / f"s{number}").write(BRANCHES, "all", branches(f"{number:02}"), as_of=AS_OF, append=True)

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(8)))
    assert read(Lake(url, tmp_path / "reader")) == [f"{n:02}" for n in range(8)]


def test_vacuum_deletes_what_nobody_can_read(lake: Lake) -> None:
    lake.write(BRANCHES, "all", branches("1"), as_of=AS_OF)
    newest = lake.write(BRANCHES, "all", branches("2"), as_of=AS_OF)
    assert lake.vacuum(timedelta(hours=1)) == []
    assert len(lake.vacuum(timedelta(seconds=-5))) == 2, "the older manifest and its file"
    assert lake.pointers("branches") == [newest]


def test_an_address_with_credentials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no credentials"):
        open_store("s3://key:secret@bucket/lake", tmp_path)


def test_an_address_that_arrow_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s3://"):
        open_store("s3://bucket/lake?colour=red", tmp_path)


def test_a_missing_object_is_a_missing_file(url: str, tmp_path: Path) -> None:
    store = open_store(url, tmp_path)
    with pytest.raises(FileNotFoundError):
        store.get("branches/all/none")
    store.delete("branches/all/none")
    assert store.folders("nothing") == store.names("nothing") == []
