"""What `attune import` refuses before it asks anybody, and how it shows what came of an import."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from attune.bank_import import run_import
from attune.commands.imports import import_notes, import_table
from attune.home import Home
from attune.output import Failure

ROOT = Path(__file__).parents[2]


def test_an_extract_without_one_of_its_files_is_refused_as_a_whole(tmp_path: Path) -> None:
    """No home is up: nobody was asked. Half of a bank is no bank."""
    extract = tmp_path / "extract"
    shutil.copytree(ROOT / "mappings" / "fixed", extract, ignore=shutil.ignore_patterns("POST*", "DEPO.DAT"))
    with pytest.raises(Failure, match=r"has no file DEPO\.DAT, no file POST\*\.DAT; nothing was imported"):
        run_import(Home.at(tmp_path / "home"), ROOT / "mappings" / "fixed.yaml", extract)


def test_an_extract_of_which_one_file_cannot_be_read_is_refused_as_a_whole(tmp_path: Path) -> None:
    """The service of the postings would have found it when the customers stood already: nobody is asked."""
    mapping = tmp_path / "bank.yaml"
    written = (ROOT / "mappings" / "fixed.yaml").read_text(encoding="utf-8")
    mapping.write_text(written.replace('posting_id: {column: "NO"', "posting_id: {column: SEQUENCE"), encoding="utf-8")
    with pytest.raises(Failure, match=r"POST01\.DAT has no column 'SEQUENCE'.*; nothing was imported"):
        run_import(Home.at(tmp_path / "home"), mapping, ROOT / "mappings" / "fixed")


def test_datasets_are_shown_in_the_order_in_which_they_go_in() -> None:
    counts = {"read": 2, "accepted": 1, "unchanged": 0, "rejected": 1}
    out = io.StringIO()
    # As JSON comes out of the database: by the length of the names.
    Console(file=out, width=80).print(
        import_table({"datasets": dict.fromkeys(["parties", "branches", "transactions"], counts)})
    )
    shown = [line.split("│")[1].strip() for line in out.getvalue().splitlines() if line.startswith("│")]
    assert shown == ["branches", "parties", "transactions"]


def test_who_became_one_customer_and_what_consents_stand_on_is_said() -> None:
    plain = {"read": 4, "accepted": 4, "unchanged": 0, "rejected": 0}
    result = {
        "parties": plain | {"merged": 1_200, "doubtful": 0, "defaults": 0, "outranked": 0},
        "consents": plain | {"merged": 0, "doubtful": 0, "defaults": 3, "outranked": 1},
        "transactions": plain | {"unknown_accounts": 2},
    }
    assert import_notes({"datasets": result}) == [
        "parties: 1,200 records are one customer with another one, by the same document",
        "consents: 3 rows stand on a documented agreement, not on the customer's word",
        "consents: 1 rows changed nothing: the customer's own word stands",
        "transactions: 2 postings stand on accounts that no import has brought yet",
    ]
