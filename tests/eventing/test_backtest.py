"""A backtest over HTTP: a definition's counts on the lake, refusals by place, nothing raised."""

import json
from datetime import date
from pathlib import Path
from typing import Any

DAYS = {"from": "2024-01-01", "to": "2025-02-28"}
TEXTS = {"zh": "一", "en": "one"}
OFTEN: dict[str, Any] = {
    "trigger": "often",
    "title": TEXTS,
    "meaning": TEXTS,
    "on": "postings",
    "where": "direction = 'credit' AND amount >= 200.00",
    "count": {"at_least": "2", "within": "3 days"},
    "cooldown": "0 days",
}


async def test_a_definition_is_tried_and_raises_nothing(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    bank = new_bank()
    bank.person("P1")
    for number, day in enumerate((1, 2, 3, 20)):
        bank.post(str(number), "P1", date(2024, 3, day), 20_000 + number)
    await eventing.load(bank, lake_dir, tmp_path / "s")
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", {"file": json.dumps(OFTEN)} | DAYS))
    assert (found["detections"], found["subjects"]) == (2, 1)
    assert found["per_day"] == {"2024-03-02": 1, "2024-03-03": 1}
    first = found["first"]
    assert (first["event_key"], first["account_id"], first["amount"]) == ("1", "P1", "400.01")
    assert await eventing.rows("SELECT event_key FROM detection") == []

    silent = {key: value for key, value in OFTEN.items() if key != "count"} | {"silence": {"for": "10 days"}}
    found = await eventing.done(await eventing.send("POST", "/v1/backtests", {"file": json.dumps(silent)} | DAYS))
    assert (found["settled"], found["per_day"]) == ("2025-02-24", {"2024-03-13": 1, "2024-03-30": 1})

    for wrong, key, word in (
        ({"count": {"at_least": 2, "within": "3 moons"}}, "count.within", "a span is"),
        ({"where": "amount >= 'x'"}, "where", "text"),
        ({"kount": {}}, "kount", "did you mean count"),
    ):
        body = {"file": json.dumps(OFTEN | wrong)} | DAYS
        refused = await eventing.send("POST", "/v1/backtests", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "trigger_file_invalid")
        fault = refused.json()["errors"][0]
        assert (fault["line"], fault["key"]) == (1, key)
        assert word in fault["en"], fault
    unknown = await eventing.send("POST", "/v1/backtests", {"trigger": "nobody"} | DAYS)
    assert unknown.status_code == 404
