"""The offer sheet over HTTP: versions, refusals, and decisions that follow it at once."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from attune_service_kit.testing import RunningService

from .conftest import Headers, add_customer, code, key, nba, person

CARD: dict[str, Any] = {
    "version": 0,
    "name": {"zh": "白金信用卡", "en": "Platinum card"},
    "product_id": "PC",
    "product_kind": "card",
    "expected_margin": {"amount": "900.00", "currency": "CNY"},
    "base_propensity": 0.5,
    "conditions": {"age_min": 18, "minimum_balance": {"amount": "10000.00", "currency": "CNY"}},
}
SAY = {
    "version": 0,
    "offer": "platinum-card",
    "channel": "counter",
    "text": {"zh": "需要为您介绍白金信用卡吗?", "en": "May I tell you about the platinum card?"},
}


@pytest.fixture
def put(service: RunningService, token: Headers) -> Any:
    async def put(path: str, body: dict[str, Any], role: str = "marketer") -> httpx.Response:
        return await service.client.put(f"/v1/{path}", json=body, headers=token(role) | key())

    return put


async def test_an_offer_is_made_changed_and_switched_off(service: RunningService, token: Headers, put: Any) -> None:
    async with service.everything.pool.acquire() as conn:
        await add_customer(conn, person(1))
    teller = token("teller", "B1")
    before = await nba(service, teller, person(1))
    assert "platinum-card" not in {a["offer"] for a in before["actions"]}

    made = (await put("offers/platinum-card", CARD)).json()
    assert (made["version"], made["catalogue_version"], made["scripts"]) == (1, 2, [])
    said = (await put("scripts/s-card-counter", SAY)).json()
    assert (said["version"], said["catalogue_version"], said["text"]) == (1, 3, SAY["text"])
    first = (await nba(service, teller, person(1)))["actions"][0]
    assert (first["offer"], first["value"]["amount"]) == ("platinum-card", "900.00")
    assert first["script"] == {"id": "s-card-counter", "version": 1, "text": SAY["text"]}

    dearer = CARD | {"version": 1, "conditions": {"minimum_balance": {"amount": "900000.00", "currency": "CNY"}}}
    assert (await put("offers/platinum-card", dearer)).json()["version"] == 2
    withheld = {w["offer"]: w["text"]["en"] for w in (await nba(service, teller, person(1)))["withheld"]}
    assert withheld["platinum-card"] == "the balance is below the minimum of 900000.00 CNY"

    assert (await put("offers/platinum-card", CARD | {"version": 2, "enabled": False})).json()["enabled"] is False
    gone = await nba(service, teller, person(1))
    assert "platinum-card" not in {x["offer"] for x in (*gone["actions"], *gone["withheld"])}

    # Every version stays readable, and a decision keeps the catalogue it was made with.
    client, marketer = service.client, token("marketer")
    newest = (await client.get("/v1/offers/platinum-card", headers=marketer)).json()
    assert (newest["version"], newest["enabled"], newest["scripts"]) == (3, False, ["s-card-counter"])
    old = (await client.get("/v1/offers/platinum-card", params={"version": 2}, headers=marketer)).json()
    assert old["conditions"]["minimum_balance"] == {"amount": "900000.00", "currency": "CNY"}
    assert code(await client.get("/v1/offers/platinum-card?version=9", headers=marketer)) == (404, "not_found")
    decisions = await service.everything.pool.fetch("SELECT id, catalogue_version FROM decision ORDER BY id")
    assert [row[1] for row in decisions] == [1, 3, 4, 5]
    for row in decisions:
        assert (await client.get(f"/v1/decisions/{row[0]}", headers=token("auditor"))).json()["replayed"] is True
    audited = await service.everything.pool.fetch("SELECT what, entity_id, version, who FROM audit ORDER BY id")
    assert [tuple(row) for row in audited] == [
        ("offer.changed", "platinum-card", "1", "marketer-1"),
        ("script.changed", "s-card-counter", "1", "marketer-1"),
        ("offer.changed", "platinum-card", "2", "marketer-1"),
        ("offer.changed", "platinum-card", "3", "marketer-1"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("offers/platinum-card", CARD | {"version": 3}, (409, "stale_version")),
        ("offers/time-deposit-12m", CARD, (409, "stale_version")),
        ("offers/platinum-card", CARD | {"expected_margin": None}, (422, "margin_missing")),
        (
            "offers/platinum-card",
            CARD | {"expected_margin": {"amount": "1.00", "currency": "USD"}},
            (422, "foreign_currency"),
        ),
        ("offers/platinum-card", CARD | {"expected_margin": {"amount": "1.001", "currency": "CNY"}}, (422, "invalid")),
        ("offers/platinum-card", CARD | {"expected_margin": {"amount": "-1", "currency": "CNY"}}, (422, "invalid")),
        ("offers/platinum-card", CARD | {"created_by": "me"}, (422, "invalid")),
        ("offers/platinum-card", CARD | {"base_propensity": 1.5}, (422, "invalid")),
        ("offers/time-deposit-12m", CARD | {"version": 1, "kind": "service"}, (422, "kind_fixed")),
        ("scripts/s-card-counter", SAY, (422, "unknown_offer")),
        ("scripts/s-other", SAY | {"offer": "time-deposit-12m"}, (409, "script_exists")),
        ("scripts/s-td12m-counter", SAY | {"offer": "time-deposit-12m"}, (409, "stale_version")),
        ("scripts/s-x", SAY | {"channel": "smoke"}, (422, "invalid")),
    ],
)
async def test_what_an_offer_sheet_refuses(
    service: RunningService, put: Any, path: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    refused = await put(path, body)
    assert code(refused) == expected, refused.text
    if expected[1] == "stale_version":
        assert refused.json()["version"] == (0 if "platinum" in path else 1)
    assert await service.everything.pool.fetchval("SELECT max(version) FROM catalogue") == 1


async def test_an_offer_brings_a_condition_of_its_own(service: RunningService, token: Headers, put: Any) -> None:
    asked = CARD | {"conditions": {"where": "balance > 50000 and\n agee < 60"}}
    refused = await put("offers/platinum-card", asked)
    assert code(refused) == (422, "bad_condition")
    problem = refused.json()
    assert (problem["reason"], problem["line"], problem["column"]) == ("unknown_field", 2, 2)
    assert "did you mean age?" in refused.text
    assert await service.everything.pool.fetchval("SELECT max(version) FROM catalogue") == 1

    made = await put("offers/platinum-card", CARD | {"conditions": {"where": "age < 40 or has_tag('gold')"}})
    assert made.json()["conditions"]["where"] == "age < 40 or has_tag('gold')"
    async with service.everything.pool.acquire() as conn:
        await add_customer(conn, person(1))  # born in 1980: 45
    told = await nba(service, token("teller", "B1"), person(1))
    withheld = {w["offer"]: w["text"]["en"] for w in told["withheld"]}
    assert withheld["platinum-card"] == "the offer asks that Age is less than 40, or has the tag “gold”"
    replayed = await service.client.get(f"/v1/decisions/{told['decision_id']}", headers=token("auditor"))
    assert replayed.json()["replayed"] is True


async def test_an_offer_asks_a_field_of_the_banks_own(
    service: RunningService, token: Headers, put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "fields:\n- {name: spare, type: money, grain: customer, zh: 可投资余额, en: Spare, is: balance - 20000}\n"
    (tmp_path / "own.yaml").write_text(own, "utf-8")
    monkeypatch.setitem(vars(service.runtime.settings), "fields_folder", tmp_path)
    made = await put("offers/platinum-card", CARD | {"conditions": {"where": "spare > 1000000"}})
    assert made.status_code == 200, made.text
    assert [field["is"] for field in made.json()["own_fields"]] == ["balance - 20000"]
    async with service.everything.pool.acquire() as conn:
        await add_customer(conn, person(1))
    told = await nba(service, token("teller", "B1"), person(1))
    withheld = {w["offer"]: w["text"]["en"] for w in told["withheld"]}
    assert withheld["platinum-card"] == "the offer asks that (Balance − 20000.00) is more than 1000000.00"
    replayed = await service.client.get(f"/v1/decisions/{told['decision_id']}", headers=token("auditor"))
    assert replayed.json()["replayed"] is True


async def test_sixty_offers_made_over_the_api_are_decided_over(
    service: RunningService, token: Headers, put: Any
) -> None:
    client, marketer = service.client, token("marketer")
    for number in range(60):
        offer = CARD | {"base_propensity": number / 100, "conditions": {"age_min": 18 + number}}
        assert (await put(f"offers/card-{number:02d}", offer)).status_code == 200
    pages: list[dict[str, Any]] = []
    cursor = None
    while not pages or cursor:
        params = {"limit": 25, "kind": "marketing"} | ({"cursor": cursor} if cursor else {})
        answer = (await client.get("/v1/offers", params=params, headers=marketer)).json()
        cursor = answer["next_cursor"]
        pages += answer["items"]
    assert [o["code"] for o in pages] == sorted(o["code"] for o in pages)
    assert len(pages) == 63
    foreign = await client.get("/v1/offers", params={"cursor": "x" * 40}, headers=marketer)
    assert code(foreign) == (400, "invalid_cursor")
    service_offers = (await client.get("/v1/offers", params={"kind": "service"}, headers=marketer)).json()["items"]
    assert [o["code"] for o in service_offers] == ["renew-risk-rating"]
    some = (await client.get("/v1/scripts", params={"offer": "time-deposit-12m"}, headers=marketer)).json()["items"]
    assert {s["channel"] for s in some} == {"call_centre", "counter", "relationship_manager", "mobile"}

    async with service.everything.pool.acquire() as conn:
        await add_customer(conn, person(1))  # born in 1980: 45
    told = await nba(service, token("teller", "B1"), person(1))
    assert [a["offer"] for a in told["actions"]] == ["card-27", "card-26", "card-25"]
    assert {w["offer"] for w in told["withheld"]} >= {f"card-{n:02d}" for n in range(28, 60)}
