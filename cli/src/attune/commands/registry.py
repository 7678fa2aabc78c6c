"""`attune models`: what there is, what a model earned, how it is watched; which version answers, and the way back."""

from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from attune import model_tables
from attune.client import Client
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result, reason, waits_for_another
from attune.progress import job_progress
from attune.session import running

Name = Annotated[str, typer.Argument(help="The model's name, e.g. propensity-purchase.")]
VersionOption = Annotated[int | None, typer.Option(min=1, help="Only this version's.")]
HtmlOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the page with pictures: earned, drift, responses.")
]

AT_ONCE = 500
"""So many customers one job explains."""

group = typer.Typer(help="Models: what they are, what they earn, how they are watched.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="models")


@group.command("list")
def listing(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the models, and which version of each answers."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        found = list(admin.pages("/v1/models"))
    if not as_json:
        console.print(model_tables.registry(found))
    print_result({"models": found}, as_json)


@group.command("show")
def show(name: Name, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a model's versions: their states, metrics and hashes."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        told = dict(admin.get(f"/v1/models/{name}"))
    if not as_json:
        console.print(model_tables.versions(told))
    print_result(told, as_json)


@group.command("compare")
def compare(name: Name, html: HtmlOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Compare a model with no model, from the ledger: response, effect and money, with intervals."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        _job(admin, f"/v1/models/{name}/comparisons", f"compare {name}")
        told = dict(admin.get(f"/v1/models/{name}/comparison"))
        page = _page(admin, name, html)
    if not as_json and told["comparisons"]:
        console.print(model_tables.comparison(told))
    elif not as_json:
        purpose = told["purpose"]
        console.print(f"Nothing to compare with: every customer of {purpose} has the model's answer.")
        console.print(f"Set a share apart: attune models shares {purpose} --no-model 0.05")
    print_result(told | page, as_json, page.get("page"))


@group.command("watch")
def watch(
    name: Name,
    version: VersionOption = None,
    html: HtmlOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a model's versions now: drift of features and score, response by decile."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        done = _job(admin, f"/v1/models/{name}/watch", f"watch {name}")
        # The newest come first: what is seen of this snapshot, and nothing of those before.
        looks = admin.pages(f"/v1/models/{name}/watch", version=version)
        seen = list(takewhile(lambda one: one["as_of"] >= done["as_of"], looks))
        page = _page(admin, name, html)
    if not as_json:
        for one in seen:
            for table in model_tables.look(one):
                console.print(table)
        if not seen:
            console.print("No version that answers or looks on says what it was trained on.")
    print_result(done | {"model": name, "seen": seen} | page, as_json, page.get("page"))


@group.command("drifts")
def drifts(name: Name, version: VersionOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what a model's versions have crossed, each once, the newest first."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        found = list(admin.pages(f"/v1/models/{name}/drifts", version=version))
    if not as_json:
        console.print(model_tables.crossings(found) if found else "Nothing has been crossed.")
    print_result({"model": name, "drifts": found}, as_json)


@group.command("explain")
def explain(
    name: Name,
    customers: Annotated[list[str] | None, typer.Argument(help="Customers' ids; or a file of them by --list.")] = None,
    listed: Annotated[Path | None, typer.Option("--list", metavar="FILE", help="A file of ids, one a line.")] = None,
    version: Annotated[int | None, typer.Option(min=1, help="By default the champion.")] = None,
    most: Annotated[int, typer.Option(min=1, max=100, help="So many features a customer; the rest is one sum.")] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Share the scores of chosen customers out among the features, exactly: of models that are one sum of trees."""
    chosen = [*map(_id, customers or ()), *(_lines(listed) if listed else ())]
    if not chosen:
        raise Failure("name customers, or --list FILE")
    told: dict[str, Any] = {}
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        for first in range(0, len(chosen), AT_ONCE):
            body = {"customer_ids": chosen[first : first + AT_ONCE], "version": version, "most": most}
            part = _job(admin, f"/v1/models/{name}/contributions", f"explain {name}", body)
            told = part | {key: told.get(key, []) + part[key] for key in ("customers", "unknown")}
    if not as_json:
        console.print(model_tables.contributions(told))
    print_result(told, as_json)


@group.command("shares")
def shares(
    purpose: Annotated[str, typer.Argument(help="The models' purpose, e.g. propensity.")],
    no_model: Annotated[float | None, typer.Option(min=0, max=1, help="The share that no model answers for.")] = None,
    challenger: Annotated[float | None, typer.Option(min=0, max=1, help="The share of challengers.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the shares of a purpose's customers without model and by challengers; with an option, set them."""
    path = f"/v1/purposes/{purpose}"
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        told = dict(admin.get(path))
        if no_model is not None or challenger is not None:
            wanted = {"no_model_share": no_model, "challenger_share": challenger}
            told = dict(admin.put(path, {name: told[name] if to is None else to for name, to in wanted.items()}))
    waits = waits_for_another(told, "scoring")
    if not as_json and waits is None:
        console.print(model_tables.shares(told))
    print_result(told, as_json, waits)


@group.command("promote")
def promote(
    name: Name,
    version: Annotated[int, typer.Argument(min=1, help="The version that is to answer.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a version answer from now on."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        told = dict(admin.post(f"/v1/models/{name}/versions/{version}:promote"))
    print_result(told, as_json, waits_for_another(told, "scoring") or f"{name} v{told['champion']} answers")


@group.command("rollback")
def rollback(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the trail.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the version answer again that did so before the newest promotion: one person, at once."""
    with running(Home.at(home)) as place, Client(place, "model_admin") as admin:
        told = dict(admin.post(f"/v1/models/{name}:rollback", {"reason": reason}))
    print_result(told, as_json, f"{name} v{told['champion']} answers again")


def _job(admin: Client, path: str, title: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    with job_progress(console) as progress:
        return admin.wait_job("scoring", str(admin.post(path, body)["id"]), progress(title))


def _lines(file: Path) -> list[str]:
    """The ids of a file."""
    try:
        return [_id(word) for word in file.read_text(encoding="utf-8").split()]
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file}: {reason(error)}") from error


def _id(word: str) -> str:
    try:
        return str(UUID(word))
    except ValueError:
        raise Failure(f"{word!r} is no customer's id, a UUID") from None


def _page(admin: Client, name: str, target: Path | None) -> dict[str, str]:
    """Write the model's page where it is wanted; under which key the result says so."""
    if target is None:
        return {}
    try:
        target.write_bytes(admin.ask(lambda attune: attune.models.report(name)))
    except OSError as error:
        raise Failure(f"{target}: {error.strerror}") from error
    return {"page": str(target)}
