"""Which purchases lifetime value is learned from: kinds of postings, or the lines of a file. Pure."""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from attune_contracts.ledger import Code
from attune_service_kit.bodies import Body
from scoring.file_spec import Heading
from scoring.unfit import unfit


class _Strict(Body):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PurchaseFile(_Strict):
    """A line a purchase, days as ISO dates; sent before by `PUT /v1/model-uploads/files/{file_id}`."""

    file_id: UUID
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] | Literal["spaces"] = ","
    headings: Annotated[tuple[Heading, ...], Field(max_length=100)] = Field(
        default=(), description="Where the file's first line has none"
    )
    customer: Heading
    day: Heading
    amount: Heading


class Purchases(_Strict):
    """Postings of these kinds, or a file. What was foretold is measured on what lies after `until`.

    By default `until` leaves the last `test_weeks` of the purchases.
    """

    kinds: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    file: PurchaseFile | None = None
    until: date | None = None
    test_weeks: Annotated[int, Field(ge=1, le=520)] = 13
    weeks: Annotated[int, Field(ge=1, le=520)] = Field(default=52, description="The value is that of so many weeks")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.kinds) == (self.file is not None):
            raise unfit("purchases_unfit", "purchases have either kinds of postings or a file",
                        "purchases 应有 kinds 或 file 之一", "kinds")  # fmt: skip
        return self
