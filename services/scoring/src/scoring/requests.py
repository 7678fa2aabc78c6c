"""NATS requests for scores: of a customer, where a placement wants scores of this moment; or of rows of values."""

import structlog
from pydantic import ValidationError

from attune_contracts.scoring import SCORE_SUBJECT, ScoreAnswer, ScoreQuestion, ScoreRefusal
from attune_service_kit.errors import Invalid, Refusal, database_refusal
from attune_service_kit.runtime import Runtime
from scoring import champions, online
from scoring.champions import NoChampion
from scoring.renewal import answering

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
        answer = await _answer(runtime, ScoreQuestion.model_validate_json(payload))
    except ValidationError:
        return _refused(Invalid("the question does not meet its contract", "请求不符合接口约定"))
    except Refusal as refusal:
        return _refused(refusal)
    except Exception as error:
        if (passing := database_refusal(error)) is None:
            raise
        return _refused(passing)
    return answer.model_dump_json().encode()


async def _answer(runtime: Runtime, question: ScoreQuestion) -> ScoreAnswer:
    held = await champions.table(runtime).held(runtime.worker_database, question.model)
    if question.rows is not None:
        online.check_size(runtime, len(question.rows))
        found = held.of(question.model)
        if not found or found[0].champion is None:
            raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
        return await online.score_rows(found[0].champion, question.rows)
    customer = question.customer_id
    assert customer is not None  # noqa: S101 - one of both, the contract says
    models = [model for model in answering(customer, held.of(), held.shares) if model.renewed]
    async with runtime.worker_database.pool.acquire() as conn:
        return await online.score_customers(conn, {customer: models}, question.evidence)


def _refused(refusal: Refusal) -> bytes:
    told = ScoreRefusal(
        status=refusal.status,
        code=refusal.code,
        en=refusal.en,
        zh=refusal.zh,
        errors=tuple(refusal.extras.get("errors", ())),
    )
    return told.model_dump_json().encode()
