"""The page of a version's card: each section shows what the training has left on the card, and nothing it has not."""

from collections.abc import Callable, Sequence
from html import escape

from scoring.cards import classification, kinds, pictures
from scoring.cards.parts import Facts, number, section, table
from scoring.cards.pictures import Bar, Curve, Words, words
from scoring.cards.style import POLICY, STYLE
from scoring.cards.words import CREDIT, METRICS, PARITY, REFUSED, RISK, of, of_feature

__all__ = ["Facts", "page"]

SHOWN = 15
"""Features that a picture shows, the strongest first."""


def page(facts: Facts) -> str:
    """The whole page."""
    return document(facts.about.name, "".join(section(facts) for section in SECTIONS))


def document(title: str, content: str) -> str:
    """A whole page in both languages: its title, and sections of HTML."""
    name = escape(title)
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f'<title>{name}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body>"
        '<input class="language" type="radio" name="language" id="chinese" checked>'
        '<input class="language" type="radio" name="language" id="english"><main>'
        '<label for="chinese">中文</label><label for="english">English</label>'
        f"<h1>{name}</h1>{content}</main></body></html>\n"
    )


def _about(facts: Facts) -> str:
    about, card = facts.about, facts.card
    told: list[tuple[Words, str]] = [
        (("用途", "purpose"), escape(about.purpose)),
        (("预测目标", "target"), escape(about.target)),
        (("适用人群", "population"), escape(about.population)),
        (("负责人", "owner"), escape(about.owner)),
        (("风险等级", "risk class"), words(of(RISK, about.risk_class))),
        (("输出", "answers with"), escape("; ".join((about.output.kind, *about.output.classes)))),
        (("训练数据截止", "features as of"), escape(str(card.get("as_of") or ""))),
        (("版本指纹", "hash of the bytes"), f"<code>{escape(facts.sha256)}</code>"),
    ]
    told += [((str(key), str(key)), escape(str(value))) for key, value in (card.get("sheet") or {}).items()]
    lead = ("这个模型是什么，谁负责。", "What this model is, and who answers for it.")
    rows = [(words(name), value) for name, value in told if value]
    return section(("模型", "The model"), lead, table((("", ""), ("", "")), rows))


def _cautions(facts: Facts) -> str:
    found = facts.card.get("cautions") or []
    if not found:
        return ""
    lead = ("使用这个模型之前，须由人看过。", "To be looked at by a person before the model is relied on.")
    lines = "".join(f"<li>{words((one['zh'], one['en']))}</li>" for one in found)
    return section(("先看这里", "Look at this first"), lead, f"<ul>{lines}</ul>")


def _metrics(facts: Facts) -> str:
    if not facts.metrics:
        return ""
    known = METRICS | (CREDIT if _credit(facts) else {})
    rows = [(words(of(known, name)), number(value)) for name, value in facts.metrics.items()]
    lead = ("均在训练未用的样本上、由导出的模型测得。", "Measured with the exported model on rows it has not seen.")
    if facts.card.get("clusters"):
        lead = ("在快照的全部客户上测得。", "Measured on all customers of the snapshot.")
    if facts.card.get("lifetime_value"):
        lead = ("拟合的参数，以及留出时间段内的检验。", "What was fitted, and how it held in the time held back.")
    content = table((("指标", "metric"), ("值", "value")), rows)
    if parity := facts.card.get("parity"):
        told = [(of(PARITY, name), number(value)) for name, value in parity.items()]
        zh, en = ("，".join(f"{name[0]} {by}" for name, by in told), ", ".join(f"{name[1]} {by}" for name, by in told))
        content += f'<p class="soft">{words((f"与训练模型的一致性：{zh}", f"Against the trained model: {en}"))}</p>'
    return section(("好不好", "How good it is"), lead, content)


def _credit(facts: Facts) -> bool:
    """Whether a yes is the bad outcome."""
    return facts.about.purpose == "credit"


def _roc(facts: Facts) -> str:
    points = facts.card.get("roc")
    if not points:
        return ""
    label: Words = ("ROC 曲线", "ROC")
    drawn = [Curve(((0.0, 0.0), (1.0, 1.0)), "soft"), Curve([(a, b) for a, b in points])]
    axes: tuple[Words, Words] = (("误报率", "false positives"), ("命中率", "true positives"))
    lead = ("越靠左上越好；虚线为随机。", "The further up and left the better; the dashes are chance.")
    return section(label, lead, pictures.curves(drawn, label, *axes))


