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


_KINDS: Mapping[Any, Callable[[str], object]] = {
    datetime: _moment,  # before `date`, whose subclass it is
    date: _day,
    bool: lambda value: value in ("true", "false"),
    int: _WHOLE.fullmatch,
}

Check = Callable[[str], object]
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
            exact = all(_exact(rules, name, value) for name, value in pairs)
        except ValueError:
            exact = False
        names = [name for name, _ in pairs] if exact else []
        if not exact or any(names.count(name) > 1 and not rules[name][1] for name in names):
            raise Invalid(
                "a query parameter is unknown, comes twice or is not written as it must be",
                "查询参数未知、重复或格式不正确",
            )


def _exact(rules: Rules, name: str, value: str) -> bool:
    """Whether the operation has this parameter, with such a value; ValueError says no, too."""
    return name in rules and bool(rules[name][0](texts.plain(value)) or value == "")


def _rules(dependant: Dependant) -> Iterator[tuple[str, tuple[Check, bool]]]:
    for parameter in dependant.query_params:
        kinds = set(_types(parameter.field_info.annotation))
        check = next((found for kind, found in _KINDS.items() if kind in kinds), lambda _value: True)
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
