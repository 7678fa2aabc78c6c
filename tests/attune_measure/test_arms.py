"""Arms: one formula in Python and DuckDB, shares met, salts that do not overlap."""

import hashlib
from datetime import date
from uuid import UUID

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_measure.arms import (
    Arm,
    ModelArm,
    Salt,
    arm_number,
    arm_sql,
    assign,
    assign_sql,
    basis_points,
    check_salts,
    model_arm,
    model_arm_sql,
    salt_on,
)

SALT = "large-deposit/3f9c51d2a7"
UNIVERSAL = "universal/77b1c0ffee42"
ONE = UUID("1f6a9c3e-0b7d-8e21-8c45-9a0d3f5b7e11")


def test_the_number_is_the_published_formula() -> None:
    expected = int(hashlib.sha256(f"{SALT}:{ONE}".encode()).hexdigest()[:15], 16) % 10_000
    assert arm_number(SALT, ONE) == expected
    assert arm_number("s", "00000000-0000-8000-8000-000000000000") == 3742  # by sha256sum and bash arithmetic


def test_the_customer_is_hashed_as_lower_case_hyphenated_text() -> None:
    assert arm_number(SALT, str(ONE).upper()) == arm_number(SALT, ONE) == arm_number(SALT, str(ONE))


def test_duckdb_gives_the_same_numbers_and_arms_for_100000_customers() -> None:
    con = duckdb.connect()
    ids = "md5(i::VARCHAR)::UUID::VARCHAR"
    arm = assign_sql("id", universal_salt_expr="$u", universal_share_bp=200, salt_expr="$s", control_share_bp=1000)
    rows = con.execute(
        f"SELECT id, {arm_sql('$s', 'id')}, {arm} FROM (SELECT {ids} AS id FROM range(100000) t(i))",
        {"s": SALT, "u": UNIVERSAL},
    ).fetchall()
    different = [
        row
        for row in rows
        if row[1] != arm_number(SALT, row[0])
        or row[2] != assign(row[0], universal_salt=UNIVERSAL, universal_share_bp=200, salt=SALT, control_share_bp=1000)
    ]
    assert len(rows) == 100_000
    assert different == []


def test_shares_are_met_and_the_two_salts_are_independent() -> None:
    ids = [f"{i:08x}-0000-8000-8000-000000000000" for i in range(40_000)]
    arms = [assign(i, universal_salt=UNIVERSAL, universal_share_bp=200, salt=SALT, control_share_bp=5000) for i in ids]
    assert arms.count(Arm.UNIVERSAL) / len(arms) == pytest.approx(0.02, abs=0.003)
    assert arms.count(Arm.CONTROL) / (len(arms) - arms.count(Arm.UNIVERSAL)) == pytest.approx(0.5, abs=0.01)


@given(st.uuids(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_raising_the_share_moves_customers_into_control_only(customer: UUID, one: int, other: int) -> None:
    low, high = sorted((one, other))

    def arm(share: int) -> Arm:
        return assign(customer, universal_salt=UNIVERSAL, universal_share_bp=0, salt=SALT, control_share_bp=share)

    assert 0 <= arm_number(SALT, customer) < 10_000
    assert not (arm(low) is Arm.CONTROL and arm(high) is Arm.TREATED)


@pytest.mark.parametrize(("share", "arm"), [(0, Arm.TREATED), (10_000, Arm.CONTROL)])
def test_shares_of_none_and_all(share: int, arm: Arm) -> None:
    assert assign(ONE, universal_salt="u", universal_share_bp=0, salt="s", control_share_bp=share) is arm
    assert assign(ONE, universal_salt="u", universal_share_bp=10_000, salt="s", control_share_bp=share) is Arm.UNIVERSAL


@pytest.mark.parametrize("share", [-1, 10_001])
def test_impossible_shares_are_refused(share: int) -> None:
    with pytest.raises(ValueError, match="basis points"):
        assign(ONE, universal_salt="u", universal_share_bp=0, salt="s", control_share_bp=share)


def test_shares_as_basis_points() -> None:
    assert [basis_points(s) for s in (0.0, 0.02, 0.1, 0.29, 1.0)] == [0, 200, 1000, 2900, 10_000]
    for wrong in (0.00005, 1.01, -0.1):
        with pytest.raises(ValueError, match="multiple"):
            basis_points(wrong)


def test_salts_hold_on_their_days_only() -> None:
    salts = [
        Salt("first-secret-0123456", date(2026, 1, 1), date(2026, 3, 31)),
        Salt("second-secret-123456", date(2026, 4, 1)),
    ]
    check_salts(salts)
    assert salt_on(salts, date(2026, 3, 31)) == "first-secret-0123456"
    assert salt_on(salts, date(2026, 4, 1)) == "second-secret-123456"
    with pytest.raises(LookupError, match="0 salts"):
        salt_on(salts, date(2025, 12, 31))


@pytest.mark.parametrize(
    ("salts", "reason"),
    [
        ([Salt("a" * 16, date(2026, 1, 1)), Salt("b" * 16, date(2026, 4, 1))], "two salts hold on 2026-04-01"),
        ([Salt("a" * 16, date(2026, 4, 1), date(2026, 3, 1))], "before it begins"),
        ([Salt("short", date(2026, 4, 1))], "16 characters"),
    ],
)
def test_unusable_salts_are_refused(salts: list[Salt], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_salts(salts)


def test_who_is_answered_by_whom_is_the_same_in_python_and_sql_and_stays_when_a_share_grows() -> None:
    ids = [str(UUID(int=i)) for i in range(2_000)]

    def arms(no_model: int, challenger: int) -> list[ModelArm]:
        return [model_arm(i, salt="purpose-salt-0001", no_model_bp=no_model, challenger_bp=challenger) for i in ids]

    small, grown = arms(500, 1_000), arms(2_000, 1_000)
    sql = model_arm_sql("id", salt_expr="'purpose-salt-0001'", no_model_bp=500, challenger_bp=1_000)
    with duckdb.connect(":memory:") as con:
        con.execute("CREATE TABLE c AS SELECT unnest($1::VARCHAR[]) AS id", [ids])
        told = [row[0] for row in con.execute(f"SELECT {sql} FROM c").fetchall()]

    assert told == small
    assert 0.03 < small.count(ModelArm.NO_MODEL) / len(ids) < 0.07
    assert 0.07 < small.count(ModelArm.CHALLENGER) / len(ids) < 0.13
    assert all(g == s for s, g in zip(small, grown, strict=True) if s is not ModelArm.CHAMPION)
    with pytest.raises(ValueError, match="a share is 0 to 10000"):
        arms(6_000, 5_000)
