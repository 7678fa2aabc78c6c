"""The kind `lifetime_value`: what a customer will spend, from when and for how much they have bought.

The model's row is a customer's summary: repeat purchase days, weeks from the first to the last of them and to the end,
the mean amount of a repeat day. The exported graph computes both models' formulae; Gauss's hypergeometric function is
its series, with as many terms as make the rest vanish.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from scoring import model
from scoring.feature_specs import FeatureSpec
from scoring.outputs import Output
from scoring.purchases_spec import PurchaseFile
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import lifetime_value, reports
from scoring.training.graphs import INPUT, Graph
from scoring.training.lifetime_value import DAYS_A_WEEK, Customers, LifetimeValue
from scoring.training.protected import Groups, groups
from scoring.training.source import Source
from scoring.training.trained import ParityBroken, Say, Trained

Log = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""A purchase each: the customer's number, the day's, the amount."""

SPECS = (
    FeatureSpec(name="repeat_purchase_days", unit="days", min=0, max=400, nullable=False),
    FeatureSpec(name="weeks_to_last_purchase", unit="weeks", min=0, max=520, nullable=False),
    FeatureSpec(name="weeks_since_first_purchase", unit="weeks", min=0, max=520, nullable=False),
    FeatureSpec(name="mean_amount", min=0, max=10**12),
)
NAMES = tuple(spec.name for spec in SPECS)
OUTPUT = Output("value", lowest=0.0)
EPOCH = date(1970, 1, 1)
MOST_TERMS = 2_000
SPAN_WEEKS = 4
DAYS_A_YEAR = 365.25
REST = 1e-12
"""Of the series: terms below this part of it are left out."""
LARGEST_DIFFERENCE = 1e-5
"""Of the exported model against the formulae, as a part of the value, at the 99th percentile."""

_PURCHASES = """
CREATE OR REPLACE TEMP TABLE purchases AS
WITH undone AS (
    SELECT DISTINCT account_id, reverses AS posting_id FROM transactions WHERE reverses IS NOT NULL
)
SELECT dense_rank() OVER (ORDER BY a.customer_id) - 1 AS customer, a.customer_id,
       t.business_date - DATE '1970-01-01' AS day, t.amount_minor::DOUBLE AS amount
FROM transactions t JOIN accounts a USING (account_id) LEFT JOIN undone u USING (account_id, posting_id)
WHERE list_contains($kinds, t.kind) AND u.posting_id IS NULL AND t.reverses IS NULL AND t.amount_minor > 0
"""
_LOG = "SELECT customer, day, amount FROM purchases ORDER BY ALL"
_PEOPLE = """
SELECT g.birth_date - DATE '1970-01-01' AS born, g.gender
FROM (SELECT DISTINCT customer_id FROM purchases) LEFT JOIN parties AS g USING (customer_id) ORDER BY customer_id"""


