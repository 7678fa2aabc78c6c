"""NATS requests for scores: campaign asks here where a placement wants scores of this moment."""

import structlog
from pydantic import ValidationError

from attune_contracts.scoring import SCORE_SUBJECT, ScoreQuestion, ScoreRefusal
from attune_service_kit.errors import Invalid, Refusal, database_refusal
from attune_service_kit.runtime import Runtime
from scoring import champions, online

log = structlog.get_logger(__name__)


async def answer_requests(runtime: Runtime) -> None:
    """Answer on the subject for as long as the worker lives; several workers share the questions."""
    assert runtime.broker is not None  # noqa: S101 - a worker's task

    async def answer(payload: bytes) -> bytes:
        return await score(runtime, payload)

    await runtime.broker.answer(SCORE_SUBJECT, answer)


async def score(runtime: Runtime, payload: bytes) -> bytes:
    """The answer to one question, or the refusal, as JSON."""
    try:
        question = ScoreQuestion.model_validate_json(payload)
        models = await champions.table(runtime).answering(runtime.worker_database)
        async with runtime.worker_database.pool.acquire() as conn:
            answer = await online.score_customers(conn, models, [question.customer_id], question.evidence)
    except ValidationError:
        return _refused(Invalid("the question does not meet its contract", "请求不符合接口约定"))
    except Refusal as refusal:
        return _refused(refusal)
    except Exception as error:
        if (passing := database_refusal(error)) is None:
            raise
        return _refused(passing)
    return answer.model_dump_json().encode()


def _refused(refusal: Refusal) -> bytes:
    return ScoreRefusal(code=refusal.code, en=refusal.en, zh=refusal.zh).model_dump_json().encode()
