"""What an explanation says, in one sentence of each language."""

from collections.abc import Mapping

from eventing.money import to_text

Words = Mapping[str, object]

_WHY: Mapping[str, tuple[str, str]] = {
    "account": (
        "the posting waits: nobody has told yet whose account it is on",
        "该笔交易仍在等待：其账户归属尚未知晓",
    ),
    "direction": ("it is no credit but a {direction}", "该笔不是贷记入账，而是 {direction}"),
    "account_kind": ("the account is no demand account but {account_kind}", "账户不是活期账户，而是 {account_kind}"),
    "flags": ("it is no new money: {flags}", "不是新增资金：{flags}"),
    "reverses": ("it undoes posting {reverses}", "该笔冲正交易 {reverses}"),
    "currency": (
        "its currency {currency} is not the bank's base currency {base_currency}",
        "币种 {currency} 不是本行基准币种 {base_currency}",
    ),
    "enabled": ("this version is switched off", "该版本已停用"),
    "minimum": ("{amount} is less than the smallest amount, {minimum}", "金额 {amount} 低于最低金额 {minimum}"),
    "lateness": (
        "it came more than {lateness_days} days late: it moved the balance and judged nothing; a rebuild finds it",
        "该笔迟到超过 {lateness_days} 天：仅更新余额，未作判断；重建可补回",
    ),
    "history": (
        "the history begins on {first_posting}, after {window_start}: less than {months} months",
        "历史始于 {first_posting}，晚于 {window_start}，不足 {months} 个月",
    ),
    "amount": (
        "{amount} over {days} days is {product}, not above the {integral} of the closing balances (mean {mean})",
        "{amount} 乘以 {days} 天为 {product}，不高于日终余额累计 {integral}（均值 {mean}）",
    ),
    "cool_down": (
        "the customer rests until {rests_until} after posting {last_raised_key} of {last_raised}",
        "因 {last_raised} 的交易 {last_raised_key}，客户冷却至 {rests_until}",
    ),
    "not_reversed": ("the posting has been reversed", "该笔交易已被冲正"),
    "delivery": (
        "it came with a file and has not been through the stream: files are not judged, a replay judges them",
        "该笔随文件入湖，未经过事件流：文件不作判断，回放才会判断",
    ),
    "in_force": (
        "version {judged_by_version} judged it when it came, not this one",
        "该笔到达时由版本 {judged_by_version} 判断，而非本版本",
    ),
}
_FIRED = (
    "{amount} over {days} days is {product}, above the {integral} of the closing balances (mean {mean})",
    "{amount} 乘以 {days} 天为 {product}，高于日终余额累计 {integral}（均值 {mean}）",
)
_MINOR = {
    "amount_minor": "amount",
    "minimum_minor": "minimum",
    "mean_minor": "mean",
    "amount_times_days": "product",
    "balance_integral": "integral",
}


def sentence(trigger: str, version: int, failed: str | None, values: Words, currency: str) -> dict[str, str]:
    """One sentence in both languages; `values` are those of all parts."""
    words = dict(values) | {
        name: to_text(int(str(values[key])), currency)
        for key, name in _MINOR.items()
        if values.get(key) not in (None, "None")
    }
    en, zh = _FIRED if failed is None else _WHY[failed]
    how_en, how_zh = ("fired", "已触发") if failed is None else ("did not fire", "未触发")
    return {
        "en": f"{trigger} v{version} {how_en}: {en.format_map(words)}.",
        "zh": f"{trigger} v{version} {how_zh}：{zh.format_map(words)}。",
    }
