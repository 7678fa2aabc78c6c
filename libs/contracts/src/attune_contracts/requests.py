"""Questions that one service asks another over NATS and that are answered at once, beside the events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from attune_contracts.scoring import SCORE_SUBJECT, ScoreAnswer, ScoreQuestion, ScoreRefusal


@dataclass(frozen=True)
class Request:
    """A subject, who asks there and who answers, and with what; `examples` by the name of the message's class."""

    subject: str
    meaning: str
    answered_by: str
    asked_by: tuple[str, ...]
    question: type[BaseModel]
    answer: type[BaseModel]
    refusal: type[BaseModel]
    examples: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)

    @property
    def messages(self) -> dict[str, type[BaseModel]]:
        """What goes to and fro, by its part."""
        return {"question": self.question, "answer": self.answer, "refusal": self.refusal}


_CUSTOMER = "31a841d3-58da-8a8d-88a1-8b4e53d3878c"
_MODEL = {"model": "propensity-time-deposit", "version": 7, "sha256": "9f86d081884c7d659a2feaa0c55ad015" * 2}

REQUESTS = (
    Request(
        SCORE_SUBJECT,
        "Scores of this moment: of a customer by every model that answers, or of rows of values by one.",
        "scoring",
        ("campaign",),
        ScoreQuestion,
        ScoreAnswer,
        ScoreRefusal,
        {
            "ScoreQuestion": (
                {
                    "customer_id": _CUSTOMER,
                    "evidence": [{"key": "T000913377", "amount_minor": 86_000_000, "business_date": "2026-03-17"}],
                },
                {"model": "propensity-time-deposit", "rows": [{"age": 45, "demand_balance_minor": 8_600_000}]},
            ),
            "ScoreAnswer": (
                {
                    "models": [_MODEL],
                    "items": [{"customer_id": _CUSTOMER, "scores": [0.31]}],
                    "unknown": [],
                    "as_of": "2026-03-16",
                },
            ),
            "ScoreRefusal": (
                {
                    "status": 422,
                    "code": "features_unfit",
                    "en": "these values do not fit the model's features",
                    "zh": "特征取值不符合模型要求",
                    "errors": [{"row": 0, "feature": "agee", "fault": "unknown"}],
                },
            ),
        },
    ),
)
