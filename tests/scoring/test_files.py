"""Training from a flat file: what is read, what is refused by name and line, who is held back, what the card tells."""

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import ValidationError

from attune_service_kit.testing import RunningService, StartService, eventually
from scoring.app import SERVICE
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import reports
from scoring.training.examples import Examples
from scoring.training.files import read_file
from scoring.training.trained import Trained
from scoring.training.trainer import train

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
REAL_DATA = Path(os.environ.get("ATTUNE_REAL_DATA") or ROOT.parent / "shared" / "data")
COLUMNS: dict[str, Any] = {
    "balance": {"column": "Balance, CNY"},
    "job": {"type": "category"},
    "housing": {"type": "boolean"},
    "minutes": {"known_after": "outcome"},
    "gender": {"type": "category"},
    "visits": {"dated": "visited_on"},
}
HEADINGS = "Balance, CNY;job;housing;minutes;gender;visits;visited_on;called_on;age;y"


def spec_of(path: Path, file: dict[str, Any] | None = None, **changes: Any) -> TrainingSpec:
    data = {
        "file_id": str(uuid4()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "separator": ";",
        "columns": COLUMNS,
        "label": {"column": "y", "positive": ["yes"], "dated": "called_on"},
        "time": "called_on",
        "protected": {"age": {"column": "age", "bands": [30, 60]}},
    }
    return TrainingSpec.model_validate(
        {
            "model": "response-test", "purpose": "response", "dataset": "file", "file": data | (file or {}),
            "split": {"by": "row", "modulo": 4, "test": 3}, "params": {"rounds": 30},
        } | changes
    )  # fmt: skip


def lines(rows: int = 1200) -> list[str]:
    """Who has much money and is retired says yes more often; the visit is counted on the day before the call."""
    rng = np.random.default_rng(11)
    made = []
    for index in range(rows):
        job = ("clerk", "retired", "unknown")[index % 3]
        balance = rng.normal(1000, 400)
        yes = rng.random() < 1 / (1 + np.exp(2 - (balance - 1000) / 300 - 2 * (job == "retired")))
        month = 1 + index * 12 // rows
        made.append(
            f"{balance:.2f};{job};{'yes' if rng.random() < 0.5 else 'no'};{300 if yes else 5};{'fm'[index % 2]};"
            f"{index % 7};2025-{month:02}-09;2025-{month:02}-10;{20 + index % 60};{'yes' if yes else 'no'}"
        )
    return made


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(rows: list[str], encoding: str = "utf-8", heading: str = HEADINGS) -> Path:
        path = tmp_path / "calls.csv"
        path.write_bytes("\n".join([heading, *rows, ""]).encode(encoding))
        return path

    return written


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Examples, Trained]:
    path = tmp_path_factory.mktemp("data") / "calls.csv"
    path.write_text("\n".join([HEADINGS, *lines(), ""]), encoding="utf-8")
    examples = read_file(path, spec_of(path))
    return examples, train(examples, spec_of(path))


def test_what_is_known_after_the_answer_or_protected_is_no_feature(learned: tuple[Examples, Trained]) -> None:
    examples, trained = learned

    assert trained.features == ("balance", "job", "housing", "visits")
    assert [(one["feature"], one["reason"]) for one in trained.refused] == [
        ("minutes", "known_after_outcome"),
        ("gender", "protected"),
    ]
    assert trained.metrics["auc"] > 0.8
    assert [(one.name, one.type) for one in trained.specs][:2] == [("balance", "DOUBLE"), ("job", "INTEGER")]
    # Rising by response, and `unknown` is a level like another.
    assert examples.levels["job"][-1] == "retired"
    assert set(trained.card["levels"]["job"]) == {"clerk", "retired", "unknown"}


