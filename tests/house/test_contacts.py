"""No contact without a policy decision: a row of `contact` is born in one function of the database, which decides.

Two senders once contacted one customer within the same second, each having read "none so far". Since then the decision
and the row are one statement (X28), and whoever wants to contact goes through `contacts.reserve`.
"""

import ast
import re
from pathlib import Path

from sql_in_code import Statement, statements

ROOT = Path(__file__).parents[2] / "services"
CAMPAIGN = ROOT / "campaign" / "src" / "campaign"
DECIDES = "reserve_contacts"


def sql() -> list[Statement]:
    """All SQL of all services, but for the migrations."""
    found: list[Statement] = []
    for path in sorted(ROOT.glob("*/src/**/*.py")):
        if "migrations" not in path.parts:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts[2:])
            found += statements(path, module, frozenset())
    return found


def test_no_code_puts_a_row_into_contact() -> None:
    written = sql()
    assert len(written) > 100
    assert [s.where for s in written if s.inserts("contact")] == []


def test_the_database_puts_it_in_only_where_it_has_decided() -> None:
    inserting = [
        (path.name, function)
        for path in sorted((CAMPAIGN / "migrations").rglob("*.py"))
        for function, body in re.findall(
            r"CREATE (?:OR REPLACE )?FUNCTION (\w+)(.*?)\$\$;?\s*\"\"\"", path.read_text("utf-8"), re.DOTALL
        )
        if re.search(r"INSERT INTO contact\b", body)
    ]
    assert inserting
    # reserve_contact is the function's first form, replaced since.
    assert {function for _, function in inserting} <= {"reserve_contact", DECIDES}


def test_only_contacts_asks_for_the_decision_and_only_it_confirms() -> None:
    written = sql()
    assert {s.module for s in written if DECIDES in s.text} == {"campaign.contacts"}
    confirming = re.compile(r"UPDATE contact\b[^;]*SET[^;]*state = 'confirmed'", re.DOTALL)
    assert {s.module for s in written if confirming.search(s.text.split("WHERE")[0])} == {"campaign.contacts"}


def test_whoever_confirms_has_reserved() -> None:
    tree = ast.parse((CAMPAIGN / "contacts.py").read_text("utf-8"))
    confirming = [
        node
        for node in tree.body
        if isinstance(node, ast.AsyncFunctionDef)
        and any(isinstance(n, ast.Name) and n.id == "_CONFIRM" for n in ast.walk(node))
    ]
    assert confirming
    for function in confirming:
        called = {n.func.id for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert "reserve" in called, function.name


def test_a_planted_contact_is_found(tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    file.write_text("async def ring(conn):\n    await conn.execute('INSERT INTO contact (id) VALUES ($1)')\n")
    [found] = statements(file, "campaign.planted", frozenset())
    assert (found.where, found.inserts("contact")) == ("campaign.planted.ring", True)