def _lift(facts: Facts) -> str:
    deciles = facts.snapshot.get("deciles") or []
    people, won = sum(d["n"] for d in deciles), sum(d["responses"] for d in deciles)
    if not people or not won:
        return ""
    reached, gained = 0, 0
    points = [(0.0, 0.0)]
    groups: list[tuple[str, Sequence[float | None]]] = []
    for decile in deciles:
        reached, gained = reached + decile["n"], gained + decile["responses"]
        points.append((reached / people, gained / won))
        groups.append((str(decile["decile"]), [decile["responses"] / decile["n"] if decile["n"] else None]))
    gain: Words = ("累计捕获", "Gain")
    axes: tuple[Words, Words] = (("联系的客户占比", "share contacted"), ("捕获的响应占比", "share of responses"))
    tenth: Words = ("十分位响应率", "Response by tenth")
    lead = ("按得分从高到低联系客户，能捕获多少响应。", "Contacting the best first: how many of all responses are won.")
    if _credit(facts):
        axes = ("拒绝的申请占比", "share turned down"), ("识别的违约占比", "share of the bad found")
        tenth = ("十分位违约率", "Bad by tenth")
        lead = (
            "按违约概率从高到低拒绝，能识别多少违约。",
            "Turning down the likeliest to fail first: who is found.",
        )
    content = pictures.curves([Curve(((0.0, 0.0), (1.0, 1.0)), "soft"), Curve(points, dots=True)], gain, *axes)
    content += f"<p>{words((f'{tenth[0]}（1 为得分最高）', f'{tenth[1]}, 1 the highest scores'))}</p>"
    content += pictures.columns(groups, tenth)
    return section(("提升与增益", "Lift and gain"), lead, content)


def _calibration(facts: Facts) -> str:
    told = facts.card.get("calibration")
    if not told:
        return ""
    points = [(line["foretold"], line["came"]) for line in told["bins"]]
    most = max((max(point) for point in points), default=1.0)
    label: Words = ("校准", "Calibration")
    drawn = [Curve(((0.0, 0.0), (most, most)), "soft"), Curve(points, dots=True)]
    axes: tuple[Words, Words] = (("预测概率", "foretold"), ("实际比例", "came"))
    error = number(told["error"])
    lead = (f"预测的概率与实际的比例；平均偏差 {error}。", f"What was foretold and what came; mean distance {error}.")
    content = pictures.curves(drawn, label, *axes, highest=(most, most))
    if method := told.get("method"):
        added = ", ".join(f"{name} {number(by)}" for name, by in (told.get("intercepts") or {}).items())
        said = f"{method}, {number(told.get('slope'))} x + {added or number(told.get('intercept'))}"
        before = number(told.get("error_before"))
        note = (f"已写入模型：{said}；校准前 {before}。", f"Inside the model: {said}; before it {before}.")
        content += f'<p class="soft">{words(note)}</p>'
    return section(label, lead, content)


def _importance(facts: Facts) -> str:
    gain = {name: value for name, value in (facts.card.get("gain") or {}).items() if value > 0}
    if not gain:
        return ""
    total = sum(gain.values())
    best = sorted(gain.items(), key=lambda item: -item[1])[:SHOWN]
    rows = [Bar(of_feature(name), value, f"{value / total:.1%}") for name, value in best]
    label: Words = ("特征重要性", "Importance")
    lead = ("各特征在模型中的贡献占比。", "Each feature's share of what the model has gained by its splits.")
    if facts.card.get("scorecard"):
        lead = ("各特征信息量（IV）的占比。", "Each feature's share of all information value.")
    return section(label, lead, pictures.bars(rows, label))


_SPANS: dict[str, Words] = {
    "time": ("各时间段，测试样本", "Spans of time, of the rows held back"),
    "snapshot": (
        "各特征快照，每个都以其之后的实际结果衡量，仅测试客户",
        "Each feature snapshot against what came after it, of the customers held back",
    ),
    "clusters": (
        "各特征快照中，客户所在的客群与训练时是否相同",
        "Each feature snapshot: whether customers are in the cluster where the training has them",
    ),
    "window": (
        "标签窗口的各部分（数据湖中只有一个可用的快照），仅测试客户",
        "The parts of the label's window, since the lake has no other snapshot; of the customers held back",
    ),
}
_SPAN_FIGURES: dict[str, Words] = {
    "auc": ("AUC", "AUC"),
    "base_rate": ("响应率", "response"),
    "top_decile_response": ("前 10% 的响应率", "response of the best tenth"),
    "estimate": ("效果", "effect"),
    "low": ("下限", "lower bound"),
    "high": ("上限", "upper bound"),
    "same": ("与训练时同组的客户", "customers where the training has them"),
    "foretold": ("预测购买天数", "purchase days foretold"),
    "came": ("实际购买天数", "purchase days that came"),
}
"""What a span of time may say; the first that it says is drawn."""


def _stability(facts: Facts) -> str:
    spans = facts.card.get("stability") or []
    told = [name for name in _SPAN_FIGURES if any(span.get(name) is not None for span in spans)]
    if not told:
        return ""
    label: Words = ("随时间的稳定性", "Stability over time")
    zh, en = of(_SPANS, facts.card.get("stability_by") or "time")
    # What came stands beside what was foretold; of the rest the first is drawn.
    shown = ["foretold", "came"] if told[0] == "foretold" else told[:1]
    drawn = tuple(said.join(_SPAN_FIGURES[name][n] for name in shown) for n, said in enumerate(("、", ", ")))
    low = 0.5 if told[0] == "auc" else 0.0
    groups = [(str(span["from"]), [span.get(name) for name in shown]) for span in spans]
    heads: list[Words] = [("自", "from"), ("样本数", "rows"), *(_SPAN_FIGURES[name] for name in told)]
    rows = [[escape(str(span["from"])), *(number(span.get(name)) for name in ("rows", *told))] for span in spans]
    lead = (f"{zh}。图：{drawn[0]}；空缺为样本不足。", f"{en}. Drawn: {drawn[1]}; none: too few.")
    return section(label, lead, pictures.columns(groups, (drawn[0], drawn[1]), low=low) + table(heads, rows))


