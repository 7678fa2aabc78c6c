"""Every test may use the kit's fixtures: real PostgreSQL, real NATS."""

import pytest

pytest_plugins = ["attune_service_kit.testing"]


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a test by an argument's name where the bytes would be its name: an archive's change with the clock."""
    return argname if isinstance(val, bytes) and len(val) > 20 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes: with two processes, one would wait for the other at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("journeys", "benchmarks"))
