"""Every test may use the kit's fixtures: real PostgreSQL, real NATS."""

from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["attune_service_kit.testing"]


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a test by an argument's name where the bytes would be its name: an archive's change with the clock."""
    return argname if isinstance(val, bytes) and len(val) > 20 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes: with two processes, one would wait for the other at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("journeys", "benchmarks"))


class WholeFiles(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """One process runs a file from beginning to end, and all files that need the living bank."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(super()._split_scope(nodeid))


@cache
def _group(file: str) -> str:
    return "the living bank" if "living_bank" in (Path(__file__).parents[1] / file).read_text() else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> WholeFiles:
    """Share the work of `make test`."""
    return WholeFiles(config, log)