def test_the_card_tells_of_fairness_calibration_time_and_traits(learned: tuple[Examples, Trained]) -> None:
    card = learned[1].card

    groups = {line["group"]: line for line in card["fairness"]["age"]}
    assert list(groups) == ["30 to 60", "< 30", ">= 60"]
    assert sum(line["rows"] for line in groups.values()) == 300
    assert max(line["ratio"] for line in groups.values()) == 1
    assert sum(line["selection_rate"] * line["rows"] for line in groups.values()) == pytest.approx(30)
    assert sum(line["rows"] for line in card["calibration"]["bins"]) == 300
    assert card["stability"][0]["from"] == "2025-01-10"
    assert len(card["stability"]) == 5
    assert card["traits"][0]["feature"] in ("balance", "job")
    assert card["traits"][0]["difference"] > 0.5


def test_the_snapshot_holds_what_drift_is_watched_against(learned: tuple[Examples, Trained]) -> None:
    snapshot = learned[1].snapshot

    assert (snapshot["dataset"], snapshot["rows"]) == ("file", 900)
    balance = snapshot["features"]["balance"]
    assert (len(balance["edges"]), len(balance["counts"]), sum(balance["counts"]), balance["missing"]) == (
        9,
        10,
        900,
        0,
    )
    assert sum(snapshot["scores"]["counts"]) == 300
    assert [line["decile"] for line in snapshot["deciles"]] == list(range(1, 11))
    assert snapshot["deciles"][0]["responses"] > snapshot["deciles"][-1]["responses"]


def test_missing_values_are_counted_apart_and_one_value_is_one_bin() -> None:
    rows = np.array([[np.nan, 1.0], [2.0, 1.0], [3.0, 1.0]], dtype=np.float32)
    label, test = np.array([True, False, True]), np.array([False, False, False])

    told = reports.snapshot(Examples(("a", "b"), rows, label, test), np.empty(0), {})["features"]

    assert (told["a"]["missing"], sum(told["a"]["counts"])) == (1, 2)
    assert told["b"] == {"edges": [1.0], "counts": [3, 0], "missing": 0}


def test_a_level_that_only_the_held_back_have_gets_a_code_of_its_own(write: Callable[..., Path]) -> None:
    rows = lines(8)
    rows[3] = rows[3].replace("clerk", "astronaut")
    path = write(rows)

    examples = read_file(path, spec_of(path))

    assert "astronaut" not in examples.levels["job"]
    assert examples.rows[3, examples.names.index("job")] == len(examples.levels["job"])


def test_a_feature_later_than_the_label_is_refused(write: Callable[..., Path]) -> None:
    rows = lines(40)
    rows[7] = rows[7].replace("2025-03-09", "2025-03-11")
    path = write(rows)

    assert read_file(path, spec_of(path)).refused["visits"] == "after_label"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda row: row.replace(";", "", 1), "line 4 has 9 cells, not 10", id="a cell too few"),
        pytest.param(lambda row: "much" + row, "line 4: column balance holds no number", id="no number"),
        pytest.param(lambda row: "inf" + row[row.index(";") :], "line 4: column balance holds no number", id="no end"),
        pytest.param(
            lambda row: row.replace("2025-04-10", "10.4.25"), "line 4: column called_on holds no date", id="day"
        ),
        pytest.param(
            lambda row: row.replace(";no;", ";maybe;", 1), "line 4: column housing holds no boolean", id="flag"
        ),
    ],
)
def test_a_cell_that_does_not_fit_is_named_by_its_line(
    write: Callable[..., Path], change: Callable[[str], str], fault: str
) -> None:
    rows = lines(8)
    rows[2] = change(rows[2].replace(";yes;", ";no;", 1))

    path = write(rows)
    with pytest.raises(SpecRefused, match=fault):
        read_file(path, spec_of(path))


def test_blank_lines_and_cells_of_several_lines_are_counted_as_an_editor_does(write: Callable[..., Path]) -> None:
    rows = lines(8)
    rows[0] = rows[0].replace(";clerk;", ';"a clerk\nof old";')
    rows[3] = "much" + rows[3]
    rows.insert(2, "")

    path = write(rows)
    with pytest.raises(SpecRefused, match="line 7: column balance holds no number"):
        read_file(path, spec_of(path))


