"""What the platform says to people, in Chinese and English, by stable code."""

from typing import Final, TypedDict


class Text(TypedDict):
    """One text in both languages."""

    zh: str
    en: str


REASONS: Final[dict[str, Text]] = {
    "large_deposit": {
        "zh": "近日转入金额高于近六个月平均存款余额",
        "en": "a recent deposit is above the six-month average balance",
    },
    "likely_to_buy": {
        "zh": "模型判断客户近期购买可能性较高",
        "en": "the model expects the customer to buy soon",
    },
    "not_held_yet": {"zh": "客户尚未持有此类产品", "en": "the customer holds no product of this kind yet"},
    "generic": {"zh": "常规推荐,未使用个人特征", "en": "a standard offer; no personal traits were used"},
    "rating_missing": {"zh": "客户尚未做风险承受能力评估", "en": "the customer has no risk rating"},
    "rating_expired": {
        "zh": "客户风险评估已满十二个月",
        "en": "the customer's risk rating is older than twelve months",
    },
}

# What customers read says "you", and neither score, segment nor arm.
_TO_CUSTOMER: Final[dict[str, Text]] = {
    "large_deposit": {
        "zh": "您近日有一笔较大金额入账",
        "en": "you received a larger amount recently",
    },
    "likely_to_buy": {
        "zh": "根据您使用本行服务的情况,我们估计您可能会感兴趣",
        "en": "from how you use our services we expect that it may interest you",
    },
    "not_held_yet": {"zh": "您尚未持有此类产品", "en": "you hold no product of this kind yet"},
    "generic": {"zh": "常规推荐,未使用您的个人特征", "en": "a standard offer; none of your personal traits were used"},
    "rating_missing": {"zh": "您尚未做风险承受能力评估", "en": "you have no risk rating yet"},
    "rating_expired": {"zh": "您的风险评估已满十二个月", "en": "your risk rating is older than twelve months"},
}


def reasons_for(audience: str) -> dict[str, Text]:
    """The reasons in words for staff, or for the customer themselves."""
    return _TO_CUSTOMER if audience == "customer" else REASONS


NO_RECOMMENDATION: Final[Text] = {"zh": "今日无推荐", "en": "no recommendation today"}

NO_CONSENT: Final[Text] = {
    "zh": "客户未同意此类营销联系",
    "en": "the customer has not agreed to this marketing contact",
}
TOO_YOUNG: Final[Text] = {
    "zh": "客户未满十四周岁，不作营销",
    "en": "the customer is under fourteen: no marketing",
}

POLICY: Final[dict[str, Text]] = {
    "frequency_cap": {"zh": "已达接触频次上限", "en": "the contact cap is reached"},
    "cool_down": {"zh": "仍在接触冷却期内", "en": "the cool-down after the last contact is running"},
    "do_not_contact": {"zh": "客户在免打扰名单中", "en": "the customer is not to be contacted"},
    "quiet_hours": {"zh": "当前为静默时段", "en": "these are quiet hours"},
    "no_consent": NO_CONSENT,
    "already_contacted": {"zh": "本次活动已接触过该客户", "en": "this campaign step has reached the customer already"},
}


def age_outside(low: int | None, high: int | None) -> Text:
    """The offer is for another age, or the age is unknown."""
    if low is not None and high is not None:
        return {"zh": f"适用年龄为{low}至{high}岁", "en": f"for customers aged {low} to {high}"}
    if low is not None:
        return {"zh": f"适用年龄为{low}岁及以上", "en": f"for customers aged {low} and over"}
    return {"zh": f"适用年龄为{high}岁及以下", "en": f"for customers aged {high} and under"}


def held_already(product: str) -> Text:
    """The customer holds what the offer excludes."""
    return {"zh": f"客户已持有 {product}", "en": f"the customer already holds {product}"}


def balance_below(minimum: str, currency: str) -> Text:
    """The balance is below the offer's minimum, or unknown."""
    return {
        "zh": f"存款余额低于起点金额 {minimum} {currency}",
        "en": f"the balance is below the minimum of {minimum} {currency}",
    }


def above_rating(level: str, rating: str, rated_on: str) -> Text:
    """The product's risk is above what the customer was rated for."""
    return {
        "zh": f"产品风险等级 {level} 高于客户评级 {rating}({rated_on} 评定)",
        "en": f"product {level} is above the customer's {rating} (rated {rated_on})",
    }


def no_valid_rating(level: str, rated_on: str | None) -> Text:
    """A product with risk, and no valid rating of the customer."""
    if rated_on is None:
        return {"zh": f"产品风险等级 {level},客户未评级", "en": f"product {level}: the customer is not rated"}
    return {
        "zh": f"产品风险等级 {level},客户评级已过期({rated_on} 评定)",
        "en": f"product {level}: the customer's rating has expired (rated {rated_on})",
    }
