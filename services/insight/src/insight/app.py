"""Insight, declared: what are they worth, what works?"""

from attune_service_kit.runtime import Service
from insight import handlers
from insight.api import segments, snapshots
from insight.settings import InsightSettings
from insight.tables import METADATA

SERVICE = Service(
    name="insight",
    title="Attune insight",
    settings=InsightSettings,
    metadata=METADATA,
    routers=(snapshots.router, segments.router),
    subscriptions=(handlers.SUBSCRIPTION,),
    jobs={"features": "insight.jobs.features:run"},
)
