"""A trigger's definition as a sentence in both languages: what is looked at, when it holds, how long it rests. Pure."""

import re
from fractions import Fraction
from typing import NamedTuple

from attune_expressions.explaining import explain
from eventing import fact_fields
from eventing.definition import (
    Absence,
    Behaviour,
    Calendar,
    Change,
    Count,
    Definition,
    OwnHistory,
    Sequence,
    Silence,
    Span,
)


class Words(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str


# A number stands apart from the Chinese before it.
_SPACED = re.compile(r"([\u4e00-\u9fff])([0-9])")
_UNITS = {"minutes": "分钟", "hours": "小时", "days": "天", "months": "个月"}
_SOURCES = {
    "postings": Words("postings", "交易"),
    "behaviours": Words("behaviours", "行为"),
    "dates": Words("dates", "日期"),
}
_DATES = {
    "holding_matures_on": Words("the maturity of a holding", "持有产品到期日"),
    "holding_opened_on": Words("the first day of a holding", "持有产品起始日"),
    "loan_matures_on": Words("the maturity of a loan", "贷款到期日"),
    "card_expires_on": Words("the expiry of a card", "卡片有效期截止日"),
    "birthday": Words("the birthday", "生日"),
    "customer_since": Words("the first day as a customer", "成为客户之日"),
    "account_opened_on": Words("the first day of an account", "开户日"),
}
_PERIODS = {"month": Words("month", "月"), "week": Words("week", "周")}
_VALUES = {
    "sum": Words("the sum of their amounts", "金额合计"),
    "count": Words("their number", "笔数"),
    "closing_balance": Words("the closing balance", "日终余额"),
}
_PAST = {
    "mean_closing_balance": Words("the mean closing balance", "日均余额"),
    "mean": Words("the mean amount", "平均金额"),
    "max": Words("the largest amount", "最大金额"),
    "sum": Words("the sum", "合计"),
    "count": Words("the number", "笔数"),
}


def sentence(definition: Definition, digits: int = 2) -> Words:
    """The definition in words, in a base currency of so many decimals."""
    told = _Told(definition, digits)
    what = [_SOURCES[source] for source in definition.on]
    en, zh = " and ".join(one.en for one in what).capitalize(), "及".join(one.zh for one in what)
    if definition.where is not None:
        where = told.condition(definition.where)
        en, zh = f"{en} ({where.en})", f"{zh}（{where.zh}）"
    shape = told.shape()
    one = Words("account", "账户") if definition.grain == "account" else Words("customer", "客户")
    days = definition.cooldown
    rest = Words(f"at most once in {span(days).en} for each {one.en}", f"每{one.zh}{span(days).zh}内至多一次")
    if days.number == 0:
        rest = Words("as often as it happens", "每次均触发")
    return Words(f"{en}: {shape.en}; {rest.en}.", _SPACED.sub(r"\1 \2", f"{zh}：{shape.zh}；{rest.zh}。"))


def span(length: Span) -> Words:
    """A length of time."""
    unit = length.unit.removesuffix("s") if length.number == 1 else length.unit
    return Words(f"{length.number} {unit}", f"{length.number} {_UNITS[length.unit]}")


class _Told:
    """The parts of one definition."""

    def __init__(self, definition: Definition, digits: int) -> None:
        self.definition, self.digits = definition, digits

    def condition(self, text: str) -> Words:
        condition = fact_fields.read(text, self.definition.on, self.digits, self.definition.fields)
        return Words(explain(condition, "en").sentence, explain(condition, "zh").sentence)

    def shape(self) -> Words:
        match self.definition.shape:
            case OwnHistory() as own:
                return _own_history(own)
            case Calendar() as calendar:
                return _calendar(calendar)
            case Count() as count:
                within = span(count.within)
                return Words(f"{count.at_least} or more within {within.en}", f"{within.zh}内至少 {count.at_least} 笔")
            case Sequence() as sequence:
                return self._sequence(sequence)
            case Absence() as absence:
                return self._absence(absence)
            case Silence() as silence:
                return _silence(silence)
            case Change() as change:
                return self._change(change)
            case Behaviour() as behaviour:
                return self._behaviour(behaviour)

    def _sequence(self, sequence: Sequence) -> Words:
        first, then, within = self.condition(sequence.first), self.condition(sequence.then), span(sequence.within)
        return Words(
            f"first one ({first.en}), then another ({then.en}) within {within.en}",
            f"先有一笔（{first.zh}），{within.zh}内又有一笔（{then.zh}）",
        )

    def _absence(self, absence: Absence) -> Words:
        after, without, within = self.condition(absence.after), self.condition(absence.without), span(absence.within)
        return Words(
            f"one ({after.en}), then none ({without.en}) within {within.en}",
            f"有一笔（{after.zh}），此后{within.zh}内没有（{without.zh}）",
        )

    def _behaviour(self, behaviour: Behaviour) -> Words:
        within, same = span(behaviour.within), behaviour.same
        of = {None: Words("", ""), "product": Words(" of the same product", "同一产品"),
              "step": Words(" of the same step", "同一步骤")}[same]  # fmt: skip
        en = f"{behaviour.at_least} or more{of.en} within {within.en}"
        zh = f"{within.zh}内{of.zh}至少 {behaviour.at_least} 次"
        if behaviour.unless is not None:
            unless = self.condition(behaviour.unless)
            en, zh = f"{en}, unless there was one ({unless.en})", f"{zh}，且期间没有（{unless.zh}）"
        return Words(en, zh)

    def _change(self, change: Change) -> Words:
        every, k = _PERIODS[change.every], change.baseline
        value = _VALUES.get(change.of)
        if value is None:
            part = self.condition(str(change.share_of))
            value = Words(f"the share of those that are so ({part.en})", f"其中（{part.zh}）的占比")
        before = Words(f"the {k} {every.en}s before" if k > 1 else f"the {every.en} before", f"此前 {k} 个{every.zh}")
        least = "" if change.at_least is None else f"{change.at_least:f}"
        some = Words(f"{least} or more" if least else "some", f"不低于 {least}" if least else "有发生")
        if change.begins:
            return Words(
                f"nothing in {before.en}, in this one {value.en} is {some.en}",
                f"{before.zh}均无，本{every.zh}{value.zh}{some.zh}",
            )
        if change.stops:
            return Words(
                f"in {'each of ' if k > 1 else ''}{before.en} {value.en} is {some.en}, in this one nothing",
                f"{before.zh}每{every.zh}{value.zh}{some.zh}，本{every.zh}没有",
            )
        if change.moves_by is not None:
            by = _decimal(change.moves_by)
            return Words(
                f"in a {every.en} {value.en} differs by {by} or more from that of {before.en}",
                f"本{every.zh}{value.zh}与{before.zh}相差 {by} 以上",
            )
        factor = change.falls_below if change.falls_below is not None else change.rises_above or Fraction(1)
        way = Words("below", "低于") if change.falls_below is not None else Words("above", "高于")
        en = f"in a {every.en} {value.en} is {way.en} {_times(factor).en}the mean of {before.en}"
        zh = f"本{every.zh}{value.zh}{way.zh}{before.zh}均值{_times(factor).zh}"
        if least:
            en, zh = f"{en}, which is {least} or more", f"{zh}，且该均值不低于 {least}"
        return Words(en, zh)


def _own_history(own: OwnHistory) -> Words:
    past, over, times = _PAST[own.compared_with], span(own.over), _times(own.times)
    if own.within is None:
        return Words(
            f"its amount is above {times.en}{past.en} of the {over.en} before",
            f"金额高于此前{over.zh}{past.zh}{times.zh}",
        )
    within, left = span(own.within), _PAST[own.compare]
    return Words(
        f"{left.en} of {within.en} is above {times.en}{past.en} of as long a time, by the {over.en} before",
        f"{within.zh}内{left.zh}高于此前{over.zh}折合同期{past.zh}{times.zh}",
    )


def _calendar(calendar: Calendar) -> Words:
    day = _DATES[calendar.of]
    told = [
        Words("on the day", "当天") if offset == 0
        else Words(f"{span(Span(abs(offset), 'days')).en} {'before' if offset < 0 else 'after'}",
                   f"{'前' if offset < 0 else '后'} {abs(offset)} 天")
        for offset in calendar.offsets
    ]  # fmt: skip
    yearly = Words(", every year", "，每年") if calendar.yearly else Words("", "")
    return Words(
        f"{', '.join(one.en for one in told)}, counted from {day.en}{yearly.en}",
        f"{day.zh}{'、'.join(one.zh for one in told)}{yearly.zh}",
    )


def _silence(silence: Silence) -> Words:
    length = span(silence.for_)
    if silence.had is None:
        return Words(f"none any more for {length.en}", f"连续{length.zh}没有")
    return Words(
        f"at a month's end deposits of at most {silence.has:f}, {length.en} before of {silence.had:f} or more",
        f"月末存款不高于 {silence.has:f}，{length.zh}前不低于 {silence.had:f}",
    )


def _times(factor: Fraction) -> Words:
    return Words("", "") if factor == 1 else Words(f"{_decimal(factor)} times ", f"的 {_decimal(factor)} 倍")


def _decimal(factor: Fraction) -> str:
    """A factor has at most three decimals."""
    return f"{float(factor):.3f}".rstrip("0").rstrip(".")
