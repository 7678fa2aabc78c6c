"""Insight, declared: what are they worth, what works?"""

from attune_service_kit.approvals import Approvals
from attune_service_kit.runtime import Service
from insight import freshness, handlers
from insight.api import features, parameters, segments, snapshots
from insight.settings import InsightSettings
from insight.tables import METADATA

SERVICE = Service(
    name="insight",
    title="Attune insight",
    settings=InsightSettings,
    metadata=METADATA,
    routers=(snapshots.router, features.router, segments.router, parameters.router),
    approvals=Approvals("parameters:approve", (parameters.CHANGE,)),
    hot=features.HOT,
    subscriptions=(handlers.SUBSCRIPTION,),
    tasks=(freshness.watch,),
    jobs={"features": "insight.jobs.features:run"},
)