def test_a_value_that_no_row_has_is_told_with_those_that_they_have(write: Callable[..., Path]) -> None:
    path = write(lines(40))

    with pytest.raises(SpecRefused, match="no row's y is 'Yes' or '1': the column holds 'no', 'yes'"):
        read_file(path, spec_of(path, {"label": {"column": "y", "positive": ["Yes", "1"], "dated": "called_on"}}))
    with pytest.raises(SpecRefused, match="no row's job is 'smith'"):
        read_file(path, spec_of(path, split={"by": "column", "column": "job", "values": ["smith"]}))


def test_credit_is_told_neither_by_age_nor_by_marital_status(write: Callable[..., Path]) -> None:
    """Whether the spec names them protected or not, by the feature's name or the column's (R-25)."""
    columns = {"balance": COLUMNS["balance"], "age": {}, "status": {"column": "job", "type": "category"}}
    heading = HEADINGS.replace(";job;", ";Marital_Status;")
    columns["status"]["column"] = "Marital_Status"
    path = write(lines(40), heading=heading)
    told = {"columns": columns, "protected": {}}

    assert read_file(path, spec_of(path, told)).refused == {}
    assert read_file(path, spec_of(path, told, purpose="credit")).refused == {"age": "protected", "status": "protected"}


def test_encodings_gzip_parquet_and_files_without_headings_give_the_same(write: Callable[..., Path]) -> None:
    rows = [row.replace("clerk", "客户") for row in lines(40)]
    plain = write(rows)
    expected = read_file(plain, spec_of(plain))
    headings = HEADINGS.split(";")
    packed, parquet = plain.with_suffix(".gz"), plain.with_suffix(".parquet")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pq.write_table(
        pa.table(dict(zip(headings, zip(*(row.split(";") for row in rows), strict=True), strict=True))), parquet
    )

    assert np.array_equal(read_file(packed, spec_of(packed)).rows, expected.rows)
    assert np.array_equal(read_file(parquet, spec_of(parquet, {"format": "parquet"})).rows, expected.rows)
    chinese = write(rows, "gb18030")
    assert np.array_equal(read_file(chinese, spec_of(chinese, {"encoding": "gb18030"})).rows, expected.rows)
    with pytest.raises(SpecRefused, match="line 2 is not utf-8"):
        read_file(chinese, spec_of(chinese))
    bare = write(rows[1:], heading=rows[0])
    assert np.array_equal(read_file(bare, spec_of(bare, {"headings": headings})).rows, expected.rows)


def test_what_is_not_there_or_another_file_is_refused(write: Callable[..., Path]) -> None:
    path = write(lines(8))
    spec = spec_of(path)

    with pytest.raises(SpecRefused, match="the file has no column nowhere"):
        read_file(path, spec_of(path, {"time": "nowhere"}))
    path.write_text("other", encoding="utf-8")
    with pytest.raises(SpecRefused, match="not the one that the spec names"):
        read_file(path, spec)


@pytest.mark.parametrize(
    ("split", "held_back"),
    [
        pytest.param({"by": "row", "modulo": 4, "test": 0}, [0, 4], id="row"),
        pytest.param({"by": "time", "since": "2025-10-01"}, [6, 7], id="time"),
        pytest.param({"by": "column", "column": "visits", "values": ["2", "5"]}, [2, 5], id="column"),
    ],
)
def test_who_is_held_back(write: Callable[..., Path], split: dict[str, Any], held_back: list[int]) -> None:
    path = write(lines(8))

    assert np.flatnonzero(read_file(path, spec_of(path, split=split)).test).tolist() == held_back


def test_a_customer_is_never_on_both_sides(write: Callable[..., Path]) -> None:
    path = write(lines(700))
    split = {"by": "customer", "column": "visits", "test_share": 0.4}
    examples = read_file(path, spec_of(path, split=split))

    sides = {(visits, bool(test)) for visits, test in zip(examples.rows[:, -1], examples.test, strict=True)}
    assert len(sides) == 7


