"""Whom a token is for: each service and the gateway have an audience of their own (P-25)."""

GATEWAY = "gateway"

# What the tokens of a development issuer name beside the parts, and what a service of the bank's own has by default.
PLATFORM = "attune"


def audience_of(part: str) -> str:
    """The audience that a part has unless the settings say another: `attune-customer-360` of `customer_360`."""
    return f"{PLATFORM}-{part.replace('_', '-')}"


AUDIENCES = (
    PLATFORM,
    *(audience_of(part) for part in (GATEWAY, "customer_360", "eventing", "insight", "scoring", "campaign")),
)