def _drift(facts: Facts) -> str:
    drift = facts.card.get("drift")
    if not drift:
        return ""
    psi = sorted(drift["features"].items(), key=lambda item: -item[1])[:SHOWN]
    label: Words = ("训练与测试之间的漂移", "Drift between training and test")
    lead = (
        f"PSI：低于 0.1 为稳定，高于 0.25 须查看。得分的 PSI 为 {number(drift['score'])}。",
        f"PSI: below 0.1 stable, above 0.25 to be looked at. The score's is {number(drift['score'])}.",
    )
    rows = [Bar(of_feature(name), value, number(value)) for name, value in psi]
    counts = (facts.snapshot.get("scores") or {}).get("counts") or []
    scores = "" if not counts else f"<p>{words(('得分分布（监控基准）', 'Scores, that drift is watched against'))}</p>"
    scores += pictures.columns(_histogram(facts), ("得分分布", "Scores")) if counts else ""
    return section(label, lead, pictures.bars(rows, label) + scores)


def _histogram(facts: Facts) -> list[tuple[str, Sequence[float | None]]]:
    told = facts.snapshot["scores"]
    names = [*(f"≤{edge:.2g}" for edge in told["edges"]), "…"]
    return [(name, [float(count)]) for name, count in zip(names, told["counts"], strict=False)]


def _traits(facts: Facts) -> str:
    found = (facts.card.get("traits") or [])[:SHOWN]
    if not found:
        return ""
    label: Words = ("回答“是”的客户有何不同", "How those who answer yes differ")
    lead = (
        "均值之差，以标准差计；橙色为更低。",
        "Difference of the means in standard deviations; lower in the other colour.",
    )
    rows = [Bar(of_feature(one["feature"]), one["difference"], f"{one['difference']:+.2f}") for one in found]
    return section(label, lead, pictures.bars(rows, label))


_GROUP_FIGURES: dict[str, Words] = {
    "rows": ("人数", "rows"),
    "base_rate": ("响应率", "response"),
    "mean_score": ("平均得分", "mean score"),
    "selection_rate": ("入选率", "taken"),
    "ratio": ("与最高组之比", "ratio"),
}


def _fairness(facts: Facts) -> str:
    content = ""
    reported = facts.card.get("fairness") or {}
    for name, lines in reported.items():
        told = [figure for figure in _GROUP_FIGURES if any(figure in line for line in lines)]
        attribute, _, of_class = name.partition(": ")
        zh, en = of_feature(attribute)
        title: Words = (f"{zh}：{of_class}", f"{en}: {of_class}") if of_class else (zh, en)
        rows = [[escape(str(line["group"])), *(number(line.get(figure)) for figure in told)] for line in lines]
        content += table([title, *(_GROUP_FIGURES[figure] for figure in told)], rows)
    lead = (
        "若选取前 10%（多类别或客群时为最可能的一类），各组的入选率。低于 0.8 须由人查看。",
        "What each group gets if the best tenth is taken, of several classes the likeliest. Below 0.8: look.",
    )
    used = sorted({name.partition(": ")[0] for name in reported} & set(facts.snapshot.get("features") or {}))
    zh, en = ("、".join(of_feature(name)[0] for name in used), ", ".join(of_feature(name)[1] for name in used))
    barred = ("受保护属性从不作为特征。", "Protected attributes are never features.")
    if used:
        barred = (
            f"此模型以{zh}为特征，须由人判断其差异是否合理。",
            f"This model learns from {en}: a person judges the differences.",
        )
    return section(("公平性", "Fairness"), (barred[0] + lead[0], f"{barred[1]} {lead[1]}"), content) if content else ""


def _refused(facts: Facts) -> str:
    refused = facts.card.get("refused") or []
    if not refused:
        return ""
    rows = [(words(of_feature(one["feature"])), words(of(REFUSED, one["reason"]))) for one in refused]
    lead = ("数据中有、但不得或不能使用的列。", "In the data, but barred or of no use.")
    return section(("未使用的列", "What is no feature"), lead, table((("列", "column"), ("原因", "reason")), rows))


SECTIONS: tuple[Callable[[Facts], str], ...] = (
    _about, _cautions, _metrics, *classification.SECTIONS, *kinds.SECTIONS, _roc, _lift, _calibration,
    _importance, _stability, _drift, _traits, _fairness, _refused,
)  # fmt: skip
