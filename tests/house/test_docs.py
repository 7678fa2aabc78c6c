"""The docs site builds offline, every page is found from the menu, and what a page points to is there."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from attune.bank.calendar import TARGET_DAYS
from attune.bank.ledger import LAST_DAY
from attune.demo.story import TRAINING_DAYS_BEFORE
from attune.main import app
from attune_client import Attune, schemas

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def links(page: Path) -> Iterator[str]:
    """The relative links of a page, without those in code."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in LINK.findall(re.sub(r"`[^`\n]*`(?!\])", "", text)):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            yield target.partition("#")[0]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md"],
                         ids=lambda page: page.relative_to(ROOT).as_posix())  # fmt: skip
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target).exists()] == []


def named(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for value in entry.values():
            yield from named(value) if isinstance(value, list) else [value]


def test_every_page_stands_in_the_menu() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]
    menu = set(named(nav))
    # The groups of the API are found from their index.
    pages = {page.relative_to(DOCS).as_posix() for page in PAGES} - {
        page.relative_to(DOCS).as_posix() for page in (DOCS / "reference" / "api").glob("*.md") if page.stem != "index"
    }
    assert menu == pages


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    built = {page.relative_to(tmp_path / "site").with_suffix(".md").as_posix() for page in site(tmp_path)}
    assert {page.relative_to(DOCS).as_posix() for page in PAGES} <= built
    loaded = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="https?://[^"]+"')
    assert [page.name for page in site(tmp_path) if loaded.search(page.read_text("utf-8"))] == []


def site(folder: Path) -> list[Path]:
    return sorted((folder / "site").rglob("*.html"))


def test_both_readmes_say_the_same() -> None:
    """Headings, tables, commands and links in the same order: only the words differ."""

    def shape(name: str) -> list[str]:
        text = (ROOT / name).read_text("utf-8")
        parts = re.findall(r"^(#+ |\|)|`((?:make|attune) [a-z]+)|\]\((?!README)([^)]+)\)", text, re.MULTILINE)
        return ["".join(part).strip() for part in parts]

    assert shape("README.md") == shape("README.zh-CN.md")
    assert (ROOT / "README.md").read_text("utf-8").count("\n") < 70  # one screen, with the demo's


def test_the_changelog_and_the_security_policy_are_kept() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in changes
    assert "### Added" in changes
    security = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "## Reporting" in security
    assert "## Supported versions" in security


# --- what a page tells the reader to type ----------------------------------------------------------------------------

SHOWN = [*(page for page in PAGES if "reference" not in page.parts), ROOT / "README.md", ROOT / "README.zh-CN.md"]
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def shown(language: str) -> Iterator[tuple[str, str]]:
    """Page and text of every block of code in one language; "" = what is typed into a shell, or printed by one."""
    for page in SHOWN:
        for found, text in FENCE.findall(page.read_text("utf-8")):
            if found == language:
                yield page.name, text


def commands() -> Iterator[tuple[str, list[str]]]:
    """Page and words of every `attune …` that a page shows, in blocks, `$(…)` and tables."""
    for page in SHOWN:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"(?:^|[`(/])attune ([a-z][^\n`)]*)", text, re.MULTILINE):
            yield page.name, shlex.split(line.replace("\\|", " ").translate(str.maketrans("[]…", "   ")))


def test_every_command_that_a_page_shows_is_one() -> None:
    root: Any = typer.main.get_command(app)
    wrong, seen = [], set()
    for page, words in commands():
        command, rest = root, list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in {*known, "--help"}]
        wrong += [(page, words)] if command is root or unknown else []
        seen |= {words[0]}
    assert wrong == []
    assert seen >= {"up", "demo", "import", "train", "replay", "token", "reconcile"}


def test_every_file_that_a_command_names_is_there() -> None:
    named_ = {word for _, words in commands() for word in words if word.startswith(("mappings/", "specs/", "deploy/"))}
    assert named_ >= {"mappings/demo.yaml", "mappings/fixed", "specs/propensity-purchase.yaml"}
    assert [name for name in named_ if not (ROOT / name).exists()] == []


def test_every_call_of_the_client_that_a_page_shows_is_one() -> None:
    client, calls = Attune("http://127.0.0.1:8080", ""), 0
    for page, text in shown("python"):
        for group, operation in re.findall(r"\battune\.(\w+)\.(\w+)\(", text):
            assert callable(getattr(getattr(client, group), operation, None)), (page, group, operation)
            calls += 1
        for name in re.findall(r"\bschemas\.(\w+)", text):
            assert hasattr(schemas, name), (page, name)
    assert calls > 5


def test_the_tutorial_walks_the_chapters_of_the_demo() -> None:
    tree = ast.parse((ROOT / "cli" / "src" / "attune" / "demo" / "story.py").read_text("utf-8"))
    told = {}
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="chapter"), args=[ast.Constant(value=number), ast.Constant(value=title), *_]
            ):
                told[number] = title
    text = (DOCS / "tutorial.md").read_text("utf-8")
    headings = re.findall(r"^## (\d)\. (.+)$", text, re.MULTILINE)
    assert [int(number) for number, _ in headings] == list(range(1, 8))
    assert {int(number): title for number, title in headings} == told
    first = LAST_DAY - timedelta(days=TARGET_DAYS - 1)
    assert f"attune replay --from {first} --to {LAST_DAY}" in text
    assert f"--as-of {first - timedelta(days=TRAINING_DAYS_BEFORE)}" in text
