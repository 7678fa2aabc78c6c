import pytest

from attune_service_kit.paths import plain
from gateway.routing import Found, Routes, Unknown, WrongMethod

TABLE = [
    {"method": method, "path": path, "service": service}
    for method, path, service in (
        ("GET", "/v1/customers", "customer_360"),
        ("GET", "/v1/customers/{customer_id}", "customer_360"),
        ("PATCH", "/v1/customers/{customer_id}", "customer_360"),
        ("GET", "/v1/customers/{customer_id}/next-best-actions", "campaign"),
        ("GET", "/v1/decisions/{decision_id}", "campaign"),
        ("POST", "/v1/decisions/{decision_id}:present", "campaign"),
        ("GET", "/v1/opportunities", "campaign"),
        ("GET", "/v1/opportunities:count", "campaign"),
        ("POST", "/v1/models/{name}/versions/{v}:promote", "scoring"),
        ("GET", "/v1/jobs/customer_360/{job_id}", "customer_360"),
        ("GET", "/v1/jobs/campaign/{job_id}", "campaign"),
    )
]
ROUTES = Routes(TABLE)


@pytest.mark.parametrize(
    ("method", "path", "service", "template"),
    [
        ("GET", "/v1/customers", "customer_360", "/v1/customers"),
        ("GET", "/v1/customers/abc", "customer_360", "/v1/customers/{customer_id}"),
        ("GET", "/v1/customers/abc/next-best-actions", "campaign", "/v1/customers/{customer_id}/next-best-actions"),
        ("GET", "/v1/decisions/n-1", "campaign", "/v1/decisions/{decision_id}"),
        ("POST", "/v1/decisions/n-1:present", "campaign", "/v1/decisions/{decision_id}:present"),
        ("GET", "/v1/decisions/a:b", "campaign", "/v1/decisions/{decision_id}"),
        ("GET", "/v1/opportunities:count", "campaign", "/v1/opportunities:count"),
        ("POST", "/v1/models/m/versions/3:promote", "scoring", "/v1/models/{name}/versions/{v}:promote"),
        ("GET", "/v1/jobs/campaign/1", "campaign", "/v1/jobs/campaign/{job_id}"),
        ("GET", "/v1/customers/%E5%AE%A2", "customer_360", "/v1/customers/{customer_id}"),
    ],
)
def test_the_template_decides_and_not_the_prefix(method: str, path: str, service: str, template: str) -> None:
    assert ROUTES.match(method, path) == Found(service, template)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/customers/",
        "/v1/customers//next-best-actions",
        "/v1/customers/a/b",
        "/v1/customers/../decisions/1",
        "/v1/customers/%2e%2e",
        "/v1/customers/a%2fnext-best-actions",
        "/v1/customers/a%5Cb",
        "/v1/customers/a%00",
        "/v1/decisions/:present/x",
        "v1/customers",
        "",
    ],
)
def test_what_no_service_has_or_what_reads_in_two_ways_is_unknown(path: str) -> None:
    assert ROUTES.match("GET", path) == Unknown()


def test_a_known_path_with_another_method_names_those_that_are() -> None:
    assert ROUTES.match("DELETE", "/v1/customers/abc") == WrongMethod(("GET", "PATCH"))
    assert ROUTES.match("GET", "/v1/decisions/n-1:present") == WrongMethod(("POST",))


def test_plain_paths() -> None:
    assert plain("/v1/a%20b")
    assert not plain("/v1/%2E%2E/x")


def test_services_are_those_of_the_table() -> None:
    assert set(ROUTES.services) == {"customer_360", "campaign", "scoring"}
