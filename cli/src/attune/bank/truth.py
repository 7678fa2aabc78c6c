"""The truth: what each customer would buy untouched and if reached. It lies outside what Attune imports (X14)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from attune.bank.channel import ChannelSimulator
from attune.bank.ledger import Ledger
from attune.bank.people import People
from attune.bank.postings import AccountType
from attune.bank.purchases import appetite, prefers_time
from attune.bank.randomness import Bools, Floats, Ints, Texts, calibrated, stream

BASE_RATE = 0.09
"""Share of the targets who buy untouched."""
MEAN_EFFECT = 0.067
"""Mean effect of being reached on the targets; with a reach of 0.78 the effect of being treated is about 0.052."""
LONGEST_DELAY = 14

_COLUMNS = ("cif", "account", "y0", "y1", "reached", "delay", "time", "amount")


@dataclass(frozen=True)
class Truth:
    """Column by column: potential outcomes, business days until the purchase (1 to 14), product kind, amount in fen."""

    cif: Texts
    account: Texts
    y0: Bools
    y1: Bools
    reached: Bools
    delay: Ints
    time: Bools
    amount: Ints

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each customer number."""
        return {cif: row for row, cif in enumerate(self.cif)}

    def effect(self, row: int) -> int:
        """What assigning treatment does to the customer: reached x (Y1 - Y0), one of -1, 0, 1."""
        return int(self.reached[row]) * (int(self.y1[row]) - int(self.y0[row]))

    def write(self, path: Path) -> None:
        """Write the table as Parquet."""
        pq.write_table(pa.table({name: pa.array(getattr(self, name)) for name in _COLUMNS}), path)

    @staticmethod
    def read(path: Path) -> "Truth":
        """Read what `write` has written."""
        table = pq.read_table(path)
        return Truth(*(table.column(name).to_numpy(zero_copy_only=False) for name in _COLUMNS))


def potential_outcomes(book: Ledger, seed: int) -> Truth:
    """Draw both potential outcomes of every customer; the rates are set on the targets, who have more than most."""
    rng = stream(seed, "truth")
    who = book.who
    targets = np.unique(book.booked.owner[book.fired])
    wish = appetite(who, book.at_end[AccountType.DEMAND], book.inflow)
    untouched = calibrated(0.8 * wish, BASE_RATE, targets)
    if_reached = np.clip(untouched + _effects(rng, who, untouched, targets), 0.001, 0.95)
    # One draw decides both outcomes, so the one follows from the other as far as the rates allow.
    draw = rng.random(who.count)
    everyone = np.arange(who.count)
    simulator = ChannelSimulator(seed)
    return Truth(
        cif=who.cif,
        account=account_numbers(AccountType.DEMAND, everyone),
        y0=draw < untouched,
        y1=draw < if_reached,
        reached=np.array([simulator.reached(cif) for cif in who.cif], dtype=np.bool_),
        delay=rng.integers(1, LONGEST_DELAY + 1, who.count),
        time=prefers_time(rng, who, everyone),
        amount=_amounts(rng, book.spare),
    )


def _effects(rng: np.random.Generator, who: People, untouched: Floats, targets: Ints) -> Floats:
    """What being reached adds to the probability: much for the undecided; one in nine, mostly digital, is put off."""
    gain = rng.lognormal(0, 0.5, who.count) * (0.4 + np.sqrt(untouched))
    put_off = rng.random(who.count) < 0.2 * who.digital
    loss = np.where(put_off, -0.5 * untouched, 0.0)
    wanted = MEAN_EFFECT - float(loss[targets].mean())
    return np.where(put_off, loss, gain * wanted / float(np.where(put_off, 0, gain)[targets].mean()))


def _amounts(rng: np.random.Generator, spare: Ints) -> Ints:
    """A part of what the customer can spare, in thousands of yuan; at least one thousand."""
    wanted = (spare * rng.uniform(0.3, 0.8, len(spare))).astype(np.int64) // 100_000 * 100_000
    return np.maximum(wanted, 100_000)


def account_numbers(account: AccountType, owner: Ints) -> Texts:
    """The bank's account numbers: 17 digits, the type in the sixth."""
    return np.array([f"62170{int(account) + 1}{n + 1:011d}" for n in owner], dtype=object)
