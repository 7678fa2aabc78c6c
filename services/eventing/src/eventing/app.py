"""The service, put together: what has just happened?"""

from attune_service_kit.approvals import Approvals
from attune_service_kit.jobs import Light
from attune_service_kit.runtime import Service
from eventing import handlers, trigger_files, upkeep
from eventing.api import (
    backtests,
    behaviours,
    clock,
    detections,
    ledger,
    replays,
    trigger_ends,
    trigger_runs,
    trigger_versions,
    triggers,
    why,
)
from eventing.settings import EventingSettings
from eventing.tables import METADATA

SERVICE = Service(
    name="eventing",
    title="Attune eventing",
    settings=EventingSettings,
    metadata=METADATA,
    routers=(
        ledger.router,
        ledger.imports_history,
        behaviours.router,
        replays.router,
        clock.router,
        why.router,
        detections.router,
        triggers.router,
        trigger_versions.router,
        trigger_ends.router,
        backtests.router,
        trigger_runs.router,
    ),
    approvals=Approvals("triggers:approve", (triggers.CHANGE, trigger_versions.ACTIVATION, trigger_ends.RETIREMENT)),
    check=trigger_files.check,
    subscriptions=handlers.SUBSCRIPTIONS,
    tasks=(upkeep.tell_time, upkeep.release_pending, upkeep.close_days),
    jobs={
        "import": "eventing.jobs.imports:run",
        "import_undo": "eventing.jobs.undo:run",
        "accounts": Light("eventing.jobs.accounts:run"),
        "backtest": "eventing.jobs.backtest:run",
        "backfill": "eventing.jobs.backfill:run",
        "rebuild": "eventing.jobs.rebuild:run",
        "reconcile": "eventing.jobs.reconcile:run",
        "replay": "eventing.jobs.replay:run",
        "trigger_end": Light("eventing.jobs.trigger_end:run"),
        "trigger_run": "eventing.jobs.nightly:run",
        "day_close": Light("eventing.jobs.day_close:run"),
    },
)
