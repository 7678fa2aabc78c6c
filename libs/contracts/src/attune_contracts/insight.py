"""What insight says."""

from typing import ClassVar

from attune_contracts.pointer import Published


class FeaturesPublished(Published):
    """A snapshot of every customer's features lies in the lake; partition = `as_of=YYYY-MM-DD`."""

    TYPE: ClassVar[str] = "insight.features.published.v1"


class SegmentsPublished(Published):
    """A snapshot of who belongs to which segment lies in the lake; partition = `as_of=YYYY-MM-DD`."""

    TYPE: ClassVar[str] = "insight.segments.published.v1"
