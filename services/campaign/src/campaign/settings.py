"""Settings of campaign, from environment variables that start with CAMPAIGN_."""

from pathlib import Path

from pydantic import Field, SecretStr

from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.token_settings import audience


class CampaignSettings(ServiceSettings):
    """What campaign needs beyond every service's settings."""

    model_config = settings_config("CAMPAIGN_")

    token_audience: str = audience("campaign")
    arm_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Arms' salts are derived from it at the first start, so that the same secret gives the same arms; "
        "without it they are drawn at random",
    )
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$", description="The bank's base currency")
    fields_folder: Path | None = Field(
        default=None, description="A folder of YAML files with the bank's own fields (docs/reference/conditions.md)"
    )
