"""From verified claims to a caller: roles through our own table, the narrowest claim wins. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from attune_contracts.access import CUSTOMER_ROLES, ROLE_SCOPES, WHOLE_BANK_BRANCH, WHOLE_BANK_ROLES
from attune_service_kit.database import Scope
from attune_service_kit.token_settings import TokenClaims, claim

_SCOPES = frozenset().union(*ROLE_SCOPES.values())
_LONGEST = 128  # characters of a subject or client


@dataclass(frozen=True)
class Caller:
    """A verified caller."""

    subject: str
    roles: frozenset[str]
    scopes: frozenset[str]
    branch: str | None  # "*" = the whole bank
    customer: UUID | None
    client_id: str
    expires: float = math.inf  # wall time at which the token ends

    @property
    def scope(self) -> Scope:
        """Whose data the caller may see. The narrowest claim wins."""
        if self.customer is not None:
            return Scope("customer", customer=self.customer, subject=self.subject)
        if self.branch == WHOLE_BANK_BRANCH:
            return Scope("all", subject=self.subject)
        return Scope("branch", branch=self.branch, subject=self.subject)


def read(claims: dict[str, Any], where: TokenClaims, role_names: Mapping[str, str]) -> Caller:
    """The caller that the claims describe; ValueError or TypeError if they describe none."""
    roles = _roles(claim(claims, where.roles), role_names)
    customer = claim(claims, where.customer)
    if customer is None and roles & CUSTOMER_ROLES:
        raise ValueError("a customer's own token without the customer")
    subject = _text(claim(claims, where.subject))
    client = claim(claims, where.client)
    return Caller(
        subject=subject,
        roles=roles,
        scopes=_scopes(roles, claim(claims, where.scope)),
        branch=_branch(claim(claims, where.branch), roles, customer is not None),
        customer=None if customer is None else UUID(_text(customer)),
        client_id=subject if client is None else _text(client),
    )


def _roles(value: object, names: Mapping[str, str]) -> frozenset[str]:
    """Our roles among the issuer's."""
    given = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(given, list) or not all(isinstance(role, str) for role in given):
        raise ValueError("roles are a list of names")
    return frozenset(names[role] for role in given if role in names) if names else frozenset(given)


def _scopes(roles: frozenset[str], value: object) -> frozenset[str]:
    """What the roles may by our table, and no more than the token says itself where it says something of ours."""
    if value is not None and not isinstance(value, str):
        raise ValueError("scope is a text")
    said = frozenset((value or "").split()) & _SCOPES
    allowed = frozenset().union(*(ROLE_SCOPES.get(role, frozenset()) for role in roles))
    if not roles:
        return said
    return allowed & said if said else allowed


def _branch(value: object, roles: frozenset[str], one_customer: bool) -> str | None:
    """The branch; who says none is seen as the whole bank only where all the roles are."""
    whole_bank = bool(roles) and roles <= WHOLE_BANK_ROLES
    if value is None:
        if not one_customer and not whole_bank:
            raise ValueError("neither branch nor customer")
        return None if one_customer else WHOLE_BANK_BRANCH
    branch = _text(value)
    if len(branch) > 64 or (branch == WHOLE_BANK_BRANCH and roles and not whole_bank):
        raise ValueError("branch")
    return branch


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise ValueError("not a plain text")
    return value
