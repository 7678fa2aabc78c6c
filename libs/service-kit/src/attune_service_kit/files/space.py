"""A full disk is a refusal with words, wherever it is noticed."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from attune_service_kit.errors import Refusal

_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("no space left on device", "disk full", "max_temp_directory_size")


class DiskFull(Refusal):
    """There is no room for the files in the making; what was committed before stands."""

    status, code, title = 507, "disk_full", "Disk full"


@contextmanager
def disk_full_named() -> Iterator[None]:
    """Turn every way in which a full disk shows itself into DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _refusal() from error
        raise
    except duckdb.Error as error:
        if any(words in str(error).lower() for words in _WORDS):
            raise _refusal() from error
        raise


def _refusal() -> DiskFull:
    text = "the disk for files in the making is full: make room and start the import again, it goes on where it was"
    return DiskFull(text, "临时文件所在磁盘已满：请清理空间后重新开始导入，将从中断处继续")
