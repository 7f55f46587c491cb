""".onnx files of onnxruntime and PyTorch."""
