"""`attune import`: a bank's files in; what they would do, a first mapping for them, and the way back."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.table import Table

from attune.bank_import import extract_of, list_imports, read_mapping, read_rejects, run_import, run_undo
from attune.commands.options import HomeOption, JsonOption
from attune.home import Home
from attune.output import Failure, console, print_result
from attune.session import running
from attune_contracts.datasets import IMPORT_ORDER


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)


def import_(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="The folder with the bank's files.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="The mapping file that says what the files mean.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Import nothing: show what the files hold and what would come of them.")
    ] = False,
    draft: Annotated[
        Path | None, typer.Option(help="With --check and without --mapping: write a first mapping to this file.")
    ] = None,
    upload: Annotated[
        bool, typer.Option("--upload", help="Send the files to the home instead of naming the folder.")
    ] = False,
    undo: Annotated[str | None, typer.Option(metavar="ID", help="Take an import back.")] = None,
    rejects: Annotated[
        str | None, typer.Option(metavar="ID", help="Write the rejected lines of an import to the output, as CSV.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the imports, the newest first.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a bank's files: accepted + rejected = read, and the same files twice change nothing."""
    if undo is not None:
        _undo(home, undo, as_json)
    elif rejects is not None:
        _rejects(home, rejects, as_json)
    elif listing:
        _list(home, as_json)
    elif folder is None:
        raise Failure("name the folder with the bank's files, or --rejects ID, --undo ID or --list")
    elif check:
        _check(mapping, extract_of(folder), draft, as_json)
    elif mapping is None:
        raise Failure("name the mapping file with --mapping; `attune import --check --draft FILE DIR` begins one")
    else:
        with running(Home.at(home)) as place:
            result = run_import(place, mapping, folder, upload=upload)
        if not as_json:
            console.print(import_table(result))
            for note in import_notes(result):
                console.print(note)
        rejected = sum(counts["rejected"] for counts in result["datasets"].values())
        listed = f", listed by `attune import --rejects {result['import_id']}`" if rejected else ""
        print_result(result, as_json, f"{rejected:,} rejects{listed}; import {result['import_id']}")


def import_table(result: dict[str, Any]) -> Table:
    """Show what an import read."""
    table = Table("dataset", "read", "accepted", "unchanged", "rejected", title="Imported")
    for name, counts in sorted(result["datasets"].items(), key=lambda one: IMPORT_ORDER.index(one[0])):
        cells = (counts["read"], counts["accepted"], counts.get("unchanged", 0), counts["rejected"])
        table.add_row(name, *(f"{cell:,}" for cell in cells))
    return table


# A terminal that has room for five rows beside each other.
_WIDE = 120

# What else is counted (X21, X22), by dataset: shown where it is any.
_NOTED = {
    "parties": (
        ("merged", "records are one customer with another one, by the same document"),
        ("doubtful", "pairs look alike: a data steward decides (/v1/identity-reviews)"),
    ),
    "consents": (
        ("defaults", "rows stand on a documented agreement, not on the customer's word"),
        ("outranked", "rows changed nothing: the customer's own word stands"),
        ("prospects", "rows changed nothing: a prospect has signed no agreement"),
    ),
    "transactions": (("unknown_accounts", "postings stand on accounts that no import has brought yet"),),
    "behaviours": (("unknown_customers", "rows are of customers whom no import has brought yet"),),
}


def import_notes(result: dict[str, Any]) -> list[str]:
    """Say what else came of an import: who is one customer, who may be, and what consents stand on."""
    return [
        f"{name}: {counts[what]:,} {words}"
        for name, counts in result["datasets"].items()
        for what, words in _NOTED.get(name, ())
        if counts.get(what)
    ]


def _undo(home: Path | None, import_id: str, as_json: bool) -> None:
    with running(Home.at(home)) as place:
        result = run_undo(place, import_id)
    removed = sum(done["removed"] for done in result["services"].values())
    print_result(result, as_json, f"import {import_id} is taken back: {removed:,} rows went")