@dataclass(frozen=True)
class People:
    """What the lake knows of the customers of a log, by their numbers: the day of birth's number, and the gender."""

    born: NDArray[Any]
    gender: NDArray[Any]

    def groups(self, numbers: NDArray[np.int64], day: int) -> Groups:
        """The groups of protected attributes that these customers belong to on that day."""
        return groups(np.floor((day - self.born[numbers]) / DAYS_A_YEAR), self.gender[numbers])


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read the purchases, fit on those up to a day, measure on those after it; raises SpecRefused, ParityBroken."""
    purchases = spec.purchases
    assert purchases is not None  # noqa: S101 - the validator holds it
    people = None
    if purchases.file is not None:
        with source.sent(purchases.file.file_id) as path:
            log = of_file(path, purchases.file)
    else:
        with source.tables("transactions", "accounts", "parties") as con:
            log, people = of_ledger(con, purchases.kinds)
    say(f"{len(log[0])} purchases of {len(np.unique(log[0]))} customers")
    return train(log, spec, people)


def of_ledger(con: duckdb.DuckDBPyConnection, kinds: tuple[str, ...]) -> tuple[Log, People]:
    """The postings of these kinds that stand, by customer, and who the customers are; amounts in minor units."""
    con.execute(_PURCHASES, {"kinds": list(kinds)})
    found, people = con.execute(_LOG).fetchnumpy(), con.execute(_PEOPLE).fetchnumpy()
    log = found["customer"].astype(np.int64), found["day"].astype(np.int64), found["amount"].astype(np.float64)
    return log, People(people["born"], people["gender"])


def of_file(path: Path, about: PurchaseFile) -> Log:
    """The file's lines; SpecRefused names the line and the column that do not fit."""
    from scoring.training.files import unpacked

    text = unpacked(path.read_bytes(), about.sha256, "utf-8")
    lines = text.splitlines()
    spaces = about.separator == "spaces"
    rows = (line.split() for line in lines) if spaces else csv.reader(lines, delimiter=about.separator)
    headings = list(about.headings) or next(iter(rows), [])
    wanted = (about.customer, about.day, about.amount)
    if missing := [heading for heading in wanted if heading not in headings]:
        raise SpecRefused(f"the file has no column {', '.join(missing)}", f"文件缺少列：{'、'.join(missing)}")
    who, when, much = (headings.index(heading) for heading in wanted)
    numbers: dict[str, int] = {}
    customer: list[int] = []
    day: list[int] = []
    amount: list[float] = []
    for number, row in enumerate(rows, 1 if about.headings else 2):
        if not row:
            continue
        if len(row) != len(headings):
            raise SpecRefused(
                f"line {number} has {len(row)} cells, not {len(headings)}",
                f"第 {number} 行有 {len(row)} 列，应为 {len(headings)} 列",
            )
        customer.append(numbers.setdefault(row[who].strip(), len(numbers)))
        day.append(_day(row[when].strip(), about.day, number))
        amount.append(_amount(row[much].strip(), about.amount, number))
    return np.array(customer, np.int64), np.array(day, np.int64), np.array(amount, np.float64)


def train(log: Log, spec: TrainingSpec, people: People | None = None) -> Trained:
    """Fit, export, measure; raises SpecRefused, ParityBroken. `people`: who the customers are, where that is known."""
    purchases = spec.purchases
    assert purchases is not None  # noqa: S101 - the validator holds it
    if not len(log[0]):
        raise SpecRefused("there is no purchase of these kinds", "没有这些类型的购买记录")
    end = int(log[1].max())
    until = end - purchases.test_weeks * DAYS_A_WEEK
    if purchases.until is not None:
        until = (purchases.until - EPOCH).days
    if not (log[1] <= until).any() or until >= end:
        raise SpecRefused(
            f"purchases lie before and after {EPOCH + timedelta(days=until)}, or nothing can be foretold",
            f"{EPOCH + timedelta(days=until)} 之前与之后都须有购买记录，否则无法检验",
        )
    seen = lifetime_value.summarise(*log, until)
    found = lifetime_value.fit(seen)
    if found.amounts.q <= 1:
        raise SpecRefused("the amounts vary too much: they have no mean to expect", "金额离散过大，无法估计均值")
    tested = _tested(log, seen, found, until, end)
    rows = as_rows(seen)
    value = found.value(as_customers(rows), purchases.weeks)
    onnx = graph(found, purchases.weeks)
    exported = model.load(spec.model, 0, NAMES, onnx, output=OUTPUT)
    score = exported.score(rows)
    apart = float(np.quantile(np.abs(score - value) / np.maximum(np.abs(value), 1e-9), 0.99))
    # What is no number is no agreement.
    if not apart <= LARGEST_DIFFERENCE:
        raise ParityBroken(f"the ONNX model differs from the formulae by {apart:.2g} of the value")
    bought, paid = found.purchases, found.amounts
    metrics = {
        "rows": float(len(rows)), "repeaters": float((seen.x > 0).sum()), "r": bought.r, "alpha": bought.alpha,
        "a": bought.a, "b": bought.b, "log_likelihood": bought.log_likelihood, "p": paid.p, "q": paid.q,
        "gamma": paid.gamma, "correlation": found.correlation, **tested["metrics"],
    }  # fmt: skip
    as_of = EPOCH + timedelta(days=until)
    card = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "parity": {"typical_difference": apart},
        "lifetime_value": tested["groups"],
        "at_bounds": list(found.at_bounds),
        "stability": tested["spans"],
        "stability_by": "time",
        "fairness": _fairness(log, people, score, until),
    }
    about = {"dataset": "purchases", "as_of": as_of.isoformat()}
    snapshot = reports.distributions(NAMES, rows, score, about)
    return Trained(onnx, NAMES, SPECS, metrics, card, snapshot, OUTPUT, as_of=as_of)


