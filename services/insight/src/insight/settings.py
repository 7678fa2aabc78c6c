"""Settings of insight."""

from pydantic import Field

from attune_service_kit.runtime import Runtime
from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.token_settings import audience


class InsightSettings(ServiceSettings):
    """What insight must know beside the kit's settings."""

    model_config = settings_config("INSIGHT_")

    token_audience: str = audience("insight")
    stale_after_days: int = Field(
        default=1, ge=0, description="A snapshot older than the data by more than this is reported as stale"
    )
    memory_limit: str = Field(default="1GB", pattern=r"^[1-9][0-9]*(MB|GB)$", description="DuckDB's, of one job")


def settings_of(runtime: Runtime) -> InsightSettings:
    """The service's own settings."""
    settings = runtime.settings
    assert isinstance(settings, InsightSettings)  # noqa: S101 - the service declares them
    return settings
