"""Offers and scripts over HTTP. Money is a decimal string in the bank's base currency."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from attune_expressions.own_fields import OwnField
from attune_service_kit.bodies import SEVERAL_LINES
from campaign.api.models import BothLanguages, GivenText, In, Money, OfferCode
from campaign.catalogue import RiskLevel
from campaign.channels import Channel

ScriptId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$", examples=["214.00"])]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
ProductCode = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
Weight = Annotated[float, Field(ge=0, le=100)]

_CONDITIONS: dict[str, Any] = {
    "age_min": 18,
    "age_max": 75,
    "product_not_held": ["WS6M"],
    "minimum_balance": {"amount": "50000.00", "currency": "CNY"},
    "rating_invalid": False,
    "where": "balance >= 100000 OR has_tag('time_deposit')",
}
_OFFER: dict[str, Any] = {
    "kind": "marketing",
    "name": {"zh": "稳健理财六个月", "en": "Steady six-month wealth product"},
    "product_id": "WS6M",
    "product_kind": "wealth",
    "risk_level": "R2",
    "expected_margin": {"amount": "320.00", "currency": "CNY"},
    "lever": 1.0,
    "models": ["propensity-wealth", "propensity-purchase"],
    "base_propensity": 0.04,
    "context": {"large-deposit": 1.3},
    "conditions": _CONDITIONS,
    "enabled": True,
}
_SHOWN: dict[str, Any] = _OFFER | {
    "code": "wealth-steady-6m",
    "own_fields": [],
    "scripts": ["s-ws6m-counter"],
}
_SCRIPT: dict[str, Any] = {
    "offer": "wealth-steady-6m",
    "channel": "counter",
    "text": {
        "zh": "这款六个月稳健理财为 R2 级,非保本浮动收益。",
        "en": "This product is rated R2; its return is not guaranteed.",
    },
    "enabled": True,
}


class GivenName(In):
    """A name in both languages, as it is to be."""

    zh: Annotated[str, Field(min_length=1, max_length=60)]
    en: Annotated[str, Field(min_length=1, max_length=120)]


class GivenMoney(In):
    """An amount that is not negative, with the currency's own places."""

    amount: Amount
    currency: Currency


class GivenConditions(In):
    """Who is eligible; what is not set asks nothing."""

    age_min: int | None = Field(default=None, ge=0, le=150)
    age_max: int | None = Field(default=None, ge=0, le=150)
    product_not_held: list[ProductCode] = Field(default_factory=list, max_length=50)
    minimum_balance: GivenMoney | None = None
    rating_invalid: bool = False
    where: Annotated[str, Field(min_length=1, max_length=4096), SEVERAL_LINES] | None = Field(
        default=None,
        description="A condition over age, held (has_tag), risk_rating, balance, value_quadrant, lifecycle and the"
        " bank's own fields of customers",
    )


class OfferChange(In):
    """An offer as it shall be; `version` is the one it was read at, 0 for a new offer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [dict(_OFFER, version=1)]})

    version: int = Field(ge=0, le=1_000_000)
    kind: Literal["marketing", "service"] = "marketing"
    name: GivenName
    product_id: ProductCode | None = None
    product_kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | None = None
    risk_level: RiskLevel | None = None
    expected_margin: GivenMoney | None = Field(default=None, description="Marketing offers need one")
    lever: float = Field(default=1.0, ge=0, le=10)
    models: list[Name] = Field(default_factory=list, max_length=10)
    base_propensity: float = Field(default=0.0, ge=0, le=1)
    context: dict[Name, Weight] = Field(default_factory=dict, max_length=50)
    conditions: GivenConditions = GivenConditions()
    enabled: bool = True


class ConditionsView(BaseModel):
    """Who is eligible; null asks nothing."""

    age_min: int | None
    age_max: int | None
    product_not_held: list[str]
    minimum_balance: Money | None
    rating_invalid: bool
    where: str | None


class ScriptView(BaseModel):
    """What staff say, or a screen shows, for one offer on one channel."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(_SCRIPT, id="s-ws6m-counter", version=1)]})

    id: str
    version: int
    offer: str
    channel: str
    text: BothLanguages
    enabled: bool


class OfferView(BaseModel):
    """An offer of the sheet; `scripts` are the ids of those that speak for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN | {"version": 1}]})

    code: str
    version: int
    kind: str
    name: BothLanguages
    product_id: str | None
    product_kind: str | None
    risk_level: str | None
    expected_margin: Money | None
    lever: float
    models: list[str]
    base_propensity: float
    context: dict[str, float]
    conditions: ConditionsView
    enabled: bool
    own_fields: list[OwnField] = Field(
        description="The bank's own fields that the condition `where` reads, as they were when it was kept"
    )
    scripts: list[str]


class ChangedOffer(OfferView):
    """The offer as stored, and the catalogue that decisions use from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHOWN | {"version": 2, "catalogue_version": 2}]})

    catalogue_version: int


class ScriptChange(In):
    """A script as it shall be; `version` is the one it was read at, 0 for a new script."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [dict(_SCRIPT, version=1)]})

    version: int = Field(ge=0, le=1_000_000)
    offer: OfferCode
    channel: Channel
    text: GivenText
    enabled: bool = True


class ChangedScript(ScriptView):
    """The script as stored, and the catalogue that decisions use from now on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [dict(_SCRIPT, id="s-ws6m-counter", version=2, catalogue_version=3)]}
    )

    catalogue_version: int
