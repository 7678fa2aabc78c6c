"""The docs site builds offline, every page is found from the menu, and what a page points to is there."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
