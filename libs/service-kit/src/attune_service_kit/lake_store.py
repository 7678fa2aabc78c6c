"""Where the lake's bytes lie: the one seam between the lake and a file system (X19, X20)."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attune_contracts.identifiers import new_id


class Store(Protocol):
    """Keys are relative paths with forward slashes; a stored file never changes."""

    def put(self, source: Path, key: str) -> None:
        """Store a local file under the key, durably; a file that already stands there stays."""

    def put_bytes(self, content: bytes, key: str) -> None:
        """Store bytes under the key: a reader sees all of them or nothing."""

    def get(self, key: str) -> bytes:
        """Return the content; FileNotFoundError if there is none."""

    def local(self, key: str) -> Path:
        """Return a local path with the content."""

    def folders(self, key: str) -> list[str]:
        """Names of the folders directly below the key, sorted."""

    def names(self, key: str) -> list[str]:
        """Names of the files directly below the key, sorted."""

    def older(self, key: str, age: timedelta) -> bool:
        """Whether the file was stored at least this long ago."""

    def delete(self, key: str) -> None:
        """Remove a file; it may be gone already."""

    def exclusive(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold the folder against other writers and the vacuum."""


class Directory:
    """A lake in a directory of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, source: Path, key: str) -> None:
        """Copy the file beside its place, make it durable, then rename it there."""
        target = self.root / key
        if target.exists():
            os.utime(target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{new_id()}.part")
        try:
            shutil.copyfile(source, part)
            _sync(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        _sync(target.parent)

    def put_bytes(self, content: bytes, key: str) -> None:
        """Write beside the place, make it durable, then rename it there."""
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{new_id()}.part")
        try:
            part.write_bytes(content)
            _sync(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        _sync(target.parent)

    def get(self, key: str) -> bytes:
        """Return the content."""
        return (self.root / key).read_bytes()

    def local(self, key: str) -> Path:
        """Return the path itself: it is local already."""
        return self.root / key

    def folders(self, key: str) -> list[str]:
        """Names of the folders below, sorted; none if the key does not exist."""
        folder = self.root / key
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def names(self, key: str) -> list[str]:
        """Names of the files below, sorted; none if the key does not exist."""
        folder = self.root / key
        return sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []

    def older(self, key: str, age: timedelta) -> bool:
        """Whether the file's time lies at least this far back."""
        try:
            return time.time() - (self.root / key).stat().st_mtime >= age.total_seconds()
        except FileNotFoundError:
            return False

    def delete(self, key: str) -> None:
        """Remove the file if it is there."""
        (self.root / key).unlink(missing_ok=True)

    @contextlib.contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        """Lock the folder between processes; the lock ends with the process."""
        folder = self.root / key
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def open_store(url: str, cache: Path) -> Store:
    """Open the store behind a lake's address: a directory's path, `file://` or `s3://`; `cache` is for local copies."""
    if url.startswith("s3://"):
        # Arrow weighs 60 MB: only a process whose lake lies in a bucket pays for it.
        from attune_service_kit.lake_s3 import open_bucket

        return open_bucket(url, cache)
    path = url.removeprefix("file://")
    if "://" in path:
        raise ValueError(f"a lake lies in a directory or under s3://; {url.split('://', 1)[0]}:// is not supported")
    return Directory(Path(path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
