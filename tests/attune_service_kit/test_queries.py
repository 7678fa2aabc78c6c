"""A query that an operation does not have is refused, and the answer says what it has."""

from datetime import date, datetime
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query

from attune_service_kit.errors import Invalid
from attune_service_kit.queries import ExactQuery


@pytest.fixture(scope="module")
def queries() -> ExactQuery:
    app = FastAPI()

    @app.get("/v1/postings")
    def postings(
        limit: int = 50,
        since: date | None = None,
        until: datetime | None = None,
        open: bool = True,  # noqa: A002 - the parameter's name
        branch: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
    ) -> None: ...

    @app.get("/v1/health")
    def health() -> None: ...

    return ExactQuery(app)


def asked(path: str, query: bytes) -> Any:
    return SimpleNamespace(
        method="GET", scope={"query_string": query, "route": SimpleNamespace(path=path)}, app=FastAPI()
    )


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"limit=10&since=2026-03-17&open=false",
        b"branch=01&branch=02",
        b"until=2026-03-17T09:30:00%2B08:00",
        b"limit=",
    ],
)
def test_what_the_operation_has_is_read(queries: ExactQuery, query: bytes) -> None:
    request = asked("/v1/postings", query)
    queries.check(request)
    assert request.scope["query_string"] == query


@pytest.mark.parametrize(
    ("query", "en", "zh"),
    [
        (b"limt=10", "did you mean `limit`? this operation has: branch, limit, open, since, until", "是否为 limit"),
        (b"limt=10", "a query parameter is unknown", "查询参数未知"),
        (b"13800138000=1", "is unknown; this operation has: branch", "未知；该操作"),
        (b"limit=10&limit=20", "`limit` may come once", "limit 只能出现一次"),
        (b"limit=1e3", "`limit` must be a whole number", "limit 应为不超过 18 位的整数"),
        (b"since=17.03.2026", "`since` must be a day, as 2026-03-17", "since 应为日期"),
        (b"until=2026-03-17", "`until` must be a moment with its offset", "until 应为带时区的时刻"),
        (b"open=yes", "`open` must be `true` or `false`", "open 应为 true 或 false"),
        (b"branch=%00", "`branch` must be text without control characters", "branch 应为不含控制字符的文本"),
        (b"branch=%ff", "no percent-encoded UTF-8", "不是百分号编码的 UTF-8"),
        (b"&".join([b"branch=1"] * 101), "more than 100 parameters", "超过 100 个"),
    ],
)
def test_a_refusal_says_which_and_how(queries: ExactQuery, query: bytes, en: str, zh: str) -> None:
    with pytest.raises(Invalid) as refused:
        queries.check(asked("/v1/postings", query))
    assert en in refused.value.en
    assert zh in refused.value.zh
    assert "13800138000" not in refused.value.en + refused.value.zh


def test_an_operation_without_parameters_says_so(queries: ExactQuery) -> None:
    with pytest.raises(Invalid, match="no query parameters"):
        queries.check(asked("/v1/health", b"limit=1"))
