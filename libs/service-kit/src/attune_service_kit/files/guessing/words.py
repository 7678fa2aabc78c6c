"""What banks call their files and columns, in Chinese and English: enough to begin a mapping with."""

import re

# Dataset → words in a file's name, the most telling first.
FILES: dict[str, tuple[str, ...]] = {
    "account_parties": ("disp", "account_part", "acct_rel", "signator", "账户关系", "授权人"),
    "standing_orders": ("standing", "order", "autopay", "代扣", "转账约定"),
    "transactions": ("trans", "txn", "posting", "ledger", "journal", "流水", "交易", "明细"),
    "behaviours": ("behavio", "clickstream", "page_view", "app_event", "行为", "埋点"),
    "accounts": ("account", "acct", "账户", "账号"),
    "holdings": ("holding", "position", "持有", "持仓"),
    "consents": ("consent", "agree", "授权", "同意"),
    "employees": ("staff", "employee", "teller", "员工", "柜员"),
    "branches": ("branch", "organ", "district", "机构", "网点"),
    "regions": ("region", "district", "地区", "区域"),
    "products": ("product", "prod", "产品"),
    "households": ("household", "family", "家庭"),
    "loans": ("loan", "贷款"),
    "cards": ("card", "卡"),
    "parties": ("client", "customer", "cust", "cif", "party", "person", "客户"),
}
# Column of a dataset → what banks call it; "*" = of every dataset.
COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "*": {
        "customer_id": ("cif", "cust_no", "custno", "cust_id", "customer", "client_id", "客户号", "客户编号"),
        "account_id": ("acct_no", "acctno", "account_id", "account", "acct", "账号", "账户号"),
        "branch_id": ("branch_no", "branch", "org_no", "district_id", "district", "机构号", "网点号", "org", "机构"),
        "currency": ("ccy", "currency", "curr", "币种"),
        "opened_on": ("open_date", "opened", "start_date", "since", "date", "开户日期", "开户日", "起始日"),
        "closed_on": ("close_date", "closed", "销户日期", "销户日"),
        "matures_on": ("matur", "end_date", "due_date", "到期日"),
        "product_id": ("prod_code", "product", "产品代码", "产品号"),
        "kind": ("type", "kind", "class", "类型", "类别"),
        "name": ("name", "姓名", "名称", "客户名"),
    },
    "parties": {
        "source_id": ("cif", "cust_no", "custno", "cust_id", "client_id", "customer", "客户号", "客户编号"),
        "party_kind": ("cust_type", "client_type", "party_type", "客户类型", "客户类别"),
        "birth_date": ("birth", "dob", "出生"),
        "gender": ("sex", "gender", "性别"),
        "document": ("id_no", "document", "cert_no", "证件号", "身份证"),
        "phone": ("mobile", "phone", "tel", "手机", "电话"),
        "address": ("addr", "地址"),
        "manager_id": ("mgr", "manager", "客户经理", "管户"),
        "risk_rating": ("risk_lvl", "risk_level", "rating", "风险等级"),
    },
    "accounts": {
        "source_id": ("acct_no", "acctno", "account_id", "account", "acct", "账号", "账户号"),
        "opening_balance_minor": ("open_bal", "balance", "bal", "期初余额", "余额"),
    },
    "transactions": {
        "posting_id": ("txn_no", "trans_id", "posting", "serial", "seq", "流水号", "交易号"),
        "business_date": ("biz_date", "business_date", "trans_date", "date", "记账日", "交易日期", "日期"),
        "booked_at": ("book_ts", "timestamp", "time", "交易时间", "时间戳"),
        "direction": ("dc", "cd_flag", "direction", "sign", "type", "借贷"),
        "amount_minor": ("amt", "amount", "金额", "发生额"),
        "balance_minor": ("bal", "balance", "余额"),
        "kind": ("txn_kind", "k_symbol", "operation", "summary", "摘要", "交易类型"),
        "channel": ("chn", "channel", "渠道"),
    },
    "behaviours": {
        "behaviour_id": ("event_id", "log_id", "behaviour_id", "事件号", "行为编号"),
        "business_date": ("biz_date", "business_date", "date", "日期"),
        "occurred_at": ("event_time", "timestamp", "time", "发生时间", "时间"),
        "behaviour": ("event_name", "event", "action", "behaviour", "行为", "事件"),
        "product": ("prod_code", "product", "产品代码", "产品"),
        "step": ("step", "步骤"),
        "channel": ("chn", "channel", "渠道"),
        "seconds": ("duration", "seconds", "stay", "停留"),
    },
    "holdings": {
        "holding_id": ("hold_no", "holding", "持有编号"),
        "amount_minor": ("amt", "amount", "金额", "市值"),
    },
    "loans": {
        "loan_id": ("loan_id", "loan_no", "借据", "贷款号"),
        "granted_on": ("grant", "date", "放款日", "发放日"),
        "amount_minor": ("amount", "amt", "金额"),
        "months": ("duration", "term", "months", "期限"),
        "payment_minor": ("payment", "instal", "月供"),
        "status": ("status", "state", "状态"),
    },
    "cards": {
        "card_id": ("card_id", "card_no", "卡号"),
        "issued_on": ("issue", "发卡日"),
    },
    "standing_orders": {
        "standing_order_id": ("order_id", "order_no", "约定号"),
        "amount_minor": ("amount", "amt", "金额"),
        "partner_bank": ("bank_to", "partner_bank", "对方行"),
        "partner_account": ("account_to", "partner_acc", "对方账号"),
    },
    "account_parties": {"role": ("type", "role", "关系", "角色")},
    "employees": {
        "employee_id": ("staff_no", "employee", "emp_no", "工号", "员工号"),
        "role": ("post", "role", "岗位"),
        "daily_capacity": ("daily", "capacity"),
    },
    "branches": {
        "branch_id": ("branch_no", "branch_id", "org_no", "district_id", "机构号", "网点号", "a1"),
        "parent_id": ("parent", "upper", "上级"),
    },
    "products": {
        "name_zh": ("name_cn", "name_zh", "产品名称", "中文名"),
        "name_en": ("name_en", "english", "英文名"),
        "risk_level": ("risk", "风险"),
    },
    "consents": {
        "purpose": ("purpose", "目的"),
        "granted": ("granted", "agree", "是否同意"),
        "evidence": ("evidence", "依据"),
        "since": ("since", "date", "日期"),
    },
    "households": {
        "household_id": ("household", "family", "家庭号"),
        "formed_on": ("formed", "建立日期"),
    },
}

