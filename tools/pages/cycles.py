"""Estimate networks on the machines that come with npusim and write docs/cycles.md.

    python -m tools.pages.cycles

Reads ../shared/models; takes a minute.
"""

from __future__ import annotations

from npusim.analysis.bounds import PARTS, network_bounds
from npusim.engines.estimate import estimate
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.words import MACHINES
from tools.checkout import DIGITS, MODELS, ROOT, commit
from tools.markdown import header, row

OUTPUT = ROOT / "docs" / "cycles.md"
NETWORKS = (
    DIGITS / "digits_int8.onnx",
    *(
        MODELS / "tflite" / f"{name}.tflite"
        for name in (
            "kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8",
            "coral_mobilenet_v1_025_128_uint8", "tflm_mobilenet_v2_int8",
        )
    ),
)  # fmt: skip
HEAD = """\
# What networks take, and what bounds them

Written by `tools/pages/cycles.py` at commit {commit}; do not edit. One sample, `npusim estimate`;
the rounding rule is each file's own. `npusim explain-cycles MODEL --machine M` says the same layer
by layer.

"Least" is what no program goes below on that machine: the multiplications with every element of the
array busy, or the constants, inputs and outputs on the bus, whichever takes longer. The shares are
of the cycles: `array` with operands at the array as they are mapped, of which the multiplications
with a full array are `full`; `fill` weights that no multiplication hides, and the pipeline; then
the other work, and `waits`. "Bytes" are those of DRAM, beside the constants, inputs and
outputs moved once.
"""


def main() -> None:
    """Write the page."""
    lines = [HEAD.format(commit=commit())]
    shown = ("array", "weights", "requantize", "vector", "waits")
    titles = ("array", "fill", *(PARTS[part] for part in shown[2:]))
    lines += header(
        "network",
        "machine",
        "cycles",
        "times the least",
        "full",
        *titles,
        "bytes",
        "times the least",
    )
    for path in NETWORKS:
        network = load(path)
        for name in MACHINES:
            cost = estimate(network, Machine.load(name))
            found = network_bounds(cost.program, cost.layers, cost.cycles)
            parts = [sum(layer.part_cycles[part] for layer in found.layers) for part in shown]
            shares = (f"{100 * count / found.cycles:.1f} %" for count in parts)
            lines.append(
                row(
                    path.stem, name, f"{found.cycles:,}",
                    f"{found.cycles / found.least_cycles:.2f}",
                    f"{100 * found.least_array_cycles / found.cycles:.1f} %", *shares,
                    f"{found.dram_bytes:,}", f"{found.dram_bytes / found.compulsory_bytes:.2f}",
                )
            )  # fmt: skip
    OUTPUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
