"""What a model earned and how it is watched, as a page: comparison, drift, response by decile. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Any

from scoring.cards import pictures
from scoring.cards.page import SHOWN, document
from scoring.cards.parts import number, section, table
from scoring.cards.pictures import Bar, Curve, Words, words
from scoring.cards.words import of, of_feature
from scoring.money import to_text

_GROUPS: dict[str, Words] = {
    "model": ("模型组", "the model"),
    "champion": ("冠军版本", "champion"),
    "challenger": ("挑战版本", "challenger"),
    "no_model": ("无模型组", "no model"),
}
_VERDICTS: dict[str, Words] = {"proved": ("已证实", "proved"), "not proved": ("未证实", "not proved")}
_REASONS: dict[str, Words] = {
    "interval_above_zero": ("置信区间高于零", "the interval lies above zero"),
    "interval_covers_zero": ("置信区间包含零", "the interval holds zero"),
    "interval_below_zero": ("置信区间低于零", "the interval lies below zero"),
    "sample_too_small": ("样本不足", "the sample is too small"),
    "sample_ratio": ("两组人数与抽样比例不符", "the groups' sizes do not fit their shares"),
}
_LEVELS: dict[str, Words] = {
    "stable": ("稳定", "stable"),
    "moderate": ("中度漂移", "moderate"),
    "major": ("显著漂移", "major"),
}
_STATES: dict[str, Words] = {
    "champion": ("冠军", "champion"),
    "challenger": ("挑战者", "challenger"),
    "shadow": ("影子", "looks on"),
}


@dataclass(frozen=True)
class Reported:
    """What a page is made of: the newest comparison, each version as last seen, and what has been crossed."""

    model: str
    comparison: Mapping[str, Any] | None
    watches: Sequence[Mapping[str, Any]]
    drifts: Sequence[Mapping[str, Any]]


def report(told: Reported) -> str:
    """The whole page."""
    parts = [_earned(told.comparison)]
    for seen in told.watches:
        parts += [_drift(seen), _scores(seen), _responses(seen)]
    return document(told.model, "".join([*parts, _crossed(told.drifts)]))


def _earned(told: Mapping[str, Any] | None) -> str:
    label: Words = ("模型带来了什么", "What the model earned")
    if told is None:
        return section(label, ("尚未计算。", "Not computed yet."), "")
    outcome = told["outcome"]
    kinds, days, fewer = ", ".join(outcome["kinds"]), outcome["within_days"], outcome["wanted"] == "fewer"
    gain = ("；越少越好", "; fewer is the gain") if fewer else ("", "")
    lead = (
        f"结果：{days} 天内发生 {kinds}{gain[0]}；取自账务，截至 {told['as_of'] or '–'}。"
        "按分组计入每位客户一次，无论是否触达。",
        f"Outcome: {kinds} within {days} days{gain[1]}; from the ledger up to {told['as_of'] or '–'}. Everybody counts"
        " once in the arm, contacted or not.",
    )
    content = "".join(_compared(line, told["currency"], fewer) for line in told["comparisons"])
    return section(label, lead, content)


def _why(reason: str, fewer: bool) -> Words:
    """Why, of the interval as it is shown; the verdict judges what is gained, the other way round where fewer is."""
    turned = {"interval_above_zero": "interval_below_zero", "interval_below_zero": "interval_above_zero"}
    return of(_REASONS, turned.get(reason, reason) if fewer else reason)


def _compared(line: Mapping[str, Any], currency: str | None, fewer: bool) -> str:
    response, money = line["response"], line["money"]
    names = [of(_GROUPS, line[side]["group"]) for side in ("group", "against")]
    title = (f"{names[0][0]} 对比 {names[1][0]}", f"{names[0][1]} against {names[1][1]}")
    rows = [
        [
            words(name),
            number(side["n"]),
            number(side["responses"]),
            _percent(side["rate"]),
            escape(to_text(side["amount_minor"], currency)),
        ]
        for name, side in zip(names, (line["group"], line["against"]), strict=True)
    ]
    heads: list[Words] = [
        ("组", "group"), ("客户", "customers"), ("响应", "responses"), ("响应率", "rate"), ("金额", "amount"),
    ]  # fmt: skip
    verdict, reason = of(_VERDICTS, response["verdict"]), _why(response["reason"], fewer)
    ends = f"{_points(response['low'])} … {_points(response['high'])}"
    said = (
        f"响应率差异 {_points(response['difference'])}（95% 区间 {ends}）：{verdict[0]}，{reason[0]}。",
        f"Difference {_points(response['difference'])} (95 % interval {ends}): {verdict[1]}, {reason[1]}.",
    )
    verdict, reason = of(_VERDICTS, money["verdict"]), _why(money["reason"], fewer)
    amounts = [_amount(money[name], currency) for name in ("earned_minor", "earned_low_minor", "earned_high_minor")]
    earned = (
        f"金额增量 {amounts[0]}（{amounts[1]} … {amounts[2]}）{currency or ''}：{verdict[0]}，{reason[0]}。",
        f"Earned {amounts[0]} ({amounts[1]} … {amounts[2]}) {currency or ''}: {verdict[1]}, {reason[1]}.",
    )
    until = line["until"] or "–"
    window = (
        f"{line['since']} 之后至 {until}{'' if line['final'] else '，窗口未结束'}",
        f"after {line['since']} up to {until}{'' if line['final'] else ', the window is open'}",
    )
    picture = "" if response["low"] is None else _interval(response, title)
    return (
        f'<h3>{words(title)}</h3><p class="soft">{words(window)}</p>{table(heads, rows)}{picture}'
        f"<p>{words(said)}</p><p>{words(earned)}</p>"
    )


def _interval(effect: Mapping[str, Any], label: Words) -> str:
    """The interval as a line with its estimate, beside zero."""
    low, high, middle = effect["low"], effect["high"], effect["difference"]
    far = max(abs(low), abs(high)) * 1.1 or 1.0

    def at(value: float) -> float:
        return pictures.WIDTH / 2 + value / far * (pictures.WIDTH / 2 - 60)

    centre = pictures.WIDTH / 2
    parts = [
        f'<line class="line soft" x1="{centre}" x2="{centre}" y1="4" y2="40"/>',
        f'<line class="line one" x1="{at(low):.1f}" x2="{at(high):.1f}" y1="22" y2="22"/>',
        f'<circle class="one" cx="{at(middle):.1f}" cy="22" r="6"/>',
        *(
            f'<text x="{at(value):.1f}" y="58" text-anchor="middle">{escape(_points(value))}</text>'
            for value in (low, high)
        ),
    ]
    title = escape(f"{label[0]} / {label[1]}")
    return f'<svg viewBox="0 0 {pictures.WIDTH} 64" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _of(seen: Mapping[str, Any], zh: str, en: str) -> Words:
    state = of(_STATES, seen["state"])
    return (f"{zh}：第 {seen['version']} 版（{state[0]}）", f"{en}: version {seen['version']} ({state[1]})")


def _drift(seen: Mapping[str, Any]) -> str:
    label = _of(seen, "漂移", "Drift")
    lead = (
        f"{seen['as_of']} 的 {number(seen['rows'])} 位客户与训练数据相比的 PSI：{seen['moderate']} 起为中度，"
        f"{seen['major']} 起为显著。",
        f"PSI of {number(seen['rows'])} customers of {seen['as_of']} against the training: from {seen['moderate']} on"
        f" moderate, from {seen['major']} on major.",
    )
    score = seen["score"]
    lines: list[tuple[Words, Mapping[str, Any]]] = [(of_feature(f["feature"]), f) for f in seen["features"][:SHOWN]]
    if score is not None:
        lines.insert(0, (("得分", "the score"), score))
    rows = [Bar(name, f["psi"], number(f["psi"]), "one" if f["level"] == "stable" else "two") for name, f in lines]
    heads: list[Words] = [
        ("特征", "feature"), ("PSI", "PSI"), ("KS", "KS"), ("缺失（训练）", "missing, trained"),
        ("缺失（现在）", "missing, now"), ("判断", "level"),
    ]  # fmt: skip
    cells = [
        [
            words(name),
            number(f["psi"]),
            number(f["ks"]),
            _percent(f["missing_before"]),
            _percent(f["missing"]),
            words(of(_LEVELS, f["level"])),
        ]
        for name, f in lines
    ]
    return section(label, lead, pictures.bars(rows, label) + table(heads, cells))


def _scores(seen: Mapping[str, Any]) -> str:
    score = seen["score"]
    if score is None:
        return ""
    label = _of(seen, "得分分布", "Scores")
    lead = (
        "每组左为训练时的占比，右为现在。",
        "Of each pair the left is the share in training, the right that of now.",
    )
    names = [*(f"≤{edge:.2g}" for edge in score["edges"]), "…"]
    sides = [_shares(score["trained"]), _shares(score["counts"])]
    groups = [(name, [a, b]) for name, a, b in zip(names, *sides, strict=False)]
    return section(label, lead, pictures.columns(groups, label))


def _responses(seen: Mapping[str, Any]) -> str:
    told = seen["responses"]
    if told is None:
        return ""
    label = _of(seen, "十分位响应率", "Response by tenth")
    open_ = ("", "") if told["final"] else ("，窗口未结束，响应仍在到来", "; the window is open, more will come")
    lead = (
        f"{told['as_of']} 的得分，结果截至 {told['until']}{open_[0]}。1 为最高分；虚线为训练时的响应率。",
        f"By the scores of {told['as_of']}, outcomes up to {told['until']}{open_[1]}. 1 is the best; the dashes are the"
        " training's.",
    )
    came = [(float(d["decile"]), d["rate"]) for d in told["deciles"]]
    trained = [(float(d["decile"]), d["trained"]) for d in told["deciles"] if d["trained"] is not None]
    bounds = [Curve([(float(d["decile"]), d[end]) for d in told["deciles"]], "two") for end in ("low", "high")]
    most = max([d["high"] for d in told["deciles"]] + [rate for _, rate in trained], default=1.0)
    axes: tuple[Words, Words] = (("十分位", "tenth"), ("响应率", "response"))
    drawn = [*bounds, Curve(trained, "soft"), Curve(came, dots=True)]
    heads: list[Words] = [
        ("十分位", "tenth"), ("客户", "customers"), ("响应", "responses"), ("响应率", "rate"),
        ("95% 区间", "95 % interval"), ("训练时", "in training"),
    ]  # fmt: skip
    rows = [
        [
            *(number(d[name]) for name in ("decile", "n", "responses")),
            _percent(d["rate"]),
            f"{_percent(d['low'])} … {_percent(d['high'])}",
            _percent(d["trained"]),
        ]
        for d in told["deciles"]
    ]
    return section(label, lead, pictures.curves(drawn, label, *axes, highest=(10.0, most)) + table(heads, rows))


def _crossed(drifts: Sequence[Mapping[str, Any]]) -> str:
    if not drifts:
        return ""
    heads: list[Words] = [
        ("快照", "snapshot"), ("版本", "version"), ("特征", "feature"), ("判断", "level"), ("PSI", "PSI"), ("KS", "KS"),
    ]  # fmt: skip
    rows = [
        [
            escape(str(one["as_of"])),
            number(one["version"]),
            words(("得分", "the score") if one["feature"] is None else of_feature(one["feature"])),
            words(of(_LEVELS, one["level"])),
            number(one["psi"]),
            number(one["ks"]),
        ]
        for one in drifts
    ]
    lead = ("每次越过阈值记录一次。", "Each once it was crossed, the newest first.")
    return section(("漂移记录", "What has been crossed"), lead, table(heads, rows))


def _shares(counts: Sequence[int]) -> list[float | None]:
    total = sum(counts)
    return [count / total if total else None for count in counts]


def _percent(value: float | None) -> str:
    return "–" if value is None or not isfinite(value) else f"{value:.1%}"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:+.2f} %"


def _amount(minor: int | None, currency: str | None) -> str:
    return "–" if minor is None else to_text(minor, currency)
