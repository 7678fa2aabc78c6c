"""A mapping is refused with file, line, key and what is allowed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from attune_contracts.datasets import IMPORT_ORDER
from attune_service_kit.files import MappingError, load_mapping
from attune_service_kit.files.schema import schema_text
from attune_service_kit.files.sources import Source
from attune_service_kit.files.yaml_lines import read_yaml

ROOT = Path(__file__).parents[2]
MAPPINGS = sorted((ROOT / "mappings").glob("*.yaml"))

GOOD = """\
source: bank
datasets:
  branches:
    file: branches.csv
    columns:
      branch_id: NO
      name: NAME
  transactions:
    file: "*.csv"
    csv: {separator: ";"}
    columns:
      posting_id: ID
      account_id: ACCOUNT
      business_date: {column: DAY, format: YYYYMMDD}
      direction: {column: SIGN, codes: {C: credit, D: debit}}
      amount_minor: {column: AMOUNT, places: 2}
      currency: {constant: CNY}
      kind: [{column: KIND, codes: {1: salary}, otherwise: null}, {constant: other}]
"""


def faults(text: str, tmp_path: Path) -> list[str]:
    file = tmp_path / "bank.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(file)
    en, zh = caught.value.en.splitlines(), caught.value.zh.splitlines()
    assert (zh[0], len(zh)) == ("映射文件有误：", len(en) + 1)
    for line in zh[1:]:
        assert re.search("[\u4e00-\u9fff]", line.rpartition("：")[2]) or "；" in line, f"no Chinese: {line}"
        # Names of keys, columns and values stay; a sentence does not.
        assert not re.search(r"\b(is|are|be|has|have|needs|give|should|must|allowed|expected|mean)\b", line), line
    return en


@pytest.mark.parametrize("file", MAPPINGS, ids=lambda file: file.name)
def test_the_shipped_mappings_load_and_travel_as_objects(file: Path) -> None:
    mapping = load_mapping(file)
    assert mapping.source == file.stem
    assert load_mapping(json.loads(json.dumps(mapping.as_object()))) == mapping


def test_the_shipped_mappings_fill_every_dataset() -> None:
    assert {name for file in MAPPINGS for name in load_mapping(file).datasets} == set(IMPORT_ORDER)


def test_shorthands_mean_the_long_form(tmp_path: Path) -> None:
    file = tmp_path / "bank.yaml"
    file.write_text(GOOD)
    mapping = load_mapping(file)
    assert mapping.datasets["branches"][0].columns["name"] == Source(column="NAME")
    kind = mapping.datasets["transactions"][0].columns["kind"]
    assert kind.first_of is not None
    assert kind.first_of[0].codes == {"1": "salary"}
    assert kind.first_of[1].constant == "other"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    file: branches.csv\n", "    fiel: branches.csv\n", "line 4: datasets.branches.fiel: unknown key 'fiel'"),
        ("    file: branches.csv\n", "    fiel: branches.csv\n", "did you mean 'file'?"),
        ("places: 2", "plces: 2", "line 16: datasets.transactions.columns.amount_minor.plces: unknown key"),
        ("places: 2", "places: two", "line 16: datasets.transactions.columns.amount_minor.places: "),
        ("places: 2", "places: 9", "less than or equal to 4"),
        ("places: 2", "format: YYYY", "'format' has no meaning for amount_minor (BIGINT)"),
        (
            "  branches:",
            "  branch:",
            "line 3: datasets.branch: no such dataset; allowed are regions, branches, employees",
        ),
        ("  branches:", "  branch:", "did you mean 'branches'?"),
        ("      name: NAME", "      nmae: NAME", "line 7: datasets.branches.columns.nmae: branches has no such column"),
        ("      name: NAME", "      nmae: NAME", "line 5: datasets.branches.columns: branches needs name"),
        ("C: credit", "C: credti", "line 15: datasets.transactions.columns.direction.codes.C: 'credti' is none of"),
        ("C: credit", "C: credti", "did you mean 'credit'?"),
        ("C: credit", "C: true", "direction is no truth value"),
        ("YYYYMMDD", "yyyymmdd", "line 14: datasets.transactions.columns.business_date.format: a format is made of"),
        ("YYYYMMDD", "YYMMDD", "YY needs 'century'"),
        ("YYYYMMDD", "YYYYMM", "a date needs year, month and day"),
        ("YYYYMMDD", "YYYYMMDDMM", "each part stands once"),
        (
            "constant: CNY",
            "constant: CNY, column: CCY",
            "give exactly one of column, constant, first_of, cases, concat, sum, difference, when",
        ),
        ("constant: CNY", "otherwise: CNY, column: CCY", "'otherwise' belongs to 'codes'"),
        ("{constant: CNY}", "{}", "sum, difference, when; found none"),
        ("file: branches.csv", "file: ../branches.csv", "a file is named relative to the extract's folder"),
        ("file: branches.csv", "file: /etc/passwd", "a file is named relative to the extract's folder"),
        ("source: bank", "source: bank\nencoding: big5", "line 2: encoding: Input should be 'utf-8', 'gb18030', 'gbk'"),
        ("source: bank", "source: The Bank", "line 1: source: "),
        ("source: bank", "source: bank\nsource: other", "line 2: 'source' stands here twice"),
        ("source: bank", "source: &a bank\nencoding: *a", "anchors and aliases are not admitted"),
        ("source: bank", "source: [bank", "line "),
        ('";"', '"a"', "line 10: datasets.transactions.csv: a separator has no letters"),
        ('";"', '"|@|"', 'line 10: datasets.transactions.csv: a separator of several bytes needs quote: ""'),
        ('csv: {separator: ";"}', "excel: {}\n    csv: {}", "datasets.transactions: csv and excel: give one"),
        ("    file: branches.csv\n", "", "line 3: datasets.branches: give exactly one of file, rows; found none"),
        ("KIND, codes: {1: salary}", "KIND, codes: {1: Salary}", "'Salary' is not lower-case letters, digits and _"),
        ("AMOUNT, places: 2", "AMOUNT, case: upper", "'case' has no meaning for amount_minor (BIGINT)"),
        ("{column: AMOUNT, places: 2}", "{sum: [A, {column: B, format: YY}]}", "amount_minor.sum.1.format: "),
        ("{column: AMOUNT, places: 2}", "{sum: [A, B], places: 2}", "'places' belongs to the parts that this value"),
        ("{column: AMOUNT, places: 2}", "{column: A, characters: [5, 2]}", "the first character lies behind the last"),
        ("name: NAME", "name: {column: A, negative: {column: B, equals: D}}", "'negative' has no meaning for name"),
        ("name: NAME", "name: {cases: [{when: {column: A}, then: B}]}", "give exactly one of equals, not_equals"),
        (
            "datasets:\n",
            "datasets:\n  loans: [{file: a, columns: {}}]\n",
            "line 3: datasets.loans.0.columns: ",
        ),
        ("datasets:\n", "datasets:\n  products: {rows: [{id: 1}]}\n", "datasets.products.rows.0.id: products has no"),
        ("datasets:\n", "fixed: {columns: {A: [5, 1]}}\ndatasets:\n", "A: first and last position, from 1"),
        ("posting_id: ID", "posting_id: own.ID", None),
    ],
)
def test_a_fault_is_named_by_file_line_and_key(old: str, new: str, expected: str | None, tmp_path: Path) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if expected is None:
        (tmp_path / "bank.yaml").write_text(text)
        assert load_mapping(tmp_path / "bank.yaml"), "a dot may be part of a column's name"
        return
    found = faults(text, tmp_path)
    assert any(expected in line for line in found), found
    assert all(line.startswith("bank.yaml: ") for line in found)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("name: NAME", "nmae: NAME").replace("C: credit", "C: credti")
    assert len(faults(text, tmp_path)) == 3


@pytest.mark.parametrize(
    ("dataset", "column"), [("parties", "customer_id"), ("accounts", "account_id")], ids=["parties", "accounts"]
)
def test_computed_ids_cannot_be_mapped(dataset: str, column: str) -> None:
    columns = {column: "A", "source_id": "A", "customer_id": "B", "kind": {"constant": "demand"}, "currency": "C"}
    if dataset == "parties":
        columns = {column: "A", "source_id": "A"}
    with pytest.raises(MappingError, match="this id is computed: map source_id"):
        load_mapping({"source": "bank", "datasets": {dataset: {"file": "a.csv", "columns": columns}}})


def test_an_unknown_join_is_named() -> None:
    mapping: dict[str, Any] = {
        "source": "bank",
        "datasets": {
            "branches": {
                "file": "a.csv",
                "join": {"region": {"file": "b.csv", "on": {"A": "A"}}},
                "columns": {"branch_id": "A", "name": "regin.NAME"},
            }
        },
    }
    with pytest.raises(MappingError, match="no join is called 'regin'; there are region"):
        load_mapping(mapping)


def test_an_object_is_refused_without_lines() -> None:
    with pytest.raises(MappingError, match=r"^datasets: ") as caught:
        load_mapping({"source": "bank", "datasets": {}})
    assert caught.value.status == 422
    assert "映射文件有误" in caught.value.zh


def test_yaml_guesses_nothing() -> None:
    content, lines = read_yaml("NO: 012\nyes: 1:30\nflag: true\nday: 2024-01-01\nnothing: ~\nquoted: 'true'\n")
    assert content == {
        "NO": "012",
        "yes": "1:30",
        "flag": True,
        "day": "2024-01-01",
        "nothing": None,
        "quoted": "true",
    }
    assert lines["day",] == 4


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "mapping: a mapping (key: value) is expected, this is empty"),
        ("source: bank", 1, "datasets: write at least one dataset: DATASET: {file: …, columns: …}; there are regions,"),
        ("source: bank\ndatasets:\n  # none yet", 2, "datasets: write at least one dataset"),
        ("source: bank\ndatasets: parties", 2, "datasets: write at least one dataset"),
        ("source: bank\ndatasets: {}", 2, "datasets: write at least one dataset"),
        ("source: bank\ndatasets:\n  parties:", 3, "datasets.parties: write where it comes from: {file: …, columns:"),
        ("source: bank\ndatasets:\n  parties: []", 3, "datasets.parties: write where it comes from"),
        ("source: bank\ndatasets:\n  parties: {file: a, columns:}", 3, "parties.columns: a mapping (key: value) is"),
        ("source: bank\ndatasets: {parties: {file: [a]}}", 2, "parties.file: a text is expected, this is a list"),
        (
            "source: bank\ndatasets: {parties: {file: a, columns: {source_id:}}}",
            2,
            "columns.source_id: a column's name, or a mapping, is expected, this is empty",
        ),
    ],
)
def test_what_is_not_written_yet_is_said_in_the_words_of_the_file(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    (found,) = faults(f"{text}\n", tmp_path)
    assert words in found
    assert "Input should" not in found
    assert f"line {line}: " in found or "source" not in text or "\n" not in text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"- a\n- b\n", b"", b"source\n", b"{[a]: b}"])
def test_what_is_no_mapping_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bank.yaml"
    file.write_bytes(content)
    with pytest.raises(MappingError, match=r"bank\.yaml"):
        load_mapping(file)


def test_the_json_schema_is_current() -> None:
    committed = (ROOT / "docs" / "reference" / "mapping.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), (
        "run: python -m attune_service_kit.files.schema > docs/reference/mapping.schema.json"
    )


def keys(schema: Any) -> set[str]:
    """Every key that a mapping may have, but for names that the bank chooses."""
    if isinstance(schema, list):
        return set().union(*map(keys, schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own | set().union(*(keys(value) for value in schema.values()))


def test_the_reference_describes_every_key_and_every_choice() -> None:
    page = (ROOT / "docs" / "reference" / "mapping.md").read_text("utf-8")
    schema = json.loads((ROOT / "docs" / "reference" / "mapping.schema.json").read_text("utf-8"))
    cells = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])
    }
    # `when` and `then` of a case stand in its own row.
    assert keys(schema) - cells == {"then"}
    assert "`when` (conditions) and `then` (a source)" in page
    choices = set(re.findall(r'"enum": \[(.*?)\]', json.dumps(schema)))
    words = {word for choice in choices for word in re.findall(r'"([a-z0-9_-]{3,})"', choice)}
    assert {word for word in words if f"`{word}`" not in page} == set()


def test_the_reference_describes_no_key_that_is_none() -> None:
    page = (ROOT / "docs" / "reference" / "mapping.md").read_text("utf-8")
    known = keys(json.loads((ROOT / "docs" / "reference" / "mapping.schema.json").read_text("utf-8")))
    tables = re.findall(r"^\| key.*?(?=\n\n)", page, re.MULTILINE | re.DOTALL)
    said = {name for t in tables for line in t.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert said - known == set()
