"""The shipped triggers: each can be read, has a shape of its own, and finds on the demo's bank what its page says."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.eventing.library_bank import LIBRARY, MADE, SMALL, WHOLE, backtest, bank

from eventing import trigger_files
from eventing.definition import SHAPES, Definition
from eventing.lake_backtests import CAPACITY

PAGES = Path(__file__).parents[2] / "docs" / "triggers"
SHOWN = sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "index")
INDEX = (PAGES / "index.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?:\[)?`([a-z-]+)`[^|*]*(\*?) \|.*" + r" \| ([0-9,]+)" * 4 + r" \|$", re.MULTILINE)
ROWS = {name: (star, *figures) for name, star, *figures in ROW.findall(INDEX)}
"""Of each: whether what it looks for is made beside; detections and customers of the whole bank, then of the small."""


def read(name: str) -> Definition:
    return trigger_files.read(LIBRARY[name]).definition


def told(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return [f"{number:,}" for number in backtest(con, name)]


@pytest.fixture(scope="module")
def small() -> Iterator[duckdb.DuckDBPyConnection]:
    with bank(SMALL) as con:
        yield con


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_a_shipped_trigger_finds_what_its_row_says(name: str, small: duckdb.DuckDBPyConnection) -> None:
    assert read(name).trigger == name
    assert told(small, name) == list(ROWS[name][3:])


@pytest.mark.slow
def test_the_shipped_triggers_find_on_the_whole_demo_bank_what_their_rows_say() -> None:
    with bank(WHOLE) as con:
        found = {name: told(con, name) for name in LIBRARY}
    assert found == {name: list(row[1:3]) for name, row in ROWS.items()}


def test_every_trigger_has_its_row_and_every_shape_its_page() -> None:
    assert ROWS.keys() == LIBRARY.keys()
    assert all("0" not in row for row in ROWS.values())
    assert {name for name, row in ROWS.items() if row[0]} == MADE
    assert Counter(read(name).kind for name in SHOWN) == Counter(SHAPES.keys())
    assert len(LIBRARY) >= 20
    assert f"| {WHOLE:,} | | {SMALL:,} | |" in INDEX


def test_a_relationship_manager_can_act_on_what_the_postings_triggers_find() -> None:
    """Once `big-week` found 286 a year on 169 of 200 customers: nobody would have let it in."""
    for persons, at in ((WHOLE, 1), (SMALL, 3)):
        found = {name: int(row[at].replace(",", "")) for name, row in ROWS.items() if read(name).on == ("postings",)}
        assert {name: count for name, count in found.items() if count > persons / 2} == {}
        # Of 400 customers on 250 working days; half the capacity is left for what the bank itself looks for.
        assert sum(found.values()) / persons * 400 / 250 < CAPACITY / 2


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_shows_the_definition_that_is_shipped(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) == [LIBRARY[name]]
    beside = ", with [what it looks for made beside](index.md)" if name in MADE else ""
    number, customers = ROWS[name][1:3]
    assert f"[demo's bank](index.md) of {WHOLE:,} persons{beside} it finds {number} in a year, of {customers}" in page
