"""Every test may use the kit's fixtures: real PostgreSQL, real NATS."""

import gc
import os
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["attune_service_kit.testing"]

# Threads that wait must sleep: three processes share two cores. A matrix product of two threads turned in circles for a
# hundred milliseconds, a training for most of its time. Children inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What is imported stays: to look through it for garbage again and again is a tenth of the suite's time.
gc.disable()


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a test by an argument's name where the bytes would be its name: an archive's change with the clock."""
    return argname if isinstance(val, bytes) and len(val) > 20 else None


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_unconfigure() -> None:
    """Let go of all: DuckDB counts at the end what it has not got back, on a hundred lines."""
    gc.unfreeze()


# Files whose tests share nothing and take long: a process may run one of them.
APART = ("tests/attacks/test_documents.py",)

# Folders of files that take long, the longest first; of all others a file is over in seconds.
LONG = ("journeys", "benchmarks", "second_bank", "scoring", "eventing", "attacks")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes: at the end one process would work on them while the others wait."""
    rank = {folder: number for number, folder in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.parent.name, len(LONG)))


class WholeFiles(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """One process runs a file from beginning to end, but for those `APART`, and all files that need the living bank."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return nodeid if file in APART else _group(file)


@cache
def _group(file: str) -> str:
    return "the living bank" if "living_bank" in (Path(__file__).parents[1] / file).read_text() else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> WholeFiles:
    """Share the work of `make test`."""
    return WholeFiles(config, log)
