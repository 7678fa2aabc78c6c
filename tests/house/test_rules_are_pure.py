"""What an auditor would ask about is a function of its arguments: no clock, no chance, no file, no thread in the rules.

Which modules are rules is said in .importlinter, which also keeps frameworks and drivers out of them.
"""

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = configparser.ConfigParser()
LINTER.read(ROOT / ".importlinter")
RULES = LINTER["importlinter:contract:rules"]["source_modules"].split()

CLOCKS = frozenset({"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter"})
IMPURE = frozenset({"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "urllib"})
CHANCE = frozenset({"uuid1", "uuid4", "uuid7", "new_id"})
# Who reads a file of its own package once, when it is first needed: a part of its text, kept apart for size.
OWN_FILES = frozenset({"customer_360.pinyin", "insight.models", "insight.value_quadrant"})
FILES = frozenset({"open", "read_text", "read_bytes", "write_text", "write_bytes"})


def layers(contract: str) -> list[list[str]]:
    """The layers of a service, the highest first."""
    lines = LINTER[contract]["layers"].strip().splitlines()
    return [line.replace("|", ":").replace(" ", "").split(":") for line in lines]


def test_the_rules_are_the_layer_above_the_tables() -> None:
    placed = []
    for contract in (section for section in LINTER if section.startswith("importlinter:contract:inside-")):
        found = layers(contract)
        below = [number for number, names in enumerate(found) if "tables" in names]
        for number in below:
            placed += [f"{LINTER[contract]['containers']}.{name}" for name in found[number - 1]]
    assert sorted(placed) == sorted(RULES)
    assert len(RULES) > 30


def impure(tree: ast.Module, *, files: bool) -> Iterator[str]:
    """What a rule must not do, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = {alias.name.split(".")[0] for alias in names} & IMPURE
            case ast.ImportFrom(module=str(source), names=names):
                found = ({source.split(".")[0]} & IMPURE) | ({alias.name for alias in names} & CHANCE)
            case ast.Call(func=ast.Attribute(attr=name)):
                found = {name} & (CLOCKS | CHANCE | (FILES if files else frozenset()))
            case ast.Call(func=ast.Name(id=name)):
                found = {name} & (CHANCE | (FILES if files else frozenset()))
            case _:
                continue
        yield from (f"line {node.lineno}: {name}" for name in sorted(found))


@pytest.mark.parametrize("module", RULES)
def test_a_rule_is_a_function_of_its_arguments(module: str) -> None:
    parts = module.split(".")
    path = ROOT / "services" / parts[0].replace("_", "-") / "src" / Path(*parts)
    paths = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert paths
    found = [
        f"{file.name} {what}"
        for file in paths
        for what in impure(ast.parse(file.read_text("utf-8")), files=module not in OWN_FILES)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["datetime.now(UTC)", "date.today()", "import random", "from time import monotonic", "new_id()", "open('x')",
     "import os.path", "uuid.uuid4()", "Path('x').read_text()"],
)  # fmt: skip
def test_planted_impurity_is_found(source: str) -> None:
    assert list(impure(ast.parse(source), files=True))
