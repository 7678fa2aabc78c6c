"""What a part imports of ours, it declares: an image holds what its service's own files name, and nothing else."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "deploy" / "image"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Part(NamedTuple):
    """A package of ours: where it is, what it needs always, and what each of its extras adds."""

    folder: Path
    needs: frozenset[str]
    extras: dict[str, frozenset[str]]


def names(requirements: list[str]) -> frozenset[str]:
    return frozenset(requirement.replace("_", "-").lower() for requirement in requirements)


def parts() -> Iterator[tuple[str, Part]]:
    for file in sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]):
        yield part(file)
    yield part(ROOT / "gateway" / "pyproject.toml")
    yield part(ROOT / "cli" / "pyproject.toml")


def part(file: Path) -> tuple[str, Part]:
    project = tomllib.loads(file.read_text())["project"]
    extras = {name: names(needs) for name, needs in project.get("optional-dependencies", {}).items()}
    return project["name"], Part(file.parent, names(project["dependencies"]), extras)


PARTS = dict(parts())
OF_MODULE = {folder.name: name for name, part in PARTS.items() for folder in (part.folder / "src").iterdir()}


def imported(part: Part) -> set[str]:
    """The parts of ours that any of its files imports."""
    found = set()
    for file in (part.folder / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return {OF_MODULE[module] for name in found if (module := name.partition(".")[0]) in OF_MODULE}


def required(requirement: str) -> Iterator[str]:
    """The distributions of others that a requirement brings through parts of ours."""
    name, extras = _NAME.match(requirement)[0], re.findall(r"[a-z0-9-]+", requirement.partition("[")[2])  # type: ignore[index]
    if name not in PARTS:
        yield name
        return
    for needed in sorted(PARTS[name].needs.union(*(PARTS[name].extras[extra] for extra in extras))):
        yield from required(needed)


@pytest.mark.parametrize("name", sorted(PARTS))
def test_what_is_imported_is_declared(name: str) -> None:
    part = PARTS[name]
    declared = {_NAME.match(needed)[0] for needed in part.needs.union(*part.extras.values())}  # type: ignore[index]
    assert imported(part) - {name} <= declared


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.lock")), ids=lambda lock: lock.stem)
def test_an_images_lock_holds_what_its_service_needs(lock: Path) -> None:
    locked = set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock.read_text(), re.MULTILINE))
    assert set(required(lock.stem)) <= locked
