"""The words of the language: what a text may hold beside fields, parameters and constants."""

FUNCTIONS = {
    "abs": (1, 1),
    "coalesce": (2, 50),
    "day": (1, 1),
    "days_between": (2, 2),
    "greatest": (2, 50),
    "has_tag": (1, 1),
    "isodow": (1, 1),
    "least": (2, 50),
    "length": (1, 1),
    "month": (1, 1),
    "round": (1, 2),
    "year": (1, 1),
}
"""Each function and how many arguments it takes."""

UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
KEYWORDS = frozenset(
    {
        "and", "between", "case", "date", "else", "end", "escape", "false", "in", "interval", "is", "like", "not",
        "null", "or", "then", "timestamp", "true", "when",
    }
)  # fmt: skip
TAKEN = KEYWORDS | FUNCTIONS.keys() | set(UNITS)
"""No field and no parameter has such a name."""

CLOCKS = frozenset(
    {
        "current_date", "current_time", "current_timestamp", "curdate", "getdate", "localtime", "localtimestamp",
        "now", "sysdate", "today", "transaction_timestamp",
    }
)  # fmt: skip
