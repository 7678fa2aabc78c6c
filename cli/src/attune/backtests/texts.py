"""The words of a backtest's page, in both languages."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["zh", "en"]

# In the order of the week: a job's result has its keys in none.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "backtest": "Backtest",
        "to": "to",
        "file": "file",
        "detections": "Detections",
        "subjects": "Customers with one",
        "customers": "Customers",
        "a_day": "Mean a day",
        "most_a_day": "Most a day",
        "needed": "Managers needed on 95 days of 100",
        "settled": "Final up to",
        "per_day": "By day",
        "per_week": "By week (the Monday is shown)",
        "by_month": "By month",
        "by_weekday": "By day of the week",
        "by_branch": "By branch",
        "by_segment": "By segment",
        "on_its_day": "A detection counts for the segment that its customer was in on its day; customers as of {day}.",
        "told_later": "{count} detections are of days before the first snapshot, and are told by that one.",
        "none": "none",
        "more": "and {count} more",
        "beside_customers": "{count} ({customers} customers)",
        "overlap": "Customers who also have another trigger, within {days} days before or after",
        "no_overlap": "No other active trigger was looked at.",
        "trigger": "Trigger",
        "its_detections": "Its detections",
        "shared": "Ours near one of them",
        "share": "Share of ours",
        "managers": "Relationship managers against what they can act on",
        "manager": "Manager",
        "capacity": "Capacity a day",
        "on": "On",
        "days_over": "Days beyond capacity",
        "beyond": "Left undone on the day",
        "without_manager": "Detections without a manager",
        "mean_a_manager": "Mean a manager and day",
        "side_by_side": "Two side by side",
        "first": "First",
        "second": "Second",
        "both": "Both find",
        "only_this": "Only the first",
        "only_other": "Only the second",
        "definition": "What is looked for",
        "footer": "Made from the lake alone: nothing was raised. One detection is one opportunity."
        " The page holds numbers, no customer.",
        "monday": "Mon",
        "tuesday": "Tue",
        "wednesday": "Wed",
        "thursday": "Thu",
        "friday": "Fri",
        "saturday": "Sat",
        "sunday": "Sun",
    },
    "zh": {
        "backtest": "触发器回测",
        "to": "至",
        "file": "文件",
        "detections": "命中数",
        "subjects": "命中客户数",
        "customers": "客户数",
        "a_day": "日均",
        "most_a_day": "单日最多",
        "needed": "满足 95% 天数所需客户经理",
        "settled": "结果已定至",
        "per_day": "按日",
        "per_week": "按周（标注周一日期）",
        "by_month": "按月",
        "by_weekday": "按星期",
        "by_branch": "按机构",
        "by_segment": "按客群",
        "on_its_day": "命中按客户当日所属客群统计；客户数截至 {day}。",
        "told_later": "其中 {count} 次命中早于首个快照，按首个快照统计。",
        "none": "无",
        "more": "另有 {count} 项",
        "beside_customers": "{count}（客户 {customers}）",
        "overlap": "前后 {days} 天内同时命中其他触发器的客户",
        "no_overlap": "未与其他启用的触发器比较。",
        "trigger": "触发器",
        "its_detections": "其命中数",
        "shared": "本触发器邻近命中",
        "share": "占本触发器比例",
        "managers": "客户经理工作量与处理能力",
        "manager": "客户经理",
        "capacity": "每日处理能力",
        "on": "日期",
        "days_over": "超出能力天数",
        "beyond": "当日未能处理",
        "without_manager": "无客户经理的命中",
        "mean_a_manager": "每位客户经理日均",
        "side_by_side": "两个版本对比",
        "first": "第一个",
        "second": "第二个",
        "both": "均命中",
        "only_this": "仅第一个命中",
        "only_other": "仅第二个命中",
        "definition": "触发条件",
        "footer": "仅由数据湖计算，未触发任何商机。一次命中即一个商机。本页只含数字，不含客户信息。",
        "monday": "周一",
        "tuesday": "周二",
        "wednesday": "周三",
        "thursday": "周四",
        "friday": "周五",
        "saturday": "周六",
        "sunday": "周日",
    },
}

# What the shipped segments and their parts are called in Chinese; a bank's own stand there as they are.
SEGMENTS_ZH: Mapping[str, str] = {
    "value_quadrant": "价值象限",
    "private": "私人银行",
    "lifecycle": "生命周期",
    "new": "新客户",
    "honeymoon": "蜜月期",
    "growth": "成长期",
    "mature": "成熟期",
    "decline": "衰退期",
    "lost": "流失",
    "payroll": "代发客户",
    "silver_hair": "银发客户",
    "digital": "数字化客户",
}


def segment(name: str, value: str, language: Language) -> str:
    """A segment's part as a reader calls it: of a segment with members alone, the segment."""
    if language == "zh":
        name, value, colon = SEGMENTS_ZH.get(name, name), SEGMENTS_ZH.get(value, value), "："
    else:
        colon = ": "
    return name if value == "member" else f"{name}{colon}{value}"
