"""Two customers of two branches in every service, with one of everything that carries an id of theirs."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from attune_service_kit.embedded import EmbeddedPostgres

from .conftest import FOREIGN_BRANCH, HEAD_OFFICE, OWN_BRANCH, Bank


def id_of(kind: int, whose: int) -> UUID:
    """An id of a kind; `whose` 0 is nobody's."""
    return UUID(f"0190a7c0-5f3e-7c41-9d2a-{kind:04x}{whose:08x}")


# Ids of customers and branches, and of what belongs to them; each with its number.
BOUND = {
    name: number
    for number, name in enumerate(
        ("customer_id", "decision_id", "opportunity_id", "task_id", "contact_id", "suppression_id", "detection_id",
         "account_id", "branch_id", "employee_id", "manager_id", "household_id", "backtest_id"), 1
    )
}  # fmt: skip
# What is the whole bank's or the machine's: nobody who is bound to a branch or a customer may ask for it.
OF_THE_BANK = {
    "file_id",
    "review_id",
    "merge_id",
    "job_id",
    "import_id",
    "message_id",
    "source_id",
    "posting_id",
    "proposal_id",
}
# Names of plans, models and lists: the same for everybody who may read them.
NAMES = {
    "behaviour_id",
    "code",
    "name",
    "version",
    "purpose",
    "tag",
    "script_id",
    "product_id",
    "request_id",
    "entity_id",
}
_TEXTS = {"branch_id": (OWN_BRANCH, FOREIGN_BRANCH, "B9"), "employee_id": ("E1", "E2", "E9")}
_TEXTS |= {"manager_id": _TEXTS["employee_id"], "household_id": ("H1", "H2", "H9")}


@dataclass(frozen=True)
class Id:
    """A kind of id: of the caller's own branch, of another, of nobody."""

    own: str
    foreign: str
    unknown: str


IDS = {
    name: Id(*_TEXTS[name]) if name in _TEXTS else Id(str(id_of(kind, 1)), str(id_of(kind, 2)), str(id_of(kind, 0)))
    for name, kind in BOUND.items()
}
OWN = UUID(IDS["customer_id"].own)

_SCOPE = (
    "INSERT INTO branch_scope (ancestor, branch) VALUES ('HQ','HQ'),('HQ','B1'),('HQ','B2'),('B1','B1'),('B2','B2')"
)
_ROWS = Path(__file__).parent / "rows"


async def settle_in(bank: Bank, server: EmbeddedPostgres) -> None:
    """Let every service know both customers, past its events."""
    for name, service in bank.services.items():
        admin = await server.connect(service.settings.database_url.rpartition("/")[2])
        try:
            file = _ROWS / f"{name}.sql"
            await _rows(admin, file.read_text() if file.exists() else "SELECT 1")
            if name == "campaign":
                await _decisions(bank, admin)
        finally:
            await admin.close()
    bank.customer = OWN


async def _decisions(bank: Bank, admin: asyncpg.Connection) -> None:
    """One for each customer, made by the branch's own teller and given the id that the tests know."""
    for whose, branch in (("own", OWN_BRANCH), ("foreign", FOREIGN_BRANCH)):
        customer = UUID(getattr(IDS["customer_id"], whose))
        path = f"/v1/customers/{customer}/next-best-actions?channel=counter"
        answer = await bank.services["campaign"].client.get(path, headers=bank.as_role("teller", branch))
        assert answer.status_code == 200, answer.text
        known = UUID(getattr(IDS["decision_id"], whose))
        await admin.execute("UPDATE decision SET id = $2 WHERE customer_id = $1", customer, known)


async def _rows(admin: asyncpg.Connection, statements: str) -> None:
    await admin.execute("SET session_replication_role = replica")  # without triggers and foreign keys
    if await admin.fetchval("SELECT to_regclass('branch_scope')"):
        await admin.execute(_SCOPE)
    for number, whose in enumerate(("own", "foreign"), 1):
        text = statements.replace(":n", str(number))
        for name, found in IDS.items():
            text = text.replace(f":{name}", f"'{getattr(found, whose)}'")
        await admin.execute(text)


__all__ = ["BOUND", "FOREIGN_BRANCH", "HEAD_OFFICE", "IDS", "NAMES", "OF_THE_BANK", "OWN", "settle_in"]
