"""Training: from the lake to a vetted ONNX model. Imports the training stack: for child processes only (X29)."""
