"""How much memory a tree of processes really uses: summed proportional set size (PSS), shared pages counted once."""

import threading
from pathlib import Path

import psutil


def tree_pss(root: int) -> int:
    """Return the summed PSS of a process and all its descendants, in bytes; RSS where the system knows no PSS."""
    try:
        family = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_pss(process) for process in family)


def _pss(process: psutil.Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


class PeakMemory:
    """Samples a tree's PSS in the background and keeps the peak, in bytes."""

    def __init__(self, root: int, every_seconds: float = 3.0) -> None:
        self.peak = 0
        self._root, self._every = root, every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.peak = max(self.peak, tree_pss(self._root))
            self._stop.wait(self._every)
