"""A home keeps its key: made once, readable by its owner only, and never replaced by another one."""

from pathlib import Path

import pytest

from attune.home import Home
from attune.output import Failure
from attune_service_kit.crypto import read_kek


def test_the_first_start_makes_the_key_and_later_ones_keep_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    kek = read_kek(home.kek_file)
    assert home.kek_file.stat().st_mode & 0o777 == 0o600
    home.create()
    assert read_kek(home.kek_file) == kek
    assert home.kek_file.parent not in home.data.parents


def test_a_home_that_has_lost_its_key_is_refused_and_gets_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    home.kek_file.unlink()
    with pytest.raises(Failure, match="kek is missing"):
        home.create()
    assert not home.kek_file.exists()
