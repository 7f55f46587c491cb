"""The registers with which EP requantizes a tile of a linear layer."""

from __future__ import annotations

from npusim.compiler.emit.elementwise import Extent
from npusim.compiler.emit.memory import ActTile
from npusim.compiler.linear.layer import LinearLayer
from npusim.words import EPILOGUES


def epilogue_registers(
    layer: LinearLayer, extent: Extent, result: ActTile, block: int
) -> dict[str, dict[str, int]]:
    """Return the registers of a tile whose accumulators lie in pieces of `block` words."""
    rows = {"out": 0, "acc": 0}
    if extent.rows > 1:
        rows = {"out": result.row_stride, "acc": extent.columns}
    plane_words = extent.blocks * block
    return {
        "vec_kx": {"count": layer.terms.count, "stride": 0},
        "vec_x": {"count": extent.columns, "stride": 0},
        "vec_y": {"count": extent.rows, "stride": 0},
        "vec_b": {"count": extent.blocks, "stride": 0},
        "vec_kx_out": {"out": 0, "acc": 0 if layer.terms.shared else plane_words},
        "vec_x_out": {"out": 1, "acc": 1},
        "vec_y_out": rows,
        "vec_b_out": {"out": result.block_stride, "acc": block},
        "rq_output": {"zero_point": layer.zero_point, "low": layer.low, "high": layer.high},
        "rq_mode": {
            "rounding": EPILOGUES.index(layer.rounding),
            "unsigned": 0,
            "pwlq_bits": layer.terms.pwlq_bits,
        },
    }
