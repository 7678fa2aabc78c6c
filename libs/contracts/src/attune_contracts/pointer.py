"""Bulk crosses between services as a pointer to a published partition, never as one message per customer."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attune_contracts.envelope import Data

DatasetName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Pointer(BaseModel):
    """Where one partition of a dataset lies in the lake: `manifest` is the name of its manifest file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: DatasetName
    partition: str
    manifest: str
    as_of: date
    rows: Annotated[int, Field(ge=0)]
    checksum: str
    schema_version: Annotated[int, Field(ge=1)] = 1


class Published(Data):
    """A dataset's partition has been published."""

    pointer: Pointer

    def subject(self) -> str:
        """Return the dataset's name: one dataset's pointers are applied in order."""
        return self.pointer.dataset
