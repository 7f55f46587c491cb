"""HTML pages from templates/: every value that goes in is escaped, the drawings apart."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from npusim.codes import ARRAY_FORMATS
from npusim.codes.schemes import COLOURED, colour_rules

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


class Cell(NamedTuple):
    """A cell of a table: the text, and where its value stands in the JSON."""

    shown: str
    pointer: str = ""
    value: Any = None


class Row(NamedTuple):
    """A row of a table; `layer`: its place among the layers, which the page's script reads."""

    cells: list[Cell]
    css: str = ""
    layer: int | None = None


@cache
def style() -> str:
    """Return the style sheet of every page."""
    products = ", ".join(f".array_{name}" for name in ARRAY_FORMATS)
    families = "".join(
        f".{name} {{ stroke: var(--{name}) }} circle.{name} {{ fill: var(--{name}) }}\n"
        for name in COLOURED
    )
    sheet = (HERE / "report.css").read_text(encoding="utf-8")
    return f"{products} {{ fill: var(--deep) }}\n{sheet}{colour_rules()}{families}"


def saving_script() -> str:
    """Return the script of the buttons that save each `figure` with a `data-chart`."""
    return (HERE / "save_pictures.js").read_text(encoding="utf-8")


def render(template: str, **content: Any) -> str:
    """Return `template` (templates/NAME.html) filled with `content`."""
    return _environment().get_template(f"{template}.html").render(content)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader

    from npusim.report.machine_charts import energy_text

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters["commas"] = "{:,}".format
    environment.filters["energy"] = energy_text
    environment.filters["repr"] = repr
    environment.globals["style"] = style
    environment.globals["saving_script"] = saving_script
    return environment
