"""Scoring, declared: how likely, and why?"""

from attune_service_kit.runtime import Service
from scoring import handlers
from scoring.api import models, runs
from scoring.settings import ScoringSettings
from scoring.tables import METADATA
from scoring.worker import warm_up

SERVICE = Service(
    name="scoring",
    title="Attune scoring",
    settings=ScoringSettings,
    metadata=METADATA,
    routers=(models.router, runs.router),
    subscriptions=(handlers.SUBSCRIPTION,),
    tasks=(warm_up,),
    jobs={"train": "scoring.jobs.train:run", "score": "scoring.jobs.score:run"},
)
