"""The 360 view and the lists: first who may not see, then what is seen."""

from typing import Any
from uuid import UUID

import pytest

NOBODY = UUID("0190a7c0-0000-8000-8000-000000000001")


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v1/customers/{id}", "/v1/customers?source_id=P1", "/v1/branches", "/v1/employees/M1/customers"]
)
async def test_nothing_without_token_or_scope(imported: Any, path: str) -> None:
    path = path.format(id=imported.customer("P1"))
    assert (await imported.service.client.get(path)).status_code == 401
    refused = await imported.get(path, "partner")
    assert (refused.status_code, refused.json()["needs"]) == (403, "customers:read")


async def test_a_foreign_customer_is_answered_as_an_unknown_one(imported: Any) -> None:
    foreign = await imported.get(f"/v1/customers/{imported.customer('P3')}", "teller", "B1")
    unknown = await imported.get(f"/v1/customers/{NOBODY}", "teller", "B1")
    without_branch = await imported.get(f"/v1/customers/{imported.customer('P6')}", "teller", "B1")
    other_customer = await imported.get(
        f"/v1/customers/{imported.customer('P3')}", "mobile", customer=imported.customer("P1")
    )
    answers = [r.json() | {"request_id": None} for r in (foreign, unknown, without_branch, other_customer)]
    assert [r.status_code for r in (foreign, unknown, without_branch, other_customer)] == [404] * 4
    assert answers == [answers[0]] * 4


@pytest.mark.parametrize(
    ("bad", "status"), [("1", 422), ("P1", 422), ("0190a7c0", 422), ("' OR 1=1", 422), ("%00", 404)]
)
async def test_what_is_no_id_is_refused_without_being_repeated(imported: Any, bad: str, status: int) -> None:
    response = await imported.get(f"/v1/customers/{bad}")
    assert response.status_code == status
    assert "OR 1" not in response.text


# --- seen ------------------------------------------------------------------------------------------------------------


async def test_the_view_has_everything_in_one_answer(imported: Any) -> None:
    response = await imported.get(f"/v1/customers/{imported.customer('P1')}", "teller", "B1")
    assert (response.status_code, response.headers["etag"]) == (200, '"1"')
    view = response.json()
    assert list(view)[:4] == ["customer_id", "source", "source_id", "version"]
    assert {k: view[k] for k in ("source_id", "name", "birth_date", "gender", "risk_rating", "personalisation")} == {
        "source_id": "P1", "name": "张三", "birth_date": "1980-02-29", "gender": "male", "risk_rating": "C3",
        "personalisation": True,
    }  # fmt: skip
    assert view["branch"] == {"branch_id": "B1", "name": "First, main"}
    assert view["manager"] == {"employee_id": "M1", "name": "王经理"}
    assert [(a["source_id"], a["kind"], a["currency"]) for a in view["accounts"]] == [
        ("A1", "demand", "CNY"),
        ("A2", "wealth", "JPY"),
    ]
    first, second = view["holdings"]
    assert first["product"] == {
        "product_id": "TD12", "name": {"zh": "十二个月定期", "en": "Time deposit 12 months"}, "kind": "time_deposit",
        "risk_level": "R1",
    }  # fmt: skip
    assert (first["value"], second["value"]) == (
        {"amount": "80000.00", "currency": "CNY"},
        {"amount": "70000", "currency": "JPY"},
    )
    assert {c["purpose"]: c["granted"] for c in view["consents"]} == {
        "personalised_decision": True,
        "marketing_contact": False,
    }
    assert "13800000001" not in response.text
    assert "Road" not in response.text


async def test_all_sections_come_in_one_round_trip(imported: Any) -> None:
    asked: list[str] = []
    path = f"/v1/customers/{imported.customer('P1')}"
    first = (await imported.get(path, "teller", "B1")).content
    held = [holder._con for holder in imported.service.runtime.database.pool._holders if holder._con is not None]
    for connection in held:
        connection.add_query_logger(lambda query: asked.append(query.query))
    assert (await imported.get(path, "teller", "B1")).content == first
    assert len(asked) == 1, asked
    assert "customer_view(" in asked[0]


async def test_the_view_keeps_to_its_contract(imported: Any) -> None:
    from customer_360.api.models import CustomerView

    for source_id in ("P1", "P3", "P4", "P6"):
        response = await imported.get(f"/v1/customers/{imported.customer(source_id)}")
        view = CustomerView.model_validate_json(response.content)
        assert set(response.json()) == set(CustomerView.model_fields)
        assert (view.source_id, view.accounts is not None) == (source_id, True)
    bare = (await imported.get(f"/v1/customers/{imported.customer('P6')}")).json()
    assert (bare["branch"], bare["manager"], bare["accounts"], bare["holdings"], bare["consents"]) == (
        None,
        None,
        [],
        [],
        [],
    )


