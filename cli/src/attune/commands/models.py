"""`attune train`: a model from a specification, live when it is ready."""

import hashlib
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from attune.client import Client
from attune.commands.bringing import send
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.model_tables import in_order
from attune.output import Failure, console, print_result, reason
from attune.progress import job_progress
from attune.session import running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    spec: Annotated[Path, typer.Argument(help="The model's specification, e.g. specs/propensity-purchase.yaml.")],
    as_of: Annotated[str | None, typer.Option(help="Train on what was known on this day (overrides the file).")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The file to learn from, where the specification's dataset is a file.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="Where the version's card is written, an HTML page; by default in the home.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the specification; nothing is trained.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model as its specification says, export it to ONNX and register the version with its card."""
    with running(Home.at(home)) as place:
        if check:
            with Client(place, "model_admin") as admin:
                told = _checked(admin, spec)
            print_result(told, as_json, f"{told['model']}: {told['kind']}, {told['target']}, {told['risk_class']}")
            return
        result = run_training(place, spec, as_of, data=data)
        result["card"] = str(write_card(place, result["model"], result["version"], card))
    metrics = told_metrics(result["metrics"]) + over_time(result["stability"])
    if result["refused"]:
        refused = ", ".join(f"{one['feature']} ({one['reason']})" for one in result["refused"])
        metrics += f"; no features: {refused}"
    waits = f"; it answers when another person approves proposal {result['proposal']}" if result.get("proposal") else ""
    looked_at = "".join(f"\n  look at this first: {one['en']}" for one in result["cautions"])
    said = f"{result['model']} v{result['version']}: {metrics}{waits}; {result['card']}{looked_at}"
    print_result(result, as_json, said)


def told_metrics(metrics: dict[str, float | None]) -> str:
    """The metrics in one line, whole numbers as such."""
    return ", ".join(f"{name} {_figure(value)}" for name, value in in_order(metrics).items())


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) > 1 else f"{value:.4f}"


def over_time(spans: list[dict[str, Any]]) -> str:
    """Between which bounds the model's first figure lies over time; nothing where there is one span or none."""
    for name in ("auc", "estimate", "same", "came"):
        values = [span[name] for span in spans if span.get(name) is not None]
        if len(values) > 1:
            called = {"estimate": "effect", "same": "share that stays", "came": "purchase days"}.get(name, name)
            return f"; over time {called} {min(values):.4f} to {max(values):.4f}"
    return ""


def run_training(
    home: Home, spec_file: Path, as_of: str | None = None, quiet: bool = False, data: Path | None = None
) -> dict[str, Any]:
    """Make the feature snapshot that the specification needs, or send its file; train; return metrics and version."""
    with Client(home) as client, Client(home, "model_admin") as admin, job_progress(console, quiet=quiet) as progress:
        told = _checked(admin, spec_file)
        spec = told["spec"] | ({"as_of": as_of} if as_of else {})
        content = _learned_from(spec, spec_file, data or told["path"])
        if spec.get("as_of"):
            known = {str(s["as_of"]) for s in admin.get("/v1/feature-snapshots")["items"]}
            if spec["as_of"] not in known:
                body = {"as_of": spec["as_of"]}
                client.run_job("insight", "/v1/feature-snapshots", body, progress(f"features as of {spec['as_of']}"))
        if content is not None:
            file_id = uuid4()
            send(admin, file_id, content)
            described = _described(spec)
            assert described is not None  # noqa: S101 - it had a content to send
            described |= {"file_id": str(file_id), "sha256": hashlib.sha256(content).hexdigest()}
        job = admin.post("/v1/trainings", spec)
        result = client.wait_job("scoring", job["id"], progress(f"train {spec.get('model', spec_file.stem)}"))
        client.settle(timeout=600)
    return result


def write_card(home: Home, model: str, version: int, target: Path | None = None) -> Path:
    """Write a version's card where it is wanted, by default `cards/` of the home; return where it lies."""
    path = target or home.cards / f"{model}-v{version}.html"
    with Client(home, "model_admin") as admin:
        page = admin.ask(lambda attune: attune.models.card(model, version))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    return path


def _described(spec: dict[str, Any]) -> dict[str, Any] | None:
    """The file that a specification describes: of examples, or of purchases."""
    purchases = spec.get("purchases")
    found = purchases.get("file") if isinstance(purchases, dict) else spec.get("file")
    return found if isinstance(found, dict) else None


def _checked(admin: Client, spec_file: Path) -> dict[str, Any]:
    """What a specification says, read by the service: each fault is told with its line and column."""
    try:
        text = spec_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{spec_file}: {reason(error)}") from error
    return dict(admin.post("/v1/trainings:validate", {"file": text}))


def _learned_from(spec: dict[str, Any], spec_file: Path, data: Path | str | None) -> bytes | None:
    """The bytes to learn from: those of `--data`, or of the specification's own path, from where it lies."""
    if _described(spec) is None:
        if isinstance(data, Path):
            raise Failure(f"{spec_file}: it learns from the lake, not from a file")
        return None
    if data is None:
        raise Failure(f"{spec_file}: say where the file is: --data FILE")
    path = data if isinstance(data, Path) else spec_file.parent / data
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
