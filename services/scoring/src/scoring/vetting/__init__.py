"""Whether bytes that somebody uploads may become a model: asked in a process of their own, with limits (P-31).

`graph` and `probes` run in that process only, they import onnx; `sandbox` is what the job `vet` calls.
"""
