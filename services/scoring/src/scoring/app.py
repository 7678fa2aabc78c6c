"""Scoring, declared: how likely, and why?"""

from attune_service_kit.approvals import Approvals
from attune_service_kit.jobs import Light
from attune_service_kit.runtime import Service
from scoring import champions, handlers, requests, signing
from scoring.api import cards, comparison, contributions, models, purposes, runs, scores, steps, uploads, watch
from scoring.settings import ScoringSettings
from scoring.tables import METADATA

SERVICE = Service(
    name="scoring",
    title="Attune scoring",
    settings=ScoringSettings,
    metadata=METADATA,
    routers=(
        models.router,
        cards.router,
        steps.router,
        uploads.router,
        purposes.router,
        runs.router,
        scores.router,
        comparison.router,
        watch.router,
        contributions.router,
    ),
    hot=scores.HOT,
    streamed=(uploads.STREAMED, scores.STREAMED),
    approvals=Approvals("models:approve", (models.PROMOTION, steps.CHALLENGE, purposes.SHARES, comparison.SETTINGS)),
    subscriptions=(handlers.SUBSCRIPTION,),
    tasks=(requests.answer_requests,),
    setup=(signing.prepare,),
    everywhere=(champions.follow,),
    jobs={
        "train": "scoring.jobs.train:run",
        "score": "scoring.jobs.score:run",
        "compare": "scoring.jobs.compare:run",
        "watch": "scoring.jobs.watch:run",
        "explain": "scoring.jobs.explain:run",
        "vet": Light("scoring.jobs.vet:run"),
    },
)