def as_rows(seen: Customers) -> NDArray[np.float32]:
    """Customers as the model takes them."""
    return np.ascontiguousarray(np.column_stack([seen.x, seen.t_x, seen.T, seen.mean]), dtype=np.float32)


def as_customers(rows: NDArray[np.float32]) -> Customers:
    """Rows as the formulae take them."""
    x, t_x, end, mean = (rows[:, index].astype(np.float64) for index in range(4))
    return Customers(x, t_x, end, mean)


def _tested(log: Log, seen: Customers, found: LifetimeValue, until: int, end: int) -> dict[str, Any]:
    """What the purchase days after `until` were foretold to be, and were; by tenths of what was foretold, by weeks."""
    weeks = (end - until) / DAYS_A_WEEK
    foretold, came = found.purchases.expected(seen, weeks), _came(log, until, end)
    parts = np.array_split(np.argsort(-foretold, kind="stable"), reports.BINS)
    groups = [
        {
            "decile": n, "customers": len(part), "foretold": float(foretold[part].mean()),
            "came": float(came[part].mean()),
        }
        for n, part in enumerate(parts, 1) if len(part)
    ]  # fmt: skip
    error = float(np.abs(foretold - came).mean())
    ratio = float(foretold.sum() / came.sum()) if came.sum() else float("nan")
    told = {"test_weeks": weeks, "foretold_by_came": ratio, "mean_error_days": error}
    metrics = {name: value for name, value in told.items() if np.isfinite(value)}
    return {"metrics": metrics, "groups": groups, "spans": list(_spans(log, seen, found, until, end))}


def _came(log: Log, until: int, end: int) -> NDArray[np.int64]:
    """The days with a purchase after `until` and up to `end`, of each customer known by `until`."""
    customers, day, _ = log
    known, later = np.unique(customers[day <= until]), (day > until) & (day <= end)
    days = np.unique(np.column_stack([customers[later], day[later]]), axis=0)
    return np.bincount(np.searchsorted(known, days[np.isin(days[:, 0], known), 0]), minlength=len(known))


def _spans(log: Log, seen: Customers, found: LifetimeValue, until: int, end: int) -> Iterator[dict[str, Any]]:
    """Four weeks after four weeks: the purchase days a customer that were foretold, and that came."""
    before, begins = 0.0, until
    known = np.unique(log[0][log[1] <= until])
    while begins < end:
        ends = min(begins + SPAN_WEEKS * DAYS_A_WEEK, end)
        foretold = float(found.purchases.expected(seen, (ends - until) / DAYS_A_WEEK).mean())
        came = float((_came(log, until, ends) - _came(log, until, begins)).mean())
        first = (EPOCH + timedelta(days=begins + 1)).isoformat()
        yield {"from": first, "rows": len(known), "foretold": foretold - before, "came": came}
        before, begins = foretold, ends


