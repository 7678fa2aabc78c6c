"""The service's own process scores without the training stack: it starts in seconds and holds little."""

import subprocess
import sys
from pathlib import Path

from scoring.spec import TrainingSpec
from scoring.training.examples import Examples
from scoring.training.trainer import train

FEATURES = ["age", "demand_balance_minor"]
SPEC = TrainingSpec.model_validate(
    {
        "model": "propensity-test",
        "label": {"kinds": ["wealth_purchase"], "within_days": 30},
        "params": {"rounds": 5},
        "features": FEATURES,
    }
)
# All that the process imports, with a model that has answered a request by both ways.
SCRIPT = """
import asyncio, sys
from pathlib import Path
from attune_service_kit.app import create_app
from attune_service_kit.service import documentation_settings
from scoring import online
from scoring.app import SERVICE
from scoring.model import load
create_app(SERVICE, documentation_settings(SERVICE), worker=True).openapi()
model = load("propensity-test", 1, sys.argv[2:], Path(sys.argv[1]).read_bytes())
rows = [dict.fromkeys(sys.argv[2:], 40)]
at_once, declared = online.scored_at_once(model, model.ordinary.read(rows)), asyncio.run(online.score_rows(model, rows))
assert str(declared.items[0].scores[0]).encode() in at_once, (declared, at_once)
heavy = {
    "duckdb", "lightgbm", "onnx", "onnxmltools", "optbinning", "pandas", "pyarrow", "scipy", "skl2onnx", "sklearn",
    "statsmodels",
}
print(sorted(heavy & sys.modules.keys()))
"""


def test_the_service_imports_no_training_stack(examples: Examples, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(train(examples.only(FEATURES), SPEC).onnx)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file), *FEATURES], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr[-2000:]
