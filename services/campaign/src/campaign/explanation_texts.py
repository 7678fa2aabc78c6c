"""The words of explanations, in Chinese and English: for staff about a customer, for customers about themselves."""

from collections.abc import Sequence
from typing import Final

from campaign.catalogue import Names, Offer
from campaign.counterfactuals import Change, Counterfactual
from campaign.decision_facts import DecisionFacts
from campaign.judgement import Refusal
from campaign.money import decimal_text
from campaign.texts import Text, reasons_for

SUMMARY: Final[dict[str, Text]] = {
    "offered": {
        "zh": "先按准入、适当性、同意和接触规则筛选,其余产品按预期效果排序后推荐",
        "en": "offers were checked for eligibility, suitability, consent and contact rules; the rest were ranked",
    },
    "generic": {
        "zh": "客户未同意个性化推荐或资料不可见,给出常规清单,未使用个人特征",
        "en": "a standard list: the customer has not agreed to personalised offers, or is not known here",
    },
    "nothing": {"zh": "今日无推荐", "en": "no recommendation today"},
}

CUSTOMER_SUMMARY: Final[dict[str, Text]] = {
    "offered": {
        "zh": "以下内容由系统自动选出:先确认产品适合您、您符合条件,再按对您可能的用处排序",
        "en": "these were chosen automatically: first what suits you and is open to you, then by likely use to you",
    },
    "generic": {
        "zh": "以下为面向所有客户的常规内容,未使用您的个人特征",
        "en": "these are standard offers for everybody; none of your personal traits were used",
    },
    "nothing": {"zh": "今日没有向您推荐产品", "en": "nothing is recommended to you today"},
}

SWITCHED_OFF: Final[Text] = {"zh": "该产品目前已停止推荐", "en": "this offer is switched off at present"}
NOT_DUE: Final[Text] = {"zh": "目前无需办理", "en": "there is no need for it at present"}
RANKED_BELOW: Final[Text] = {
    "zh": "符合条件,但其他产品今日更合适",
    "en": "it would be possible, but others fit better today",
}

DATA: Final[dict[str, Text]] = {
    "age": {"zh": "您的年龄", "en": "your age"},
    "products_held": {"zh": "您在本行持有的产品", "en": "the products you hold with us"},
    "risk_rating": {"zh": "您的风险承受能力评级及日期", "en": "your risk rating and its date"},
    "balance": {"zh": "您的活期存款余额", "en": "the balance of your demand deposits"},
    "recent_deposits": {"zh": "您近日的大额入账", "en": "larger amounts you received recently"},
    "recent_events": {
        "zh": "您账户近日的变动或到期事项",
        "en": "what has lately happened, or falls due, on your accounts",
    },
    "interest_estimate": {
        "zh": "由系统根据您使用本行服务的情况自动估计的兴趣程度",
        "en": "an automatic estimate of your interest, made from how you use our services",
    },
    "consents": {"zh": "您对营销联系的同意", "en": "your agreement to marketing contacts"},
    "past_contacts": {"zh": "我们近期与您联系的次数", "en": "how often we have contacted you lately"},
}

OBJECTION: Final[Text] = {
    "zh": "您随时可以反对,且不影响您使用其他服务",
    "en": "you may object at any time; it has no effect on any other service",
}
WAYS_TO_OBJECT: Final[dict[str, Text]] = {
    "switch_off_personalisation": {
        "zh": "在手机银行设置中关闭个性化推荐,或请网点、客服代为关闭,即时生效",
        "en": "switch personalised offers off in the app, or ask a branch or the call centre to; it holds at once",
    },
    "refuse_contacts": {
        "zh": "撤回对营销联系的同意,可按渠道和产品类别撤回",
        "en": "withdraw your agreement to marketing contacts, by channel and kind of product if you like",
    },
    "ask_a_person": {
        "zh": "要求由工作人员复核本次结果并向您说明",
        "en": "ask that a person looks at this result again and explains it to you",
    },
}


def reason(code: str, facts: DecisionFacts) -> Text:
    """A reason in the words of whoever reads."""
    return reasons_for(facts.audience)[code]


