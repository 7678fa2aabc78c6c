"""All tables of customer-360, one module per concept; `METADATA` has the kit's tables too."""

from attune_service_kit.files.changes import change_tables
from attune_service_kit.files.runs import import_tables
from attune_service_kit.tables import kit_tables
from customer_360.tables.base import Table
from customer_360.tables.consents import Consent, ConsentEntry, ConsentNotice, ConsentVersion
from customer_360.tables.details import ProfileField
from customer_360.tables.parties import Household, Party, PartyAlias, PartyIdentity
from customer_360.tables.products import Account, Holding, Product
from customer_360.tables.regions import Region
from customer_360.tables.resolution import IdentityReview, PartyMerge
from customer_360.tables.risk import RiskAssessment
from customer_360.tables.staff import Branch, BranchScope, Employee
from customer_360.tables.tags import Tag, TagDefinition, TagDeletion, TagLoad
from customer_360.tables.terms import AccountParty, Card, Loan, StandingOrder
from customer_360.tables.timeline import LastContact, OpenOpportunity, TimelineEntry
from customer_360.tables.visits import Visit

__all__ = [
    "METADATA",
    "Account",
    "AccountParty",
    "Branch",
    "BranchScope",
    "Card",
    "Consent",
    "ConsentEntry",
    "ConsentNotice",
    "ConsentVersion",
    "Employee",
    "Holding",
    "Household",
    "IdentityReview",
    "LastContact",
    "Loan",
    "OpenOpportunity",
    "Party",
    "PartyAlias",
    "PartyIdentity",
    "PartyMerge",
    "Product",
    "ProfileField",
    "Region",
    "RiskAssessment",
    "StandingOrder",
    "Table",
    "Tag",
    "TagDefinition",
    "TagDeletion",
    "TagLoad",
    "TimelineEntry",
    "Visit",
]

METADATA = Table.metadata
kit_tables(METADATA)
import_tables(METADATA)
change_tables(METADATA)
