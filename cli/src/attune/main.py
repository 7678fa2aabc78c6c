"""The one command: `attune`. Each command has a module in `attune.commands`."""

from importlib.metadata import version
from typing import Annotated

import typer

from attune.commands import (
    backtest,
    bank_data,
    bench,
    bringing,
    demo,
    eventing,
    imports,
    keys,
    lifecycle,
    models,
    nats_cluster,
    nightly,
    registry,
    tokens,
    triggers,
    why,
)
from attune.output import Failure, fail, print_result, reason

app = typer.Typer(
    name="attune",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        print_result({}, as_json=False, text=f"attune {version('attune-cli')}")
        raise typer.Exit


@app.callback()
def attune(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Attune: turns a bank's ledger into the right conversation, and proves what it earned."""


for module in (
    lifecycle,
    demo,
    imports,
    bank_data,
    eventing,
    models,
    registry,
    bringing,
    triggers,
    nightly,
    why,
    backtest,
    tokens,
    keys,
    nats_cluster,
    bench,
):
    module.register(app)

# What `attune --help` shows together, in the order in which a newcomer meets it.
PANELS = {
    "First steps": ("demo", "up", "status", "down", "token"),
    "A bank's data": ("import", "replay", "reconcile"),
    "Moments": ("triggers", "trigger", "backtest", "eventing"),
    "Models": ("train", "models", "bring-model"),
    "Running it": ("keys", "nats-users", "nats-streams", "bench"),
}
_PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
_ORDER = list(_PANEL_OF)
for command in app.registered_commands:
    command.rich_help_panel = _PANEL_OF[str(command.name)]
for group in app.registered_groups:
    group.rich_help_panel = _PANEL_OF[str(group.name)]
app.registered_commands.sort(key=lambda one: _ORDER.index(str(one.name)))


def main() -> None:
    """Run the command; a Failure becomes one clear line and exit code 1."""
    try:
        app()
    except Failure as failure:
        fail(str(failure))
    except OSError as error:
        # A file or folder that cannot be used; what names none is a fault of ours and shows where.
        if not error.filename:
            raise
        fail(f"{error.filename}: {reason(error)}")
    except KeyboardInterrupt:
        fail("interrupted")


if __name__ == "__main__":
    main()
