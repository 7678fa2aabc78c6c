"""From a file's bytes to whole lines of UTF-8 that end in LF, whatever the bank wrote them in (X20)."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from attune_service_kit.files.mapping import Encoding
from attune_service_kit.files.packing import UnreadableFile

LONGEST_LINE = 1 << 20
# Far less than the longest line: a piece that is larger than that holds a long line, or nearly.
_BLOCK = 1 << 18
_BOM = codecs.BOM_UTF8
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

# Of each of these an ASCII byte is that character, and the byte of a line feed is nothing else: lines can be cut before
# they are decoded, and one that cannot be decoded spoils no other.
_CODECS = {
    "utf-8": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gbk",
    "latin-1": "iso-8859-1",
    "latin-2": "iso-8859-2",
    "windows-1250": "cp1250",
    "windows-1252": "cp1252",
    "utf-16": "utf-8",  # it is decoded as a stream before lines are cut
}


def codec_of(encoding: Encoding) -> str:
    """Return the codec that lines are decoded with once they are cut."""
    return _CODECS[encoding]


def lines_of(stream: BinaryIO, encoding: Encoding, file: str) -> Iterator[bytes]:
    """Yield pieces of whole lines, each ending in LF; of a line that is too long one byte more than is admitted."""
    held, cutting = b"", False
    for block in _blocks(stream, encoding, file):
        if cutting:
            _, found, block = block.partition(b"\n")
            if not found:
                continue
            cutting = False
        held += block
        end = held.rfind(b"\n") + 1
        if end:
            yield _shortened(held[:end].replace(b"\r\n", b"\n"))
            held = held[end:]
        if len(held) > LONGEST_LINE + 1:
            yield held[: LONGEST_LINE + 1] + b"\n"
            held, cutting = b"", True
    if held:
        yield held.removesuffix(b"\r") + b"\n"


def _shortened(piece: bytes) -> bytes:
    """Cut lines that are too long; only a piece of that size can hold one."""
    if len(piece) <= LONGEST_LINE + 1:
        return piece
    return b"".join(line[: LONGEST_LINE + 1] + b"\n" for line in piece.split(b"\n")[:-1])


def _blocks(stream: BinaryIO, encoding: Encoding, file: str) -> Iterator[bytes]:
    block = stream.read(_BLOCK)
    if encoding == "utf-16":
        decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        while block:
            yield decoder.decode(block).encode("utf-8", "replace")
            block = stream.read(_BLOCK)
        return
    if block.startswith(_WIDE):
        text = f"{file}: the file is UTF-16; say so in the mapping: encoding: utf-16"
        raise UnreadableFile(text, f"{file}：文件是 UTF-16 编码，请在映射中写明 encoding: utf-16")
    yield block.removeprefix(_BOM)
    while block := stream.read(_BLOCK):
        yield block


def in_utf8(piece: bytes, codec: str) -> tuple[bytes, list[int]]:
    """Return the piece in UTF-8, and which of its lines cannot be decoded: they come with marks of replacement."""
    if piece.isascii():
        return piece, []
    try:
        text = piece.decode(codec)
    except UnicodeDecodeError:
        return _around_faults(piece, codec)
    return (piece if codec == "utf-8" else text.encode()), []


def _around_faults(piece: bytes, codec: str) -> tuple[bytes, list[int]]:
    """Decode up to each line that cannot be decoded, and go on behind it."""
    parts: list[bytes] = []
    broken: list[int] = []
    at = line = 0
    while at < len(piece):
        try:
            parts.append(piece[at:].decode(codec).encode())
            break
        except UnicodeDecodeError as error:
            start = piece.rfind(b"\n", at, at + error.start) + 1 or at
            end = piece.index(b"\n", at + error.start) + 1
            parts.append(piece[at:start].decode(codec).encode())
            parts.append(piece[start:end].decode(codec, "replace").encode())
            line += piece.count(b"\n", at, start)
            broken.append(line)
            line, at = line + 1, end
    return b"".join(parts), broken
