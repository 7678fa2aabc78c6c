"""The service, put together: who is this?"""

from attune_service_kit.service import Service
from customer_360 import details as known_details
from customer_360 import identity, retention
from customer_360.api import (
    books,
    branches,
    consents,
    customers,
    details,
    imports,
    resolution,
    risk,
    search,
    tags,
    timeline,
)
from customer_360.handlers import SUBSCRIPTION
from customer_360.settings import Customer360Settings
from customer_360.tables import METADATA

SERVICE = Service(
    name="customer_360",
    title="Attune customer-360: who is this?",
    settings=Customer360Settings,
    metadata=METADATA,
    routers=(
        search.router,
        resolution.router,
        customers.router,
        consents.router,
        tags.router,
        risk.router,
        details.router,
        books.router,
        timeline.router,
        branches.router,
        *imports.ROUTERS,
    ),
    subscriptions=(SUBSCRIPTION,),
    tasks=(retention.run,),
    urgent=("/consents", "/consents:opt-out"),
    functions=("customer_360.view.function:make",),
    streamed=(imports.STREAMED,),
    sealed=(identity.SEALED, known_details.SEALED),
    reindex="customer_360.reindexing:run",
    jobs={
        "import": "customer_360.importing:run",
        "import_undo": "customer_360.undoing:run",
        "load-segments": "customer_360.segments:load_segments",
        "load-bands": "customer_360.segments:load_bands",
    },
)
