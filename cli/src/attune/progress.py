"""Progress bars for the jobs of the services."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from attune_client import schemas

Report = Callable[[schemas.Job], None]


@contextmanager
def job_progress(console: Console, quiet: bool = False) -> Iterator[Callable[[str], Report]]:
    """Yield a function that makes one bar and returns what moves it: call that with the job as the API shows it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, TextColumn("[dim]{task.fields[message]}"), console=console, disable=quiet) as bars:

        def bar(title: str) -> Report:
            task = bars.add_task(title, total=None, message="")

            def move(job: schemas.Job) -> None:
                done = job.state == "done"
                total = job.total or (1 if done else None)
                progress = total if done else job.progress
                bars.update(task, completed=progress or 0, total=total, message=job.message or "")

            return move

        yield bar
