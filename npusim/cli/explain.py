"""`npusim explain`: which runtime gives which byte for an accumulator, and how often."""

from __future__ import annotations

from pathlib import Path

import click

from npusim.cli.options import model_argument, outputs_option, shape_option
from npusim.printable import say

SHOWN = 2
"""Differing accumulators that are listed for a rule."""


class Accumulators(click.ParamType):
    """An integer, or FIRST..LAST."""

    name = "N|FIRST..LAST"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | tuple[int, int]:
        """Return the integer, or the two ends."""
        first, dots, last = str(value).partition("..")
        try:
            return (int(first), int(last)) if dots else int(first)
        except ValueError:
            self.fail(f"expected an integer or FIRST..LAST, found {value}", param, ctx)


@click.command("explain")
@model_argument
@shape_option
@outputs_option
@click.argument("layer")
@click.option("--channel", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--accumulator",
    type=Accumulators(),
    help="With the bias, as a runtime's int32 has it, or a range; default that next to 0 for "
    "which rules differ.",
)
@click.option("--all", "all_rules", is_flag=True, help="Show the steps of every rule.")
def command(
    model: Path,
    layer: str,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    channel: int,
    accumulator: int | tuple[int, int] | None,
    all_rules: bool,
) -> None:
    """Explain what every runtime and rounding makes of an accumulator of LAYER.

    LAYER is a convolution, dense layer or mean by its name, or by that of its output tensor.
    """
    from npusim.analysis.explain import explain
    from npusim.formats.files import load

    found = explain(load(model, shapes, outputs), layer, channel, accumulator)
    say(
        f"{found.layer} ({found.operator}), channel {found.channel}: accumulators "
        f"{found.first}..{found.last}, the bias {found.bias} included"
    )
    say(f"accumulator {found.accumulator}, and how often a rule differs from {found.own}:")
    count = found.last - found.first + 1
    seen: set[tuple[str, ...]] = set()
    for row in found.rows:
        if row.output is None:
            say(f"  {row.rule:12} does not apply: {row.steps[0]}")
            continue
        often = f"{row.differing} of {count} accumulators differ" if row.differing else "the same"
        say(f"  {row.rule:12} {row.output:5}   {'' if row.rule == found.own else often}")
        if all_rules or row.steps not in seen:
            seen.add(row.steps)
            for step in row.steps:
                say(f"  {'':18}   {step}")
        for difference in row.differences[:SHOWN]:
            say(f"  {'':18}   {difference}")
        if len(row.differences) > SHOWN:
            say(f"  {'':18}   and {len(row.differences) - SHOWN} more places")
