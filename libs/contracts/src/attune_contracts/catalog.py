"""The catalogue: every event with its producer, stream, consumers, retention, data level and partition rule."""

from dataclasses import dataclass
from typing import Literal

from attune_contracts import campaign, customer_360, eventing, insight, ledger, scoring
from attune_contracts.envelope import Data
from attune_contracts.features import Level

Stream = Literal["EVT", "LEDGER"]
PartitionRule = Literal["customer", "dataset", "import", "model", "addressed"]
"""What chooses the partition: a hashed subject, or for `addressed` the publisher, which sends to all eight."""

RETENTION_DAYS: dict[Stream, int] = {"EVT": 7, "LEDGER": 3}

SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign")


@dataclass(frozen=True)
class Entry:
    """One event type. Consumers are the services whose message edge has a handler for it."""

    data: type[Data]
    consumers: tuple[str, ...] = ()
    level: Level = "C1"
    partition: PartitionRule = "customer"
    stream: Stream = "EVT"

    @property
    def type(self) -> str:
        """`<producer>.<noun>.<participle>.v<major>`."""
        return self.data.TYPE

    @property
    def producer(self) -> str:
        """Who says it: the NATS user that may publish it."""
        return self.type.split(".", 1)[0]

    @property
    def owner(self) -> str:
        """Whose service answers for the contract; for the bank's core it is eventing, which takes the postings in."""
        return self.producer if self.producer in SERVICES else "eventing"

    @property
    def retention_days(self) -> int:
        """How long the stream keeps it: the database is the truth, the stream a delivery log."""
        return RETENTION_DAYS[self.stream]

    @property
    def meaning(self) -> str:
        """The first sentence of what it means."""
        return (self.data.__doc__ or "").strip().split("\n", 1)[0]


_ENTRIES = (
    Entry(ledger.TransactionPosted, ("eventing",), "C2", stream="LEDGER"),
    Entry(customer_360.ProfileChanged, ("eventing", "campaign"), "C2"),
    Entry(customer_360.ConsentChanged, ("campaign",)),
    Entry(customer_360.VisitOpened, ("campaign",)),
    Entry(customer_360.PartyMerged),
    Entry(customer_360.PartyUnmerged),
    Entry(customer_360.ImportCompleted, ("eventing", "insight", "campaign"), partition="import"),
    Entry(eventing.DetectionRaised, ("customer_360", "campaign")),
    Entry(eventing.DetectionEvidence, ("scoring", "campaign"), "C2"),
    Entry(eventing.DetectionWithdrawn, ("customer_360", "campaign")),
    Entry(eventing.BehaviourRecorded, ("eventing",), "C2", stream="LEDGER"),
    Entry(eventing.TransactionsPublished, ("insight",), partition="dataset"),
    Entry(eventing.TriggerActivated, ("campaign",), partition="addressed"),
    Entry(eventing.TriggerRetired, ("campaign",), partition="addressed"),
    Entry(eventing.ClockAdvanced, SERVICES, partition="addressed"),
    Entry(insight.FeaturesPublished, ("customer_360", "scoring", "campaign"), partition="dataset"),
    Entry(insight.SegmentsPublished, ("customer_360",), partition="dataset"),
    Entry(scoring.ScoresPublished, ("campaign",), "C2"),
    Entry(scoring.ModelPromoted, ("scoring",), partition="model"),
    Entry(scoring.DriftDetected, partition="model"),
    Entry(campaign.OpportunityOpened, ("customer_360",)),
    Entry(campaign.OpportunityAssigned),
    Entry(campaign.OpportunityActed, ("customer_360",)),
    Entry(campaign.OpportunityEscalated, ("customer_360",)),
    Entry(campaign.OpportunityExpired, ("customer_360",)),
    Entry(campaign.ContactMade, ("customer_360",)),
    Entry(campaign.ResponseRecorded, ("customer_360",)),
)

CATALOGUE: dict[str, Entry] = {entry.type: entry for entry in _ENTRIES}
"""Event type → entry; an event that is not here is not said."""
