"""One deposit through everything: posted at the gateway, an opportunity, the teller's answer, one trace."""

import json
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from attune.bank.generate import BankFiles
from attune.client import Client, issue_token
from attune.home import Home
from attune_contracts.identifiers import customer_id

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def home(living_bank: Any) -> Path:
    """The home of the bank that all journeys share."""
    return Path(living_bank.home.root)


@pytest.fixture
def bank(living_bank: Any) -> BankFiles:
    """Its files."""
    files: BankFiles = living_bank.files
    return files


def until(answer: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true answer; a bound against hanging only."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(0.05)
    pytest.fail("it did not come about")


def deposit(operator: Client, bank: BankFiles, row: int, traceparent: str | None = None) -> tuple[str, str]:
    """Post a deposit above anybody's average; return the customer's id and the posting's."""
    truth = bank.truth()
    day = bank.last_day + timedelta(days=1)
    posting = {
        "posting_id": f"ONE-{row}",
        "account_id": str(truth.account[row]),
        "business_date": day.isoformat(),
        "booked_at": f"{day.isoformat()}T10:00:00+08:00",
        "direction": "credit",
        "amount": "5000000.00",
        "currency": "CNY",
        "kind": "transfer_in",
    }
    headers = {"Idempotency-Key": uuid.uuid4().hex, "Authorization": f"Bearer {operator.token}"}
    if traceparent:
        headers["traceparent"] = traceparent
    url = f"{operator.url}/v1/ledger/postings"
    answer = httpx.post(url, headers=headers, json={"source": "demo", "postings": [posting]}, timeout=30)
    assert answer.status_code == 202, answer.text
    return str(customer_id("demo", str(truth.cif[row]))), str(posting["posting_id"])


def opportunity(operator: Client, customer: str, posting: str) -> dict[str, Any] | None:
    items = operator.get("/v1/opportunities", customer_id=customer)["items"]
    return next((dict(o) for o in items if o["event_key"] == posting), None)


def test_every_deposit_is_one_opportunity_and_an_open_one_leads_the_tellers_list(home: Path, bank: BankFiles) -> None:
    place = Home.at(home)
    with Client(place) as operator:
        sent = [deposit(operator, bank, row) for row in range(0, 40, 2)]
        operator.settle()
        # Who came within six months has no history to compare with; who had a large deposit this month rests.
        opened = [found for customer, posting in sent if (found := opportunity(operator, customer, posting))]
        assert len(opened) >= 5
        states = {o["state"] for o in opened}
        assert states <= {"open", "held_out", "suppressed"}
        live = next(o for o in opened if o["state"] == "open")
        assert live["amount"]["amount"] == "5000000.00"
    with Client(place, "teller", live["branch_id"]) as teller:
        profile = teller.get(f"/v1/customers/{live['customer_id']}")
        answer = teller.get(f"/v1/customers/{live['customer_id']}/next-best-actions", channel="counter")
    assert profile["accounts"]
    assert profile["name"]
    assert answer["personalised"] is True
    assert answer["decision_id"]
    first = answer["actions"][0]
    assert first["opportunity_id"] == live["id"]
    assert first["script"]["text"]["zh"]
    assert "large_deposit" in {reason["code"] for reason in first["reasons"]}


def test_a_held_out_customer_looks_like_any_other_to_the_teller(home: Path, bank: BankFiles) -> None:
    place = Home.at(home)
    with Client(place) as operator:
        held = operator.get("/v1/opportunities", state="held_out", limit=200)["items"]
        if not held:
            pytest.fail("nobody is held out among the deposits of this bank")
        customer, branch = held[0]["customer_id"], held[0]["branch_id"]
    with Client(place, "teller", branch) as teller:
        answer = teller.get(f"/v1/customers/{customer}/next-best-actions", channel="counter")
        listed = teller.get("/v1/opportunities", customer_id=customer)["items"]
    assert answer["actions"] == []
    assert listed == []
    assert "arm" not in json.dumps(answer)


def test_a_foreign_branch_sees_what_an_unknown_customer_gives(home: Path, bank: BankFiles) -> None:
    place = Home.at(home)
    customer = str(customer_id("demo", str(bank.truth().cif[0])))
    with Client(place, "head_office") as office:
        own = office.get(f"/v1/customers/{customer}")["branch"]["branch_id"]
        branches = {b["branch_id"]: b["parent_id"] for b in office.get("/v1/branches")["items"]}
        url = office.url
    foreign = next(b for b, parent in branches.items() if b != own and parent and b not in branches.values())
    token, _ = issue_token(place, "teller", foreign)
    headers = {"Authorization": f"Bearer {token}"}
    answers = [httpx.get(f"{url}/v1/customers/{c}", headers=headers) for c in (customer, uuid.uuid4())]
    assert [a.status_code for a in answers] == [404, 404]
    bodies = [{k: v for k, v in a.json().items() if k != "request_id"} for a in answers]
    assert bodies[0] == bodies[1]


def test_one_trace_leads_from_the_deposit_to_the_opportunity(home: Path, bank: BankFiles) -> None:
    with Client(Home.at(home)) as operator:
        for row in range(101, 161, 2):
            trace = secrets.token_hex(16)
            customer, posting = deposit(operator, bank, row, f"00-{trace}-{secrets.token_hex(8)}-01")
            operator.settle()
            if opportunity(operator, customer, posting):
                break
        else:
            pytest.fail("no deposit became an opportunity")

    def services() -> set[str] | None:
        spans = [line for line in (home / "logs" / "traces.jsonl").read_text().splitlines() if trace in line]
        found = {name for name in ("eventing", "campaign") if any(f'"{name}"' in span for span in spans)}
        return found if len(found) == 2 else None

    assert until(services) == {"eventing", "campaign"}