def _rejects(home: Path | None, import_id: str, as_json: bool) -> None:
    with running(Home.at(home)) as place:
        found = read_rejects(place, import_id)
    out = io.StringIO(newline="")
    if found:
        writer = csv.DictWriter(out, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print_result({"rejects": found}, as_json, out.getvalue().removesuffix("\n") if found else "no rejects")


def _list(home: Path | None, as_json: bool) -> None:
    with running(Home.at(home)) as place:
        found = list_imports(place)
    if not as_json:
        table = Table("import", "started", "by", "state", "read", "rejected", title="Imports", padding=(0, 1, 0, 0))
        # `--undo` asks for it: whole, however narrow the terminal is.
        table.columns[0].min_width = 36
        for column in table.columns:
            column.overflow = "fold"
        for run in found:
            counts = run["counts"].values()
            states = ", ".join(sorted(set(run["services"].values())))
            read, rejected = (sum(c[name] for c in counts) for name in ("read", "rejected"))
            table.add_row(
                run["import_id"],
                run["started_at"][:16].replace("T", " "),
                run["started_by"],
                states,
                f"{read:,}",
                f"{rejected:,}",
            )
        console.print(table)
    print_result({"imports": found}, as_json, f"{len(found)} imports")


def _check(mapping_file: Path | None, folder: Path, draft_file: Path | None, as_json: bool) -> None:
    if mapping_file is None:
        _guess(folder, draft_file, as_json)
        return
    # Heavy, and needed here alone.
    from attune_service_kit.files.checking import check
    from attune_service_kit.lake import Lake
    from attune_service_kit.lake_sql import connect

    mapping = read_mapping(mapping_file)
    with TemporaryDirectory(prefix="attune-check-") as scratch:
        place = Path(scratch)
        with connect(Lake(str(place / "lake"), place)) as con:
            found = list(check(mapping, folder, con, place / "check"))
    if not as_json:
        for one in found:
            _show(one)
    result = {
        one.dataset: {
            "read": one.read,
            "accepted": one.accepted,
            "rejected": one.rejected,
            "skipped": one.skipped,
            "fault": one.fault and {"code": one.fault.code, "en": one.fault.en, "zh": one.fault.zh},
            "rejects": list(one.rejects),
        }
        for one in found
    }
    bad = sum(one.rejected for one in found)
    faults = sum(one.fault is not None for one in found)
    print_result({"datasets": result}, as_json, f"{bad:,} rejects, {faults} datasets that cannot be read")


def _show(one: Any) -> None:
    if one.fault is not None:
        console.print(f"[red]{one.dataset}: {one.fault.en}[/red]")
        return
    counts = f"{one.read:,} read, {one.accepted:,} accepted, {one.rejected:,} rejected, {one.skipped:,} left out"
    console.print(f"[bold]{one.dataset}[/bold]: {counts}")
    if one.preview:
        used = [name for name in one.preview[0] if any(row[name] is not None for row in one.preview)]
        # A column of the dataset is a row of the table: a party has more of them than a terminal has room for.
        rows = one.preview if console.width >= _WIDE else one.preview[:3]
        table = Table("column", *(f"row {n}" for n, _ in enumerate(rows, 1)), title=f"{one.dataset}: first rows")
        table.columns[0].no_wrap = True
        for column in table.columns[1:]:
            column.overflow = "fold"  # ids are read off here: whole, however narrow the terminal is
        for name in used:
            table.add_row(name, *(str(row[name]) if row[name] is not None else "" for row in rows))
        console.print(table)
    if one.rejects:
        table = Table("file", "line", "column", "reason", title=f"{one.dataset}: the first rejects")
        for reject in one.rejects:
            table.add_row(reject["file"], reject["line"], reject["column"], reject["reason"])
        console.print(table)


def _guess(folder: Path, draft_file: Path | None, as_json: bool) -> None:
    from attune_service_kit.errors import Invalid
    from attune_service_kit.files.guessing import draft, profile, sniff

    files, faults = [], {}
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            files.append(sniff(path))
        except Invalid as error:
            faults[path.name] = error.en.removeprefix(f"{path.name}: ")
    result: dict[str, Any] = {"files": {}, "faults": faults, "draft": None}
    for file in files:
        guesses = profile(file.names, file.rows)
        result["files"][file.file] = {
            "encoding": file.encoding,
            "form": type(file.form).__name__.lower(),
            "doubt": file.doubt,
            "columns": {guess.name: guess.words for guess in guesses},
        }
        if not as_json:
            table = Table("column", "seems to be", "filled", "distinct", title=f"{file.file} ({file.encoding})")
            for guess in guesses:
                table.add_row(guess.name, guess.words, f"{guess.filled:.0%}", f"{guess.distinct:,}")
            console.print(table)
    for name, fault in faults.items():
        console.print(f"[red]{name}: {fault}[/red]")
    if not files:
        raise Failure(f"{folder} has no file that could be read: nothing to draft a mapping from")
    text = draft("bank", files)
    if draft_file is not None:
        if draft_file.exists():
            raise Failure(f"{draft_file} exists: a draft overwrites nothing")
        draft_file.write_text(text, encoding="utf-8")
        result["draft"] = str(draft_file)
    print_result(result, as_json, f"draft: {draft_file}" if draft_file else text)
