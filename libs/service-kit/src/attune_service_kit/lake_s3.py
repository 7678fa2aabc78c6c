"""A lake in an S3 bucket, through Arrow's file system: DuckDB reads local copies, never the bucket (X20).

Address: `s3://bucket/prefix`, with Arrow's own parameters where needed (`?region=…&endpoint_override=…&scheme=https`).
Credentials come from the environment or the machine's identity, never from the address.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow
from pyarrow import fs

from attune_contracts.identifiers import new_id

_KEPT_SECONDS = 24 * 3600
"""A local copy that nobody has asked for so long is removed; files never change, so a copy is never stale."""


class Bucket:
    """A `Store` under a bucket's prefix; `cache` is a local directory for copies."""

    def __init__(self, url: str, cache: Path) -> None:
        if "@" in url.split("?", 1)[0]:
            raise ValueError("an s3:// address carries no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        self._fs, self._root = fs.FileSystem.from_uri(url)
        self._cache = cache

    def put(self, source: Path, key: str) -> None:
        """Upload a file; one that stands there is written anew, which keeps its age young."""
        with source.open("rb") as file, self._fs.open_output_stream(self._path(key)) as stream:
            shutil.copyfileobj(file, stream, 8 << 20)

    def put_bytes(self, content: bytes, key: str) -> None:
        """Upload bytes: an object appears whole or not at all."""
        with self._fs.open_output_stream(self._path(key)) as stream:
            stream.write(content)

    def get(self, key: str) -> bytes:
        """Return the content; FileNotFoundError if there is none."""
        with self._fs.open_input_stream(self._path(key)) as stream:
            return bytes(stream.read())

    def local(self, key: str) -> Path:
        """Return a local copy, fetched once."""
        copy = self._cache / key
        if copy.exists():
            os.utime(copy)
            return copy
        self._forget()
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(f".{new_id()}.part")
        try:
            with self._fs.open_input_stream(self._path(key)) as stream, part.open("wb") as file:
                shutil.copyfileobj(stream, file, 8 << 20)
            part.replace(copy)
        finally:
            part.unlink(missing_ok=True)
        return copy

    def folders(self, key: str) -> list[str]:
        """Names of the folders directly below, sorted; none if there are none."""
        return self._below(key, fs.FileType.Directory)

    def names(self, key: str) -> list[str]:
        """Names of the files directly below, sorted; none if there are none."""
        return self._below(key, fs.FileType.File)

    def older(self, key: str, age: timedelta) -> bool:
        """Whether the object was stored at least this long ago."""
        info = self._fs.get_file_info(self._path(key))
        return info.type is fs.FileType.File and time.time() - info.mtime.timestamp() >= age.total_seconds()

    def delete(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.delete_file(self._path(key))

    @contextlib.contextmanager
    def exclusive(self, key: str) -> Iterator[None]:  # noqa: ARG002 - the protocol's; see below
        """A bucket has no locks: `Lake.write` finds out whether another writer came between, and writes again."""
        yield

    def _below(self, key: str, kind: "fs.FileType") -> list[str]:
        found = self._fs.get_file_info(fs.FileSelector(self._path(key), allow_not_found=True))
        return sorted(info.base_name for info in found if info.type is kind and info.base_name)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _forget(self) -> None:
        if self._cache.is_dir():
            border = time.time() - _KEPT_SECONDS
            for copy in self._cache.rglob("*.parquet"):
                with contextlib.suppress(FileNotFoundError):
                    if copy.stat().st_mtime < border:
                        copy.unlink()


def open_bucket(url: str, cache: Path) -> Bucket:
    """Open the bucket; ValueError says what is wrong with the address."""
    try:
        return Bucket(url, cache)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"not an s3:// address that Arrow understands: {error}") from error
