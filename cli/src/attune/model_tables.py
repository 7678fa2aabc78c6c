"""Models for the terminal: what one earned, how it is watched, what it has crossed. Names are never markup."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

_FIRST = (
    "auc", "auc_low", "auc_high", "accuracy", "effect", "qini", "foretold_by_came", "explained", "average_precision",
    "ks", "gini", "top_decile_response", "lift", "brier", "log_loss", "base_rate",
)  # fmt: skip
SHOWN = 12
"""So many features of a look, those that have moved most; the JSON has all."""


def registry(models: Iterable[dict[str, Any]]) -> Table:
    """The models, and which version of each answers."""
    names = ("name", "purpose", "target", "risk_class", "versions", "champion")
    return _table("", map(_words, names), [[model[name] for name in names] for model in models])


def versions(model: dict[str, Any]) -> Table:
    """A model's versions, the newest first, with the first of their metrics."""
    rows = [
        (v["version"], v["state"], v["origin"], v["trained_at"][:10], _metrics(v["metrics"]), v["sha256"][:16])
        for v in model["versions"]
    ]  # fmt: skip
    title = f"{model['name']}: {model['purpose']}, {model['target']}"
    return _table(title, ("version", "state", "origin", "since", "metrics", "sha256"), rows)


def comparison(told: dict[str, Any]) -> Table:
    """Each pair of groups: customers, response and money, with intervals and what they prove."""
    outcome = told["outcome"]
    fewer = outcome["wanted"] == "fewer"
    title = f"{told['model']}: {', '.join(outcome['kinds'])} within {outcome['within_days']} days"
    title += f"{', fewer is the gain' if fewer else ''}, up to {told['as_of'] or '–'}"
    pairs = [_pair(one, told["currency"] or "", fewer) for one in told["comparisons"]]
    # A pair a column: at most three, and what is said of each is long.
    rows = zip(("days", "customers", "response", "difference", "", "earned", ""), *(pair[1:] for pair in pairs))  # noqa: B905 - of no pair there are no rows
    return _table(title, ("", *(pair[0] for pair in pairs)), rows if pairs else ())


def shares(told: dict[str, Any]) -> Table:
    """Which shares of a purpose's customers no model, or a challenger, answers for; and who answers."""
    rows = [(one["model"], one["champion"], one["challenger"]) for one in told["models"]]
    title = f"{told['purpose']}: {_share(told['no_model_share'])} without model, {_share(told['challenger_share'])}"
    return _table(f"{title} by challengers, since {told['since'] or '–'}", ("model", "champion", "challenger"), rows)


def _pair(one: dict[str, Any], currency: str, fewer: bool) -> tuple[str, ...]:
    sides, response, money = (one["group"], one["against"]), one["response"], one["money"]
    return (
        " against ".join(side["group"].replace("_", " ") for side in sides),
        f"after {one['since']} to {one['until'] or '–'}{'' if one['final'] else ' (open)'}",
        " / ".join(f"{side['n']:,}" for side in sides),
        " / ".join(_share(side["rate"]) for side in sides),
        f"{_share(response['difference'])} [{_share(response['low'])}, {_share(response['high'])}]",
        f"{response['verdict']}: {_why(response['reason'], fewer)}",
        f"{money['earned'] or '–'} [{money['earned_low'] or '–'}, {money['earned_high'] or '–'}] {currency}".rstrip(),
        f"{money['verdict']}: {_why(money['reason'], fewer)}",
    )


def look(seen: dict[str, Any]) -> Iterator[Table]:
    """What is seen of a version: drift of its score and features, and responses by decile where there are any."""
    title = f"version {seen['version']} ({seen['state']}), {seen['rows']:,} customers of {seen['as_of']}"
    score = seen["score"]
    lines = [("the score", score)] if score else []
    lines += [(one["feature"], one) for one in seen["features"][:SHOWN]]
    rows = [
        (name, _number(d["psi"]), _number(d["ks"]), _share(d["missing_before"]), _share(d["missing"]), d["level"])
        for name, d in lines
    ]
    yield _table(title, ("drift of", "PSI", "KS", "missing, trained", "missing, now", "level"), rows)
    if responses := seen["responses"]:
        still = "" if responses["final"] else ", more will come"
        title = f"response by decile, scores of {responses['as_of']}, outcomes up to {responses['until']}{still}"
        tenths = [
            (d["decile"], f"{d['n']:,}", f"{d['responses']:,}", _share(d["rate"]),
             f"[{_share(d['low'])}, {_share(d['high'])}]", _share(d["trained"]))
            for d in responses["deciles"]
        ]  # fmt: skip
        yield _table(title, ("decile", "customers", "responses", "rate", "interval", "trained"), tenths)


def crossings(drifts: Iterable[dict[str, Any]]) -> Table:
    """What has been crossed, the newest first."""
    rows = [
        (d["as_of"], d["version"], d["feature"] or "the score", d["level"], _number(d["psi"]), _number(d["ks"]))
        for d in drifts
    ]
    return _table("", ("snapshot", "version", "drift of", "level", "PSI", "KS"), rows)


def contributions(told: dict[str, Any]) -> Table:
    """Each customer's score as the baseline's sum and what the features add."""
    rows = [
        (one["customer_id"], f"{one['score']:.4f}{' ' + one['class'] if one['class'] else ''}",
         f"{one['baseline']:+.4f}", ", ".join(_added(one)), f"{one['sum']:+.4f}")
        for one in told["customers"]
    ]  # fmt: skip
    rows += [(customer, "not in the snapshot", "", "", "") for customer in told["unknown"]]
    title = f"{told['model']} v{told['version']}, customers of {told['as_of']}, sums in {_words(told['unit'])}"
    return _table(title, ("customer", "score", "usual values", "what adds", "sum"), rows)


def _added(one: dict[str, Any]) -> Iterator[str]:
    yield from (f"{line['feature']} {line['adds']:+.4f}" for line in one["contributions"])
    if one["others"]:
        yield f"others {one['others']:+.4f}"


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    table = Table(title=Text(title) if title else None, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")  # on a narrow terminal a name is folded, never cut
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table


def in_order(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics, those that tell most first; the others as they stand."""
    return {name: metrics[name] for name in (*_FIRST, *metrics) if name in metrics}


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in list(in_order(metrics).items())[:3])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _why(reason: str, fewer: bool) -> str:
    """Why, of the interval as it is shown; the verdict judges what is gained, the other way round where fewer is."""
    turned = {"interval_above_zero": "interval_below_zero", "interval_below_zero": "interval_above_zero"}
    return _words(turned.get(reason, reason) if fewer else reason)


def _words(code: str) -> str:
    return code.replace("_", " ")
