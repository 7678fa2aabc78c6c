"""A training's specification as a file: read whole, or refused with the place and the reason of every fault."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scoring import spec_files
from scoring.spec_files import SpecFileRefused
from scoring.spec_schema import schema_text

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
PAGE = ROOT / "docs" / "reference" / "training.md"
SCHEMA = PAGE.with_suffix(".schema.json")
GOOD = (ROOT / "specs" / "uplift-mailing.yaml").read_text("utf-8")
LAKE = "model: m\nlabel: {kinds: [a], within_days: 9}\n"
# Keys, codes and values stand in a Chinese text as they are; two words beside each other are a sentence.
ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


def refused(text: str) -> list[tuple[int, int, str]]:
    """Line, column and reason of each fault."""
    with pytest.raises(SpecFileRefused) as caught:
        spec_files.read(text)
    for fault in caught.value.faults:
        assert re.search("[\u4e00-\u9fff]", fault.zh), fault
        assert not ENGLISH.search(fault.zh), fault
    return [(fault.line, fault.column, fault.en) for fault in caught.value.faults]


def conforms(schema: dict[str, Any], node: dict[str, Any], value: Any) -> bool:
    """Whether a value meets the part of JSON Schema that the file's schema uses."""
    if "$ref" in node:
        return conforms(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], value)
    if "anyOf" in node:
        return any(conforms(schema, one, value) for one in node["anyOf"])
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kind = node.get("type")
    if kind in ("number", "integer"):
        fits = isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
        return fits and node.get("minimum", value) <= value <= node.get("maximum", value)
    if kind in kinds and not isinstance(value, kinds[kind]):
        return False
    if "const" in node or "enum" in node:
        return value in node.get("enum", [node.get("const")])
    if isinstance(value, str):
        return re.search(node.get("pattern", ""), value) is not None
    if isinstance(value, list):
        return len(value) >= node.get("minItems", 0) and all(conforms(schema, node["items"], one) for one in value)
    if isinstance(value, dict):
        known, patterns = node.get("properties", {}), node.get("patternProperties", {})
        others = node.get("additionalProperties", {})
        allowed = {key: next((p for m, p in patterns.items() if re.search(m, key)), others) for key in value} | known
        return set(node.get("required", ())) <= value.keys() and all(
            allowed[key] is not False and conforms(schema, allowed[key], one) for key, one in value.items()
        )
    return True


@pytest.mark.parametrize("file", SPECS, ids=lambda file: file.stem)
def test_a_shipped_specification_is_read_and_meets_the_schema(file: Path) -> None:
    found = spec_files.read(file.read_text("utf-8"))
    assert (found.spec.model, found.path) == (file.stem, None)
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert conforms(schema, schema, found.content)
    assert not conforms(schema, schema, found.content | {"lable": {}})
    assert not conforms(schema, schema, found.content | {"seed": "1"})
    assert not conforms(schema, schema, {key: one for key, one in found.content.items() if key != "model"})


def test_every_kind_has_a_specification() -> None:
    kinds = {spec_files.read(file.read_text("utf-8")).spec.kind for file in SPECS}
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert kinds == set(schema["properties"]["kind"]["enum"])


def test_the_schema_for_editors_is_the_codes() -> None:
    committed = SCHEMA.read_text("utf-8")
    assert committed == schema_text(), "run: python -m scoring.spec_schema > docs/reference/training.schema.json"
    described = json.loads(committed)["$defs"]["FileData"]
    assert "path" in described["properties"]
    assert not {"file_id", "sha256"} & described["properties"].keys()


