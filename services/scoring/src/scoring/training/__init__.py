"""Training: from the lake to a vetted ONNX model. Imports the training stack: for child processes only (X29)."""

import os

# LightGBM's threads wait for each other a hundred times a second, by turning in circles unless they are told to sleep:
# beside other work on the same cores a training then takes twenty times its CPU. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