def _fairness(log: Log, people: People | None, value: NDArray[np.float64], until: int) -> reports.Fairness:
    """By protected group: who bought later, the mean value, and the share of the tenth that is worth most."""
    if people is None:
        return {}
    known = np.unique(log[0][log[1] <= until])
    return reports.by_group(people.groups(known, until), _came(log, until, int(log[1].max())) > 0, value)


def graph(found: LifetimeValue, weeks: int) -> bytes:
    """Both models' expectations multiplied, in float64 inside: `PurchaseModel.expected`, `AmountModel.expected`."""
    r, alpha, a, b = (getattr(found.purchases, name) for name in ("r", "alpha", "a", "b"))
    p, q, gamma = (getattr(found.amounts, name) for name in ("p", "q", "gamma"))
    made = Graph(4)

    def number(value: float) -> str:
        return made.constant([value], np.float64)

    wide = made.add("Cast", INPUT, to=TensorProto.DOUBLE)
    x, t_x, end, mean = (made.add("Gather", wide, made.constant([index], np.int64), axis=1) for index in range(4))
    reach = made.add("Add", end, number(alpha))
    later = made.add("Add", reach, number(weeks))
    z = made.add("Div", number(weeks), later)
    one, two = made.add("Add", x, number(r)), made.add("Add", x, number(b))
    three = made.add("Add", x, number(a + b - 1))
    series = number(1)
    # By Horner, from the last term: 1 + f(0) (1 + f(1) (1 + ...)).
    for n in reversed(range(_terms(found, weeks))):
        above = made.add("Mul", made.add("Add", one, number(n)), made.add("Add", two, number(n)))
        below = made.add("Mul", made.add("Add", three, number(n)), number(n + 1))
        factor = made.add("Mul", made.add("Div", above, below), z)
        series = made.add("Add", made.add("Mul", factor, series), number(1))
    shrunk = made.add("Pow", made.add("Div", reach, later), one)
    likely = made.add("Sub", number(1), made.add("Mul", shrunk, series))
    often = made.add("Mul", made.add("Mul", three, number(1 / (a - 1))), likely)
    back = made.add("Max", x, number(1))
    ratio = made.add("Pow", made.add("Div", reach, made.add("Add", t_x, number(alpha))), one)
    odds = made.add("Mul", made.add("Div", number(a), made.add("Add", back, number(b - 1))), ratio)
    repeated = made.add("Greater", x, number(0))
    gone = made.add("Where", repeated, odds, number(0))
    days = made.add("Div", often, made.add("Add", gone, number(1)))
    spent = made.add("Where", repeated, mean, number(0))
    paid = made.add("Mul", made.add("Add", made.add("Mul", x, spent), number(gamma)), number(p))
    amount = made.add("Div", paid, made.add("Add", made.add("Mul", x, number(p)), number(q - 1)))
    value = made.add("Max", made.add("Mul", days, amount), number(0))
    return made.model(made.add("Cast", value, to=TensorProto.FLOAT), 1)


def _terms(found: LifetimeValue, weeks: int) -> int:
    """So many terms of the series that the rest is nothing, for the slowest row: one that has just begun."""
    bought = found.purchases
    z = weeks / (bought.alpha + weeks)
    term = 1.0
    for n in range(MOST_TERMS):
        term *= (bought.r + n) * (bought.b + n) / ((bought.a + bought.b - 1 + n) * (n + 1)) * z
        if abs(term) < REST * (1 - z):
            return n + 1
    raise SpecRefused(
        "the purchases say too little of when they end: the value does not converge", "购买数据不足以收敛"
    )


def _day(cell: str, heading: str, line: int) -> int:
    try:
        return (date.fromisoformat(cell) - EPOCH).days
    except ValueError:
        raise SpecRefused(
            f"line {line}: column {heading} holds no date", f"第 {line} 行：列 {heading} 不是日期"
        ) from None


def _amount(cell: str, heading: str, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1e15:
        raise SpecRefused(f"line {line}: column {heading} holds no amount", f"第 {line} 行：列 {heading} 不是金额")
    return value
