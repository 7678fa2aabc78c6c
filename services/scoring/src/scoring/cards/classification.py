"""The sections that only some kinds of model have: a scorecard's points, several classes, and who is alike."""

from html import escape

from scoring.cards import pictures
from scoring.cards.parts import Facts, number, section, table
from scoring.cards.pictures import Curve, Words, words
from scoring.cards.words import of_feature


def scorecard(facts: Facts) -> str:
    """The points of each feature's bins, to be added up."""
    card = facts.card.get("scorecard")
    if not card:
        return ""
    heads: list[Words] = [("区间", "range"), ("样本", "rows"), ("违约", "bad"), ("分值", "points")]
    levels = facts.card.get("levels") or {}
    content = ""
    for feature in card["features"]:
        named = levels.get(feature["feature"])
        rows = [
            [_range(line, named), number(line["rows"]), number(line["bad"]), f"<b>{line['points']}</b>"]
            for line in feature["bins"]
        ]
        content += f"<p>{words(of_feature(feature['feature']))} (IV {number(feature['value'])})</p>{table(heads, rows)}"
    lead = (
        f"各特征的分值相加即总分；总分 {card['base_points']} 时好坏比为 {card['base_odds']:g}:1，"
        f"每加 {card['double_odds']} 分翻倍。区间内分值单调。",
        f"The points add up to the score; {card['base_points']} is odds of {card['base_odds']:g} to 1, and they double"
        f" with every {card['double_odds']}. Points only rise, or only fall, along a feature.",
    )
    return section(("评分卡", "The scorecard"), lead, content)


def _range(line: dict[str, object], levels: list[str] | None) -> str:
    low, high = line["above"], line["up_to"]
    if line["unknown"]:
        return words(("未知", "unknown"))
    if levels is not None:  # codes are the levels' places
        first = 0 if not isinstance(low, float) else int(low) + 1
        last = len(levels) if not isinstance(high, float) else int(high) + 1
        return escape(", ".join(levels[first:last]))
    if low is None and high is None:
        return words(("全部", "all"))
    return (
        f"≤ {number(high)}"
        if low is None
        else f"&gt; {number(low)}"
        if high is None
        else (f"&gt; {number(low)}, ≤ {number(high)}")
    )


def classes(facts: Facts) -> str:
    """How well each class is told from the others."""
    found = facts.card.get("classes")
    if not found:
        return ""
    heads: list[Words] = [
        ("类别", "class"), ("实际", "chosen"), ("预测", "foretold"), ("预测正确", "rightly"), ("AUC", "AUC"),
    ]  # fmt: skip
    rows = [
        [escape(str(one["class"])), *(number(one[name]) for name in ("rows", "foretold", "right", "auc"))]
        for one in found
    ]
    lead = (
        "在训练未用的客户上，各类别的实际与预测。",
        "Of customers not seen before: what was chosen, what foretold.",
    )
    content = table(heads, rows)
    for one in found:
        if points := one.get("roc"):  # of a card from before there were curves none
            label: Words = (f"{one['class']}：ROC", f"{one['class']}: ROC")
            axes: tuple[Words, Words] = (("误报率", "false positives"), ("命中率", "true positives"))
            drawn = [Curve(((0.0, 0.0), (1.0, 1.0)), "soft"), Curve([(a, b) for a, b in points])]
            content += f"<p>{words(label)}</p>{pictures.curves(drawn, label, *axes)}"
    return section(("各类别", "Class by class"), lead, content)


def alike(facts: Facts) -> str:
    """What the seeds held back tell."""
    told = facts.card.get("alike")
    if not told:
        return ""
    share, everybody = f"{told['named_share']:.1%}", f"{told['alike_share']:.1%}"
    lead = (
        f"保留的 {told['seeds']:,} 个种子客户未参与训练。相似者中约 {share} 已是种子；"
        f"相似者约占全部客户的 {everybody}。其余客户中也有相似者，因此 AUC 只会偏低。",
        f"{told['seeds']:,} seeds were held back. About {share} of those alike were named; about {everybody} of all"
        " are. Some of the rest are alike too, so that the AUC is too low rather than too high.",
    )
    return section(("相似客户", "Who is alike"), lead, "")


SECTIONS = (scorecard, classes, alike)
