"""What each NATS user may do: the least that its part needs, from the catalogue of events (P-26).

A user publishes the types that it produces, reads the streams' partitions through consumers of its own name, and hears
answers on its own inbox. Everything else the server denies.
"""

from typing import Any

from attune_contracts.catalog import CATALOGUE
from attune_contracts.identifiers import PARTITIONS
from attune_contracts.requests import REQUESTS
from attune_service_kit.streams import event_classes

LEDGER_USER = "ledger"
PROVISION_USER = "provision"
# Subjects of the requests that a service answers, beside the streams, and of those that it asks.
ANSWERS = {
    name: tuple(r.subject for r in REQUESTS if r.answered_by == name) for name in {r.answered_by for r in REQUESTS}
}
ASKS = {name: tuple(r.subject for r in REQUESTS if name in r.asked_by) for r in REQUESTS for name in r.asked_by}

_CONSUMER_CALLS = ("CREATE", "INFO", "DELETE", "MSG.NEXT")


def inbox_prefix(user: str) -> str:
    """The reply subjects of a user: nobody else may listen there."""
    return f"_INBOX_{user}"


def permissions(user: str) -> dict[str, Any]:
    """Return the rights of a user as the server's configuration writes them."""
    rights: dict[str, Any] = {
        "publish": {"allow": ["$JS.API.>"] if user == PROVISION_USER else [*_says(user), *_reads(user)]},
        "subscribe": {"allow": [*ANSWERS.get(user, ()), f"{inbox_prefix(user)}.>"]},
    }
    if user in ANSWERS:
        rights["allow_responses"] = True
    return rights


def entry(name: str, public: str) -> dict[str, Any]:
    """Return one entry of `authorization.users`."""
    return {"nkey": public, "permissions": permissions(name)}


def _says(user: str) -> list[str]:
    """The subjects of the event types that the user produces, in every partition, and what it asks."""
    types = sorted(event.TYPE for event in event_classes() if event.TYPE.split(".", 1)[0] == user)
    return [*(f"evt.{type_}.*" for type_ in types), *ASKS.get(user, ())]


def _reads(user: str) -> list[str]:
    """The calls of JetStream for the user's own consumers on the streams that carry what it consumes."""
    if user == LEDGER_USER:
        return []
    allowed = []
    for stream in _streams(user):
        # A relay asks how far its stream is, also a service that consumes nothing.
        allowed.append(f"$JS.API.STREAM.INFO.{stream}")
        for number in range(PARTITIONS):
            name = f"{stream}.{user}_p{number}"
            allowed += [f"$JS.API.CONSUMER.{call}.{name}" for call in _CONSUMER_CALLS]
            allowed.append(f"$JS.API.CONSUMER.CREATE.{name}.>")
    return allowed


def _streams(user: str) -> list[str]:
    return sorted({"EVT", *(event.stream for event in CATALOGUE.values() if user in event.consumers)})
