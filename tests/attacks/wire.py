"""What a case that breaks the document is on the wire, where some of them break nothing (P-33)."""

from typing import Any

from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance


def not_checked(case: Any, status: int) -> list[Any]:
    """The checks that the answer to a case need not pass.

    A well-formed id may name nothing, a well-formed cursor be nobody's: those refusals are right. A body beyond its
    limit is not read: that it is wrong otherwise is nobody's to say.
    """
    return [positive_data_acceptance] + ([negative_data_rejection] if status == 413 or unsent(case) else [])


def unsent(case: Any) -> bool:
    """Whether what is wrong in a query may not be there on the wire: a list of none or of one, an object.

    An object's members are parameters of their own there: `cursor` = {"state": "running"} asks for a state, rightly;
    a list of one is that one: `parent` = ["0"] is `parent=0`, and so is ["0", {}, None].
    """
    values = (case.query or {}).values()
    return any(isinstance(value, dict) or (isinstance(value, list) and sum(map(sent, value)) < 2) for value in values)


def sent(member: Any) -> int:
    """How often a member of a list stands in a query: an empty one and none never, several once each."""
    if isinstance(member, list | dict):
        return len(member)
    return int(member is not None)
