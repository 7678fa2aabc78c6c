"""The kind `clusters`: customers in groups of alike ones (K-means), each named by what sets it apart.

Amounts and counts are skewed: a feature enters as sign(x) log(1 + |x|), what is not known as the median, then scaled to
mean 0 and deviation 1. The answer is the share of each cluster in a mixture of equal balls around the centres; the
likeliest one is the nearest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from attune_service_kit import lake_sql
from scoring import model
from scoring.cards.words import of_feature
from scoring.feature_specs import specs_of
from scoring.outputs import Output
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import reports
from scoring.training.graphs import INPUT, Graph
from scoring.training.over_time import MOST
from scoring.training.protected import Groups, groups
from scoring.training.source import Source
from scoring.training.trained import ParityBroken, Say, Trained

Rows = NDArray[np.float32]
Floats = NDArray[np.float64]

LEAST_A_CLUSTER = 50
"""Rows that there must be for each cluster that is asked for."""
SILHOUETTE_OF = 5_000
TRAITS = 3
LEAST_TRAIT = 0.3
"""So many deviations from everybody's mean make a trait."""
LEAST_AGREEMENT = 0.999


@dataclass(frozen=True)
class Clusters:
    """Medians and scale of the features, and the centres in scaled space, the largest cluster first."""

    median: Floats
    mean: Floats
    deviation: Floats
    centres: Floats

    def scaled(self, rows: Rows) -> Floats:
        """Rows as K-means sees them."""
        known = np.where(np.isnan(rows), self.median, rows.astype(np.float64))
        return np.asarray((_squeezed(known) - self.mean) / self.deviation)

    def nearest(self, rows: Rows) -> NDArray[np.int64]:
        """The number of each row's cluster, from 0."""
        distance = ((self.scaled(rows)[:, None, :] - self.centres) ** 2).sum(axis=2)
        return np.asarray(distance.argmin(axis=1))


@dataclass(frozen=True)
class Customers:
    """Everybody of a snapshot in the order of the ids, with their groups of protected attributes."""

    ids: NDArray[np.str_]
    rows: Rows
    groups: Groups


def learn(source: Source, spec: TrainingSpec, say: Say) -> Trained:
    """Read the snapshot, find the clusters, export, measure; raises SpecRefused, ParityBroken."""
    with source.tables("transactions", "parties") as con:
        as_of, _ = source.features(con, spec)
        customers = _read(con, spec.features)
        say(f"{len(customers.rows)} customers of {as_of}")
        trained = train(customers.rows, spec, as_of, customers.groups)
        found = list(_over_time(con, source, spec.features, trained, customers))
    return replace(trained, card=trained.card | {"stability": found, "stability_by": "clusters"})


