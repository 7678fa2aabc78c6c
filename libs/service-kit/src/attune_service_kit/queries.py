"""Queries are read exactly: no parameter that the operation does not have, none twice, each as JSON would write it.

A typing error would else widen a list silently, and two readers of `limit=1&limit=2` would see two requests (C28).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, get_args
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant

from attune_contracts.names import nearest
from attune_service_kit import texts
from attune_service_kit.auth import Caller, authenticated
from attune_service_kit.bodies import EARLIEST, LATEST, day, moment
from attune_service_kit.errors import Invalid
from attune_service_kit.openapi import operations

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_MOST = 100  # no operation has as many parameters


def _day(value: str) -> bool:
    return EARLIEST <= date.fromisoformat(day(value)) <= LATEST


def _moment(value: str) -> bool:
    return EARLIEST.year <= datetime.fromisoformat(moment(value)).year <= LATEST.year


def _truth(value: str) -> bool:
    return value in ("true", "false")


def _whole(value: str) -> bool:
    return _WHOLE.fullmatch(value) is not None


def _any(_value: str) -> bool:
    return True


Check = Callable[[str], bool]
_KINDS: Mapping[type, Check] = {
    datetime: _moment,  # before `date`, whose subclass it is
    date: _day,
    bool: _truth,
    int: _whole,
}
_WRITTEN: Mapping[Check, tuple[str, str]] = {
    _moment: ("a moment with its offset, as 2026-03-17T09:30:00+08:00", "带时区的时刻，如 2026-03-17T09:30:00+08:00"),
    _day: ("a day, as 2026-03-17", "日期，如 2026-03-17"),
    _truth: ("`true` or `false`", " true 或 false"),
    _whole: ("a whole number of at most 18 digits", "不超过 18 位的整数"),
    _any: ("text without control characters", "不含控制字符的文本"),
}
Rules = Mapping[str, tuple[Check, bool]]
"""Parameter → what its values must pass, and whether it may come several times."""


class ExactQuery:
    """The queries of one application's operations; made once its routes stand."""

    def __init__(self, app: FastAPI) -> None:
        self._rules = {
            (method, str(route.path)): dict(_rules(route.dependant))
            for route in operations(app)
            for method in route.methods or ()
        }

    def check(self, request: Request) -> None:
        """Refuse a query that its operation does not have; raises Invalid."""
        if not (query := request.scope["query_string"]):
            return
        rules = self._rules.get((request.method, request.scope["route"].path), {})
        try:
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST)
        except ValueError:
            raise Invalid(
                f"the query is no percent-encoded UTF-8, or has more than {_MOST} parameters",
                f"查询字符串不是百分号编码的 UTF-8，或参数超过 {_MOST} 个",
            ) from None
        came: set[str] = set()
        for name, value in pairs:
            if name not in rules:
                raise _unknown(name, rules)
            check, several = rules[name]
            if name in came and not several:
                raise Invalid(f"the query parameter `{name}` may come once", f"查询参数 {name} 只能出现一次")
            if not _exact(check, value):
                en, zh = _WRITTEN[check]
                raise Invalid(f"the query parameter `{name}` must be {en}", f"查询参数 {name} 应为{zh}")
            came.add(name)


def _unknown(name: str, rules: Rules) -> Invalid:
    """Says what there is: the name that came may be anything, and is not said back."""
    if not rules:
        return Invalid("this operation has no query parameters", "该操作没有查询参数")
    near = nearest(name, rules)
    known = ", ".join(sorted(rules))
    en, zh = (f", did you mean `{near}`?", f"，是否为 {near}？") if near else (";", "；")
    return Invalid(
        f"a query parameter is unknown{en} this operation has: {known}", f"查询参数未知{zh}该操作的查询参数为：{known}"
    )


def _exact(check: Check, value: str) -> bool:
    """Whether the value is written as the check has it, or is empty; ValueError says no, too."""
    try:
        return check(texts.plain(value)) or value == ""
    except ValueError:
        return False


def _rules(dependant: Dependant) -> Iterator[tuple[str, tuple[Check, bool]]]:
    for parameter in dependant.query_params:
        kinds = set(_types(parameter.field_info.annotation))
        check = next((found for kind, found in _KINDS.items() if kind in kinds), _any)
        yield parameter.alias, (check, bool(kinds & {list, tuple, set}))
    for inner in dependant.dependencies:
        yield from _rules(inner)


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    origin = getattr(annotation, "__origin__", None)
    if origin is not None:
        yield origin
    for argument in get_args(annotation):
        yield from _types(argument)


async def exact_query(request: Request, _caller: Annotated[Caller, Depends(authenticated)]) -> None:
    """Dependency of every operation, behind the token."""
    request.app.state.methods.check(request)
    request.app.state.queries.check(request)
