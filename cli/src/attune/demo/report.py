"""The demo's report: one self-contained HTML file with pictures, in Chinese and English, to hand to somebody else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from attune.client import Client
from attune.demo import pictures
from attune.demo.pictures import Bar, Words, words
from attune.home import Home

STYLE = """
:root { color-scheme: light;
font: 16px/1.55 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
body { margin: 0; color: #1d2733; background: #f4f6f7; }
main { max-width: 720px; margin: 0 auto; padding: 24px 16px 64px; }
section { background: #fff; border: 1px solid #dfe4e8; border-radius: 8px; padding: 16px 20px; margin: 16px 0; }
h1 { font-size: 1.5rem; margin: 8px 0; } h2 { font-size: 1.1rem; margin: 0 0 8px; }
p { margin: 6px 0; } .soft { color: #5d6976; } svg { width: 100%; height: auto; } svg text { font-size: 13px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 6px 8px; vertical-align: top;
border-top: 1px solid #e6eaed; } th { color: #5d6976; font-weight: 500; }
.language { position: absolute; opacity: 0; } label { padding: 2px 10px; border: 1px solid #b9c3cc; border-radius: 12px;
cursor: pointer; margin-right: 4px; } .en { display: none; }
#english:checked ~ main .en { display: inline; } #english:checked ~ main .zh { display: none; }
#chinese:focus-visible ~ main label[for=chinese],
#english:focus-visible ~ main label[for=english] { outline: 2px solid #0b6e6e; }
#chinese:checked ~ main label[for=chinese],
#english:checked ~ main label[for=english] { background: #0b6e6e; color: #fff; }
"""

QUADRANTS: dict[str, Words] = {
    "private": ("私人银行", "private banking"),
    "A": ("A 成长", "A growth"),
    "B": ("B 培育", "B cultivation"),
    "C": ("C 潜力", "C potential"),
    "D": ("D 一般", "D general"),
}
REASONS: dict[str, Words] = {
    "no_consent": ("未同意营销联系", "no consent to be contacted"),
    "consent_withdrawn": ("已撤回同意", "consent withdrawn"),
    "personalisation_off": ("已关闭个性化", "personalisation off"),
    "campaign_disabled": ("活动已停用", "campaign switched off"),
    "frequency_cap": ("已达接触上限", "contact limit reached"),
    "cool_down": ("冷却期内", "cooling down"),
    "unknown_customer": ("未知客户", "unknown customer"),
}


@dataclass(frozen=True)
class Facts:
    """What the report shows. `opportunities` as the API lists them, `uplift` as in the demo's JSON."""

    postings: int
    opportunities: Sequence[dict[str, Any]]
    uplift: dict[str, Any]
    quadrants: dict[str, int]
    profile: dict[str, Any]
    answer: dict[str, Any]


def gather(home: Home, postings: int, uplift: dict[str, Any], teller: tuple[dict[str, Any], dict[str, Any]]) -> Facts:
    """Ask the running platform for what the pictures need; `teller` = profile and next best actions."""
    with Client(home) as operator:
        opportunities = list(operator.pages("/v1/opportunities", limit=200))
    with Client(home, "head_office") as office:
        quadrants = office.get("/v1/segments/value-quadrant")["quadrants"]
    return Facts(postings, opportunities, uplift, quadrants, *teller)


def write(facts: Facts, target: Path) -> Path:
    """Write the page and return where it lies."""
    target.write_text(page(facts), encoding="utf-8")
    return target


def page(facts: Facts) -> str:
    """The whole page."""
    title = ("一笔存款如何成为一次合适的对话", "How a deposit became the right conversation")
    sections = (_funnel(facts), _effect(facts), _clock(facts), _teller(facts), _quadrants(facts))
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>Attune</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        '<input class="language" type="radio" name="language" id="chinese" checked>'
        '<input class="language" type="radio" name="language" id="english"><main>'
        '<label for="chinese">中文</label><label for="english">English</label>'
        f"<h1>{words(title)}</h1>{''.join(sections)}</main></body></html>\n"
    )


def _section(title: Words, lead: Words, content: str) -> str:
    return f'<section><h2>{words(title)}</h2><p class="soft">{words(lead)}</p>{content}</section>'


def _funnel(facts: Facts) -> str:
    # What was suppressed has expired by now, like everything that nobody acted on: the reason tells them apart.
    why = Counter(row["reason"] for row in facts.opportunities if row["reason"])
    treated = [row for row in facts.opportunities if row["arm"] == "treated" and not row["reason"]]
    held_out = sum(row["arm"] in ("control", "universal") and not row["reason"] for row in facts.opportunities)
    acted = sum(row["acted_at"] is not None for row in treated)
    rows = [
        Bar(("大额存款商机", "opportunities"), len(facts.opportunities), f"{len(facts.opportunities):,}"),
        Bar(("不打扰", "left in peace"), why.total(), f"{why.total():,}", pictures.SECOND),
        Bar(("对照组", "held out to compare"), held_out, f"{held_out:,}", pictures.SECOND),
        Bar(("营销组", "to be contacted"), len(treated), f"{len(treated):,}"),
        Bar(("已处理", "acted on"), acted, f"{acted:,}"),
    ]
    list_zh = "；".join(f"{REASONS.get(r, (r, r))[0]} {n:,}" for r, n in why.most_common())
    list_en = "; ".join(f"{REASONS.get(r, (r, r))[1]} {n:,}" for r, n in why.most_common())
    note = f'<p class="soft">{words(("不打扰的原因：" + list_zh, "Left in peace: " + list_en))}</p>' if why else ""
    lead = (
        f"{facts.postings:,} 笔流水中，每一笔高于该客户近六个月平均余额的入账都成为一个商机。",
        f"Of {facts.postings:,} postings, each credit above its customer's six-month average became one opportunity.",
    )
    return _section(("漏斗", "The funnel"), lead, pictures.bars(rows, ("漏斗", "The funnel")) + note)


def _effect(facts: Facts) -> str:
    up = facts.uplift
    inside = up["low"] <= up["truth"] <= up["high"]
    lead = (
        f"14 个工作日内购买定期或理财：营销组 {up['treated']['rate']:.2%}（{up['treated']['n']:,} 人），"
        f"对照组 {up['control']['rate']:.2%}（{up['control']['n']:,} 人）。",
        f"Bought a time deposit or wealth product within 14 business days: {up['treated']['rate']:.2%} of "
        f"{up['treated']['n']:,} contacted, {up['control']['rate']:.2%} of {up['control']['n']:,} held out.",
    )
    end = (
        f"95% 区间 {up['low']:+.2%} 至 {up['high']:+.2%}。真值保存在系统之外，落在区间之{'内' if inside else '外'}。",
        f"95 % interval {up['low']:+.2%} to {up['high']:+.2%}. The truth was kept outside Attune; it lies "
        f"{'inside' if inside else 'outside'}.",
    )
    picture = pictures.interval(up["estimate"], up["low"], up["high"], up["truth"])
    return _section(("有效吗？", "Did it work?"), lead, f"{picture}<p>{words(end)}</p>")


def _clock(facts: Facts) -> str:
    hours = [_hours(row) for row in facts.opportunities if row["acted_at"] is not None]
    within = sum(h <= 24 for h in hours)
    lead = (
        f"{within:,} / {len(hours):,} 在 24 小时内处理；24 小时升级，48 小时失效。",
        f"{within:,} of {len(hours):,} acted on within 24 hours; at 24 hours they escalate, at 48 they expire.",
    )
    return _section(("商机时钟", "The opportunity's clock"), lead, pictures.clock(hours))


def _hours(row: dict[str, Any]) -> float:
    opened, acted = (datetime.fromisoformat(row[name]) for name in ("opened_at", "acted_at"))
    return (acted - opened).total_seconds() / 3600


def _teller(facts: Facts) -> str:
    kind = facts.answer["customer_type"] or {}
    who = f"{facts.profile['name'] or facts.profile['source_id']} · {facts.profile['source_id']}"
    about = (
        f"{who}，象限 {kind.get('value_quadrant') or '—'}，风险等级 {kind.get('risk_rating') or '—'}",
        f"{who}, quadrant {kind.get('value_quadrant') or '—'}, risk rating {kind.get('risk_rating') or '—'}",
    )
    rows = "".join(
        f"<tr><td>{action['rank']}</td><td>{_texts(action['name'])}</td>"
        f"<td>{'<br>'.join(_texts(reason['text']) for reason in action['reasons'])}</td>"
        f"<td>{_texts(action['script']['text']) if action.get('script') else '—'}</td></tr>"
        for action in facts.answer["actions"]
    )
    heads = (("", ""), ("产品", "offer"), ("理由", "reasons"), ("话术", "script"))
    table = f"<table><tr>{''.join(f'<th>{words(head)}</th>' for head in heads)}</tr>{rows}</table>"
    return _section(("柜员看到什么", "What the teller sees"), about, table)


def _texts(text: dict[str, str]) -> str:
    return words((text["zh"], text["en"]))


def _quadrants(facts: Facts) -> str:
    rows = [
        Bar(name, facts.quadrants.get(code, 0), f"{facts.quadrants.get(code, 0):,}") for code, name in QUADRANTS.items()
    ]
    lead = ("按现值与潜力划分；私人银行单列。", "By present and potential value; private banking stands apart.")
    title = ("客户价值象限", "Customers by value quadrant")
    return _section(title, lead, pictures.bars(rows, title))
