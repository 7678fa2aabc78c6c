"""Settings of scoring."""

from pydantic import Field

from attune_service_kit.settings import ServiceSettings, settings_config


class ScoringSettings(ServiceSettings):
    """What scoring must know beside the kit's settings."""

    model_config = settings_config("SCORING_")

    memory_limit: str = Field(default="1GB", pattern=r"^[1-9][0-9]*(MB|GB)$", description="DuckDB's, of one job")
    batch_rows: int = Field(default=50_000, ge=1_000, le=1_000_000, description="Rows of one batch of a scoring job")
    vetting_cpu_seconds: int = Field(default=8, ge=1, le=60, description="Of the processor, for looking at one upload")
    vetting_memory_bytes: int = Field(default=1 << 30, ge=1 << 28, le=8 << 30, description="For looking at one upload")
    most_rows: int = Field(default=500, ge=1, le=10_000, description="Rows or customers that one request may ask for")
