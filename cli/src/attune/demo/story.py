"""`attune demo`: a bank from its files to the measured effect, told in seven chapters."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from attune.bank.calendar import add_business_days
from attune.bank.generate import BankFiles, generate
from attune.bank.outcomes import WINDOW_BUSINESS_DAYS, true_effect
from attune.bank_import import run_import
from attune.client import Client, issue_token
from attune.commands.bank_data import replay_table
from attune.commands.imports import import_table
from attune.commands.models import run_training, write_card
from attune.demo import report
from attune.demo.days import DayReport, DemoDays, days
from attune.demo.teller import live_deposits, teller_view
from attune.home import Home
from attune.ledger_replay import standing_opportunities
from attune.memory import PeakMemory
from attune.output import Failure, console
from attune.session import supervised, supervisor_pid

# The label window of the training, and a day for the import's own snapshot.
TRAINING_DAYS_BEFORE = 91
# Half of the targets are held out: the demo's question is what the contact earned.
CONTROL_SHARE = 0.5
CAMPAIGN = "large-deposit"
MARKER = "demo.json"


@dataclass
class Story:
    """What the demo has found so far; `result()` is the command's JSON."""

    imported: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    detections: dict[str, Any] = field(default_factory=dict)
    opportunities: int = 0
    visible_seconds: float = 0.0
    uplift: dict[str, Any] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    token: str = ""
    tries: list[str] = field(default_factory=list)
    report: str = ""
    card: str = ""
    seconds: float = 0.0
    peak_mb: int = 0

    def result(self) -> dict[str, Any]:
        """Return the JSON result."""
        return {
            "imported": self.imported,
            "model": self.metrics,
            "detections": self.detections,
            "opportunities": self.opportunities,
            "deposit_to_opportunity_ms": round(self.visible_seconds * 1000),
            "uplift": self.uplift,
            "seconds": round(self.seconds, 1),
            "peak_mb": self.peak_mb,
            "urls": self.urls,
            "report": self.report,
            "card": self.card,
        }


@contextmanager
def told(home: Home, customers: int, seed: int, leavers: float = 0.0) -> Iterator[Story]:
    """Run the demo and yield its story while everything is still up."""
    start = time.monotonic()
    prepare_home(home)
    home.create("events")
    # The same seed gives the same arms: the demo can be told again.
    home.set_password("arms", f"attune-demo-arms-{seed}")
    story = Story()
    with PeakMemory(os.getpid()) as memory:
        chapter(
            1,
            "A bank and an Attune",
            f"{customers:,} persons, seed {seed}; PostgreSQL, NATS, five services, the gateway",
        )
        with ProcessPoolExecutor(1) as apart:
            making = apart.submit(generate, home.root / "bank", customers, seed, leavers=leavers)
            with supervised(home, "events"):
                bank = making.result()
                apart.shutdown()
                written = f"{sum(bank.rows.values()):,} rows written, {bank.first_day} to {bank.last_day}"
                console.print(f"  {written}; all processes serve")
                tell(home, bank, seed, story)
                story.seconds, story.peak_mb = time.monotonic() - start, memory.peak >> 20
                yield story
                console.print("stopping …")


def prepare_home(home: Home) -> None:
    """Make room for a demo: an earlier demo's home is made anew, anybody else's is left alone."""
    if supervisor_pid(home):
        raise Failure(f"{home.root} is up: end it by `attune down --home {home.root}` or choose another --home")
    if home.root.exists() and any(home.root.iterdir()):
        if not (home.root / MARKER).exists():
            raise Failure(f"{home.root} holds something that no demo made: choose another --home")
        remove_home(home)
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / MARKER).write_text("{}\n")


def remove_home(home: Home) -> None:
    """Remove a home, also the part of it that had to lie elsewhere."""
    location = home.data / "postgres" / "LOCATION"
    if location.exists():
        shutil.rmtree(Path(location.read_text().strip()).parent, ignore_errors=True)
    shutil.rmtree(home.root)


def tell(home: Home, bank: BankFiles, seed: int, story: Story) -> None:
    """The chapters, one after the other."""
    mapping = find_tree("mappings") / "demo.yaml"
    source = str(yaml.safe_load(mapping.read_text(encoding="utf-8"))["source"])
    import_bank(home, bank, mapping, story)
    train_model(home, bank, story)
    live = DemoDays(home, bank.truth(), seed, source)
    replay_days(home, bank, live, story)
    last = follow_up(bank, live)
    measure(home, live, story)
    show_teller(home, live, last + timedelta(days=1), story)


