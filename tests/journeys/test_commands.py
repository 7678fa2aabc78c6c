"""The command line: one clear line for what cannot be done, one JSON object for what can."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from attune.client import Client, issue_token
from attune.home import Home

FIXED = Path("mappings") / "fixed"
BROUGHT = "brought-by-the-bank"
SHEET: dict[str, Any] = {
    "purpose": "propensity",
    "owner": "Retail analytics",
    "risk_class": "limited",
    "target": "buys within 30 days",
    "population": "retail customers",
    "features": [{"name": "visits", "type": "INTEGER", "unit": "count", "min": 0, "max": 60, "nullable": False}],
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("token", "--role", "king"), "no role 'king'"),
        (("token", "--role", "teller"), "add --branch"),
        (("replay", "--from", "2026-02-30", "--to", "2026-03-01"), "--from '2026-02-30' is no day"),
        (("replay", "--from", "2026-03-02", "--to", "2026-03-01"), "lies after"),
        (("replay", "--from", "2026-03-01", "--to", "2026-03-02", "--speed", "fast"), "neither 'max' nor a number"),
        (("backtest", "none.yaml", "--from", "2026-03-01", "--to", "2026-03-02"), "there is no file none.yaml"),
        (("backtest", "large-deposit", "--from", "2026-03-02", "--to", "2026-03-01"), "lies after"),
        (("bench", "B99"), "no workload B99"),
        (("reconcile", "--date", "yesterday"), "--date 'yesterday' is no day"),
        (("reconcile", "--date", "2026-03-01", "--mapping", "none.yaml"), "name both the folder and --mapping"),
        (("eventing", "rebuild"), "name --customers, or --all"),
        (("eventing", "rebuild", "--customers", "A", "--all"), "name --customers, or --all"),
        (("triggers", "check", "mappings"), "attune: mappings: Is a directory\n"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    attune: Any, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    home = () if arguments[0] == "bench" else ("--home", tmp_path)
    assert words in attune.refused_at_once(*arguments, *home)


@pytest.mark.parametrize("command", [("up",), ("up", "--detach"), ("demo",)])
def test_a_place_that_can_be_no_home_is_named_with_the_reason(
    attune: Any, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "notes.txt").write_text("no folder")
    said = attune.refused_at_once(*command, "--home", tmp_path / "notes.txt")
    assert said == f"attune: {tmp_path}/notes.txt is no folder: choose another --home\n"
    # Nobody may make a folder there, root neither.
    said = attune.refused_at_once(*command, "--home", "/proc/attune")
    assert said == "attune: /proc/attune: No such file or directory\n"


def test_the_demos_bank_is_written_for_who_imports_it_by_hand(attune: Any, tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    written = attune("demo", "--bank-only", folder, "--customers", 2000)
    files = {file.stem.upper() for file in folder.iterdir()}
    assert len(files) == len(written["rows"]) == 8
    checked = attune("import", "--check", "--mapping", "mappings/demo.yaml", folder)
    assert all(found["rejected"] == 0 < found["accepted"] for found in checked["datasets"].values())
    assert "holds something already" in attune.refused("demo", "--bank-only", folder)


def test_status_of_a_home_that_is_down(attune: Any, tmp_path: Path) -> None:
    report = attune("status", "--home", tmp_path)
    assert report["running"] is False
    assert attune("down", "--home", tmp_path) == {"stopped": False}


def test_a_running_home_names_its_processes_and_refuses_a_second_start(attune: Any, home: Path) -> None:
    report = attune("status", "--home", home)
    expected = {"postgres", "nats", "customer_360", "eventing", "insight", "scoring", "campaign", "gateway"}
    assert set(report["processes"]) == expected
    assert set(report["services"]) == expected - {"postgres", "nats", "gateway"}
    assert report["urls"]["gateway"].startswith("http://127.0.0.1:")
    assert report["versions"]["fastapi"]
    assert "is up already" in attune.refused("up", "--home", home)


def test_a_token_for_the_gateway_is_exchanged_there_and_opens_no_service_itself(attune: Any, home: Path) -> None:
    place, found = Home.at(home), {}
    narrow = attune("token", "--home", home, "--role", "operator", "--audience", "gateway")["token"]
    other, wide = issue_token(place, "operator", audience=["attune-scoring"])[0], issue_token(place, "operator")[0]
    for name, token in (("gateway", narrow), ("scoring", other), ("all", wide)):
        asked: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 30.0}
        urls = [f"{place.state()['urls'][at]}/v1/status/insight" for at in ("gateway", "insight")]
        answers = [httpx.get(url, **asked) for url in urls]
        found[name] = [(answer.status_code, answer.json().get("audience")) for answer in answers]
    assert found == {
        "gateway": [(200, None), (401, "attune-insight")],
        "scoring": [(401, "attune-gateway"), (401, "attune-insight")],
        "all": [(200, None), (200, None)],
    }


def test_a_missing_mapping_is_named(attune: Any, home: Path, tmp_path: Path) -> None:
    words = attune.refused("import", "--home", home, "--mapping", tmp_path / "none.yaml", tmp_path)
    assert "no such mapping file" in words


def test_nats_users_keep_their_seeds_and_show_public_keys_only(attune: Any, tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    block = attune("nats-users", folder)
    again = attune("nats-users", folder)
    assert block == again, "a second call changes no key"
    users = block["authorization"]["users"]
    assert {user["nkey"][0] for user in users} == {"U"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not any(path.read_text().strip() in str(block) for path in folder.iterdir())
    (folder / "campaign.seed").write_text("guess")
    assert "campaign.seed is not the seed of a NATS user" in attune.refused("nats-users", folder)


def test_an_empty_home_is_reconciled_and_rebuilt(attune: Any, home: Path) -> None:
    found = attune("reconcile", "--home", home, "--date", "2026-03-01")
    assert (found["source"], found["in_file"], found["in_stream"], found["missing"]) == ("lake", 0, 0, 0)
    rebuilt = attune("eventing", "rebuild", "--home", home, "--all")
    assert rebuilt == {"customers": 0, "before": None, "raised": 0, "withdrawn": 0}
    assert "0 customers have the bank's id nobody" in attune.refused(
        "eventing", "rebuild", "--home", home, "--customers", "nobody"
    )


def test_uploaded_listed_and_taken_back(attune: Any, home: Path, tmp_path: Path) -> None:
    extract = tmp_path / "elsewhere"
    shutil.copytree(attune.root / FIXED, extract)
    done = attune("import", "--home", home, "--mapping", "mappings/fixed.yaml", "--upload", extract)
    assert done["datasets"]["parties"]["accepted"] == 6
    assert done["datasets"]["transactions"] == {
        "read": 9, "accepted": 8, "rejected": 1, "unchanged": 0, "unknown_accounts": 0,
    }  # fmt: skip
    rejects = attune("import", "--home", home, "--rejects", done["import_id"])["rejects"]
    assert [(row["dataset"], row["line"], row["reason"]) for row in rejects] == [
        ("transactions", "9", "is not a date in the form YYYYMMDD"), ("behaviours", "4", "is an unknown code"),
    ]  # fmt: skip
    (listed,) = attune("import", "--home", home, "--list")["imports"]
    assert listed["import_id"] == done["import_id"]
    assert listed["has_rejects"], "eventing's, though customer-360 had none"
    assert (listed["datasets"][0], listed["datasets"][-1]) == ("branches", "behaviours")
    shown = subprocess.run(
        attune.command("import", "--home", home, "--list"), capture_output=True, text=True, check=True,
        cwd=attune.root, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert done["import_id"] in shown.stdout + shown.stderr, "whole, for --undo asks for it"
    assert listed["services"] == {"customer_360": "done", "eventing": "done"}
    night = attune("triggers", "run", "--home", home, "--date", "2025-01-20")
    assert night["triggers"] == {"large-deposit": {"raised": 0, "withdrawn": 0}}
    undone = attune("import", "--home", home, "--undo", done["import_id"])
    assert undone["services"]["eventing"]["removed"] == 8 + 3, "postings and behaviours"
    assert undone["services"]["customer_360"]["undone"] is True
    again = attune("import", "--home", home, "--mapping", "mappings/fixed.yaml", extract)
    assert all(counts["unchanged"] == 0 for counts in again["datasets"].values()), "nothing of it was left"
    assert "no import 0" in attune.refused("import", "--home", home, "--undo", "0")


def onnx_file(path: Path, kind: str) -> Path:
    """One weight and an activation; with a second, large output-less weight, so that it is sent in several parts."""
    weights = [
        numpy_helper.from_array(np.array([[0.1]], dtype=np.float32), "w"),
        numpy_helper.from_array(np.random.default_rng(1).random(1_500_000, dtype=np.float32), "idle"),
    ]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["sum"]), helper.make_node(kind, ["sum"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return path


def test_a_banks_own_model_is_sent_in_parts_looked_at_and_answers(attune: Any, home: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "manifest.yaml"
    sheet.write_text(yaml.safe_dump(SHEET), encoding="utf-8")
    good, bad = onnx_file(tmp_path / "good.onnx", "Sigmoid"), onnx_file(tmp_path / "bad.onnx", "Identity")

    vetted = attune("bring-model", "--home", home, BROUGHT, good, sheet)
    refused = attune.refused("bring-model", "--home", home, BROUGHT, bad, sheet)
    with Client(Home.at(home), "model_admin") as client:
        client.post(f"/v1/models/{BROUGHT}/versions/1:promote")
        told = client.post("/v1/scores", {"model": BROUGHT, "rows": [{"visits": 20}]})

    assert (vetted["version"], vetted["state"], vetted["reasons"]) == (1, "vetted", [])
    assert f"{BROUGHT} v2 is refused: answer" in refused
    assert round(told["items"][0]["scores"][0], 4) == round(1 / (1 + np.exp(-2.0)), 4)
    what_the_model_is_and_what_it_earned(attune, home, tmp_path)
    sheet.write_text(yaml.safe_dump({name: told for name, told in SHEET.items() if name != "owner"}), encoding="utf-8")
    words = attune.refused("bring-model", "--home", home, BROUGHT, good, sheet)
    assert "the manifest does not meet its contract: owner: Field required" in words


def what_the_model_is_and_what_it_earned(attune: Any, home: Path, tmp_path: Path) -> None:
    listed = {one["name"]: one for one in attune("models", "list", "--home", home)["models"]}
    assert (listed[BROUGHT]["champion"], listed[BROUGHT]["versions"]) == (1, 2)
    shown = attune("models", "show", BROUGHT, "--home", home)["versions"]
    assert [(one["version"], one["state"]) for one in shown] == [(2, "refused"), (1, "champion")]
    assert "no outcome of this model is known" in attune.refused("models", "compare", BROUGHT, "--home", home)
    with Client(Home.at(home), "model_admin") as client:
        outcome = {"kinds": ["wealth_purchase"], "within_days": 30, "wanted": "more"}
        client.put(f"/v1/models/{BROUGHT}/watch-settings", {"version": 0, "outcome": outcome})
    shares = attune("models", "shares", "propensity", "--no-model", "0.1", "--home", home)
    assert (shares["no_model_share"], shares["challenger_share"]) == (0.1, 0.0)
    assert "'nobody' is no customer's id" in attune.refused("models", "explain", BROUGHT, "nobody", "--home", home)
    page = tmp_path / "report.html"
    compared = attune("models", "compare", BROUGHT, "--html", page, "--home", home)
    assert (compared["outcome"], compared["page"]) == (outcome, str(page))
    assert {one["response"]["reason"] for one in compared["comparisons"]} == {"sample_too_small"}
    assert "What the model earned" in page.read_text("utf-8")
    assert attune("models", "drifts", BROUGHT, "--home", home) == {"model": BROUGHT, "drifts": []}
    assert "no other version has answered" in attune.refused(
        "models", "rollback", BROUGHT, "--reason", "to see", "--home", home
    )


def test_a_specification_is_checked_and_every_fault_has_its_place(attune: Any, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.yaml"
    file.write_text("model: m\nlable: {kinds: [a], within_days: 9}\nseed: much\n", "utf-8")
    words = attune.refused("train", file, "--check", "--home", home)
    assert "line 2, column 1: unknown key lable; did you mean label? (line 3, column 7: " in words
    checked = attune("train", "specs/uplift-mailing.yaml", "--check", "--home", home)
    assert (checked["model"], checked["kind"], checked["path"]) == ("uplift-mailing", "uplift", None)
    assert "say where the file is: --data FILE" in attune.refused("train", "specs/uplift-mailing.yaml", "--home", home)


def test_a_trigger_file_is_checked_kept_and_judges_the_stream(attune: Any, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "quiet.yaml"
    texts = "title: {zh: 静默, en: Quiet}\nmeaning: {zh: 静默, en: Quiet}\n"
    text = f"trigger: quiet\n{texts}on: postings\nsilence: {{for: 90 days}}\n"
    file.write_text(text + "where: blance > 3\ncooldwn: 1 days\n", "utf-8")
    assert "line 7, column 1: unknown key cooldwn" in attune.refused("triggers", "check", file, "--home", home)
    file.write_text(text + "where: amont > 3\n", "utf-8")
    assert "line 6, column 8: unknown field amont" in attune.refused("triggers", "add", file, "--home", home)
    file.write_text(text, "utf-8")
    assert attune("triggers", "check", file, "--home", home)["kind"] == "silence"
    assert attune("triggers", "add", file, "--home", home)["version"] == 1
    assert attune("triggers", "add", file, "--home", home)["version"] == 2
    assert attune("triggers", "activate", "quiet", "--home", home)["version"] == 2
    listed = {one["name"]: one for one in attune("triggers", "list", "--home", home)["triggers"]}
    assert (listed["quiet"]["state"], listed["quiet"]["in_force"]) == ("live", 2)
    said = attune.refused("triggers", "activate", "none", "--home", home)
    assert said.startswith("attune: there is no such trigger (GET /v1/triggers/none: 404 not_found)"), said
    shown = attune("triggers", "show", "quiet", "--home", home)
    assert (shown["file"], shown["state"], sum(day["raised"] for day in shown["rate"])) == (text, "live", 0)
    file.write_text(text.replace("90 days", "60 days"), "utf-8")
    attune("triggers", "add", file, "--home", home)
    differing = attune("triggers", "diff", "quiet", "2", "3", "--home", home)["differences"]
    assert differing == [{"key": "silence.for", "before": "90 days", "after": "60 days"}]
    assert attune("triggers", "pause", "quiet", "--home", home)["enabled"] is False
    assert attune("triggers", "resume", "quiet", "--home", home)["enabled"] is True
    assert attune("triggers", "discard", "quiet", "3", "--home", home)["state"] == "discarded"
    assert attune("triggers", "retire", "quiet", "--reason", "no use", "--home", home)["state"] == "retired"
