"""The OpenAPI document of a service: the scope of every operation, and one shape for every refusal."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from attune_service_kit.approvals import Change, ProposalPending, TwoPersons
from attune_service_kit.auth import Requires
from attune_service_kit.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    refusals,
)
from attune_service_kit.idempotency import REFUSALS as KEY_REFUSALS
from attune_service_kit.idempotency import idempotent
from attune_service_kit.overload import DeadlineExceeded, Overloaded

_METHODS = ("get", "put", "post", "patch", "delete")
# What any operation may answer, whatever it declares.
_COMMON = (Unauthenticated, Forbidden, Unavailable, Overloaded, DeadlineExceeded)
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Chosen by the client for this write; repeating it repeats the first answer",
    "schema": {"type": "string", "minLength": 16, "maxLength": 64, "pattern": "^[\\x21-\\x7e]{16,64}$"},
}
_PROPOSED = "Proposed, where maker_checker is on: made when another person approves it"


class RouteWithoutScope(RuntimeError):
    """A route asks for no scope: the service does not start."""


def operations(app: FastAPI) -> Iterator[RouteContext]:
    """The app's documented routes."""
    for route in iter_route_contexts(app.routes):
        if getattr(route, "dependant", None) is not None and getattr(route, "include_in_schema", False):
            yield route


def required_scope(dependant: Dependant) -> str | None:
    """The scope that a route's dependencies demand, or None."""
    return next((call.scope for call in _calls(dependant) if isinstance(call, Requires)), None)


def needs_two(dependant: Dependant) -> Change | None:
    """The change that a route makes only with two persons, or None."""
    return next((call.change for call in _calls(dependant) if isinstance(call, TwoPersons)), None)


def changes(app: FastAPI) -> Iterator[Change]:
    """The changes that the app's routes make only with two persons."""
    yield from (change for route in operations(app) if (change := needs_two(route.dependant)) is not None)


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def check_scopes(app: FastAPI) -> None:
    """Refuse an app with a route that anybody may call."""
    open_routes = [str(route.path) for route in operations(app) if required_scope(route.dependant) is None]
    if open_routes:
        raise RouteWithoutScope(f"no requires(...) on {', '.join(open_routes)}")


def describe(app: FastAPI) -> dict[str, Any]:
    """The document; made once and kept."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _add_components(document)
        for route in operations(app):
            for method in _METHODS:
                operation = document["paths"].get(route.path_format, {}).get(method)
                if operation is not None and method.upper() in (route.methods or ()):
                    _complete(operation, route, document["components"])
        app.openapi_schema = document
    return app.openapi_schema


def _add_components(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}}


def add_refusals(responses: dict[str, Any], implied: Sequence[type[Refusal]]) -> None:
    """Declare refusals that nobody has to declare; `x-implied` names them until their examples are made."""
    for status, response in refusals(*implied).items():
        declared = responses.get(str(status), {}).get("x-codes", [])
        added = [code for code in response["x-codes"] if code not in declared]
        title = response["description"].partition(":")[0]
        responses[str(status)] = response | {
            "description": f"{title}: {', '.join([*declared, *added])}",
            "x-codes": [*declared, *added],
            "x-implied": added,
        }


def _complete(operation: dict[str, Any], route: RouteContext, components: dict[str, Any]) -> None:
    # Imported here: a serving process describes nothing, and the edge itself asks for the routes' scopes.
    from attune_service_kit import openapi_examples
    from attune_service_kit.edge import Malformed

    dependant = route.dependant
    operation["x-scope"] = required_scope(dependant)
    operation["security"] = [{"bearer": []}]
    implied: list[type[Refusal]] = [*_COMMON]
    if "requestBody" in operation:
        implied += (Malformed, TooLarge, UnsupportedMedia)
    if operation.get("parameters") or "requestBody" in operation:
        implied.append(Invalid)
    if "{" in str(route.path_format):
        implied.append(NotFound)
    if any(call is idempotent for call in _calls(dependant)):
        operation.setdefault("parameters", []).append(dict(_KEY_PARAMETER))
        implied += KEY_REFUSALS
    if needs_two(dependant) is not None:
        shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Proposal"}}}
        operation["responses"]["202"] = {"description": _PROPOSED, "content": shape}
        implied.append(ProposalPending)
    add_refusals(operation["responses"], implied)
    openapi_examples.complete(operation, route.endpoint.__module__, components)
