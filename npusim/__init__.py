"""npusim: a bit-accurate, cycle-exact simulator of an integer NPU.

    import npusim
    network = npusim.load("network.tflite")
    result = npusim.run(network, x)

Names are imported when first used, so that `import npusim.datapath...` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npusim.formats.files import load as load
    from npusim.machines import Machine as Machine
    from npusim.quant.quantize import quantize as quantize
    from npusim.session import Result as Result
    from npusim.session import run as run

__version__ = "0.1.0"

_HOMES = {
    "Machine": "npusim.machines",
    "load": "npusim.formats.files",
    "run": "npusim.session",
    "Result": "npusim.session",
    "quantize": "npusim.quant.quantize",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'npusim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