def import_bank(home: Home, bank: BankFiles, mapping: Path, story: Story) -> None:
    """Chapter 2: the files go in; business time stands at the eve of the replay: no snapshot sees the days to come."""
    chapter(2, "Import", "branches, staff, products, customers, accounts, holdings, consents, 13 months of postings")
    eve = bank.replay_from - timedelta(days=1)
    with Client(home) as client:
        client.post("/v1/clock:advance", {"to": f"{eve.isoformat()}T23:59:59+08:00"})
        campaign = client.get(f"/v1/campaigns/{CAMPAIGN}")
        kept = ("version", "outcome_kinds", "window_business_days")
        change = {name: campaign[name] for name in kept} | {"control_share": CONTROL_SHARE}
        client.put(f"/v1/campaigns/{CAMPAIGN}", change)
    result = run_import(home, mapping, bank.folder)
    story.imported = result["datasets"]
    console.print(import_table(result))


def train_model(home: Home, bank: BankFiles, story: Story) -> None:
    """Chapter 3: a propensity model from what was known before the replay; every customer is scored."""
    chapter(3, "How likely?", "LightGBM on the features of a quarter before, exported to ONNX, every customer scored")
    as_of = bank.replay_from - timedelta(days=TRAINING_DAYS_BEFORE)
    result = run_training(home, find_tree("specs") / "propensity-purchase.yaml", as_of.isoformat())
    story.metrics = {"model": result["model"], "version": result["version"], **result["metrics"]}
    console.print(
        f"  {result['model']} v{result['version']}: AUC {result['metrics']['auc']:.3f} on {result['rows']:,} customers"
    )
    story.card = str(write_card(home, result["model"], result["version"]))


def replay_days(home: Home, bank: BankFiles, live: DemoDays, story: Story) -> None:
    """Chapter 4: the last 60 days through the stream, the channels at work."""
    chapter(4, "Sixty days", "the ledger through the stream in business time; one opportunity for each large deposit")
    with closing(live.replay(bank.replay_from, bank.last_day)) as replayed:
        walk("replay", replayed, bank.replay_from, bank.last_day)
    first, last = bank.replay_from, bank.last_day
    with Client(home) as client:
        story.opportunities = standing_opportunities(client, first, last)
    story.detections = live.replayed["detections"]
    console.print(replay_table({"detections": story.detections}))
    console.print(
        f"  {live.replayed['postings']:,} postings, {story.opportunities:,} opportunities; "
        f"{len(live.assignments):,} customers in the experiment, {live.accepted:,} offers accepted"
    )


def follow_up(bank: BankFiles, live: DemoDays) -> date:
    """Chapter 5: the attribution window of the last opportunities closes; return its last day."""
    chapter(
        5,
        "What they did then",
        f"{WINDOW_BUSINESS_DAYS} business days: outcomes are read from the ledger, for both arms",
    )
    last = add_business_days(bank.last_day, WINDOW_BUSINESS_DAYS)
    first = bank.last_day + timedelta(days=1)
    walk("follow-up", live.follow(first, last), first, last)
    return last


def measure(home: Home, live: DemoDays, story: Story) -> None:
    """Chapter 6: the effect with its interval, beside the truth that Attune never saw."""
    chapter(6, "Did it work?", "the contacted against the held-out, by intention to treat")
    with Client(home) as client:
        client.run_job("campaign", f"/v1/campaigns/{CAMPAIGN}/results", {})
        result = client.get(f"/v1/campaigns/{CAMPAIGN}/results")
    truth = true_effect(live.truth, live.assignments)
    story.uplift = {
        "estimate": result["difference"],
        "low": result["low"],
        "high": result["high"],
        "truth": truth,
        "treated": result["treated"],
        "control": result["control"],
        "sample_ratio": result["sample_ratio"],
        "verdict": result["verdict"],
    }
    console.print(result_panel(result, truth))


