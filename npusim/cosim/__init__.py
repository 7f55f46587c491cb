"""Co-simulation: put a Verilog module beside a unit's contract and find the first disagreement.

`verify_module` is the whole of it for most users; `build` and `run` start other cocotb tests with
the same care. docs/cosim.md explains both. Importing this package imports no simulator, no importer
of networks and no compiler.
"""

from npusim.cosim.checks import Check, contract_checks, parametrize_with_contract
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError, CoverageGap, Mismatch
from npusim.cosim.simulation import Built, build, run
from npusim.cosim.verify import Verification, verify_module
from npusim.cosim.wiring import Wiring

__all__ = [
    "Built",
    "Check",
    "CosimulationError",
    "CoverageGap",
    "Design",
    "Mismatch",
    "Verification",
    "Wiring",
    "build",
    "contract_checks",
    "parametrize_with_contract",
    "run",
    "verify_module",
]
