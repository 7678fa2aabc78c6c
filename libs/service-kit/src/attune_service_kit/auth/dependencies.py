"""What routes use: the verified caller, and the scope that the caller must have."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from attune_service_kit.auth.caller import Caller
from attune_service_kit.auth.verifier import TokenVerifier, invalid_token
from attune_service_kit.errors import Forbidden


async def bearer(verifier: TokenVerifier, authorization: Sequence[str]) -> Caller:
    """The verified caller behind a request's Authorization headers, of which there is exactly one."""
    scheme, _, token = authorization[0].partition(" ") if len(authorization) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise invalid_token()
    return await verifier.verify(token.strip())


async def authenticated(request: Request) -> Caller:
    """The verified caller of a request, whatever its scopes."""
    caller = await bearer(request.app.state.verifier, request.headers.getlist("authorization"))
    request.state.client_id = caller.client_id
    return caller


class Requires:
    """Dependency: a caller whose token carries the scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, caller: Annotated[Caller, Depends(authenticated)]) -> Caller:
        """Return the caller, or refuse with 403."""
        return self.check(caller)

    def check(self, caller: Caller) -> Caller:
        """The same for a caller who is known already."""
        if self.scope not in caller.scopes:
            raise Forbidden("the token lacks the scope of this operation", "令牌缺少此操作所需的权限", needs=self.scope)
        return caller


def requires(scope: str) -> Requires:
    """The dependency every route has: `caller: Annotated[Caller, Depends(requires("customers:read"))]`."""
    return Requires(scope)
