"""`npusim schemes`: the quantization schemes."""

from __future__ import annotations

import click


@click.command("schemes")
def command() -> None:
    """Print the quantization schemes: bits, what a weight is stored in, the multiplier."""
    from rich.table import Table

    from npusim.codes.schemes import BY_NAME, SCHEME_BITS
    from npusim.report.terminal import plain_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("scheme", "bits", "stored bits a weight", "multiplier", "composes with"):
        table.add_column(title)
    for name, scheme in BY_NAME.items():
        low, high = SCHEME_BITS[name]
        extra = scheme.code.region_bits
        stored = f"bits + {extra}" if extra else "bits"
        table.add_row(
            name, f"{low}..{high}", f"{stored} a point" if name == "multipoint" else stored,
            scheme.code.unit, ", ".join(scheme.composes),
        )  # fmt: skip
    plain_console().print(table)
