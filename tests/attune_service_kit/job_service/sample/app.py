"""The sample service, with jobs."""

from pathlib import Path

from sqlalchemy import MetaData

from attune_service_kit.jobs import Light, router
from attune_service_kit.runtime import Service
from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.tables import kit_tables


class SampleSettings(ServiceSettings):
    model_config = settings_config("SAMPLE_")


metadata = MetaData()
kit_tables(metadata)
SERVICE = Service(
    "sample",
    "Sample",
    SampleSettings,
    metadata,
    routers=[router("sample")],
    jobs={
        "count": "sample.work:count",
        "fail": Light("sample.work:fail"),
        "refuse": Light("sample.work:refuse"),
        "crash": Light("sample.work:crash"),
        "wait": Light("sample.work:wait"),
        "plain": Light("sample.work:plain"),
        "hold": "sample.work:hold",
        "aside": "sample.work:aside",
    },
    migrations=Path(__file__).parents[2] / "sample_migrations",
)
