"""`attune token`: a development token, to try the API with."""

from typing import Annotated
from uuid import UUID

import typer

from attune.client import issue_token
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, print_result
from attune.processes import SERVICES
from attune_contracts.access import ROLE_SCOPES, WHOLE_BANK_ROLES
from attune_contracts.audiences import AUDIENCES, GATEWAY, audience_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("token")(token)


def token(
    role: Annotated[str, typer.Option(help="One of: " + ", ".join(ROLE_SCOPES))],
    branch: Annotated[str | None, typer.Option(help="The branch whose customers the token may see.")] = None,
    customer: Annotated[UUID | None, typer.Option(help="The customer whom a mobile token speaks for.")] = None,
    subject: Annotated[str | None, typer.Option(help="Who the token is for, e.g. a staff number.")] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(help="Whom the token is for: gateway, a service or another name; repeatable. By default all."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token of the development issuer (12 hours)."""
    if role not in ROLE_SCOPES:
        raise Failure(f"no role '{role}': choose one of {', '.join(ROLE_SCOPES)}")
    if role not in WHOLE_BANK_ROLES and role != "mobile" and not branch:
        raise Failure(f"a {role} works in a branch: add --branch, e.g. --branch 102001")
    if role == "mobile" and customer is None:
        raise Failure("a mobile token speaks for one customer: add --customer ID")
    place = Home.at(home)
    if not (place.keys / "jwks.json").exists():
        raise Failure(f"{place.root} has no keys yet: `attune up` makes them")
    parts = {part: audience_of(part) for part in (GATEWAY, *SERVICES)}
    named = [parts.get(name.replace("-", "_"), name) for name in audience or AUDIENCES]
    value, expires_at = issue_token(place, role, branch, subject, customer, named)
    print_result({"token": value, "expires_at": expires_at}, as_json, value)
