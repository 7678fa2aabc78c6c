"""Settings of customer-360, from environment variables that start with CUSTOMER_360_."""

from typing import Annotated, Literal

from pydantic import Field

from attune_service_kit.runtime import Runtime
from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.token_settings import audience

ParticularName = Literal["job", "employer", "income_band", "marital_status", "education", "phone", "address", "email"]


class Customer360Settings(ServiceSettings):
    """What customer-360 needs beyond every service's settings."""

    model_config = settings_config("CUSTOMER_360_")

    token_audience: str = audience("customer_360")
    currency: str = Field(default="CNY", pattern=r"^[A-Z]{3}$", description="The bank's base currency")
    phone_region: str = Field(
        default="CN", pattern=r"^[A-Z]{2}$", description="Where telephone numbers without a country code are"
    )
    risk_valid_months: int = Field(default=12, ge=1, le=12, description="How long a new risk rating holds")
    fresh_months: dict[ParticularName, Annotated[int, Field(ge=1, le=600)]] = Field(
        default_factory=dict, description='How long a particular is fresh where it differs, e.g. {"job": 24}'
    )
    timeline_months: int = Field(default=13, ge=1, le=120, description="The timeline is kept this long")
    aum_bands_minor: tuple[int, ...] = Field(
        default=(5_000_000, 20_000_000, 50_000_000, 600_000_000),
        min_length=1,
        max_length=8,
        description="Where mean assets of 90 days begin a new band, in minor units of the base currency, ascending",
    )


def settings_of(runtime: Runtime) -> Customer360Settings:
    """The runtime's settings as this service's own class."""
    if not isinstance(runtime.settings, Customer360Settings):
        raise TypeError("customer-360 runs with Customer360Settings")
    return runtime.settings
