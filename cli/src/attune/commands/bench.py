"""`attune bench`: the workloads of the folder benchmarks/, each with its peer and the raw limit in one run."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from attune.commands.options import HomeOption, JsonOption
from attune.output import Failure


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bench")(bench)


def bench(
    workload: Annotated[str, typer.Argument(help="B3 …; see benchmarks/README.md")] = "B3",
    full: Annotated[bool, typer.Option("--full", help="The full size instead of the quick form.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a benchmark side by side with the raw limit and print one closing figure."""
    folder = next(
        (p for p in (Path.cwd(), *Path(__file__).parents) if (p / "benchmarks" / f"{workload.lower()}.py").is_file()),
        None,
    )
    if folder is None:
        raise Failure(f"no workload {workload} in a folder benchmarks/ above here: run it from Attune's source tree")
    argv = [sys.executable, "-m", f"benchmarks.{workload.lower()}"]
    argv += ["--full"] if full else []
    argv += ["--json"] if as_json else []
    argv += ["--home", str(home)] if home else []
    raise SystemExit(subprocess.call(argv, cwd=folder))
