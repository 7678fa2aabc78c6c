"""Rules of the house that a linter does not know."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b|raise NotImplemented" r"Error")
# Written by `make openapi`, read by programs: sizes are for people.
GENERATED = "libs/client/src/attune_client/generated/"
LOCKS = sorted(ROOT.glob("requirements*.lock"))
MIGRATIONS = sorted(ROOT.glob("services/*/src/*/migrations/versions"))


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows; every file of those names where there is no git."""
    listed = subprocess.run(["git", "ls-files", *patterns], capture_output=True, text=True, check=False, cwd=ROOT)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]
    return [path for pattern in patterns for path in ROOT.rglob(pattern) if ".venv" not in path.parts]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_carry_hashes_and_name_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[a-z0-9])", text) if "==" in entry)


def test_nothing_unfinished_is_left() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("*.py", "*.sh", "*.sql", "Makefile")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_files_and_functions_keep_their_size() -> None:
    too_long = []
    for path in tracked("*.py"):
        if path.relative_to(ROOT).as_posix().startswith(GENERATED):
            continue
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 400 and "migrations" not in path.parts:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > 60:
                    too_long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {size} lines")
    assert too_long == []


def test_no_path_of_one_machine_is_tracked() -> None:
    pattern = re.compile(r"(^|[^A-Za-z0-9_.])/(wo" r"rk|ro" r"ot|ho" r"me/[a-z]+)/")
    found = [
        str(path.relative_to(ROOT))
        for path in tracked("*.py", "*.md", "*.toml", "*.yaml", "*.yml", "*.json", "*.sh", "Makefile")
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda path: path.parts[-4])
def test_migrations_are_one_line(folder: Path) -> None:
    """Two branches merged on one day once left two heads: no service started."""
    after: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        names = dict(
            re.findall(r"^(revision|down_revision)\b[^=]*= \"?(\w+)\"?", path.read_text("utf-8"), re.MULTILINE)
        )
        assert names["revision"] not in after, f"{path.name}: there is a revision {names['revision']} already"
        after[names["revision"]] = names["down_revision"]
    assert after
    heads = set(after) - set(after.values())
    assert len(heads) == 1, f"set the down_revision of one of {sorted(heads)}"
    assert len(set(after.values())) == len(after)
