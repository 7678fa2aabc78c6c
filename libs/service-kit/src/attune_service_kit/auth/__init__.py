"""Who is asking: bearer tokens verified here, in every service, and the scope each route demands (P-25).

`keys` fetches the issuer's public keys, `tokens` judges header and times, `caller` reads the claims, `verifier` puts
the three together; `dependencies` is what routes use. Beside this package, `development_issuer` issues tokens on a
developer's machine.
"""

from attune_service_kit.auth.caller import Caller
from attune_service_kit.auth.dependencies import Requires, authenticated, bearer, requires
from attune_service_kit.auth.verifier import TokenVerifier
from attune_service_kit.development_issuer import DevelopmentIssuer

__all__ = [
    "Caller",
    "DevelopmentIssuer",
    "Requires",
    "TokenVerifier",
    "authenticated",
    "bearer",
    "requires",
]
