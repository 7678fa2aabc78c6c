"""What a new installation starts with: read from the package's YAML files, inserted by version, twice is once."""

from importlib.resources import files
from typing import Any

import yaml
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from campaign import catalogue, tables
from campaign.columns import Table
from campaign.contact_policy import ContactPolicy
from campaign.money import minor_units

SEEDED_BY = "attune"

# Columns that came after the migration that seeds; their defaults say the same.
_YOUNGER = {"enabled"}


def offers() -> list[catalogue.Offer]:
    """The shipped offer sheet; ValueError names what is wrong in it."""
    return [_offer(raw) for raw in _read("offers.yaml")["offers"]]


def scripts() -> list[catalogue.Script]:
    """The shipped scripts."""
    return [catalogue.Script.model_validate(raw) for raw in _read("scripts.yaml")["scripts"]]


def apply(connection: Connection) -> None:
    """Insert what is not there yet. What a bank has changed since keeps its higher version."""
    plans = _read("campaigns.yaml")
    for raw in plans["campaigns"]:
        name = raw.pop("name")
        _insert(connection, tables.Campaign, raw | _named(name) | {"created_by": SEEDED_BY, "enabled": True})
    for raw in plans["policies"]:
        _insert(connection, tables.Policy, raw | {"content": _policy(raw), "created_by": SEEDED_BY})
    for offer in offers():
        values = offer.model_dump(mode="json", exclude=_YOUNGER)
        _insert(connection, tables.Offer, values | _named(values.pop("name")))
    for script in scripts():
        _insert(connection, tables.Script, script.model_dump(exclude=_YOUNGER))
    _snapshot(connection)


def _snapshot(connection: Connection) -> None:
    body, sha256 = catalogue.snapshot(offers(), scripts())
    newest = connection.execute(select(func.coalesce(func.max(tables.Catalogue.version), 0))).scalar_one()
    values = {"version": newest + 1, "sha256": sha256, "content": body}
    connection.execute(insert(tables.Catalogue).values(values).on_conflict_do_nothing(index_elements=["sha256"]))


def _insert(connection: Connection, table: type[Table], values: dict[str, Any]) -> None:
    known = {k: v for k, v in values.items() if k in table.model_fields}
    connection.execute(insert(table).values(known).on_conflict_do_nothing())


def _offer(raw: dict[str, Any]) -> catalogue.Offer:
    currency = raw.get("currency", "CNY")
    if "expected_margin" in raw:
        raw["expected_margin_minor"] = minor_units(raw.pop("expected_margin"), currency)
    conditions = raw.get("conditions", {})
    if "minimum_balance" in conditions:
        conditions["minimum_balance_minor"] = minor_units(conditions.pop("minimum_balance"), currency)
    return catalogue.Offer.model_validate(raw)


def _policy(raw: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = raw["content"]
    return ContactPolicy.model_validate(content).model_dump(mode="json") if raw["kind"] == "contact" else content


def _named(name: dict[str, str]) -> dict[str, str]:
    return {"name_zh": name["zh"], "name_en": name["en"]}


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((files("campaign") / "data" / name).read_text("utf-8"))
    return content