@pytest.mark.parametrize(
    ("role", "branch", "seen"),
    [
        ("teller", "B1", {"P1", "P4"}),
        ("teller", "B11", {"P4"}),
        ("branch_manager", "HO", {"P1", "P3", "P4"}),
        ("teller", "B2", {"P3"}),
        ("teller", "NOWHERE", set()),
        ("head_office", None, {"P1", "P3", "P4", "P6"}),
    ],
)
async def test_a_branch_sees_itself_and_what_lies_below(
    imported: Any, role: str, branch: str | None, seen: set[str]
) -> None:
    found = set()
    for source_id in ("P1", "P3", "P4", "P6"):
        view = await imported.get(f"/v1/customers/{imported.customer(source_id)}", role, branch)
        listed = (await imported.get(f"/v1/customers?source_id={source_id}", role, branch)).json()["items"]
        assert (view.status_code == 200) == bool(listed)
        found |= {item["source_id"] for item in listed}
    assert found == seen


async def test_a_customer_sees_nobody_else(imported: Any) -> None:
    own = imported.customer("P1")
    assert (await imported.get(f"/v1/customers/{own}", "mobile", customer=own)).json()["source_id"] == "P1"
    assert (await imported.get("/v1/customers?source_id=P3", "mobile", customer=own)).json()["items"] == []
    assert (await imported.get("/v1/branches", "mobile", customer=own)).json()["items"] == []
    assert (await imported.get("/v1/employees/M1/customers", "mobile", customer=own)).status_code == 404


async def test_look_up_by_the_banks_id_is_exact(imported: Any) -> None:
    (found,) = (await imported.get("/v1/customers?source_id=P1")).json()["items"]
    assert (found["customer_id"], found["name"], found["phone"]) == (str(imported.customer("P1")), "张*", "138****0001")
    for other in ("P", "p1", "P1 ", "%25", "P_"):
        assert (await imported.get("/v1/customers", "head_office")).status_code == 422
        assert (await imported.get(f"/v1/customers?source_id={other}")).json()["items"] == []
    assert (await imported.get("/v1/customers?source_id=P1&source=other")).json()["items"] == []


async def test_branches_in_pages(imported: Any) -> None:
    first = (await imported.get("/v1/branches?limit=3", "head_office")).json()
    assert [b["branch_id"] for b in first["items"]] == ["B1", "B11", "B2"]
    rest = (await imported.get(f"/v1/branches?limit=3&cursor={first['next_cursor']}", "head_office")).json()
    assert rest == {"items": [{"branch_id": "HO", "parent_id": None, "name": "总行"}], "next_cursor": None}
    below = (await imported.get("/v1/branches", "teller", "B1")).json()["items"]
    assert [b["branch_id"] for b in below] == ["B1", "B11"]
    for role, found in ((("head_office",), ["B1", "B2"]), (("teller", "B1"), ["B1"])):
        under = (await imported.get("/v1/branches?parent=HO", *role)).json()["items"]
        assert [b["branch_id"] for b in under] == found


async def test_a_book_of_business_in_pages(imported: Any) -> None:
    path = "/v1/employees/M1/customers?limit=1"
    seen, cursor = [], ""
    for _ in range(2):
        page = (await imported.get(path + cursor, "relationship_manager", "B1")).json()
        seen += [item["customer_id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (seen, page["next_cursor"]) == (sorted(str(imported.customer(p)) for p in ("P1", "P4")), None)
    below = (await imported.get("/v1/employees/M1/customers", "head_office")).json()["items"]
    assert len(below) == 2
    assert (await imported.get("/v1/employees/M1/customers", "teller", "B2")).status_code == 404
    assert (await imported.get("/v1/employees/M9/customers")).status_code == 404


async def test_a_cursor_serves_its_own_list_and_caller_only(imported: Any) -> None:
    cursor = (await imported.get("/v1/employees/M1/customers?limit=1")).json()["next_cursor"]
    for path in (
        f"/v1/employees/M2/customers?cursor={cursor}",
        f"/v1/branches?cursor={cursor}",
        "/v1/branches?cursor=abc",
    ):
        response = await imported.get(path)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")
    other = await imported.get(f"/v1/employees/M1/customers?cursor={cursor}", "head_office", subject="someone-else")
    assert other.json()["code"] == "invalid_cursor"
