"""Every test may use the kit's fixtures: real PostgreSQL, real NATS."""

import pytest

pytest_plugins = ["attune_service_kit.testing"]


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a test by an argument's name where the bytes would be its name: an archive's change with the clock."""
    return argname if isinstance(val, bytes) and len(val) > 20 else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share the work of two processes: files stay whole, who needs the living bank together; what is long begins."""
    items.sort(key=lambda item: item.path.parent.name not in ("journeys", "benchmarks"))
    for item in items:
        living = "living_bank" in getattr(item, "fixturenames", ())
        item.add_marker(
            pytest.mark.xdist_group("living-bank" if living else f"{item.path.parent.name}/{item.path.stem}")
        )
