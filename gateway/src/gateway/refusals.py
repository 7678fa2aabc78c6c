"""What the gateway itself refuses; everything else is the services' word."""

from attune_service_kit.errors import BadRequest, Refusal


class MethodNotAllowed(Refusal):
    """The path is there, the method is not; `Allow` names those that are."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("this resource does not know the method", "不支持该方法", allowed=list(allowed))
        self._allowed = allowed

    def headers(self) -> dict[str, str]:
        """RFC 9110, 15.5.6."""
        return {"Allow": ", ".join(self._allowed)}


class UriTooLong(Refusal):
    """Path and query are longer than any operation needs."""

    status, code, title = 414, "uri_too_long", "URI too long"


class HeadersTooLarge(Refusal):
    """More or longer headers than any client needs."""

    status, code, title = 431, "headers_too_large", "Request header fields too large"


class MisdirectedHost(BadRequest):
    """The request names a host that this gateway does not serve."""

    code = "unknown_host"


class TooManyRequests(Refusal):
    """One client asks more than its share; `Retry-After` says when to come back."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def headers(self) -> dict[str, str]:
        """RFC 9110, 10.2.3."""
        return {"Retry-After": str(self.extras.get("retry_after", 1))}


class UpstreamTimeout(Refusal):
    """The service took the request and did not answer in time: a write may or may not have happened."""

    status, code, title = 504, "upstream_timeout", "Gateway timeout"
