"""A bank's own field: read from its folder, kept with a version, evaluated on the lake and on the stream."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.eventing.conftest import LAST, Eventing

from attune_service_kit.service import _require_sound
from attune_service_kit.testing import Publish, StartService, eventually
from eventing.app import SERVICE

FIELDS = """\
fields:
  - name: payroll
    type: bool
    zh: 代发工资
    en: Payroll credit
    is: direction = 'credit' AND kind IN ('salary', 'bonus')
"""
FILE = """\
trigger: paid-twice
title: {zh: 双薪, en: Paid twice}
meaning: {zh: 三十日内两笔代发工资, en: Two salaries within thirty days}
on: postings
where: payroll AND amount >= 100
count: {at_least: 2, within: 30 days}
cooldown: 0 days
"""


async def test_a_condition_over_a_field_of_the_banks_own_finds_the_same_on_lake_and_stream(
    start_service: StartService,
    token: Callable[..., dict[str, str]],
    publish: Publish,
    new_bank: Any,
    lake_dir: Path,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "fields"
    folder.mkdir()
    (folder / "own.yaml").write_text(FIELDS, "utf-8")
    eventing = Eventing(await start_service(SERVICE, clock="events", fields_folder=folder), token, publish)
    bank = new_bank()
    bank.person("P1")
    for key, back, kind in (("a", 40, "salary"), ("b", 20, "bonus"), ("c", 15, "transfer"), ("d", 2, "salary")):
        bank.post(key, "P1", LAST - timedelta(back), 20_000, kind=kind)
    await eventing.load(bank, lake_dir, tmp_path / "s")

    kept = await eventing.send("POST", "/v1/triggers", {"file": FILE}, "marketer")
    assert kept.status_code == 201, kept.text
    assert [field["name"] for field in kept.json()["definition"]["fields"]] == ["payroll"]
    ask = {"trigger": "paid-twice", "from": (LAST - timedelta(60)).isoformat(), "to": LAST.isoformat(), "overlap": []}
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", ask))
    assert (found["detections"], found["first"]["event_key"]) == (2, "b")

    activated = await eventing.send("POST", "/v1/triggers/paid-twice:activate", {"version": 1}, "marketer")
    assert activated.status_code == 200, activated.text

    async def live() -> bool:
        return bool((await eventing.get("/v1/triggers/paid-twice")).json()["state"] == "live")

    await eventually(live, 60, every=0.1, what="the trigger in force")
    posting = {"account_id": "P1", "business_date": LAST.isoformat(), "direction": "credit", "currency": "CNY"}
    postings = [
        posting | {"posting_id": key, "amount": amount, "kind": kind}
        for key, amount, kind in (("e", "300.00", "transfer"), ("f", "99.00", "bonus"), ("g", "100.00", "bonus"))
    ]
    sent = await eventing.send("POST", "/v1/ledger/postings", {"source": "test", "postings": postings}, "partner")
    assert sent.status_code == 202, sent.text

    async def raised() -> list[str]:
        page = (await eventing.get("/v1/detections", "head_office", trigger="paid-twice")).json()
        return [item["event_key"] for item in page["items"]]

    assert await eventually(raised, 60, every=0.1, what="a detection") == ["g"]


def test_a_faulty_folder_ends_the_start_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(FIELDS.replace("kind IN", "knd IN"), "utf-8")
    with pytest.raises(SystemExit, match=r"own\.yaml, line 2: payroll: is: .* unknown field knd; did you mean kind"):
        _require_sound(SERVICE, SERVICE.settings.model_construct(fields_folder=tmp_path))