# What banks write in a posting's summary, currency or channel → the word of an open list.
KINDS: dict[str, str] = {
    "工资": "salary", "代发工资": "salary", "转账": "transfer", "汇款": "transfer", "利息": "interest",
    "结息": "interest", "手续费": "fee", "消费": "purchase", "取现": "cash", "现金": "cash", "存现": "cash",
    "冲正": "reversal", "人民币": "CNY", "RMB": "CNY", "156": "CNY", "柜面": "counter", "柜台": "counter",
    "网银": "online", "手机银行": "mobile", "手机": "mobile",
}  # fmt: skip


# What a column's name says of the unit of its amounts, the shorter ones at its end alone: 积分 are points.
UNITS: dict[str, re.Pattern[str]] = {
    "minor": re.compile(r"[（(_\-\s]分[）)]?$|(?:^|[_\-\s(])(?:fen|cents?|minor)\)?$", re.IGNORECASE),
    "hundred_million": re.compile(r"亿元?[）)]?$"),
    "ten_thousand": re.compile(r"万元?[）)]?$"),
    "thousand": re.compile(r"千元[）)]?$"),
}


def dataset_of(file: str) -> str | None:
    """The dataset that a file's name speaks of."""
    plain = file.lower()
    return next((name for name, words in FILES.items() if any(word in plain for word in words)), None)


def likeness(column: str, dataset: str, target: str) -> float:
    """How much a bank's column sounds like a dataset's: 1 for the same words, 0 for nothing in common."""
    plain = re.sub(r"[^\w]+", "_", column.lower()).strip("_")
    words = COLUMNS.get(dataset, {}).get(target) or COLUMNS["*"].get(target, ())
    if plain == target.removesuffix("_minor"):
        return 1.0
    for rank, word in enumerate(words):
        if plain == word:
            return 1.0 - rank * 0.01
        if word in plain or (len(plain) > 2 and plain in word):
            return 0.7 - rank * 0.01
    return 0.0
