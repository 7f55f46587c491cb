"""Write every file that is derived from npusim's tables; `python -m npusim.generate`.

Headers of the RTL, the C header and register map for drivers, the instruction set's page, and the
JSON schemas by which an editor completes and checks machines and spaces. A test writes them and
compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from npusim.analysis.operator_table import operator_page
from npusim.cosim import latency
from npusim.explore.sweep.space import space_schema
from npusim.isa import driver, generate
from npusim.machines import verilog
from npusim.machines.machine import machine_schema


def derived_files() -> dict[str, str]:
    """Return the text of each derived file by its path below the top of the repository."""
    return {
        "rtl/generated/npu_isa.vh": generate.verilog_header(),
        "rtl/generated/npu_latency.vh": latency.verilog_header(),
        "rtl/generated/npu_parameters.vh": verilog.parameter_list(),
        "rtl/generated/npu_parameters_pass.vh": verilog.pass_through(),
        "rtl/generated/npu_parameters_read.vh": verilog.read_back(),
        "rtl/generated/npu.h": driver.c_header(),
        "rtl/generated/npu.rdl": driver.system_rdl(),
        "docs/isa.md": generate.reference_page(),
        "docs/operators.md": operator_page(),
        "docs/schema/machine.schema.json": json.dumps(machine_schema(), indent=1) + "\n",
        "docs/schema/space.schema.json": json.dumps(space_schema(), indent=1) + "\n",
    }


def main(root: Path) -> None:
    """Write the files below `root`."""
    for name, text in derived_files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
