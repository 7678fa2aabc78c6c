"""A trigger that no campaign names brings a campaign of its own: each of its detections is an opportunity (X10)."""

from uuid import uuid4

from attune_contracts.eventing import TriggerActivated
from attune_service_kit.testing import Publish, RunningService, eventually

from .conftest import NOW, raised
from .test_worker import counts, service

__all__ = ["service"]


async def test_a_trigger_without_a_campaign_brings_its_own(service: RunningService, publish: Publish) -> None:
    customers = [uuid4() for _ in range(20)]
    activated = [
        TriggerActivated(
            trigger="maturing", version=1, title_zh="到期", title_en="Maturing", priority=60, family="maturing",
            product_kind="time_deposit", partition=number,
        )
        for number in range(8)
    ]  # fmt: skip
    shipped = [one.model_copy(update={"trigger": "large-deposit", "title_en": "Another"}) for one in activated]
    found = [raised(c).model_copy(update={"trigger": "maturing", "detection_id": uuid4()}) for c in customers]
    await publish(*activated, *shipped, *found, time=NOW)

    async def opened() -> bool:
        return sum((await counts(service)).values()) == len(customers)

    assert await eventually(opened, 60, every=0.2, what="an opportunity for each")
    campaigns = await service.everything.pool.fetch("SELECT code, version, family, product_kind, name_en FROM campaign")
    told = {row["code"]: (row["version"], row["family"], row["product_kind"], row["name_en"]) for row in campaigns}
    assert told["maturing"] == (1, "maturing", "time_deposit", "Maturing")
    assert told["large-deposit"][3] == "Large deposit"
    salts = await service.everything.pool.fetch("SELECT name FROM salt WHERE name = 'maturing'")
    assert len(salts) == 1
