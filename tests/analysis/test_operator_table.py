"""The table of operators says what the pages say; the commands that list things print them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from npusim.analysis.operator_table import operator_rows
from npusim.cli.app import app
from npusim.codes.schemes import SCHEME_FAMILIES
from npusim.operators.pages import PAGES
from npusim.words import MACHINES, RUNTIMES

ROWS = {row.name: row for row in operator_rows()}


def test_every_page_is_a_row() -> None:
    assert ROWS.keys() == {page.operator.__name__ for page in PAGES}


def test_a_convolution_is_everywhere_and_a_batch_normalization_nowhere_on_integers() -> None:
    conv, norm = ROWS["Conv2D"], ROWS["BatchNormalization"]
    assert conv.tflite == ("CONV_2D", "DEPTHWISE_CONV_2D")
    assert (conv.unit, all(conv.runtimes), len(conv.runtimes)) == ("array", True, len(RUNTIMES) + 1)
    assert (norm.unit, any(norm.runtimes), norm.float32) == ("host", False, True)


def test_what_the_machine_computes_says_where() -> None:
    assert {name for name, row in ROWS.items() if row.when} == {
        name for name, row in ROWS.items() if row.unit != "host"
    }


def test_names_of_nodes_are_those_of_files() -> None:
    assert ROWS["Add"].onnx == ("Add", "Sum", "QLinearAdd")
    assert ROWS["Clip"].onnx == ("Relu", "Clip")  # npusim's own, of another domain, is not told


@pytest.mark.parametrize(
    ("command", "names"),
    [("operators", ROWS.keys()), ("machines", MACHINES), ("schemes", SCHEME_FAMILIES)],
)
def test_lists_are_printed(command: str, names: list[str]) -> None:
    shown = CliRunner().invoke(app, [command])
    assert shown.exit_code == 0
    first_words = {line.split()[0] for line in shown.output.splitlines() if line.strip()}
    assert set(names) <= first_words


def test_a_part_of_a_name_narrows_the_list() -> None:
    shown = CliRunner().invoke(app, ["operators", "conv"]).output
    assert "Conv2D" in shown
    assert "Softmax" not in shown
    missing = CliRunner().invoke(app, ["operators", "no such thing"])
    assert "expected a part of an operator's name" in str(missing.exception)
