"""`generate`: the synthetic bank as the files that a bank would send, and the truth beside them."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from attune.bank.calendar import TARGET_DAYS
from attune.bank.extracts import write_extracts
from attune.bank.files import Extracts
from attune.bank.ledger import LAST_DAY, ledger
from attune.bank.organisation import organisation
from attune.bank.people import papers
from attune.bank.truth import Truth, potential_outcomes

SMALLEST = 100


@dataclass(frozen=True)
class BankFiles:
    """Where the bank lies: the folder to import, the truth outside of it, the ledger's days, rows by file.

    `targets` counts the customers with a large deposit in the last 60 days, `leavers` those who took their money away.
    """

    folder: Path
    truth_file: Path
    first_day: date
    last_day: date
    rows: dict[str, int]
    targets: int
    leavers: int = 0

    @property
    def replay_from(self) -> date:
        """The first of the last 60 days: what lies before is history."""
        return self.last_day - timedelta(days=TARGET_DAYS - 1)

    def truth(self) -> Truth:
        """Read the truth."""
        return Truth.read(self.truth_file)


def generate(folder: Path, customers: int, seed: int, last_day: date = LAST_DAY, leavers: float = 0.0) -> BankFiles:
    """Write the bank's extracts into `folder`, and the truth as `<folder>.truth.parquet` beside it.

    Where a share of the customers leaves, `<folder>.leavers.csv` says who and when. The same arguments give the same
    bytes. ValueError for fewer than 100 customers.
    """
    if customers < SMALLEST:
        raise ValueError(f"a bank has at least {SMALLEST} customers")
    folder.mkdir(parents=True, exist_ok=True)
    bank = organisation(customers, seed)
    book = ledger(customers, seed, last_day, outlets=len(bank.outlets), leavers=leavers)
    truth_file = folder.with_name(f"{folder.name}.truth.parquet")
    potential_outcomes(book, seed).write(truth_file)
    extracts = Extracts(folder)
    try:
        write_extracts(extracts, bank, book, papers(book.who, seed, book.period, bank), seed)
    finally:
        extracts.close()
    gone = np.flatnonzero(book.left >= 0)
    if leavers:
        lines = (f"{book.who.cif[n]},{book.period.day(int(book.left[n]))}\n" for n in gone)
        folder.with_name(f"{folder.name}.leavers.csv").write_text("".join(["CIF,LEFT\n", *lines]), "utf-8")
    targets = len(np.unique(book.booked.owner[book.fired]))
    return BankFiles(folder, truth_file, book.period.first, last_day, extracts.rows, targets, len(gone))
