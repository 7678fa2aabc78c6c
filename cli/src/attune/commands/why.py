"""`attune triggers why`: why triggers fired, or did not, on what a customer did or on a day."""

from typing import Annotated, Any

import typer

from attune.client import Client
from attune.commands import triggers
from attune.commands.bank_data import day_of
from attune.commands.eventing import ids_of
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, print_result
from attune.session import running


def register(_: typer.Typer) -> None:
    """Add the command to those of the triggers."""
    triggers.group.command("why")(why)


def why(
    customer: Annotated[str, typer.Argument(help="A customer, by Attune's id or the bank's.")],
    posting: Annotated[str | None, typer.Option(metavar="ID", help="One posting, by the bank's id.")] = None,
    behaviour: Annotated[str | None, typer.Option(metavar="ID", help="One behaviour, by the front end's id.")] = None,
    day: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="A day, and all that the customer did on it.")
    ] = None,
    trigger: Annotated[str | None, typer.Option(metavar="NAME", help="Only this trigger.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why each trigger fired, or did not: in both languages, with the figures it went by."""
    if [posting, behaviour, day].count(None) != 2:
        raise Failure("name one of --posting, --behaviour and --date")
    asked = {"posting_id": posting, "behaviour_id": behaviour, "trigger": trigger}
    asked["business_date"] = None if day is None else day_of(day, "--date").isoformat()
    with running(Home.at(home)) as place, Client(place) as client:
        (customer_id,) = ids_of(place, [customer])
        told = dict(client.get("/v1/detections/why", customer_id=customer_id, **asked))
    print_result(told, as_json, "\n".join(_lines(told)))


def _lines(told: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for one in told["postings"]:
        money = f"{one['direction']} {one['amount']} {one['currency']}"
        lines += _of(f"posting {one['posting_id']} of {one['business_date']}, {money}", one["triggers"])
    for one in told["behaviours"]:
        what = ", ".join(str(one[name]) for name in ("behaviour", "product", "step") if one[name])
        lines += _of(f"behaviour {one['behaviour_id']} of {one['business_date']}, {what}", one["triggers"])
    return lines + (_of("the day", told["day"]) if told["day"] else [])


def _of(head: str, verdicts: list[dict[str, Any]]) -> list[str]:
    return [head, *(f"  {verdict['text'][language]}" for verdict in verdicts for language in ("en", "zh"))]