@pytest.mark.parametrize(
    ("file", "changes", "place"),
    [
        pytest.param({}, {"split": {"by": "row", "modulo": 4, "test": 4}}, ("split",), id="remainder"),
        pytest.param({}, {"split": {"by": "customer"}}, (), id="whose customer"),
        pytest.param({"time": None}, {"split": {"by": "time", "since": "2025-01-01"}}, (), id="no time"),
        pytest.param({"columns": {"y": {}}}, {}, ("file",), id="the label as a feature"),
        pytest.param({"label": {"column": "y", "positive": []}}, {}, ("file", "label", "positive"), id="no yes"),
        pytest.param({"path": "/data"}, {}, ("file", "path"), id="a path on the server"),
        pytest.param({}, {"features": ["age"]}, (), id="features of the lake"),
        pytest.param({}, {"label": {"kinds": ["x"], "within_days": 3}}, (), id="two labels"),
    ],
)
def test_a_spec_that_says_two_things_or_nothing_is_refused(
    write: Callable[..., Path], file: dict[str, Any], changes: dict[str, Any], place: tuple[str, ...]
) -> None:
    path = write(lines(8))

    with pytest.raises(ValidationError) as refused:
        spec_of(path, file, **changes)
    assert refused.value.errors()[0]["loc"] == place


async def test_a_file_is_sent_and_learned_from(
    start_service: StartService, token: Callable[..., dict[str, str]], write: Callable[..., Path]
) -> None:
    scoring: RunningService = await start_service(SERVICE)
    path = write(lines(600))
    spec = spec_of(path).model_dump(mode="json", exclude_unset=True)

    def key() -> dict[str, str]:
        return token("model_admin") | {"Idempotency-Key": str(uuid4())}

    sent = await scoring.client.put(
        f"/v1/model-uploads/files/{spec['file']['file_id']}",
        headers=key() | {"Content-Type": "application/octet-stream"},
        content=path.read_bytes(),
    )
    assert sent.status_code == 200, sent.text
    started = await scoring.client.post("/v1/trainings", headers=key(), json=spec)
    assert started.status_code == 202, started.text

    async def ended() -> dict[str, Any] | None:
        found = await scoring.client.get(f"/v1/jobs/scoring/{started.json()['id']}", headers=token("operator"))
        job: dict[str, Any] = found.json()
        return job if job["state"] in ("done", "failed") else None

    job = await eventually(ended, 100, every=0.3, what="the end of the training")
    assert job is not None
    assert job["error"] is None
    assert {"feature": "minutes", "reason": "known_after_outcome"} in job["result"]["refused"]
    no_features = {one["feature"] for one in job["result"]["refused"]}
    assert job["result"]["features"] == [name for name in spec["file"]["columns"] if name not in no_features], (
        "in order"
    )
    shown = (await scoring.client.get("/v1/models/response-test", headers=token("model_admin"))).json()
    assert shown["champion"] is None
    assert [one["name"] for one in shown["versions"][0]["feature_specs"]] == job["result"]["features"]
    assert len(shown["versions"][0]["snapshot"]["deciles"]) == 10
    card = await scoring.client.get("/v1/models/response-test/versions/1/card", headers=token("model_admin"))
    assert card.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in card.headers["content-security-policy"]
    assert job["result"]["sha256"] in card.text
    missing = await scoring.client.get("/v1/models/response-test/versions/2/card", headers=token("model_admin"))
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_model_version")


@pytest.mark.slow
def test_the_calls_of_a_portuguese_bank() -> None:
    path = REAL_DATA / "uci-bank" / "bank-full.csv.gz"
    if not path.exists():
        pytest.skip("no public data: set ATTUNE_REAL_DATA")
    wanted = yaml.safe_load((SPECS / "response-term-deposit.yaml").read_text(encoding="utf-8"))
    wanted["file"] |= {"file_id": str(uuid4()), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    spec = TrainingSpec.model_validate(wanted)

    metrics = train(read_file(path, spec), spec).metrics

    assert metrics["rows"] == 45_211
    assert metrics["auc"] == pytest.approx(0.7997, abs=0.01)
    assert metrics["top_decile_response"] >= 0.5277
    assert metrics["lift"] >= 4.333
