"""What customer-360 says over HTTP, one module per concept. Output models have no defaults: every field is there."""

from customer_360.api.models.common import BranchRef, BranchView, Manager, Money, Names
from customer_360.api.models.consents import ConsentView
from customer_360.api.models.customers import CustomerSummary, CustomerView, ProfileChange, ProfileView
from customer_360.api.models.products import AccountView, HoldingView, ProductView

__all__ = [
    "AccountView",
    "BranchRef",
    "BranchView",
    "ConsentView",
    "CustomerSummary",
    "CustomerView",
    "HoldingView",
    "Manager",
    "Money",
    "Names",
    "ProductView",
    "ProfileChange",
    "ProfileView",
]
