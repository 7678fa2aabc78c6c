"""A stolen service identity can do only its own part, on the real server (P-26)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from nats.errors import Error as NatsError

from attune_contracts.catalog import CATALOGUE, SERVICES
from attune_service_kit.embedded import EmbeddedNats
from attune_service_kit.nats_client import NatsClient, connect
from attune_service_kit.nats_rights import ASKS, LEDGER_USER, PROVISION_USER, inbox_prefix, permissions
from attune_service_kit.nkeys import new_seed
from attune_service_kit.testing import provision_streams
from attune_service_kit.testing_credentials import nats_seed

USERS = (*SERVICES, LEDGER_USER)


class Thief:
    """A connection with a stolen key; counts what the server denies."""

    def __init__(self) -> None:
        self.denied: list[str] = []
        self.client = NatsClient()

    async def connect(self, server: EmbeddedNats, user: str) -> None:
        async def on_error(error: Exception) -> None:
            self.denied.append(str(error).lower())

        self.client = await connect(
            server.url, nats_seed(user), inbox_prefix=inbox_prefix(user), error_cb=on_error, allow_reconnect=False
        )

    async def allowed(self, actions: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Try to publish and subscribe, and return what the server has not denied."""
        for action, subject in actions:
            if action == "publish":
                await self.client.publish(subject, b"{}")
            else:
                await self.client.subscribe(subject)
        await self.client.flush()
        # The client tells of each denial in a task of its own.
        heard = -1
        while heard != len(self.denied):
            heard = len(self.denied)
            await asyncio.sleep(0.05)
        return [
            (a, s) for a, s in actions if not any(f'"{s.lower()}"' in text and a[:7] in text for text in self.denied)
        ]


@pytest.fixture
async def server(nats_server: EmbeddedNats) -> EmbeddedNats:
    await provision_streams(nats_server)
    return nats_server


def foreign(user: str) -> list[tuple[str, str]]:
    """What a user must not do, as (action, subject)."""
    others = [entry.type for entry in CATALOGUE.values() if entry.producer != user]
    streams = {entry.stream for entry in CATALOGUE.values() if user in entry.consumers}
    actions = [("publish", f"evt.{type_}.p0") for type_ in others]
    actions += [
        ("publish", f"evt.{user}.something.invented.v1.p0"),
        ("publish", "evt.>"),
        ("publish", "$SYS.REQ.SERVER.PING"),
    ]
    for stream in ("EVT", "LEDGER"):
        actions += [
            ("publish", f"$JS.API.STREAM.{call}.{stream}")
            for call in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE")
        ]
        actions += [("publish", f"$JS.API.DIRECT.GET.{stream}"), ("publish", f"$JS.API.CONSUMER.LIST.{stream}")]
        actions += [
            ("publish", f"$JS.API.CONSUMER.{call}.{stream}.{other}_p0")
            for other in SERVICES
            if other != user
            for call in ("CREATE", "MSG.NEXT", "DELETE")
        ]
        if stream not in streams and stream == "LEDGER":
            actions.append(("publish", f"$JS.API.CONSUMER.CREATE.{stream}.{user}_p0"))
    actions += [("publish", "$JS.API.ACCOUNT.PURGE.$G"), ("publish", "$JS.ACK.EVT.x.1.1.1.1.1")]
    actions += [("publish", subject) for other, asked in ASKS.items() if other != user for subject in asked]
    actions += [("subscribe", s) for s in (">", "evt.>", "$SYS.>", "$JS.>", "_INBOX.>", "_INBOX_provision.>")]
    actions += [("subscribe", f"{inbox_prefix(other)}.>") for other in USERS if other != user]
    return actions


@pytest.mark.parametrize("user", USERS)
async def test_every_foreign_action_is_denied(server: EmbeddedNats, user: str) -> None:
    thief = Thief()
    await thief.connect(server, user)
    allowed = await thief.allowed(foreign(user))
    await thief.client.close()
    assert allowed == []


@pytest.mark.parametrize("user", USERS)
async def test_its_own_part_is_allowed(server: EmbeddedNats, user: str) -> None:
    thief = Thief()
    await thief.connect(server, user)
    own = [("publish", f"evt.{entry.type}.p7") for entry in CATALOGUE.values() if entry.producer == user]
    streams = {entry.stream for entry in CATALOGUE.values() if user in entry.consumers}
    own += [("publish", f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{user}_p7") for stream in sorted(streams)]
    own.append(("subscribe", f"{inbox_prefix(user)}.x.*"))
    assert await thief.allowed(own) == own
    assert thief.denied == []
    await thief.client.close()


@pytest.mark.parametrize("options", [{}, {"user": "campaign", "password": "campaign"}, {"token": "x"}])
async def test_nobody_enters_without_a_key(server: EmbeddedNats, options: dict[str, Any]) -> None:
    client = NatsClient()
    with pytest.raises((NatsError, OSError)):
        await client.connect(server.url, allow_reconnect=False, **options)
    with pytest.raises((NatsError, OSError)):
        await connect(server.url, new_seed(), allow_reconnect=False)


def test_the_servers_configuration_holds_no_secret(server: EmbeddedNats) -> None:
    text = server.config_file.read_text()
    for user in (*USERS, PROVISION_USER):
        assert nats_seed(user) not in text
    assert "password" not in text


def test_no_user_but_the_provisioner_has_a_wildcard_over_streams() -> None:
    for user in USERS:
        for subject in permissions(user)["publish"]["allow"]:
            assert not subject.endswith(">") or subject.startswith("$JS.API.CONSUMER.CREATE."), subject
            assert "*" not in subject.rsplit(".", 1)[0], subject
