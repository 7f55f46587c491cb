"""npusim's own form: ONNX whose quantized operators are functions with bodies."""
