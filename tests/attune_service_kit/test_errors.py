"""Refusals are rendered alike, and a database's passing trouble is told from a defect."""

import asyncpg
import orjson
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from attune_service_kit import errors
from attune_service_kit.errors import Conflict, NotFound, Refusal, Unavailable, database_refusal, problem, refusals


class UnknownCustomer(NotFound):
    code = "unknown_customer"


def test_a_refusal_becomes_a_problem_in_both_languages() -> None:
    response = problem(UnknownCustomer("no such customer", "客户不存在", status=200, hint="look it up by source id"))
    body = orjson.loads(response.body)
    assert (response.status_code, response.media_type) == (404, "application/problem+json")
    assert body == {
        "type": "urn:attune:problem:unknown_customer",
        "title": "Not found",
        "status": 404,  # an extra never overrides a field of the problem
        "code": "unknown_customer",
        "detail": {"en": "no such customer", "zh": "客户不存在"},
        "request_id": "",
        "hint": "look it up by source id",
    }


def test_waiting_time_is_a_header() -> None:
    assert problem(Unavailable("later", "稍后", retry_after=7)).headers["Retry-After"] == "7"
    assert problem(Conflict("busy", "忙", retry_after=1)).headers["Retry-After"] == "1"
    assert "Retry-After" not in problem(Conflict("done", "已完成")).headers
    assert problem(errors.Unauthenticated("who?", "未认证")).headers["WWW-Authenticate"] == "Bearer"


def test_every_class_has_its_own_status_and_code() -> None:
    classes = Refusal.__subclasses__()
    assert len({refusal.code for refusal in classes}) == len(classes)
    assert {refusal.status for refusal in classes} >= {400, 401, 403, 404, 409, 413, 415, 422, 503}


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        asyncpg.LockNotAvailableError("lock timeout"),
        asyncpg.DiskFullError("could not extend file"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.TooManyConnectionsError("too many"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle"),
        asyncpg.InterfaceError("connection is closed"),
        PoolTimeout("QueuePool limit"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        ConnectionRefusedError(111, "refused"),
        TimeoutError(),
        DBAPIError("INSERT", {}, asyncpg.DiskFullError("full")),
        DBAPIError("INSERT", {}, OSError("gone"), connection_invalidated=True),
    ],
)
def test_passing_trouble_is_unavailable(error: Exception) -> None:
    refusal = database_refusal(error)
    assert refusal is not None
    assert refusal.status == 503


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("duplicate key"),
        asyncpg.UndefinedTableError("no table"),
        IntegrityError("INSERT", {}, asyncpg.UniqueViolationError("duplicate key")),
        ValueError("a defect"),
        FileNotFoundError("a defect"),
    ],
)
def test_defects_are_not_excused(error: Exception) -> None:
    assert database_refusal(error) is None


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DataError("invalid input for query argument $1: 32527296516960 (value out of int32 range)"),
        asyncpg.NumericValueOutOfRangeError("integer out of range"),
        asyncpg.CharacterNotInRepertoireError("invalid byte sequence"),
    ],
)
def test_a_value_that_no_column_holds_is_the_callers(error: Exception) -> None:
    refusal = database_refusal(error)
    assert refusal is not None
    assert refusal.status == 422
    assert "32527296516960" not in str(refusal)


def test_documented_refusals_share_a_status() -> None:
    documented = refusals(NotFound, UnknownCustomer, Conflict)
    assert documented[404]["x-codes"] == ["not_found", "unknown_customer"]
    assert documented[409]["description"] == "Conflict: conflict"
