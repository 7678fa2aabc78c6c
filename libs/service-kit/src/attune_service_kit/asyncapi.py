"""A service's AsyncAPI document: what it says and what it listens to, from the catalogue and its handlers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from attune_contracts.catalog import CATALOGUE, Entry
from attune_contracts.envelope import Envelope, nats_subject
from attune_contracts.identifiers import PARTITIONS
from attune_contracts.requests import REQUESTS, Request
from attune_service_kit.runtime import Service

Document = dict[str, Any]

_CLOCK = "eventing.clock.advanced.v1"
# eventing's intake speaks for the bank's core (X4), which may also speak for itself.
_SPOKEN_FOR = {"ledger": "eventing"}


def said_by(service: str) -> list[Entry]:
    """The events that a service publishes."""
    return [e for e in CATALOGUE.values() if _SPOKEN_FOR.get(e.producer, e.producer) == service]


def heard_by(service: Service) -> list[Entry]:
    """The events that a service has handlers for, and business time, which the kit applies in each of them."""
    types = {event_type for subscription in service.subscriptions for event_type in subscription.by_type()} | {_CLOCK}
    return [entry for event_type, entry in CATALOGUE.items() if event_type in types]


def describe(service: Service, examples: Mapping[str, Sequence[Document]]) -> Document:
    """The document; `examples` holds golden messages by event type."""
    said, heard = said_by(service.name), heard_by(service)
    entries = {entry.type: entry for entry in (*said, *heard)}
    operations = {f"say.{entry.type}": _operation("send", entry) for entry in said}
    operations |= {f"hear.{entry.type}": _operation("receive", entry) for entry in heard}
    answered = [request for request in REQUESTS if request.answered_by == service.name]
    asked = [request for request in REQUESTS if service.name in request.asked_by]
    operations |= {f"answer.{request.subject}": _exchange("receive", request) for request in answered}
    operations |= {f"ask.{request.subject}": _exchange("send", request) for request in asked}
    requests = [*answered, *asked]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": service.title,
            "version": "1",
            "description": (
                "Events travel on NATS JetStream as CloudEvents 1.0 in structured JSON. A customer's events lie in one"
                f" of {PARTITIONS} partitions and are applied in order, each exactly once; within a major version"
                " fields are only added."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "nats.attune.example:4222", "protocol": "nats", "description": "JetStream"}},
        "channels": {name: _channel(entry) for name, entry in entries.items()} | _request_channels(requests),
        "operations": operations,
        "components": {
            "messages": {name: _message(entry, examples.get(name, ())) for name, entry in entries.items()}
            | _request_messages(requests),
            "schemas": _schemas(list(entries.values()), requests),
        },
    }


def _channel(entry: Entry) -> Document:
    return {
        "address": nats_subject(entry.type, 0).removesuffix("0") + "{partition}",
        "description": entry.meaning,
        "messages": {"event": {"$ref": f"#/components/messages/{entry.type}"}},
        "parameters": {
            "partition": {
                "description": _PARTITION[entry.partition],
                "enum": [str(number) for number in range(PARTITIONS)],
            }
        },
        "x-stream": entry.stream,
        "x-retention-days": entry.retention_days,
    }


_PARTITION = {
    "customer": "CRC-32 of the customer's id modulo 8",
    "dataset": "CRC-32 of the dataset's name modulo 8",
    "import": "CRC-32 of the import's id modulo 8",
    "model": "CRC-32 of the model's name modulo 8",
    "addressed": "the partition that the event is sent to: one message for each",
}


def _operation(action: str, entry: Entry) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{entry.type}"},
        "summary": entry.meaning,
        "messages": [{"$ref": f"#/channels/{entry.type}/messages/event"}],
    }


def _message(entry: Entry, examples: Sequence[Document]) -> Document:
    payload = {
        "allOf": [{"$ref": f"#/components/schemas/{Envelope.__name__}"}],
        "properties": {"type": {"const": entry.type}, "data": {"$ref": f"#/components/schemas/{entry.data.__name__}"}},
    }
    return {
        "name": entry.type,
        "title": entry.data.__name__,
        "summary": entry.meaning,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                "Nats-Msg-Id": {"type": "string", "description": "the event's id"},
                "traceparent": {"type": "string", "description": "W3C trace context of the cause"},
            },
        },
        "payload": payload,
        "x-attune": {
            "producer": entry.producer,
            "owner": entry.owner,
            "consumers": list(entry.consumers),
            "level": entry.level,
        },
        "examples": [{"name": f"example-{n}", "payload": example} for n, example in enumerate(examples, 1)],
    }


def _request_channels(requests: Sequence[Request]) -> Document:
    """Where is asked, and the reply subject that NATS makes for each question."""
    channels: Document = {}
    for request in requests:
        name = request.subject
        messages = {part: {"$ref": f"#/components/messages/{name}.{part}"} for part in request.messages}
        question = {"question": messages.pop("question")}
        channels[name] = {"address": name, "description": request.meaning, "messages": question}
        replied = f"Answers on {name}: the inbox that the question names"
        channels[f"{name}.reply"] = {"address": None, "description": replied, "messages": messages}
    return channels


def _exchange(action: str, request: Request) -> Document:
    place, reply = f"#/channels/{request.subject}", f"#/channels/{request.subject}.reply"
    replies = [{"$ref": f"{reply}/messages/{part}"} for part in request.messages if part != "question"]
    return {
        "action": action,
        "channel": {"$ref": place},
        "summary": request.meaning,
        "messages": [{"$ref": f"{place}/messages/question"}],
        "reply": {"channel": {"$ref": reply}, "messages": replies},
    }


def _request_messages(requests: Sequence[Request]) -> Document:
    return {
        f"{request.subject}.{part}": {
            "name": model.__name__,
            "title": model.__name__,
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
            "examples": [
                {"name": f"example-{n}", "payload": example}
                for n, example in enumerate(request.examples[model.__name__], 1)
            ],
        }
        for request in requests
        for part, model in request.messages.items()
    }


def _schemas(entries: list[Entry], requests: Sequence[Request]) -> Document:
    classes: list[Any] = [(Envelope, "validation"), *((entry.data, "validation") for entry in entries)]
    classes += [(model, "validation") for request in requests for model in request.messages.values()]
    template = "#/components/schemas/{model}"
    _, definitions = models_json_schema(classes, ref_template=template)
    return dict(sorted(definitions["$defs"].items()))
