"""Files that a client sends for an import: kept in parts where every process of the service can reach them.

A part is one request's body; its place is its offset in the file, so that a broken upload goes on where it was. Names
are those of the client's files and lie in a folder of the import's own.
"""

import base64
import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from attune_contracts.identifiers import new_id
from attune_service_kit.errors import Conflict, Invalid, TooLarge
from attune_service_kit.lake_store import Store, open_store
from attune_service_kit.settings import ServiceSettings

_REPORTS = "_reports"
KEPT = timedelta(days=7)
# No path, no hidden file, nothing that a shell or a pattern would read otherwise.
NAME = r"^[^\W_][\w.\-]{0,119}$"
_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


class ChecksumMismatch(Invalid):
    """What arrived is not what the client's Content-Digest says."""

    code = "checksum_mismatch"


class WrongOffset(Conflict):
    """A part must begin where the file ends so far; `expected` says where that is."""

    code = "wrong_offset"


class NothingUploaded(Invalid):
    """The import was to read uploaded files, and none were sent."""

    code = "nothing_uploaded"


@dataclass(frozen=True)
class Part:
    """What a request brought, on scratch."""

    path: Path
    size: int
    sha256: str


class Uploads:
    """The files of all imports of a home or cluster."""

    def __init__(self, settings: ServiceSettings, *, most: int | None = None) -> None:
        self._scratch = settings.scratch
        self._most = settings.max_upload_bytes if most is None else min(most, settings.max_upload_bytes)
        url = settings.upload_url
        if url is None:
            own = settings.scratch / "uploads"
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
            url = str(own)
        self._store: Store = open_store(url, settings.scratch / "upload-cache")

    async def receive(self, body: AsyncIterator[bytes], digest: str | None) -> Part:
        """Write a body to scratch as it comes; TooLarge, or ChecksumMismatch if it is not what `digest` announces."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        path = self._scratch / f"upload-{new_id()}.part"
        path.touch(mode=0o600)
        size, checksum = 0, hashlib.sha256()
        try:
            with path.open("wb") as out:
                async for block in body:
                    size += len(block)
                    if size > self._most:
                        raise TooLarge("the upload is too large", "上传文件过大", max_bytes=self._most)
                    checksum.update(block)
                    out.write(block)
            _compare(digest, checksum.digest())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Part(path, size, checksum.hexdigest())

    def add(self, import_id: UUID, name: str, offset: int, part: Part) -> int:
        """Put a part in its place; return the file's size. Raises WrongOffset, TooLarge.

        An offset of 0 begins the file anew. A part that is there already, sent again, changes nothing.
        """
        folder = _folder(import_id, name)
        parts = self._parts(folder)
        key = f"{folder}/{offset:015d}-{part.size}-{part.sha256[:16]}"
        if key not in parts.values():
            if offset == 0:
                for old in parts.values():
                    self._store.delete(old)
                parts = {}
            expected = _end(parts)
            if offset != expected:
                raise WrongOffset("the part does not begin where the file ends", "分片位置不连续", expected=expected)
            if offset + part.size > self._most:
                raise TooLarge("the upload is too large", "上传文件过大", max_bytes=self._most)
            self._store.put(part.path, key)
        return _end(self._parts(folder))

    def files(self, import_id: UUID) -> dict[str, int]:
        """Return the import's files and how large each is so far."""
        return {name: _end(self._parts(_folder(import_id, name))) for name in self._names(import_id)}

    def remove(self, import_id: UUID, name: str | None = None) -> int:
        """Remove a file, or all of an import's; return how many there were."""
        removed = 0
        for found in self._names(import_id):
            parts = self._parts(_folder(import_id, found)) if name in (None, found) else {}
            for key in parts.values():
                self._store.delete(key)
            removed += bool(parts)
        return removed

    def assemble(self, import_id: UUID, folder: Path) -> Path:
        """Put the import's files together in a local folder. Raises NothingUploaded."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        for name, size in self.files(import_id).items():
            if not size:
                continue
            with (folder / name).open("wb") as out:
                for key in self._parts(_folder(import_id, name)).values():
                    with self._store.local(key).open("rb") as part:
                        shutil.copyfileobj(part, out, 1 << 20)
        if not any(folder.iterdir()):
            raise NothingUploaded("no file was uploaded for this import", "该导入没有已上传的文件")
        return folder

    def sweep(self) -> None:
        """Remove files and reports that nobody has touched for a week: they hold customers' data."""
        for import_id in self._store.folders(""):
            for folder in self._store.folders(import_id):
                for name in self._store.names(f"{import_id}/{folder}"):
                    if self._store.older(key := f"{import_id}/{folder}/{name}", KEPT):
                        self._store.delete(key)

    def put_report(self, import_id: UUID, name: str, report: Path) -> None:
        """Keep a report of rejects where every process of the service finds it, in the place of the local one."""
        key = _report(import_id, name)
        self._store.delete(key)
        self._store.put(report, key)
        report.unlink()

    def report(self, import_id: UUID, name: str) -> Path | None:
        """Return a local path of an import's report; None if there is none, or it was kept long enough."""
        try:
            path = self._store.local(_report(import_id, name))
        except FileNotFoundError:
            return None
        return path if path.exists() else None

    def remove_report(self, import_id: UUID, name: str) -> None:
        """Remove a report; it may be gone already."""
        self._store.delete(_report(import_id, name))

    def _names(self, import_id: UUID) -> list[str]:
        return [name for name in self._store.folders(str(import_id)) if name != _REPORTS]

    def _parts(self, folder: str) -> Mapping[int, str]:
        """The parts of a file by offset, in order."""
        return {int(name.split("-", 1)[0]): f"{folder}/{name}" for name in self._store.names(folder) if "-" in name}


def _end(parts: Mapping[int, str]) -> int:
    if not parts:
        return 0
    last = max(parts)
    return last + int(parts[last].rsplit("/", 1)[1].split("-")[1])


def _folder(import_id: UUID, name: str) -> str:
    return f"{import_id}/{name}"


def _report(import_id: UUID, name: str) -> str:
    return f"{import_id}/{_REPORTS}/{name}.csv"


def _compare(announced: str | None, digest: bytes) -> None:
    """RFC 9530: `Content-Digest: sha-256=:BASE64:`."""
    if announced is None:
        return
    found = _SHA256.search(announced)
    if found is None or base64.b64decode(found[1]) != digest:
        raise ChecksumMismatch("what arrived does not match Content-Digest", "收到的内容与 Content-Digest 不符")