def result_panel(result: dict[str, Any], truth: float) -> Panel:
    """Show the measured effect and the true one."""
    inside = result["low"] <= truth <= result["high"]
    lines = (
        f"treated  {result['treated']['rate']:7.2%} of {result['treated']['n']:,} bought in 14 business days",
        f"control  {result['control']['rate']:7.2%} of {result['control']['n']:,}",
        f"effect   [bold]{result['difference']:+.2%}[/bold]  "
        f"(95 % interval {result['low']:+.2%} to {result['high']:+.2%})   {result['verdict']}",
        f"truth    {truth:+.2%}  kept outside Attune; {'inside' if inside else 'outside'} the interval",
    )
    return Panel("\n".join(lines), title="The effect", expand=False)


def show_teller(home: Home, live: DemoDays, day: date, story: Story) -> None:
    """A last deposit, live; what the teller then sees; and what to try."""
    chapter(7, "Now", "a deposit arrives, an opportunity opens, the customer walks in")
    quiet = [cif for cif in live.truth.rows if cif not in {a.cif for a in live.assignments}]
    accounts = [(cif, str(live.truth.account[live.truth.rows[cif]])) for cif in quiet]
    for opportunity, story.visible_seconds in live_deposits(home, live.source, accounts, day):
        customer, branch = opportunity["customer_id"], opportunity["branch_id"]
        with Client(home, "teller", branch) as teller:
            profile = teller.get(f"/v1/customers/{customer}")
            answer = teller.get(f"/v1/customers/{customer}/next-best-actions", channel="counter")
        # Who has not agreed to personalised offers gets the generic list: show somebody who has.
        if answer["personalised"]:
            break
    console.print(f"  posted and visible as an opportunity after {story.visible_seconds * 1000:.0f} ms")
    console.print(teller_view(profile, answer))
    facts = report.gather(home, live.replayed["postings"], story.uplift, (profile, answer))
    story.report = str(report.write(facts, home.root / "report.html"))
    story.urls = dict(home.state()["urls"])
    story.token, _ = issue_token(home, "teller", branch)
    base = story.urls["gateway"]
    story.tries = [
        f'curl -H "Authorization: Bearer $TOKEN" {base}/v1/customers/{customer}',
        f'curl -H "Authorization: Bearer $TOKEN" "{base}/v1/customers/{customer}/next-best-actions?channel=counter"',
        f'curl -H "Authorization: Bearer $TOKEN" "{base}/v1/opportunities?customer_id={customer}"',
    ]


def farewell(story: Story) -> None:
    """Print where everything is and what to try."""
    console.rule()
    console.print(f"{story.seconds:.0f} s, peak {story.peak_mb:,} MB.  Gateway {story.urls['gateway']}")
    for what, where in (
        ("The story in pictures", story.report),
        ("The model's card", story.card),
        ("The API, to read and to try", story.urls["docs"]),
    ):
        console.print(f"{what + ':':<30}{where}", soft_wrap=True)
    console.print("\nA teller's token for the customer above (12 hours), for that page or for three calls:\n")
    console.print(f"export TOKEN={story.token}", soft_wrap=True)
    for line in story.tries:
        console.print(line, soft_wrap=True)


def walk(title: str, reports: Iterator[DayReport], first: date, last: date) -> None:
    """Live through days with a bar that says what they brought."""
    total = sum(1 for _ in days(first, last))
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} days"),
    )
    sums = {"opportunities": 0, "contacts": 0, "purchases": 0}
    with Progress(*columns, TimeElapsedColumn(), TextColumn("[dim]{task.fields[said]}"), console=console) as bars:
        bar = bars.add_task(title, total=total, said="")
        for report in reports:
            sums = {name: value + getattr(report, name) for name, value in sums.items()}
            said = f"{report.day}  " + "  ".join(f"{name} {value:,}" for name, value in sums.items())
            bars.update(bar, advance=1, said=said)


def chapter(number: int, title: str, words: str) -> None:
    """Begin a chapter."""
    console.print(f"\n[bold]{number}. {title}[/bold]  [dim]{words}[/dim]")


def find_tree(folder: str) -> Path:
    """Return a folder of Attune's source tree: `mappings`, `specs`."""
    search: Callable[[Path], bool] = lambda p: (p / folder).is_dir() and (p / "cli").is_dir()  # noqa: E731
    tree = next((p for p in (Path.cwd(), *Path(__file__).parents) if search(p)), None)
    if tree is None:
        raise Failure(f"the folder {folder}/ was not found: run the demo from Attune's source tree")
    return tree / folder
