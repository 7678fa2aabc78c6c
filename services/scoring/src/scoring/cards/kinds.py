"""Sections of the kinds that are no classifiers: whom an action changes, lifetime value, clusters."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from scoring.cards import pictures
from scoring.cards.parts import Facts, number, section, table
from scoring.cards.pictures import Bar, Curve, Words, words
from scoring.cards.words import of_feature


def _uplift(facts: Facts) -> str:
    told = facts.card.get("uplift")
    if not told:
        return ""
    content = f"<p>{words(_verdict(told))}</p>"
    heads: list[Words] = [
        ("十分位（1 为提升最大）", "tenth, 1 the most uplift"), ("干预组", "treated"), ("对照组", "control"),
        ("效果", "effect"), ("区间", "interval"),
    ]  # fmt: skip
    rows = [[str(d["decile"]), number(d["treated"]), number(d["control"]), *_effect(d)] for d in told["deciles"]]
    content += table(heads, rows)
    label: Words = ("各十分位的效果，1 为预测提升最大", "Effect by tenth, 1 the most uplift foretold")
    bars = [Bar((str(d["decile"]), str(d["decile"])), d["estimate"], f"{d['estimate']:+.2%}") for d in told["deciles"]]
    content += f"<p>{words(label)}</p>{pictures.bars(bars, label)}{_qini(told)}"
    lead = (
        "动作改变了谁：按预测的提升排序，干预组与对照组在未参与训练的客户上之差。",
        "Whom the action changes: treated less control, on customers held back, those with the largest uplift first.",
    )
    return section(("提升", "Uplift"), lead, content)


def _qini(told: Mapping[str, Any]) -> str:
    """The curve beside the straight line of a random order; of a card from before there were curves nothing."""
    points = told.get("curve")
    if not points:
        return ""
    label: Words = ("Qini 曲线", "Qini curve")
    axes: tuple[Words, Words] = (
        ("联系的客户占比", "share contacted"),
        ("每位客户增加的响应", "responses gained a customer"),
    )
    levels = [gained for _, gained in points]
    drawn = [Curve((points[0], points[-1]), "soft"), Curve(points)]
    lead: Words = (
        "Qini 曲线：按预测的提升从高到低联系客户所增加的响应；虚线为随机顺序。",
        "Qini curve: responses gained if those with the largest uplift are contacted first; the dashes are chance.",
    )
    picture = pictures.curves(drawn, label, *axes, highest=(1.0, max(levels)), lowest=min(levels))
    return f"<p>{words(lead)}</p>{picture}"


def _verdict(told: Mapping[str, Any]) -> Words:
    """Whether anything is proved: of the action as a whole, of the order, and of those who buy anyway."""
    whole, qini, likely = told["effect"], told["qini"], told["propensity"]
    zh = ["整体效果", "已证实" if told["effect_proved"] else "未证实", f"（{_range(whole)}）；"]
    zh += ["提升排序", "优于随机" if told["proved"] else "未证实优于随机", f"（Qini {_range(qini)}）；"]
    zh += [f"最可能购买的 10% 响应率为 {likely['response']:.1%}（总体 {likely['of_all']:.1%}），"]
    zh += [f"对其效果为 {_range(likely)}。"]
    en = ["The action as a whole: ", "proved" if told["effect_proved"] else "not proved", f" ({_range(whole)}); "]
    en += ["the order by uplift: ", "better than chance" if told["proved"] else "not proved to be better than chance"]
    en += [f" (Qini {_range(qini)}). The tenth most likely to buy responds with {likely['response']:.1%}, all with "]
    en += [f"{likely['of_all']:.1%}; the action changes that tenth by {_range(likely)}."]
    return "".join(zh), "".join(en)


def _lifetime(facts: Facts) -> str:
    groups = facts.card.get("lifetime_value")
    if not groups:
        return ""
    heads: list[Words] = [
        ("十分位", "tenth"), ("客户数", "customers"), ("预测购买天数", "purchase days foretold"), ("实际", "came"),
    ]  # fmt: skip
    rows = [[str(g["decile"]), number(g["customers"]), number(g["foretold"]), number(g["came"])] for g in groups]
    most = max(max(g["foretold"], g["came"]) for g in groups) or 1.0
    label: Words = ("预测与实际", "Foretold and came")
    drawn = [
        Curve(((0.0, 0.0), (most, most)), "soft"), Curve([(g["foretold"], g["came"]) for g in groups], dots=True),
    ]  # fmt: skip
    axes: tuple[Words, Words] = (("预测", "foretold"), ("实际", "came"))
    content = table(heads, rows) + pictures.curves(drawn, label, *axes, highest=(most, most))
    lead = (
        "在拟合之后的时间段内，每位客户的购买天数：预测与实际。",
        "Purchase days of a customer in the time after the fit: what was foretold, and what came.",
    )
    return section(("生命周期价值", "Lifetime value"), lead, content)


def _clusters(facts: Facts) -> str:
    found = facts.card.get("clusters")
    if not found:
        return ""
    content = ""
    for number_of, one in enumerate(found, 1):
        rows = [Bar(of_feature(t["feature"]), t["difference"], f"{t['difference']:+.2f}") for t in one["traits"]]
        title: Words = (f"{number_of}：{one['zh']}", f"{number_of}: {one['en']}")
        content += f"<h3>{words(title)}</h3><p>{number(one['customers'])} ({escape(format(one['share'], '.1%'))})</p>"
        content += pictures.bars(rows, title) if rows else ""
    lead = (
        "相似的客户成组，以其特点命名；差异以标准差计。",
        "Groups of alike customers, named by what sets them apart, in deviations from everybody's mean.",
    )
    return section(("客群", "Clusters"), lead, content)


def _effect(told: Mapping[str, Any]) -> list[str]:
    return [f"{told['estimate']:+.2%}", f"[{told['low']:+.2%}, {told['high']:+.2%}]"]


def _range(told: Mapping[str, Any]) -> str:
    return f"{told['estimate']:+.4f} [{told['low']:+.4f}, {told['high']:+.4f}]"


SECTIONS: tuple[Callable[[Facts], str], ...] = (_uplift, _lifetime, _clusters)
