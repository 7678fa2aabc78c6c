"""The demo's days: each business day is replayed, the channels work, and what customers then do enters as postings."""

import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal
from uuid import UUID

from attune.bank.channel import ChannelSimulator
from attune.bank.outcomes import Assignment, OutcomePosting, outcome_postings
from attune.bank.truth import Truth
from attune.client import Client
from attune.home import Home
from attune.ledger_replay import FLOW
from attune.output import Failure
from attune_client import Attune, schemas
from attune_contracts.identifiers import customer_id

POSTINGS_A_REQUEST = 500
# So many people work the tasks at a time.
CHANNEL_WORKERS = 3
PAUSE_SECONDS = 120.0


@dataclass
class DayReport:
    """What one business day brought."""

    day: date
    opportunities: int
    contacts: int
    purchases: int


class DemoDays:
    """Lives through the days of a demo bank: the channels and the customers are simulated, Attune is real."""

    def __init__(self, home: Home, truth: Truth, seed: int, source: str) -> None:
        self.home, self.truth, self.source = home, truth, source
        self.channel = ChannelSimulator(seed)
        with Client(home, "head_office") as office:
            branches = office.all(lambda attune: attune.branches.iterate())
            self.head_office = next(b.branch_id for b in branches if not b.parent_id)
        self.assignments: list[Assignment] = []
        self.accepted = 0
        self.replayed: dict[str, Any] = {}
        self._cif = {str(customer_id(source, cif)): cif for cif in truth.rows}
        self._known: set[str] = set()
        self._due: dict[date, list[OutcomePosting]] = defaultdict(list)

    def replay(self, first: date, last: date) -> Generator[DayReport, None, None]:
        """Replay [first, last] day by day through the stream; yield after each day's work is done.

        Left before its end, it leaves no replay behind that waits for a next day.
        """
        with Client(self.home) as operator:
            wanted = schemas.ReplayRequest(from_=first, to=last, through=first)
            started = operator.ask(lambda attune: attune.replays.start(wanted))
            job = str(started.id)
            try:
                for day in days(first, last):
                    if day > first:
                        operator.ask(partial(_open_gate, job=started.id, through=day))
                    self._wait_through(operator, job, day)
                    yield self._live(operator, day)
                self.replayed = operator.wait_job("eventing", job)
            except BaseException:
                with suppress(Failure):
                    operator.post(f"/v1/jobs/eventing/{job}:cancel")
                raise

    def follow(self, first: date, last: date) -> Iterator[DayReport]:
        """Live through the days after the ledger's end: what was decided before still happens."""
        with Client(self.home) as operator:
            for day in days(first, last):
                yield self._live(operator, day)
            operator.settle(timeout=600)

    def _wait_through(self, operator: Client, job: str, day: date) -> None:
        """Wait until the replay has sent the day and eventing has judged it."""
        deadline = time.monotonic() + PAUSE_SECONDS
        while True:
            state = operator.job("eventing", job)
            if state.state in ("failed", "cancelled"):
                operator.wait_job("eventing", job)
            if state.state == "done" or state.message == f"waiting after {day.isoformat()}":
                return
            if time.monotonic() > deadline:
                raise Failure(f"the replay has not come to {day} within {PAUSE_SECONDS:.0f} s: {state.message}")
            time.sleep(0.08)

    def _live(self, operator: Client, day: date) -> DayReport:
        """The day's postings are in; the channels work its tasks the next morning, when people may be called."""
        morning = day + timedelta(days=1)
        operator.post("/v1/clock:advance", {"to": f"{morning.isoformat()}T09:30:00+08:00"})
        operator.settle(*FLOW, jobs=False)
        assigned = self._new_assignments(operator, day)
        contacts = self._work_tasks()
        for purchase in outcome_postings(self.truth, assigned):
            self._due[purchase.business_date].append(purchase)
        purchases = self._due.pop(day, [])
        self._post(operator, purchases)
        return DayReport(day, len(assigned), contacts, len(purchases))

    def _new_assignments(self, operator: Client, day: date) -> list[Assignment]:
        """Return the customers whose first opportunity was opened today, with their arms: not what a channel sees."""
        new = []
        opened = operator.all(lambda attune: attune.opportunities.iterate(from_=day, to=day, limit=200))
        for row in opened:
            customer = str(row.customer_id)
            if row.state != "suppressed" and row.arm in ("treated", "control") and customer not in self._known:
                self._known.add(customer)
                arm: Literal["treated", "control"] = "treated" if row.arm == "treated" else "control"
                new.append(Assignment(self._cif[customer], arm, row.business_date))
        self.assignments += new
        return new

    def _work_tasks(self) -> int:
        """Every open task is worked: a contact is tried, an answer recorded.

        Once only: whether a customer is reached is drawn once for each (X14), trying again would not change it.
        """
        with self._channels() as lister:
            found = lister.all(lambda attune: attune.tasks.iterate(state="open", limit=200))
        tasks = [task for task in found if not task.attempts]
        shares = [tasks[n::CHANNEL_WORKERS] for n in range(CHANNEL_WORKERS)]
        with ThreadPoolExecutor(CHANNEL_WORKERS) as workers:
            self.accepted += sum(workers.map(self._work, (s for s in shares if s)))
        return len(tasks)

    def _work(self, tasks: list[schemas.TaskView]) -> int:
        with self._channels() as client:
            return sum(client.ask(partial(self._contact, task=task)) for task in tasks)

    async def _contact(self, attune: Attune, task: schemas.TaskView) -> bool:
        """Try one contact and record what came of it; return whether an offer was accepted."""
        cif = self._cif[str(task.customer_id)]
        result = self.channel.contact(cif, buys=bool(self.truth.y1[self.truth.rows[cif]]))
        await attune.tasks.complete(task.id, schemas.Completion(disposition=result.disposition))
        if result.response != "accepted":
            return False
        offer = "time-deposit-12m" if self.truth.time[self.truth.rows[cif]] else "wealth-steady-6m"
        answer = schemas.NewResponse(opportunity_id=task.opportunity_ids[0], offer=offer, outcome="accepted")
        await attune.decisions.responses_record(answer)
        return True

    def _channels(self) -> Client:
        """All channels at once: head office's manager may act for every branch."""
        return Client(self.home, "branch_manager", self.head_office)

    def _post(self, operator: Client, purchases: list[OutcomePosting]) -> None:
        for start in range(0, len(purchases), POSTINGS_A_REQUEST):
            chunk = [as_posting(p) for p in purchases[start : start + POSTINGS_A_REQUEST]]
            body = schemas.PostingsIn(source=self.source, postings=chunk)
            operator.ask(partial(_send, body=body))


async def _open_gate(attune: Attune, job: UUID, through: date) -> None:
    await attune.replays.advance(job, schemas.GateRequest(through=through))


async def _send(attune: Attune, body: schemas.PostingsIn) -> None:
    await attune.ledger.post(body)


def as_posting(purchase: OutcomePosting) -> schemas.PostingIn:
    """Return a purchase as the bank's core would post it."""
    return schemas.PostingIn(
        posting_id=purchase.txn_no,
        account_id=purchase.acct_no,
        business_date=purchase.business_date,
        booked_at=purchase.booked_at,
        direction="debit" if purchase.amount < 0 else "credit",
        amount=str(abs(purchase.amount)),
        currency=purchase.currency,
        kind=purchase.kind,
        channel=purchase.channel,
    )


def days(first: date, last: date) -> Iterator[date]:
    """Yield every calendar day from `first` to `last`."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
