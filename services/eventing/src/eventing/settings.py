"""What eventing must know to run."""

from pathlib import Path

from pydantic import Field, SecretStr

from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.token_settings import audience


class EventingSettings(ServiceSettings):
    """Settings from `EVENTING_…` environment variables."""

    model_config = settings_config("EVENTING_")

    token_audience: str = audience("eventing")
    ledger_nats_user: str | None = Field(default=None, description="The producer of the ledger's events")
    ledger_nats_seed: SecretStr | None = None
    base_currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="Unset: the currency of most deposit accounts"
    )
    fields_folder: Path | None = Field(
        default=None, description="A folder of YAML files with the bank's own fields (docs/reference/conditions.md)"
    )
