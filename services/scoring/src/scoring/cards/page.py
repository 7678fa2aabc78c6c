"""The page of a version's card: each section shows what the training has left on the card, and nothing it has not."""

from collections.abc import Callable, Sequence
from html import escape

from scoring.cards import classification, kinds, pictures
from scoring.cards.parts import Facts, number, section, table
from scoring.cards.pictures import Bar, Curve, Words, words
from scoring.cards.style import POLICY, STYLE
from scoring.cards.words import METRICS, REFUSED, RISK, of, of_feature

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
        (("输出", "answers with"), escape(", ".join((about.output.kind, *about.output.classes)))),
        (("训练数据截止", "features as of"), escape(str(card.get("as_of") or ""))),
        (("版本指纹", "hash of the bytes"), f"<code>{escape(facts.sha256)}</code>"),
    ]
    told += [((str(key), str(key)), escape(str(value))) for key, value in (card.get("sheet") or {}).items()]
    lead = ("这个模型是什么，谁负责。", "What this model is, and who answers for it.")
    rows = [(words(name), value) for name, value in told if value]
    return section(("模型", "The model"), lead, table((("", ""), ("", "")), rows))


def _metrics(facts: Facts) -> str:
    if not facts.metrics:
        return ""
    rows = [(words(of(METRICS, name)), number(value)) for name, value in facts.metrics.items()]
    lead = ("均在训练未用的样本上、由导出的模型测得。", "Measured with the exported model on rows it has not seen.")
    content = table((("指标", "metric"), ("值", "value")), rows)
    if parity := facts.card.get("parity"):
        said = ", ".join(f"{name} {number(value)}" for name, value in parity.items())
        content += f'<p class="soft">{words((f"与训练模型的一致性：{said}", f"Against the trained model: {said}"))}</p>'
    return section(("好不好", "How good it is"), lead, content)


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
    content = pictures.curves([Curve(((0.0, 0.0), (1.0, 1.0)), "soft"), Curve(points, dots=True)], gain, *axes)
    content += f"<p>{words(('每十分位的响应率（1 为最高分）', 'Response by tenth, 1 the best'))}</p>"
    content += pictures.columns(groups, ("十分位响应率", "Response by tenth"))
    lead = ("按得分从高到低联系客户，能捕获多少响应。", "Contacting the best first: how many of all responses are won.")
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
    return section(label, lead, pictures.bars(rows, label))


def _stability(facts: Facts) -> str:
    spans = facts.card.get("stability") or []
    if not any(span["auc"] is not None for span in spans):
        return ""
    label: Words = ("随时间的稳定性", "Stability over time")
    lead = (
        "各时间段的 AUC，自 0.5（随机）起；空缺为样本不足。",
        "AUC by span of time, from 0.5, chance; none: too few.",
    )
    groups = [(str(span["from"]), [span["auc"]]) for span in spans]
    return section(label, lead, pictures.columns(groups, label, low=0.5))


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


def _fairness(facts: Facts) -> str:
    content = ""
    for name, lines in (facts.card.get("fairness") or {}).items():
        heads: list[Words] = [
            of_feature(name), ("人数", "rows"), ("响应率", "response"), ("入选率", "taken"), ("与最高组之比", "ratio"),
        ]  # fmt: skip
        rows = [
            [escape(str(line["group"])), *(number(line[k]) for k in ("rows", "base_rate", "selection_rate", "ratio"))]
            for line in lines
        ]
        content += table(heads, rows)
    lead = (
        "受保护属性从不作为特征；若选取前 10%（多类别时为最可能的类别），各组的入选率。低于 0.8 须由人查看。",
        "Protected attributes are never features; what each group gets if the best tenth is taken, of several classes"
        " the likeliest. Below 0.8: look.",
    )
    return section(("公平性", "Fairness"), lead, content) if content else ""


def _refused(facts: Facts) -> str:
    refused = facts.card.get("refused") or []
    if not refused:
        return ""
    rows = [(words(of_feature(one["feature"])), words(of(REFUSED, one["reason"]))) for one in refused]
    lead = ("数据中有、但不得或不能使用的列。", "In the data, but barred or of no use.")
    return section(("未使用的列", "What is no feature"), lead, table((("列", "column"), ("原因", "reason")), rows))


SECTIONS: tuple[Callable[[Facts], str], ...] = (
    _about, _metrics, *classification.SECTIONS, *kinds.SECTIONS, _roc, _lift, _calibration, _importance, _stability,
    _drift, _traits, _fairness, _refused,
)  # fmt: skip
