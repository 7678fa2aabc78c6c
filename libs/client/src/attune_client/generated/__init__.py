"""Every group of operations. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

from attune_client.base import Sender
from attune_client.generated.audit import Audit
from attune_client.generated.behaviours import Behaviours
from attune_client.generated.books import Books
from attune_client.generated.branches import Branches
from attune_client.generated.campaigns import Campaigns
from attune_client.generated.clock import Clock
from attune_client.generated.consents import Consents
from attune_client.generated.contacts import Contacts
from attune_client.generated.customers import Customers
from attune_client.generated.decisions import Decisions
from attune_client.generated.details import Details
from attune_client.generated.detections import Detections
from attune_client.generated.features import Features
from attune_client.generated.identity import Identity
from attune_client.generated.imports import Imports
from attune_client.generated.jobs import Jobs
from attune_client.generated.ledger import Ledger
from attune_client.generated.models import Models
from attune_client.generated.offers import Offers
from attune_client.generated.opportunities import Opportunities
from attune_client.generated.parameters import Parameters
from attune_client.generated.plans import Plans
from attune_client.generated.proposals import Proposals
from attune_client.generated.quarantine import Quarantine
from attune_client.generated.replays import Replays
from attune_client.generated.risk import Risk
from attune_client.generated.scores import Scores
from attune_client.generated.segments import Segments
from attune_client.generated.status import Status
from attune_client.generated.suppressions import Suppressions
from attune_client.generated.tags import Tags
from attune_client.generated.tasks import Tasks
from attune_client.generated.timeline import Timeline
from attune_client.generated.triggers import Triggers


class Api:
    """All operations, by group."""

    def __init__(self, sender: Sender) -> None:
        self.audit = Audit(sender)
        self.behaviours = Behaviours(sender)
        self.books = Books(sender)
        self.branches = Branches(sender)
        self.campaigns = Campaigns(sender)
        self.clock = Clock(sender)
        self.consents = Consents(sender)
        self.contacts = Contacts(sender)
        self.customers = Customers(sender)
        self.decisions = Decisions(sender)
        self.details = Details(sender)
        self.detections = Detections(sender)
        self.features = Features(sender)
        self.identity = Identity(sender)
        self.imports = Imports(sender)
        self.jobs = Jobs(sender)
        self.ledger = Ledger(sender)
        self.models = Models(sender)
        self.offers = Offers(sender)
        self.opportunities = Opportunities(sender)
        self.parameters = Parameters(sender)
        self.plans = Plans(sender)
        self.proposals = Proposals(sender)
        self.quarantine = Quarantine(sender)
        self.replays = Replays(sender)
        self.risk = Risk(sender)
        self.scores = Scores(sender)
        self.segments = Segments(sender)
        self.status = Status(sender)
        self.suppressions = Suppressions(sender)
        self.tags = Tags(sender)
        self.tasks = Tasks(sender)
        self.timeline = Timeline(sender)
        self.triggers = Triggers(sender)
