"""The catalogue of customer features: what each means, in which unit, for which purpose, and what no model may use.

One place for all: the dataset `features`, the training of models, the API of insight and docs/reference/features.md,
which `python -m attune_contracts.features` writes. A feature is only ever added; its meaning never changes (X19).
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["C1", "C2"]
Unit = Literal["minor", "days", "months", "years", "count", "share", "flag", "code"]
Purpose = Literal[
    "value", "income", "flow", "activity", "channel", "product", "maturity", "season", "life_cycle", "demography"
]

# How old a value can be: features see the ledger up to `as_of`, and a snapshot is made when a day's data are whole.
FRESHNESS = "with each snapshot, usually nightly; the API says as_of and stale"


@dataclass(frozen=True)
class Feature:
    """One feature. `zh` and `en` are its label; `never` says why no model may use it, empty = it may."""

    name: str
    type: str
    unit: Unit
    purpose: Purpose
    zh: str
    en: str
    meaning: str
    level: Level = "C2"
    nullable: bool = False
    never: str = ""

    @property
    def usable(self) -> bool:
        """Whether a model may be trained on it: a number or a flag that nothing bars."""
        return not self.never and self.type in ("INTEGER", "BIGINT", "DOUBLE", "BOOLEAN")


def _minor(name: str, purpose: Purpose, zh: str, en: str, meaning: str) -> Feature:
    return Feature(name, "BIGINT", "minor", purpose, zh, en, meaning)


def _count(name: str, purpose: Purpose, zh: str, en: str, meaning: str, level: Level = "C2") -> Feature:
    return Feature(name, "INTEGER", "count", purpose, zh, en, meaning, level)


def _days(name: str, purpose: Purpose, zh: str, en: str, meaning: str, level: Level = "C2") -> Feature:
    return Feature(name, "INTEGER", "days", purpose, zh, en, meaning, level, nullable=True)


def _share(name: str, purpose: Purpose, zh: str, en: str, meaning: str, level: Level = "C2") -> Feature:
    return Feature(name, "DOUBLE", "share", purpose, zh, en, meaning, level, nullable=True)


def _flag(name: str, zh: str, en: str, meaning: str) -> Feature:
    return Feature(name, "BOOLEAN", "flag", "product", zh, en, meaning, "C1")


_CODE = "a code, no number: segments and rules read it"
_FEATURES = (
    Feature("age", "INTEGER", "years", "demography", "年龄", "Age", "whole years", nullable=True),
    _days("tenure_days", "demography", "开户天数", "Days as a customer", "days since the customer came", "C1"),
    _minor("demand_balance_minor", "value", "活期余额", "Demand balance", "closing balance of demand accounts"),
    _minor("time_balance_minor", "value", "定期余额", "Time balance", "closing balance of time accounts"),
    _minor("wealth_balance_minor", "value", "理财余额", "Wealth balance", "closing balance of wealth accounts"),
    _minor("loan_balance_minor", "value", "贷款余额", "Loan balance",
           "closing balance of loan accounts, negative = owed"),
    _minor("aum_minor", "value", "金融资产", "Assets", "closing balance of demand, time and wealth accounts"),
    _minor("aum_30d_minor", "value", "30 天日均资产", "Mean assets, 30 days", "mean daily closing assets of 30 days"),
    _minor("aum_90d_minor", "value", "90 天日均资产", "Mean assets, 90 days", "mean daily closing assets of 90 days"),
    _minor("aum_change_90d_minor", "value", "资产 90 天变化", "Change of assets, 90 days",
           "closing assets less those of 90 days before"),
    _minor("demand_change_30d_minor", "value", "活期 30 天变化", "Change of demand balance, 30 days",
           "closing demand balance less that of 30 days before"),
    _minor("inflow_30d_minor", "flow", "30 天流入", "Inflow, 30 days",
           "credits of 30 days, own transfers and maturities left out"),
    _minor("inflow_90d_minor", "flow", "90 天流入", "Inflow, 90 days",
           "credits of 90 days, own transfers and maturities left out"),
    _minor("inflow_180d_minor", "flow", "180 天流入", "Inflow, 180 days",
           "credits of 180 days, own transfers and maturities left out"),
    _minor("outflow_30d_minor", "flow", "30 天流出", "Outflow, 30 days", "debits of 30 days, own transfers left out"),
    _minor("outflow_90d_minor", "flow", "90 天流出", "Outflow, 90 days", "debits of 90 days, own transfers left out"),
    _minor("outflow_180d_minor", "flow", "180 天流出", "Outflow, 180 days",
           "debits of 180 days, own transfers left out"),
    _minor("largest_credit_30d_minor", "flow", "30 天最大入账", "Largest credit, 30 days",
           "largest credit of 30 days to a demand account, new money only"),
    _minor("largest_debit_30d_minor", "flow", "30 天最大出账", "Largest debit, 30 days",
           "largest debit of 30 days, own transfers left out"),
    _count("postings_90d", "activity", "90 天交易笔数", "Postings, 90 days", "number of postings in 90 days"),
    _count("active_months_12m", "activity", "近一年活跃月数", "Active months, 12 months",
           "calendar months with a posting in 365 days"),
    _days("days_since_last_posting", "activity", "距上次交易天数", "Days since last posting",
          "days since the last posting"),
    _count("salary_months_6m", "income", "近 6 月代发月数", "Salary months, 6 months",
           "months with a salary or pension in six months"),
    _minor("salary_mean_minor", "income", "月均代发金额", "Mean salary",
           "salaries and pensions of six months by the months that had one; 0 without"),
    _days("salary_day_spread_6m", "income", "发薪日波动天数", "Spread of pay days",
          "largest less smallest day of the month with a salary in six months; NULL below two"),
    _days("days_since_salary", "income", "距上次代发天数", "Days since last salary",
          "days since the last salary or pension"),
    _share("digital_share_90d", "channel", "线上交易占比", "Digital share",
           "share of postings through mobile or web in 90 days"),
    _share("counter_share_90d", "channel", "柜面交易占比", "Counter share",
           "share of postings at the counter in 90 days"),
    _count("counter_postings_90d", "channel", "柜面笔数", "Counter postings", "postings at the counter in 90 days"),
    _count("mobile_postings_90d", "channel", "手机银行笔数", "Mobile postings", "postings through mobile in 90 days"),
    _count("web_postings_90d", "channel", "网银笔数", "Web postings", "postings through web in 90 days"),
    _count("atm_postings_90d", "channel", "自助设备笔数", "ATM postings", "postings at an ATM in 90 days"),
    _days("days_since_last_digital", "channel", "距上次线上交易天数", "Days since last digital posting",
          "days since the last posting through mobile or web"),
    _count("products_held", "product", "持有产品数", "Products held", "distinct products held", "C1"),
    _count("product_kinds_held", "product", "持有产品类别数", "Product kinds held",
           "distinct kinds of product held", "C1"),
    _share("product_coverage", "product", "产品覆盖率", "Product coverage",
           "kinds of product held, of the kinds that the bank has", "C1"),
    _flag("holds_time_deposit", "持有定期", "Holds a time deposit", "a time deposit is held"),
    _flag("holds_wealth", "持有理财", "Holds a wealth product", "a wealth product is held"),
    _minor("maturing_30d_minor", "maturity", "30 天内到期", "Maturing in 30 days",
           "amount of holdings that mature in the 30 days after"),
    _minor("maturing_90d_minor", "maturity", "90 天内到期", "Maturing in 90 days",
           "amount of holdings that mature in the 90 days after"),
    _count("purchases_365d", "product", "近一年购买次数", "Purchases, 365 days",
           "time deposits and wealth products bought in 365 days"),
    _days("days_since_last_purchase", "product", "距上次购买天数", "Days since last purchase",
          "days since a time deposit or wealth product was last bought"),
    _minor("inflow_season_minor", "season", "去年同期后 30 天流入", "Inflow of the season",
           "inflow of the 30 days that followed the same day a year ago"),
    Feature("value_quadrant", "VARCHAR", "code", "value", "价值象限", "Value quadrant",
            "A, B, C, D or private (X27)", never=_CODE),
    Feature("lifecycle", "VARCHAR", "code", "life_cycle", "生命周期阶段", "Life-cycle stage",
            "new, honeymoon, growth, mature, decline or lost", never=_CODE),
)  # fmt: skip

# What is known of a customer and stands in no snapshot, so that no model can learn from it.
NEVER: tuple[Feature, ...] = (
    Feature("gender", "VARCHAR", "code", "demography", "性别", "Gender", "female, male",
            never="a protected attribute"),
    Feature("birth_date", "DATE", "days", "demography", "出生日期", "Birth date", "the day itself",
            never="identifies; age is enough"),
    Feature("branch_id", "VARCHAR", "code", "demography", "所属机构", "Home branch", "home branch", "C1",
            never="stands for where people live: a proxy of protected attributes"),
    Feature("name", "VARCHAR", "code", "demography", "姓名", "Name", "stays in customer-360", never="identity data"),
    Feature("phone", "VARCHAR", "code", "demography", "电话", "Phone", "stays in customer-360", never="identity data"),
    Feature("document", "VARCHAR", "code", "demography", "证件", "Document", "stays in customer-360",
            never="identity data"),
    Feature("address", "VARCHAR", "code", "demography", "地址", "Address", "stays in customer-360",
            never="identity data; a proxy of protected attributes"),
)  # fmt: skip

# What the law protects, by the names that files and models give it; a file's own names are its specification's
# to say.
PROTECTED: frozenset[str] = frozenset({
    "gender", "sex", "race", "ethnicity", "ethnic_group", "nationality", "national_origin", "religion", "disability",
    "性别", "种族", "民族", "国籍", "宗教", "残疾",
})  # fmt: skip
# By what besides nobody's creditworthiness is told.
PROTECTED_IN_CREDIT: frozenset[str] = frozenset({
    "age", "birth_date", "date_of_birth", "marital", "marital_status", "年龄", "出生日期", "婚姻状况",
})  # fmt: skip

CATALOGUE: dict[str, Feature] = {feature.name: feature for feature in _FEATURES}
USABLE: tuple[str, ...] = tuple(feature.name for feature in _FEATURES if feature.usable)


def page() -> Iterator[str]:
    """The lines of docs/reference/features.md."""
    yield "# Customer features"
    yield ""
    yield "Written by `python -m attune_contracts.features > docs/reference/features.md`; the source is"
    yield "`libs/contracts/src/attune_contracts/features.py`. Money is integer minor units of the base currency."
    yield f"Freshness of all: {FRESHNESS}. A window of n days ends with `as_of` and holds n days."
    yield ""
    yield "| feature | 名称 | label | type | unit | purpose | level | may be NULL | a model may use it | meaning |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for feature in (*_FEATURES, *NEVER):
        use = "yes" if feature.usable else f"never: {feature.never}"
        null = "yes" if feature.nullable else ""
        yield (
            f"| `{feature.name}` | {feature.zh} | {feature.en} | {feature.type} | {feature.unit} | {feature.purpose}"
            f" | {feature.level} | {null} | {use} | {feature.meaning} |"
        )


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
