"""Constants that do not depend on whose kernels run: most operators have one form in TFLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npusim.operators.page import Absent, Constants, PerRuntime

NOT_IN_ONNXRUNTIME = Absent("is not supported under onnxruntime's rule")


def alike(constants: Callable[..., Any], xnnpack: Constants | None = None) -> PerRuntime:
    """Return the same constants for every rule; `xnnpack` where the delegate has its own."""
    return PerRuntime(
        litert=constants,
        litert_opt=constants,
        xnnpack=xnnpack or constants,
        onnxruntime=NOT_IN_ONNXRUNTIME,
        tosa=constants,
        integer=constants,
    )
