"""What somebody should look at before relying on a model that was trained: said on its card first of all. Pure."""

from collections.abc import Iterator
from typing import Any

from scoring.cards.words import of_feature
from scoring.training.trained import Trained

Caution = dict[str, str]
"""`code`, and the words in `en` and `zh`."""

TOO_GOOD = 0.98
CHANCE = 0.5
WORTH = 1.2
BEYOND_MAJORITY = 0.02
FEWEST_RESPONSES = 100
LEAST_RATIO = 0.8
FEWEST_OF_A_GROUP = 100
MOST_DRIFT = 0.25
MOST_CORRELATION = 0.3
FORETOLD = (0.8, 1.25)


def of(trained: Trained) -> list[Caution]:
    """The cautions of a training, of whatever kind; none where there is nothing to look at."""
    return [
        {"code": code, "en": en, "zh": zh}
        for found in (_ranks, _drifts, _fair, _foretells, _changes)
        for code, en, zh in found(trained.metrics, trained.card)
    ]


Found = Iterator[tuple[str, str, str]]


def _ranks(metrics: dict[str, float], card: dict[str, Any]) -> Found:
    if (auc := metrics.get("auc", 0.0)) >= TOO_GOOD:
        gain = card.get("gain") or {}
        strongest = max(gain, key=lambda name: gain[name], default=None)
        named = of_feature(strongest) if strongest else ("—", "the features")
        yield (
            "too_good",
            f"an auc of {auc:.3f} is rarely honest: look whether {named[1]} is known only once the answer is",
            f"AUC 为 {auc:.3f}，很少真实：请检查“{named[0]}”是否在结果发生后才可知",
        )
    elif metrics.get("auc_low", 1.0) <= CHANCE or metrics.get("lift", WORTH) < WORTH:
        lift, low, high = metrics["lift"], metrics["auc_low"], metrics["auc_high"]
        yield (
            "tells_little",
            f"it hardly ranks better than chance: the tenth with the highest scores has the outcome {lift:.2f} times as"
            f" often as all, the auc lies between {low:.2f} and {high:.2f}",
            f"排序几乎不优于随机：得分最高 10% 出现该结果的比例为总体的 {lift:.2f} 倍，"
            f"AUC 在 {low:.2f} 与 {high:.2f} 之间",
        )
    if metrics.get("accuracy", 1.0) - metrics.get("majority", 0.0) < BEYOND_MAJORITY:
        right, most = metrics["accuracy"], metrics["majority"]
        yield (
            "tells_little",
            f"it is right for {right:.1%}, always naming the commonest class for {most:.1%}: take the probabilities of"
            " the classes, not the likeliest alone",
            f"预测正确 {right:.1%}，而始终预测最常见类别即为 {most:.1%}：请使用各类别概率，勿仅看最可能的一类",
        )
    responses = _tested(metrics, card)
    if responses is not None and responses < FEWEST_RESPONSES:
        yield (
            "few_responses",
            f"only {responses} of those held back have the outcome: read the metrics with their interval",
            f"测试样本中仅 {responses} 位出现该结果：请结合区间阅读各指标",
        )


def _tested(metrics: dict[str, float], card: dict[str, Any]) -> int | None:
    """How many of those held back answered yes, where a yes is what is told."""
    rows = card.get("rows") or {}
    if "base_rate" not in metrics or "test" not in rows:
        return None
    return round(metrics["base_rate"] * int(rows["test"]))


def _drifts(_: dict[str, float], card: dict[str, Any]) -> Found:
    moved = [n for n, psi in ((card.get("drift") or {}).get("features") or {}).items() if psi > MOST_DRIFT]
    if moved:
        yield (
            "drifts",
            f"those held back differ from the training rows in {_names(moved, 1)} (PSI above {MOST_DRIFT:g})",
            f"测试样本与训练样本在{_names(moved, 0)}上差异明显（PSI 高于 {MOST_DRIFT:g}）",
        )


def _fair(_: dict[str, float], card: dict[str, Any]) -> Found:
    for attribute, lines in (card.get("fairness") or {}).items():
        name, _colon, of_class = attribute.partition(": ")
        low = [
            line for line in lines
            if line["rows"] >= FEWEST_OF_A_GROUP and line["ratio"] is not None and line["ratio"] < LEAST_RATIO
        ]  # fmt: skip
        if not low or of_class:  # of several classes somebody always chooses one less: the table tells
            continue
        least = min(low, key=lambda line: float(line["ratio"]))
        zh, en = of_feature(name)
        yield (
            "groups_differ",
            f"by {en}, {least['group']} is taken {least['ratio']:.2f} times as often as the group most often taken:"
            " a person judges whether that is right",
            f"按{zh}，“{least['group']}”的入选率为最高组的 {least['ratio']:.2f} 倍，须由人判断是否合理",
        )


def _foretells(metrics: dict[str, float], card: dict[str, Any]) -> Found:
    if bounds := card.get("at_bounds"):
        named = ", ".join(bounds)
        yield (
            "at_bounds",
            f"the purchases do not settle {named}: the fit ended at the bound of what is looked for. Rely on what was"
            " foretold of those held back, not on these parameters",
            f"购买数据无法确定参数 {named}：拟合停在搜索边界。请以留出期的预测与实际为准，不以这些参数为准",
        )
    if abs(follows := metrics.get("correlation", 0.0)) > MOST_CORRELATION:
        yield (
            "amounts_follow_frequency",
            f"who buys more often spends {'more' if follows > 0 else 'less'} each time (correlation {follows:+.2f}):"
            " the model takes both for independent, and the value is off for frequent customers",
            f"购买频率与金额相关（{follows:+.2f}）：模型假定二者独立，频繁购买客户的价值会有偏差",
        )
    told = metrics.get("foretold_by_came")
    if told is not None and not FORETOLD[0] <= told <= FORETOLD[1]:
        yield (
            "foretold_apart",
            f"of those held back {told:.2f} times as many purchase days were foretold as came",
            f"留出期内预测的购买天数为实际的 {told:.2f} 倍",
        )


def _changes(_: dict[str, float], card: dict[str, Any]) -> Found:
    told = card.get("uplift")
    if told and not told["proved"]:
        yield (
            "not_proved",
            "it is not proved that the order by uplift is better than chance: do not choose customers by it",
            "未证实按提升排序优于随机：请勿据此选择客户",
        )


def _names(features: list[str], language: int) -> str:
    return ("、", ", ")[language].join(of_feature(name)[language] for name in features[:5])
