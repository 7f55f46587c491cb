"""The first picture of each network of a sweep as a .png file, drawn by matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO

from npusim.codes.schemes import colour_rules, family
from npusim.report import compare_page
from npusim.report.sweep_charts import (
    MEASURES,
    Row,
    drawn,
    first_charts,
    front,
    good_rows,
    is_logarithmic,
    steps,
)

COLOUR = re.compile(r"--(\w+):\s*(#\w+)")


def colours() -> dict[str, str]:
    """Return the page's light colours by name."""
    sheets = [path.read_text(encoding="utf-8") for path in compare_page.STYLES]
    lights = (sheet.partition("@media")[0] for sheet in (*sheets, colour_rules()))
    return dict(pair for sheet in lights for pair in COLOUR.findall(sheet))


def sweep_png(rows: Sequence[Row]) -> bytes:
    """Return the first picture of each network, one under the other, as a .png file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shades = colours()
    charts = first_charts(rows)
    figure, axes = pyplot.subplots(
        max(len(charts), 1), 1, figsize=(9, 4.2 * max(len(charts), 1)), squeeze=False
    )
    for (network, (x, y)), axis in zip(charts, axes[:, 0], strict=False):
        across, along = MEASURES[x], MEASURES[y]
        shown = drawn(good_rows(rows, network), y)
        best = front(shown, x, y)
        line = steps(best)
        axis.plot(
            [a * across.factor for a, _ in line], [b * along.factor for _, b in line],
            color=shades["soft"], zorder=1,
        )  # fmt: skip
        for _, row in shown:
            is_best = (row[x], row[y]) in best
            place = row[x] * across.factor, row[y] * along.factor
            axis.scatter(
                *place, s=90, color=shades.get(family(row["scheme"]), shades["ink"]),
                alpha=1 if is_best else 0.35, linewidths=0, zorder=3 if is_best else 2,
                label=family(row["scheme"]),
            )  # fmt: skip
            axis.annotate(
                "" if row["bits"] is None else row["bits"], place, ha="center", va="center",
                fontsize=7, zorder=4, color="white" if is_best else shades["ink"],
            )  # fmt: skip
        axis.set(xlabel=across.title, ylabel=along.title, title=network)
        for key, set_scale in ((x, axis.set_xscale), (y, axis.set_yscale)):
            values = [row[key] for _, row in shown]
            if is_logarithmic(min(values), max(values)):
                set_scale("log")
        handles, names = axis.get_legend_handles_labels()
        once = dict(zip(names, handles, strict=True))
        axis.legend(once.values(), once.keys(), fontsize=8)
    figure.tight_layout()
    content = BytesIO()
    figure.savefig(content, format="png", dpi=144, metadata={"Software": None})
    pyplot.close(figure)
    return content.getvalue()
