"""The stream executor without a stream: one partition's facts in the order in which they come, and what stands (X8)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eventing.compiled import Compiled
from eventing.customers import Customer, Found, Key, emitted
from eventing.fact_index import FactIndex
from eventing.facts import Fact
from eventing.shapes.dated import DatedFact
from eventing.verdicts import Raised

Subject = str
Standing = dict[tuple[Subject, str], Raised]
"""Detections by subject and event key."""


@dataclass(slots=True)
class Partition:
    """One partition under one trigger or several: its customers, how far its days have come, what stands."""

    index: FactIndex
    customers: dict[Subject, Customer] = field(default_factory=dict)
    newest: int = 0
    standing: dict[str, Standing] = field(default_factory=dict)
    timers: dict[tuple[Subject, Key], int] = field(default_factory=dict)
    beyond: int = 0

    @staticmethod
    def of(triggers: Iterable[Compiled], openings: Mapping[Subject, Mapping[bytes, int]] | None = None) -> "Partition":
        """An empty partition; `openings` are the deposit accounts' opening balances, by subject and account."""
        partition = Partition(FactIndex(triggers))
        for subject, accounts in (openings or {}).items():
            partition.customers[subject] = Customer(sum(accounts.values()), dict(accounts))
        return partition

    def apply(self, subject: Subject, fact: Fact) -> list[Found]:
        """A fact comes: what is found at once, and what the days find that are over now."""
        self.newest = max(self.newest, fact.day)
        customer = self.customers.setdefault(subject, Customer())
        taken = customer.apply(self.index, fact, self.newest)
        found = [emitted(one) for one in taken.found]
        self.beyond += any(fact.day < self.newest - trigger.lateness for trigger, _ in taken.concerned)
        self._note(subject, found)
        self._arm(subject, customer)
        return found + self.advance(self.newest)

    def advance(self, newest: int) -> list[Found]:
        """Business time has come to a day, with facts or without: timers fire in the order of their days."""
        self.newest = max(self.newest, newest)
        triggers = {trigger.name: trigger for trigger in self.index.triggers}
        everything: list[Found] = []
        while True:
            ready = sorted(
                (due, subject, key)
                for (subject, key), due in self.timers.items()
                if due < self.newest - triggers[key[0]].lateness
            )
            if not ready:
                return everything
            for _, subject, key in ready:
                trigger, customer = triggers[key[0]], self.customers[subject]
                found = customer.fire(trigger, key[1], self.newest - trigger.lateness - 1)
                found = [emitted(one) for one in found]
                self._note(subject, found)
                everything += found
                self._arm(subject, customer)

    def reach(self, today: int, dates: Mapping[Subject, Sequence[DatedFact]]) -> list[Found]:
        """A business day has been reached: the calendar's triggers look at the dates."""
        everything: list[Found] = []
        for trigger in self.index.triggers:
            if trigger.kind == "calendar":
                for subject, known in sorted(dates.items()):
                    customer = self.customers.setdefault(subject, Customer())
                    found = [emitted(one) for one in customer.reach_all(trigger, today, known)[0]]
                    self._note(subject, found)
                    everything += found
        return everything

    def states(self) -> dict[tuple[Subject, Key], bytes]:
        """The bytes of every state."""
        return {
            (subject, key): packed
            for subject, customer in self.customers.items()
            for key, packed in customer.packed(customer.states)
        }

    def _note(self, subject: Subject, found: Sequence[Found]) -> None:
        for trigger, _, verdict in found:
            standing = self.standing.setdefault(trigger.name, {})
            if isinstance(verdict, Raised):
                standing[subject, verdict.key] = verdict
            elif (known := standing.get((subject, verdict.key))) is not None and known.day <= verdict.day:
                del standing[subject, verdict.key]

    def _arm(self, subject: Subject, customer: Customer) -> None:
        triggers = {trigger.name: trigger for trigger in self.index.triggers if trigger.has_timer}
        for key in customer.touched:
            if key[0] in triggers:
                due = customer.due(triggers[key[0]], key[1])
                if due is None:
                    self.timers.pop((subject, key), None)
                else:
                    self.timers[subject, key] = due
        customer.touched.clear()


def stream_detections(
    trigger: Compiled,
    facts: Iterable[tuple[Subject, Fact]],
    openings: Mapping[Subject, Mapping[bytes, int]] | None = None,
) -> Standing:
    """What stands under one trigger once these facts have come, in this order."""
    partition = Partition.of([trigger], openings)
    for subject, fact in facts:
        partition.apply(subject, fact)
    return partition.standing.get(trigger.name, {})
