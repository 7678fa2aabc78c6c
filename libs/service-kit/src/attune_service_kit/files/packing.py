"""Files as the bank packed them: plain, gzip or zip. No name from an archive is ever used for a path (K83)."""

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from attune_service_kit.errors import Invalid

BLOCK = 1 << 20
MOST_FILES = 10
LARGEST_RATIO = 100
# Below this size an archive can do no harm, however well it is packed.
_HARMLESS = 1 << 20

_GZIP, _OLE = b"\x1f\x8b", b"\xd0\xcf\x11\xe0"
# The first file of an archive, or the end of one that is empty or split.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


class UnreadableFile(Invalid):
    """A file of the extract cannot be read at all."""

    code = "file_unreadable"


class UnsafeArchive(Invalid):
    """An archive that would unpack to far more than it is, or holds what an extract has no use for."""

    code = "archive_unsafe"


@dataclass(frozen=True)
class Member:
    """One file of an extract; `number` is its place in a zip archive, None outside of one."""

    path: Path
    number: int | None = None

    @property
    def label(self) -> str:
        """What it is called in reports."""
        return self.path.name if self.number is None else f"{self.path.name}/{self.number + 1}"

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open its unpacked bytes; faults of the archive become UnreadableFile or UnsafeArchive."""
        try:
            with self.path.open("rb") as raw:
                if self.number is not None:
                    with zipfile.ZipFile(raw) as archive:
                        info = _files(archive)[self.number]
                        with archive.open(info) as stream:
                            yield _Measured(cast(BinaryIO, stream), self.label, lambda: info.compress_size).buffered()
                elif _begins(raw, _GZIP):
                    with gzip.open(raw) as stream:
                        yield _Measured(cast(BinaryIO, stream), self.label, raw.tell).buffered()
                else:
                    yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as error:
            text = f"{self.label}: the archive is damaged or cut off"
            raise UnreadableFile(text, f"{self.label}：压缩文件已损坏或不完整") from error


def members(path: Path) -> list[Member]:
    """Return the files that a file stands for: itself, or those of a zip archive. Raises UnsafeArchive."""
    with path.open("rb") as raw:
        if not _begins(raw, _ZIP):
            return [Member(path)]
        try:
            with zipfile.ZipFile(raw) as archive:
                names = archive.namelist()
                if "[Content_Types].xml" in names or "mimetype" in names:
                    return [Member(path)]  # a workbook
                _check(archive, path.name)
                return [Member(path, number) for number in range(len(_files(archive)))]
        except zipfile.BadZipFile as error:
            text = f"{path.name}: the archive is damaged or cut off"
            raise UnreadableFile(text, f"{path.name}：压缩文件已损坏或不完整") from error


def is_workbook(path: Path) -> bool:
    """Whether the file begins as workbooks do: xlsx, xlsb and ods are zip archives, xls is an OLE file."""
    with path.open("rb") as raw:
        return _begins(raw, _OLE) or (_begins(raw, _ZIP) and members(path)[0].number is None)


def check_workbook(path: Path) -> None:
    """Refuse a workbook whose parts would unpack to far more than they are."""
    with path.open("rb") as raw:
        if _begins(raw, _ZIP):
            try:
                with zipfile.ZipFile(raw) as archive:
                    _check_size(archive.infolist(), path.name)
            except zipfile.BadZipFile as error:
                text = f"{path.name}: the workbook is damaged or cut off"
                raise UnreadableFile(text, f"{path.name}：工作簿已损坏或不完整") from error


def _begins(raw: BinaryIO, mark: bytes | tuple[bytes, ...]) -> bool:
    raw.seek(0)
    found = raw.read(4).startswith(mark)
    raw.seek(0)
    return found


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if not info.is_dir()]


def _check(archive: zipfile.ZipFile, file: str) -> None:
    """What can be known before anything is unpacked."""
    found = _files(archive)
    if len(archive.infolist()) > MOST_FILES:
        text = f"{file}: an archive has at most {MOST_FILES} files"
        raise UnsafeArchive(text, f"{file}：压缩包内最多 {MOST_FILES} 个文件", most=MOST_FILES)
    if not found:
        raise UnreadableFile(f"{file}: the archive is empty", f"{file}：压缩包为空")
    if any(info.flag_bits & 1 for info in found):
        raise UnsafeArchive(f"{file}: encrypted archives are not read", f"{file}：不支持加密的压缩包")
    if any(stat.S_ISLNK(info.external_attr >> 16) for info in found):
        raise UnsafeArchive(f"{file}: the archive holds links", f"{file}：压缩包内含有链接")
    _check_size(found, file)
    for info in found:
        with archive.open(info) as stream:
            if stream.read(4).startswith((*_ZIP, _GZIP)):
                raise UnsafeArchive(f"{file}: an archive within the archive", f"{file}：压缩包内嵌套了压缩包")


def _check_size(found: list[zipfile.ZipInfo], file: str) -> None:
    unpacked, packed = sum(i.file_size for i in found), sum(i.compress_size for i in found)
    if unpacked > max(_HARMLESS, LARGEST_RATIO * packed):
        raise _bomb(file)


def _bomb(file: str) -> UnsafeArchive:
    text = f"{file}: unpacked it is more than {LARGEST_RATIO} times as large; pack it less, or send it plain"
    return UnsafeArchive(text, f"{file}：解压后超过压缩包大小的 {LARGEST_RATIO} 倍", most=LARGEST_RATIO)


class _Measured(io.RawIOBase):
    """A stream that ends with UnsafeArchive when more comes out than the packed bytes can honestly hold."""

    def __init__(self, stream: BinaryIO, label: str, packed: Callable[[], int]) -> None:
        self._stream, self._label, self._packed = stream, label, packed
        self._given = 0

    def buffered(self) -> BinaryIO:
        """Return it with a buffer, for reading lines."""
        return cast(BinaryIO, io.BufferedReader(self, BLOCK))

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read on, and count."""
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._given += len(block)
        if self._given > max(_HARMLESS, LARGEST_RATIO * self._packed()):
            raise _bomb(self._label)
        return len(block)
