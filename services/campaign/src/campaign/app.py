"""The composition root: what campaign is made of."""

from attune_service_kit.approvals import Approvals
from attune_service_kit.jobs import Light
from attune_service_kit.runtime import Service
from campaign import offer_sheet, plans, task_feed, timers
from campaign.api import (
    campaigns,
    contacts,
    decisions,
    explanations,
    offers,
    opportunities,
    suppressions,
    task_stream,
    tasks,
)
from campaign.api import plans as plans_api
from campaign.handlers import SUBSCRIPTION
from campaign.settings import CampaignSettings
from campaign.tables import METADATA

SERVICE = Service(
    name="campaign",
    title="Attune campaign",
    settings=CampaignSettings,
    metadata=METADATA,
    routers=(
        decisions.router,
        explanations.router,
        opportunities.router,
        task_stream.router,
        tasks.router,
        contacts.router,
        suppressions.router,
        campaigns.router,
        offers.router,
        plans_api.router,
    ),
    approvals=Approvals(
        "campaigns:approve",
        (campaigns.CHANGE, offers.OFFER, offers.SCRIPT, plans_api.CONTACT, plans_api.HANDLING),
    ),
    subscriptions=(SUBSCRIPTION,),
    tasks=(timers.run, task_feed.prune),
    jobs={
        "load-import": Light("campaign.loading:load_import"),
        "load-features": Light("campaign.loading:load_features"),
        "load-scores": Light("campaign.loading:load_scores"),
        "measure": "campaign.measuring:measure",
        "replay-decisions": Light("campaign.replaying:replay_range"),
    },
    check=offer_sheet.check,
    setup=(plans.ensure_salts,),
    hot=decisions.HOT,
    asks=True,
)
