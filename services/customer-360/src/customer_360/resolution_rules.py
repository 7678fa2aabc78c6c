"""Who answers for whom: from records and the merges that hold between them. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

Age = tuple[bool, bool, date, UUID]


def age(customer_id: UUID, party_kind: str, opened_on: date | None) -> Age:
    """What orders records: customers before prospects, then the day they came, then their ids. The least is the oldest.

    The oldest answers for all, so that its arms go on (X22).
    """
    return party_kind == "prospect", opened_on is None, opened_on or date.max, customer_id


def answering(ages: Mapping[UUID, Age], merges: Iterable[tuple[UUID, UUID]]) -> dict[UUID, UUID]:
    """The record that answers for each record, itself for most: the oldest of those that merges hold together."""
    parent = {record: record for record in ages}

    def root(record: UUID) -> UUID:
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for first, second in merges:
        older, younger = sorted((root(first), root(second)), key=lambda record: ages[record])
        parent[younger] = older
    return {record: root(record) for record in ages}
