"""The lake: Parquet partitions that change by publishing a new manifest, never in place (X19).

A partition is `<dataset>/<partition>/`: immutable files named by their content and `_manifest/<uuidv7>.json`. The
manifest is written last and the newest wins; readers use only what it lists. Reading manifests imports nothing heavy.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from attune_contracts.datasets import Dataset
from attune_contracts.identifiers import new_id
from attune_contracts.pointer import Pointer
from attune_service_kit.lake_store import open_store

if TYPE_CHECKING:
    import pyarrow

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,127}")
_MANIFESTS = "_manifest"


class SchemaMismatch(Exception):
    """A table does not have its dataset's schema; the message names the column."""


class ManifestFile(BaseModel):
    """One file of a partition."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    rows: int
    sha256: str
    origin: str | None = None  # what brought it, e.g. an import's id: that can be taken back


class Manifest(BaseModel):
    """What a partition holds: only the files listed here belong to it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dataset: str
    partition: str
    schema_version: int
    as_of: date
    rows: int
    checksum: str
    files: tuple[ManifestFile, ...]

    def pointer(self, name: str) -> Pointer:
        """Return the pointer to this manifest, stored under the given name."""
        return Pointer(manifest=name, **self.model_dump(exclude={"files"}))


class Lake:
    """Datasets under one root. `scratch` is a directory for files in the making."""

    def __init__(self, url: str, scratch: Path) -> None:
        self.url = url
        self.scratch = scratch
        self._store = open_store(url, scratch / "lake-cache")

    def write(
        self,
        dataset: Dataset,
        partition: str,
        table: "pyarrow.Table | Sequence[Path]",
        *,
        as_of: date,
        append: bool = False,
        origin: str | None = None,
    ) -> Pointer:
        """Publish a table or Parquet files as the partition's content; `append` keeps the files it already has.

        `origin` names what brought the rows: `withdraw` takes them back by it.

        Raises SchemaMismatch naming the column if the data does not have the dataset's schema.
        """
        folder = _folder(dataset.name, partition)
        self.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.scratch, prefix="lake-") as temporary:
            paths = list(table) if isinstance(table, Sequence) else [_save(table, Path(temporary) / "table.parquet")]
            new = [_describe(dataset, path, origin) for path in paths]
            with self._store.exclusive(f"{folder}/{_MANIFESTS}"):
                for path, file in zip(paths, new, strict=True):
                    self._store.put(path, f"{folder}/{file.name}")
                files = {f.name: f for f in new}
                if append:
                    return self._append(dataset, partition, as_of, files)
                return self._publish(dataset, partition, as_of, files)

    def _append(self, dataset: Dataset, partition: str, as_of: date, wanted: dict[str, ManifestFile]) -> Pointer:
        """Publish the new files beside those that stand.

        A bucket has no lock. Whoever finds that the newest manifest lacks what another, published since the beginning,
        lists, publishes the union: it ends, since every round knows more files and the newest is complete at last.
        """
        folder = _folder(dataset.name, partition)
        base = self._newest(folder)
        standing = {f.name: f for f in self._manifest(dataset.name, partition, base).files} if base else {}
        files = standing | wanted
        while True:
            pointer = self._publish(dataset, partition, as_of, files)
            since = [n for n in self._manifests(folder) if base is None or n > base]
            listed = [{f.name: f for f in self._manifest(dataset.name, partition, n).files} for n in since]
            files = {name: file for content in listed for name, file in content.items()}
            if files.keys() <= listed[-1].keys():
                return pointer

    def _publish(self, dataset: Dataset, partition: str, as_of: date, files: dict[str, ManifestFile]) -> Pointer:
        folder = _folder(dataset.name, partition)
        manifest = Manifest(
            dataset=dataset.name,
            partition=partition,
            schema_version=dataset.version,
            as_of=as_of,
            rows=sum(f.rows for f in files.values()),
            checksum=_checksum(files.values()),
            files=tuple(files.values()),
        )
        previous = self._newest(folder)
        name = f"{new_id()}.json"
        if previous is not None and name <= previous:
            # A clock that stepped back must not make the new manifest the older one.
            name = f"{_after(previous)}.json"
        self._store.put_bytes(manifest.model_dump_json().encode(), f"{folder}/{_MANIFESTS}/{name}")
        return manifest.pointer(name)

    def brought_by(self, dataset: str, origin: str) -> dict[str, int]:
        """Return how many rows of each partition's newest content an origin has brought."""
        rows = {}
        for partition in self._store.folders(_safe(dataset)):
            if name := self._newest(_folder(dataset, partition)):
                files = self._manifest(dataset, partition, name).files
                rows[partition] = sum(file.rows for file in files if file.origin == origin)
        return {partition: count for partition, count in rows.items() if count}

    def origins(self, pointer: Pointer) -> dict[Path, str | None]:
        """Return local paths of exactly the files that the pointer stands for, each with what brought it."""
        manifest = self._manifest(pointer.dataset, pointer.partition, _safe(pointer.manifest))
        folder = _folder(pointer.dataset, pointer.partition)
        return {self._store.local(f"{folder}/{_safe(f.name)}"): f.origin for f in manifest.files}

    def withdraw(self, dataset: Dataset, partition: str, origin: str, *, as_of: date) -> Pointer | None:
        """Publish the partition without what an origin has brought; None if there is nothing of it."""
        folder = _folder(dataset.name, partition)
        with self._store.exclusive(f"{folder}/{_MANIFESTS}"):
            newest = self._newest(folder)
            files = self._manifest(dataset.name, partition, newest).files if newest else ()
            kept = {file.name: file for file in files if file.origin != origin}
            return self._publish(dataset, partition, as_of, kept) if len(kept) < len(files) else None

    def latest(self, dataset: str, partition: str) -> Pointer | None:
        """Return the pointer to the partition's newest content; None if it has none."""
        name = self._newest(_folder(dataset, partition))
        return self._manifest(dataset, partition, name).pointer(name) if name else None

    def pointers(self, dataset: str) -> list[Pointer]:
        """Return the newest pointer of every partition, in the partitions' order."""
        newest = (self.latest(dataset, partition) for partition in self._store.folders(_safe(dataset)))
        return [pointer for pointer in newest if pointer is not None]

    def versions(self, dataset: str, partition: str) -> list[Pointer]:
        """Return a pointer to every content of the partition that is still kept, the oldest first."""
        names = self._manifests(_folder(dataset, partition))
        return [self._manifest(dataset, partition, name).pointer(name) for name in names]

    def read_pointer(self, pointer: Pointer) -> list[Path]:
        """Return local paths of exactly the files that the pointer stands for; FileNotFoundError if it was vacuumed."""
        manifest = self._manifest(pointer.dataset, pointer.partition, _safe(pointer.manifest))
        if manifest.checksum != pointer.checksum:
            raise ValueError(f"{pointer.dataset}/{pointer.partition}: the manifest is not the one that was announced")
        folder = _folder(pointer.dataset, pointer.partition)
        return [self._store.local(f"{folder}/{_safe(f.name)}") for f in manifest.files]

    def files(self, dataset: str, partition: str | None = None) -> list[Path]:
        """Return local paths of the newest content of one partition, or of all."""
        one = self.latest(dataset, partition) if partition is not None else None
        pointers = self.pointers(dataset) if partition is None else [one] if one else []
        return [path for pointer in pointers for path in self.read_pointer(pointer)]

    def vacuum(self, older_than: timedelta) -> list[str]:
        """Delete superseded manifests and unlisted files of at least this age; return what was deleted.

        The age is the time a reader has to finish with a pointer that it holds.
        """
        deleted: list[str] = []
        for dataset in self._store.folders(""):
            for partition in self._store.folders(dataset):
                deleted += self._vacuum_partition(dataset, partition, older_than)
        return deleted

    def _vacuum_partition(self, dataset: str, partition: str, older_than: timedelta) -> list[str]:
        folder = f"{dataset}/{partition}"
        with self._store.exclusive(f"{folder}/{_MANIFESTS}"):
            newest = self._newest(folder)
            if newest is None:
                return []
            names = self._manifests(folder)
            dead = [n for n in names if n != newest and self._store.older(f"{folder}/{_MANIFESTS}/{n}", older_than)]
            kept = [self._manifest(dataset, partition, n) for n in names if n not in dead]
            listed = {f.name for manifest in kept for f in manifest.files}
            unlisted = [n for n in self._store.names(folder) if n not in listed]
            keys = [f"{folder}/{_MANIFESTS}/{n}" for n in dead]
            keys += [f"{folder}/{n}" for n in unlisted if self._store.older(f"{folder}/{n}", older_than)]
            for key in keys:
                self._store.delete(key)
            return keys

    def _newest(self, folder: str) -> str | None:
        names = self._manifests(folder)
        return names[-1] if names else None

    def _manifests(self, folder: str) -> list[str]:
        return [n for n in self._store.names(f"{folder}/{_MANIFESTS}") if n.endswith(".json")]

    def _manifest(self, dataset: str, partition: str, name: str) -> Manifest:
        return Manifest.model_validate_json(self._store.get(f"{_folder(dataset, partition)}/{_MANIFESTS}/{name}"))


def _safe(name: str) -> str:
    if not _SAFE.fullmatch(name) or ".." in name:
        raise ValueError(f"not a name of the lake: {name!r}")
    return name


def _folder(dataset: str, partition: str) -> str:
    return f"{_safe(dataset)}/{_safe(partition)}"


def _after(manifest: str) -> str:
    return str(UUID(int=UUID(manifest.removesuffix(".json")).int + 1))


def _checksum(files: Iterable[ManifestFile]) -> str:
    lines = sorted(f"{f.sha256} {f.rows}" for f in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _save(table: "pyarrow.Table", path: Path) -> Path:
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")
    return path


def _describe(dataset: Dataset, path: Path, origin: str | None) -> ManifestFile:
    from attune_service_kit.lake_schema import check_parquet

    rows = check_parquet(dataset, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ManifestFile(name=f"{digest[:32]}.parquet", rows=rows, sha256=digest, origin=origin)
