"""What this computer's processor has, where a witness computes by it."""

from __future__ import annotations

from pathlib import Path

HAS_AVX512 = "avx512f" in Path("/proc/cpuinfo").read_text()
"""onnxruntime sums floats in other orders without it, and XNNPACK approximates otherwise."""