def _read(con: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> Customers:
    columns = ", ".join(f"CAST(f.{name} AS FLOAT) AS {name}" for name in names)
    # The names are the contract's own: the spec admits no others.
    found = con.execute(
        f"SELECT f.customer_id AS id, f.age AS group_age, g.gender AS group_gender, {columns}"  # noqa: S608
        " FROM features AS f LEFT JOIN parties AS g ON g.customer_id = f.customer_id ORDER BY f.customer_id"
    ).fetchnumpy()
    filled = [np.ma.filled(found[name].astype(np.float32), np.nan) for name in names]
    rows = np.ascontiguousarray(np.column_stack(filled), dtype=np.float32)
    return Customers(found["id"].astype(str), rows, groups(found["group_age"], found["group_gender"]))


def _over_time(
    con: duckdb.DuckDBPyConnection, source: Source, names: tuple[str, ...], trained: Trained, learned: Customers
) -> Iterator[dict[str, Any]]:
    """Of the newest snapshots: the share of each cluster, and how many customers are where the training put them."""
    exported = model.load("clusters", 0, trained.features, trained.onnx, output=trained.output)
    kept = [name in trained.features for name in names]
    then = exported.answer_many(np.ascontiguousarray(learned.rows[:, kept])).argmax(axis=1)
    days = sorted(pointer.as_of for pointer in source.lake.pointers("features"))[-MOST:]
    for day in days:
        lake_sql.register(con, source.lake, "features", partition=f"as_of={day}")
        customers = _read(con, trained.features)
        place = exported.answer_many(customers.rows).argmax(axis=1)
        _, here, there = np.intersect1d(customers.ids, learned.ids, assume_unique=True, return_indices=True)
        shares = np.bincount(place, minlength=len(trained.output.classes)) / len(place)
        yield {
            "from": str(day),
            "rows": len(place),
            "same": float((place[here] == then[there]).mean()) if len(here) else None,
            "shares": dict(zip(trained.output.classes, shares.tolist(), strict=True)),
        }


def train(rows: Rows, spec: TrainingSpec, as_of: date | None = None, of: Mapping[str, Any] | None = None) -> Trained:
    """Find the clusters of these rows, in the order of the spec's features; raises SpecRefused, ParityBroken.

    `of`: the rows' groups of protected attributes.
    """
    count = spec.clusters
    assert count is not None  # noqa: S101 - the validator holds it
    if len(rows) < count * LEAST_A_CLUSTER:
        raise SpecRefused(
            f"{len(rows)} customers are too few for {count} clusters: {LEAST_A_CLUSTER} for each",
            f"{len(rows)} 位客户不足以划分 {count} 个客群，每个至少需要 {LEAST_A_CLUSTER} 位",
        )
    varies = np.array([bool(np.nanmax(c) > np.nanmin(c)) if not np.isnan(c).all() else False for c in rows.T])
    refused = [{"feature": n, "reason": "constant"} for n, v in zip(spec.features, varies, strict=True) if not v]
    names = tuple(n for n, v in zip(spec.features, varies, strict=True) if v)
    if not names:
        raise SpecRefused("no feature is left to learn from", "没有可用于学习的特征")
    rows = np.ascontiguousarray(rows[:, varies])
    found = fit(rows, count, spec.seed)
    member = found.nearest(rows)
    described = describe(found, names, member)
    output = Output("class_probabilities", tuple(one["name"] for one in described))
    onnx = graph(found)
    exported = model.load(spec.model, 0, names, onnx, output=output)
    answer = exported.answer(rows)
    agreement = float(np.mean(answer.argmax(axis=1) == member))
    if agreement < LEAST_AGREEMENT:
        raise ParityBroken(f"the ONNX model puts {1 - agreement:.4%} of the customers elsewhere")
    metrics = quality(found, rows, member, spec.seed) | {"rows": float(len(rows)), "features": float(len(names))}
    card = {
        "spec": spec.model_dump(mode="json"),
        "target": spec.target,
        "parity": {"decision_agreement": agreement},
        "clusters": described,
        "fairness": {
            f"{name}: {said}": lines
            for place, said in enumerate(output.classes)
            for name, lines in _shares(of or {}, member == place).items()
        },
    }
    about = {"dataset": spec.dataset, "as_of": as_of.isoformat() if as_of else None}
    snapshot = reports.distributions(names, rows, answer.max(axis=1), about)
    return Trained(onnx, names, specs_of(names), metrics, card, snapshot, output, as_of=as_of, refused=refused)


def _shares(of: Mapping[str, NDArray[np.str_]], inside: NDArray[np.bool_]) -> reports.Fairness:
    """By protected attribute, which share of each group is in a cluster."""
    told: reports.Fairness = {}
    for name, members in of.items():
        shares = {str(group): float(inside[members == group].mean()) for group in np.unique(members)}
        most = max(shares.values())
        told[name] = [
            {
                "group": group,
                "rows": int((members == group).sum()),
                "selection_rate": share,
                "ratio": share / most if most else None,
            }
            for group, share in shares.items()
        ]
    return told


def fit(rows: Rows, count: int, seed: int) -> Clusters:
    """K-means of the rows, the largest cluster first; the same rows and seed give the same clusters."""
    median = np.nanmedian(rows.astype(np.float64), axis=0)
    known = _squeezed(np.where(np.isnan(rows), median, rows.astype(np.float64)))
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    deviation[deviation == 0] = 1.0
    scaled = (known - mean) / deviation
    found = KMeans(count, n_init=10, random_state=seed).fit(scaled)
    sizes = np.bincount(found.labels_, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    return Clusters(median, mean, deviation, np.asarray(found.cluster_centers_[order]))


def describe(found: Clusters, names: tuple[str, ...], member: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Each cluster: its name, its size, and its traits, the strongest first, in deviations from everybody's mean."""
    told: list[dict[str, Any]] = []
    for number, centre in enumerate(found.centres, 1):
        order = np.argsort(-np.abs(centre), kind="stable")
        traits = [(names[i], float(centre[i])) for i in order[:TRAITS] if abs(centre[i]) >= LEAST_TRAIT]
        chinese = "、".join(f"{of_feature(name)[0]}{'高' if by > 0 else '低'}" for name, by in traits) or "接近平均"
        english = ", ".join(f"{'high' if by > 0 else 'low'} {of_feature(name)[1]}" for name, by in traits)
        mine = int((member == number - 1).sum())
        told.append(
            {
                # A score names its class in at most 64 characters; the number tells two alike ones apart.
                "name": f"{number}: {english or 'near the mean'}"[:64],
                "zh": chinese,
                "en": english or "near the mean",
                "customers": mine,
                "share": mine / len(member),
                "traits": [{"feature": name, "difference": by} for name, by in traits],
            }
        )
    return told


def quality(found: Clusters, rows: Rows, member: NDArray[np.int64], seed: int) -> dict[str, float]:
    """How apart the clusters are, how much they explain, and whether two halves of the customers find the same ones."""
    scaled = found.scaled(rows)
    draw = np.random.default_rng(seed)
    some = np.sort(draw.choice(len(rows), min(SILHOUETTE_OF, len(rows)), replace=False))
    half = draw.random(len(rows)) < 0.5
    count = len(found.centres)
    one, other = fit(rows[half], count, seed).nearest(rows), fit(rows[~half], count, seed).nearest(rows)
    within = float(((scaled - found.centres[member]) ** 2).sum())
    return {
        "silhouette": float(silhouette_score(scaled[some], member[some])),
        "explained": 1 - within / float((scaled**2).sum()),
        "agreement_of_halves": float(adjusted_rand_score(one, other)),
    }


def graph(found: Clusters) -> bytes:
    """The clusters as ONNX: probabilities of the classes, the nearest centre's the highest."""
    made = Graph(len(found.median))
    known = made.add("Where", made.add("IsNaN", INPUT), made.constant(found.median[None]), INPUT)
    grown = made.add("Log", made.add("Add", made.add("Abs", known), made.constant(1)))
    squeezed = made.add("Mul", made.add("Sign", known), grown)
    centred = made.add("Sub", squeezed, made.constant(found.mean[None]))
    scaled = made.add("Div", centred, made.constant(found.deviation[None]))
    wide = made.add("Unsqueeze", scaled, made.constant([1], np.int64))
    apart = made.add("Sub", wide, made.constant(found.centres[None]))
    square = made.add("Mul", apart, apart)
    distance = made.add("ReduceSum", square, made.constant([2], np.int64), keepdims=0)
    near = made.add("Mul", distance, made.constant(-0.5))
    return made.model(made.add("Softmax", near, axis=1), len(found.centres))


def _squeezed(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