def test_the_reference_describes_every_key_and_every_choice() -> None:
    page, schema = PAGE.read_text("utf-8"), json.loads(SCHEMA.read_text("utf-8"))
    keys = set(re.findall(r'"properties": \{|"([a-z_0-9]+)": \{', json.dumps(schema["properties"])))
    named = {key for part in [schema, *schema["$defs"].values()] for key in part.get("properties", {})}
    choices = set(re.findall(r'"([a-z0-9_-]+)"', " ".join(re.findall(r'"enum": \[(.*?)\]', json.dumps(schema)))))
    assert {word for word in named | choices if f"`{word}`" not in page} == set()
    assert keys >= {"model"}


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "reason"),
    [
        ("learner: t", "learnr: t", 5, 1, "unknown key learnr; did you mean learner?"),
        ("learner: t", "learner: s", 5, 10, "'t' or 'x'"),
        ("kind: uplift", "kind: uplfit", 4, 7, "did you mean uplift?"),
        ("kind: uplift", "kind: clusters", 5, 10, "the kind uplift, and only it, has learner"),
        ("format: csv", "format: cvs", 8, 11, "did you mean csv?"),
        ("  format: csv", "  file_id: a", 8, 3, "unknown key file_id"),
        ("  format: csv", "  path: 7", 8, 9, "a valid string"),
        ("  treatment:", "  treatmnt:", 10, 3, "unknown key treatmnt; did you mean treatment?"),
        ('["1"]', "[1]", 9, 37, "write it in quotes"),
        ("recency: {}", "recency: {tpe: number}", 12, 15, "unknown key tpe; did you mean type?"),
        ("recency: {}", "visit: {}", 12, 5, "the label is no feature"),
        ("recency: {}", "Recency: {}", 12, 5, "match pattern"),
        ("modulo: 2", "modulo: much", 19, 26, "a valid integer"),
        ("modulo: 2", "modulo: 1", 19, 26, "greater than or equal to 2"),
        ("by: row", "by: time", 19, 13, "a split by time needs since"),
        ("split: {by: row, modulo: 2, test: 1}", "split: {}", 19, 8, "names the customers' column"),
        ("seed: 1", "seed: 1\nseed: 2", 21, 1, "'seed' stands here twice"),
        ("seed: 1", "purpose: churn", 20, 10, "purpose is its own"),
        ("seed: 1", "features: [age]", 20, 11, "a file's features are its columns"),
        ("seed: 1", "label: {kinds: [a], within_days: 3}", 20, 8, "no label here"),
        ("seed: 1", "as_of: 31.1.2026", 20, 8, ""),
        ("seed: 1", "params: {lambda_l2: 1e999}", 20, 21, "a valid number"),
        ("learner: t", "learner: [", 0, 0, "no YAML"),
    ],
)
def test_each_fault_is_named_with_its_place(old: str, new: str, line: int, column: int, reason: str) -> None:
    assert old in GOOD
    (found,) = refused(GOOD.replace(old, new, 1))
    assert reason in found[2]
    assert found[:2] == (line, column) or not line


@pytest.mark.parametrize(
    ("more", "places"),
    [
        ("features: [agee, age, nothing_like_it]", [(3, 12), (3, 23)]),
        ("leaving: {had_minor: 5, has_minor: 1, within_days: 9}", [(3, 10)]),
        ("purchases: {kinds: [a]}", [(3, 12)]),
        ("dataset: file", [(3, 10)]),
        ("split: {by: row, modulo: 5, test: 4}", [(3, 8)]),
        ("seeds: {kinds: [x], since: 2026-01-01}", [(3, 8)]),
        ("params: {rounds: 0, num_leaves: 1}\nsplit: {by: rows}", [(3, 18), (3, 33), (4, 13)]),
    ],
)
def test_all_faults_are_told_at_once_in_order(more: str, places: list[tuple[int, int]]) -> None:
    assert [found[:2] for found in refused(LAKE + more)] == places


@pytest.mark.parametrize(
    "text", ["", "- a", "large", "a: &x [*x]", "{" * 60, "x: 1\n" * 3, "\n".join(f"k{n}: {{}}" for n in range(3000))]
)
def test_what_is_no_file_of_ours_is_refused(text: str) -> None:
    assert 1 <= len(refused(text)) <= 20


def test_a_text_stays_a_text_and_a_number_is_one() -> None:
    found = spec_files.read(
        "model: m\ndataset: file\nseed: 7\ncalibration: none\n"
        "file: {path: a.csv, label: {column: '1', positive: [yes]}, columns: {balance: {}}}\n"
        "split: {by: row, modulo: 5, test: 4, test_share: 2.5e-1}"
    )
    assert found.content["file"]["label"] == {"column": "1", "positive": ["yes"]}
    assert (found.content["seed"], found.spec.split.test_share) == (7, 0.25)
    assert (found.path, "path" in found.content["file"]) == ("a.csv", False)


def test_json_is_a_specification_too() -> None:
    text = (
        '{"model": "m", "seeds": {"kinds": ["a"], "since": "2026-01-01", "until": "2026-03-31"}, "kind": "lookalike"}'
    )
    assert spec_files.read(text).content == json.loads(text)
