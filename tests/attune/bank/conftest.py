"""One small bank for all tests of its files."""

from pathlib import Path

import pytest

from attune.bank.generate import BankFiles, generate


@pytest.fixture(scope="session")
def small_bank(tmp_path_factory: pytest.TempPathFactory) -> BankFiles:
    """2,500 customers, written as the demo writes its 20,000."""
    return generate(tmp_path_factory.mktemp("bank") / "extract", 2_500, 11)


@pytest.fixture(scope="session")
def mappings() -> Path:
    """The folder of the mappings that ship with Attune."""
    return Path(__file__).parents[3] / "mappings"
