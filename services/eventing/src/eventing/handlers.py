"""The message edge: the ledger's postings in batches, imports and profiles of customer-360."""

from weakref import WeakKeyDictionary

from attune_contracts.customer_360 import ImportCompleted, ProfileChanged
from attune_contracts.eventing import BehaviourRecorded
from attune_contracts.ledger import TransactionPosted
from attune_service_kit.clock import BusinessClock
from attune_service_kit.consumer import Event, Quiet, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.runtime import Runtime
from eventing import accounts
from eventing.ledger import Ledger

# One ledger a running service: tests run several in one process.
_LEDGERS: "WeakKeyDictionary[BusinessClock, Ledger]" = WeakKeyDictionary()


def ledger(runtime: Runtime) -> Ledger:
    """What this worker remembers of the ledger."""
    return _LEDGERS.setdefault(runtime.clock, Ledger())


async def facts_arrived(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Postings and behaviours, in order."""
    await ledger(runtime).on_batch(runtime, tx, events)


def has_own_key(event: Event) -> bool:
    """What is live is kept whole, each once by its own key; a replay's facts leave nothing behind but the inbox row."""
    live: bool = event.data.get("origin", "live") == "live"
    return live


async def forget(runtime: Runtime, partition: int) -> None:
    """The partition was another worker's for a while."""
    ledger(runtime).forget(partition)


def quiet(runtime: Runtime, partition: int) -> Quiet | None:
    """A partition without messages: its timers go by business time."""
    mine = ledger(runtime)
    through = mine.silence(runtime, partition)
    return None if through is None else lambda tx: mine.on_silence(runtime, tx, partition, through)


async def import_completed(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Accounts of an import lie in the lake: load their owners."""
    # The event names the job: one that is already reading must not swallow what comes after it.
    await runtime.jobs.start(tx, "accounts", {}, key=str(events[-1].id))


async def profile_changed(_: Runtime, tx: Transaction, events: list[Event]) -> None:
    """Profiles carry their customers' accounts."""
    await accounts.follow(tx.conn, [ProfileChanged.model_validate(event.data, extra="ignore") for event in events])


SUBSCRIPTIONS = (
    Subscription(
        stream="LEDGER",
        handlers={TransactionPosted: facts_arrived, BehaviourRecorded: facts_arrived},
        batch_handler=facts_arrived,
        on_assigned=forget,
        on_quiet=quiet,
        batch=1_000,
        gather=0.02,
        plain=True,
        keyed=has_own_key,
    ),
    Subscription(stream="EVT", handlers={ImportCompleted: import_completed, ProfileChanged: profile_changed}),
)
