"""npusim: a bit-accurate, cycle-exact simulator of an integer NPU.

    import npusim
    network = npusim.load("network.tflite")
    result = npusim.run(network, x)

Names are imported when first used, so that `import npusim` and `import npusim.datapath...` stay
light.
"""

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from npusim.analysis.check import check
    from npusim.analysis.explain import explain
    from npusim.analysis.pair_proof import prove_pairs
    from npusim.analysis.proof import prove
    from npusim.compiler.compile import compile_checked as compile
    from npusim.engines.engine import run
    from npusim.engines.estimate import estimate
    from npusim.engines.result import Result
    from npusim.engines.verification import verify
    from npusim.errors import NpuError
    from npusim.explore.compare import compare
    from npusim.explore.sweep.files import sweep
    from npusim.formats.files import load
    from npusim.graph.network import Network
    from npusim.machines import Machine
    from npusim.prepared.engine import prepare
    from npusim.quant.export import export
    from npusim.quant.quantize import quantize

__all__ = [
    "Machine", "Network", "NpuError", "Result", "check", "compare", "compile", "estimate",
    "explain", "export", "load", "prepare", "prove", "prove_pairs", "quantize", "run", "sweep",
    "verify",
]  # fmt: skip
__version__ = "0.2.0"

_HOMES = {
    "Machine": "npusim.machines",
    "Network": "npusim.graph.network",
    "NpuError": "npusim.errors",
    "Result": "npusim.engines.result",
    "check": "npusim.analysis.check",
    "compare": "npusim.explore.compare",
    "compile": "npusim.compiler.compile:compile_checked",
    "estimate": "npusim.engines.estimate",
    "explain": "npusim.analysis.explain",
    "export": "npusim.quant.export",
    "load": "npusim.formats.files",
    "prepare": "npusim.prepared.engine",
    "prove": "npusim.analysis.proof",
    "prove_pairs": "npusim.analysis.pair_proof",
    "quantize": "npusim.quant.quantize",
    "run": "npusim.engines.engine",
    "sweep": "npusim.explore.sweep.files",
    "verify": "npusim.engines.verification",
}
"""Each name's module, and what it is called there where that is something else."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'npusim' has no attribute {name!r}")
    module, _, inner = _HOMES[name].partition(":")
    found = getattr(_importlib.import_module(module), inner or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__]
