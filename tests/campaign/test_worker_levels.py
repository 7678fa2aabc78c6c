"""Households and joint accounts as they come from customer-360 bind the opportunities of their members."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from attune_contracts import datasets
from attune_contracts.customer_360 import ImportCompleted, OwnedAccount, ProfileChanged
from attune_contracts.identifiers import account_id
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from campaign import policies
from campaign.app import SERVICE
from campaign.contact_policy import Cap, ContactPolicy
from campaign.plans import current

from .conftest import NOW, SECRET, arms, person, raised, write
from .test_worker import an_account, consents, party, tell_time

ONE_A_HOUSE = ContactPolicy(caps=(Cap(level="household", limit=1, days=30), Cap(level="account", limit=1, days=30)))


async def imported(service: RunningService, publish: Publish, lake_dir: Path, people: list[UUID]) -> None:
    """Three people: the first two live together, the last holds the first one's account with them."""
    home = {people[0]: "H1", people[1]: "H1"}
    parties = [party(p, household_id=home.get(p)) for p in people]
    joint = {"account_id": str(account_id("tests", "A1")), "customer_id": str(people[2]), "role": "joint_owner"}
    authorised = joint | {"customer_id": str(people[1]), "role": "authorised"}
    pointers = (
        write(lake_dir, datasets.PARTIES, "all", parties),
        write(lake_dir, datasets.ACCOUNTS, "all", [an_account("A1", people[0]), an_account("A2", people[1])]),
        write(lake_dir, datasets.ACCOUNT_PARTIES, "all", [joint, authorised]),
        write(lake_dir, datasets.CONSENTS, "all", [row for p in people for row in consents(p)]),
    )
    await publish(ImportCompleted(import_id=uuid4(), pointers=pointers), time=NOW)

    async def loaded() -> bool:
        return await service.everything.pool.fetchval("SELECT count(*) FROM proj_consent") == 2 * len(people)

    await eventually(loaded, timeout=90, what="the import")


async def holders(service: RunningService) -> dict[tuple[str, UUID], str]:
    names = {account_id("tests", name): name for name in ("A1", "A2", "A3")}
    rows = await service.everything.pool.fetch("SELECT account_id, customer_id, role FROM proj_account")
    return {(names[r["account_id"]], r["customer_id"]): r["role"] for r in rows}


async def opened(service: RunningService, publish: Publish, customer: UUID) -> tuple[Any, Any]:
    """The state and reason of a new opportunity of this customer."""
    await publish(raised(customer), time=NOW)
    query = "SELECT state, reason FROM opportunity WHERE customer_id = $1"

    async def there() -> Any:
        return await service.everything.pool.fetchrow(query, customer)

    return tuple(await eventually(there, what="the opportunity"))


async def test_members_of_a_household_and_holders_of_an_account_share_a_cap(
    start_service: StartService, publish: Publish, lake_dir: Path
) -> None:
    service = await start_service(SERVICE, clock="events", arm_secret=SECRET)
    arm = await arms(service)
    first, second, third = people = [c for c in (person(n) for n in range(100)) if arm(c) == "treated"][:3]
    async with service.everything.transaction() as tx:
        await policies.change(tx, await current(service.everything, tx.conn), ONE_A_HOUSE, version=1)
    await tell_time(publish, NOW)
    await imported(service, publish, lake_dir, people)
    assert await holders(service) == {("A1", first): "owner", ("A1", third): "joint_owner", ("A2", second): "owner"}
    assert await opened(service, publish, first) == ("open", None)
    assert await opened(service, publish, second) == ("suppressed", "frequency_cap")
    assert await opened(service, publish, third) == ("suppressed", "frequency_cap")

    # The second one moves out and opens an account; what they hold together stays with the third.
    bought = OwnedAccount(account_id=account_id("tests", "A3"), kind="time")
    moved = [
        ProfileChanged(customer_id=second, version=9, party_kind="person", household_id="H2", accounts=(bought,)),
        ProfileChanged(customer_id=third, version=9, party_kind="person"),
    ]
    await publish(*moved, time=NOW)

    async def followed() -> bool:
        homes = await service.everything.pool.fetch("SELECT household_id FROM proj_party WHERE version = 9")
        return {r[0] for r in homes} == {"H2", None} and len(homes) == 2

    await eventually(followed, what="the changes")
    assert await holders(service) == {("A1", first): "owner", ("A1", third): "joint_owner", ("A3", second): "owner"}