def refused_to_you(refusal: Refusal, offer: Offer, holding: str) -> Text:
    """Why an offer is withheld, told to the customer."""
    match refusal.step:
        case "held":
            return {"zh": f"您已持有 {holding}", "en": f"you hold {holding} already"}
        case "own":  # it may speak of segments, which customers are not told
            return {"zh": "您目前不符合该产品的条件", "en": "you do not meet this offer's conditions at present"}
        case "suitability":
            level = offer.risk_level
            return {
                "zh": f"产品风险等级为 {level},您没有与之相符的有效风险评级",
                "en": f"the product's risk is {level}, and you have no valid risk rating that fits it",
            }
        case "consent":
            return {"zh": "您未同意此类营销联系", "en": "you have not agreed to this kind of contact"}
        case "contact_policy":
            return {"zh": "我们现在不应与您联系", "en": "we are not to contact you now"}
    return refusal.text  # the offer's own conditions, in words about nobody


def because(name: Names, rank: int, reasons: Sequence[Text]) -> Text:
    """Why an offer stands at this rank, for staff."""
    return {
        "zh": f"{name.zh}排第{rank}位:" + ";".join(r["zh"] for r in reasons),
        "en": f"{name.en} is number {rank}: " + "; ".join(r["en"] for r in reasons),
    }


def because_you(name: Names, reasons: Sequence[Text]) -> Text:
    """Why an offer is shown, for the customer."""
    return {
        "zh": f"向您推荐{name.zh},因为" + ";".join(r["zh"] for r in reasons),
        "en": f"{name.en} is shown because " + "; ".join(r["en"] for r in reasons),
    }


def what_if(found: Counterfactual, name: Names | None, currency: str, *, to_customer: bool) -> Text:
    """ "With X instead of Y the result would be Z"."""
    changes = [_change(change, currency, to_customer=to_customer) for change in found.changes]
    zh, en = "且".join(c["zh"] for c in changes), " and ".join(c["en"] for c in changes)
    if name is None:
        return {"zh": f"若{zh},则没有可推荐的产品", "en": f"with {en}, nothing would be proposed"}
    if found.effect == "first":
        return {"zh": f"若{zh},则首先推荐{name.zh}", "en": f"with {en}, {name.en} would be proposed first"}
    return {"zh": f"若{zh},则可推荐{name.zh}", "en": f"with {en}, {name.en} could be proposed"}


def _change(change: Change, currency: str, *, to_customer: bool) -> Text:
    whose = ("您的", "your ") if to_customer else ("客户", "the customer's ")
    was, would = _value(change.was, change, currency), _value(change.would_be, change, currency)
    match change.fact:
        case "holding":
            return {"zh": f"不再持有{change.subject}", "en": f"no {change.subject} held"}
        case "consent":
            return {"zh": "同意此类营销联系", "en": "an agreement to this kind of contact"}
        case "moment":
            return {"zh": f"时间为{would['zh']}之后", "en": f"a contact from {would['en']} on"}
        case "do_not_contact":
            return {"zh": "不在免打扰名单中", "en": "no do-not-contact entry"}
        case "deposit":
            return {"zh": "没有近日的大额入账", "en": "no larger deposit lately"}
        case "score":
            return {
                "zh": f"模型 {change.subject} 的评分为{would['zh']}(现为{was['zh']})",
                "en": f"a score of {would['en']} from {change.subject} instead of {was['en']}",
            }
    noun = _NOUNS[change.fact]
    return {
        "zh": f"{whose[0]}{noun['zh']}为{would['zh']}(现为{was['zh']})",
        "en": f"{whose[1]}{noun['en']} {would['en']} instead of {was['en']}",
    }


_NOUNS: Final[dict[str, Text]] = {
    "age": {"zh": "年龄", "en": "age"},
    "balance": {"zh": "存款余额", "en": "balance"},
    "risk_rating": {"zh": "风险评级", "en": "risk rating"},
    "rated_on": {"zh": "风险评级日期", "en": "risk rating of"},
}


def _value(value: object, change: Change, currency: str) -> Text:
    if value is None:
        return {"zh": "未知", "en": "an unknown one"}
    if change.fact == "balance" and isinstance(value, int):
        amount = f"{decimal_text(value, currency)} {currency}"
        return {"zh": amount, "en": amount}
    if change.fact == "moment":
        moment = str(value)[:16].replace("T", " ") + " UTC"
        return {"zh": moment, "en": moment}
    return {"zh": str(value), "en": str(value)}
