"""A home keeps its key: made once, readable by its owner only, and never replaced by another one."""

from pathlib import Path

import pytest

from attune.home import Home
from attune.output import Failure
from attune_service_kit.crypto import read_keks


def test_the_first_start_makes_the_key_and_later_ones_keep_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    kek = read_keks(home.kek_file)
    assert home.kek_file.stat().st_mode & 0o777 == 0o600
    home.create()
    assert read_keks(home.kek_file) == kek
    assert home.kek_file.parent not in home.data.parents


def test_a_home_that_has_lost_its_key_is_refused_and_gets_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    home.kek_file.unlink()
    with pytest.raises(Failure, match="kek is missing"):
        home.create()
    assert not home.kek_file.exists()


def test_a_newer_key_stands_above_the_older_until_that_one_may_go(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("events")
    first = read_keks(home.kek_file)
    home.add_kek()
    ring = read_keks(home.kek_file)
    assert (len(ring), ring[1:]) == (2, first)
    home.add_kek()  # the change broke off and begins again: no third key
    assert read_keks(home.kek_file) == ring
    home.create()  # a home starts at every step
    home.keep_newest_kek()
    assert read_keks(home.kek_file) == ring[:1]
    assert read_keks(home.former_keks) == first
    home.keep_newest_kek()  # broken off before, and done again
    assert (read_keks(home.kek_file), read_keks(home.former_keks)) == (ring[:1], first)
    assert {file.stat().st_mode & 0o777 for file in (home.kek_file, home.former_keks)} == {0o600}
    home.add_kek()
    home.keep_newest_kek()
    assert read_keks(home.former_keks) == (*ring[:1], *first)
