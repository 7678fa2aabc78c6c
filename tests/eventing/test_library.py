"""The shipped triggers: each can be read, has a shape of its own, and finds on a small bank what its page says."""

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.eventing.library_bank import CUSTOMERS, backtest, bank

from eventing import trigger_files
from eventing.compiled import Compiled
from eventing.definition import SHAPES, Definition
from eventing.lake_backtests import CAPACITY

PAGES = Path(__file__).parents[2] / "docs" / "triggers"
LIBRARY = files("eventing").joinpath("library")
FILES = {Path(file.name).stem: file.read_text(encoding="utf-8") for file in LIBRARY.iterdir()}
INDEX = (PAGES / "index.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?:\[)?`([a-z-]+)`.*\| ([0-9,]+) \| ([0-9,]+) \|$", re.MULTILINE)
FIGURES = {name: (int(number), int(customers)) for name, number, customers in ROW.findall(INDEX)}


@pytest.fixture(scope="module")
def con() -> Any:
    with duckdb.connect(config={"threads": 1}) as connection:
        bank(connection)
        yield connection


def read(name: str) -> Definition:
    return trigger_files.read(FILES[name]).definition


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_shipped_trigger_finds_what_its_row_says(name: str, con: Any) -> None:
    definition = read(name)
    assert definition.trigger == name
    assert backtest(con, Compiled.of(definition)) == FIGURES[name]


def test_every_trigger_has_its_row_and_every_shape_its_page() -> None:
    assert FIGURES.keys() == FILES.keys()
    assert all(count > 0 for count, _ in FIGURES.values())
    pages = {page.stem for page in PAGES.glob("*.md")} - {"index"}
    assert Counter(read(name).kind for name in pages) == Counter(SHAPES.keys())
    assert len(FILES) >= 20


def test_a_relationship_manager_can_act_on_what_the_postings_triggers_find() -> None:
    """Once `big-week` found 286 a year on 169 of 200 customers: nobody would have let it in."""
    found = {name: count for name, (count, _) in FIGURES.items() if read(name).on == ("postings",)}
    assert {name: count for name, count in found.items() if count > CUSTOMERS / 2} == {}
    # Of 400 customers on 250 working days; half the capacity is left for what the bank itself looks for.
    assert sum(found.values()) / CUSTOMERS * 400 / 250 < CAPACITY / 2


@pytest.mark.parametrize("name", sorted({page.stem for page in PAGES.glob("*.md")} - {"index"}))
def test_a_page_shows_the_definition_that_is_shipped(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) == [FILES[name]]
    assert "it finds {} within a year, of {} customers".format(*FIGURES[name]) in page
