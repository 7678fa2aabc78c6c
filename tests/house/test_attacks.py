"""The table of attacks names tests that there are, and every row has one or is said to have none."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "tests" / "attacks" / "README.md").read_text("utf-8")
ROW = re.compile(r"^\| ([A-Z][0-9]{2}) \|.*`(tests/[^`]+)::(test_[^`]+)` \|$", re.M)
# What the list has: its letters and numbers, outside addresses apart.
WANTED = {
    *(f"A{n:02}" for n in range(1, 16)),
    *(f"B{n}" for n in range(16, 26)),
    *(f"C{n}" for n in range(26, 29)),
    *(f"D{n}" for n in range(29, 39)),
    *(f"E{n}" for n in range(39, 52)),
    *(f"G{n}" for n in range(59, 64)),
    *(f"H{n}" for n in range(64, 68)),
    *(f"I{n}" for n in range(68, 75)),
    *(f"J{n}" for n in range(75, 83)),
    *(f"K{n}" for n in range(83, 86)),
    *(f"L{n}" for n in range(86, 91)),
    *(f"M{n}" for n in range(91, 96)),
}


def named_in(path: Path) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def spelled(text: str) -> set[str]:
    """The rows that a text names: `A10`, and all from `D31 to D33`."""
    found = set(re.findall(r"\b[A-Z][0-9]{2}\b", text))
    for letter, first, last in re.findall(r"\b([A-Z])([0-9]{2}) to \1([0-9]{2})\b", text):
        found |= {f"{letter}{number:02}" for number in range(int(first), int(last) + 1)}
    return found


def test_every_test_that_the_table_names_exists() -> None:
    rows = ROW.findall(TEXT)
    missing = [f"{row}: {file}::{name}" for row, file, name in rows if name not in named_in(ROOT / file)]
    assert not missing
    assert len(rows) == sum(line.startswith("| ") for line in TEXT.splitlines()) - 1, "a row of another shape"


def test_every_row_of_the_list_has_a_test_or_is_said_to_have_none() -> None:
    table, _, without = TEXT.partition("## Without a test")
    shown = {row for row, _, _ in ROW.findall(table)}
    assert WANTED - shown - spelled(without) == set()
    assert shown & spelled(without) == set(), "shown, and said not to be"
