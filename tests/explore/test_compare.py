"""The comparison: every number of the page stands in the JSON, and the JSON in the quantizer."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.explore import compare_rows
from npusim.explore.compare import VARIANTS, choices, compare, mark_front
from npusim.explore.compare_rows import Choice, Subject
from npusim.explore.sweep.tasks import Outcome
from npusim.quant.float_network import run_float
from npusim.quant.layer_errors import layer_errors
from npusim.quant.levels import levels
from npusim.quant.options import Options
from npusim.quant.quantize import prepare, quantize_prepared
from npusim.report.compare_page import compare_page
from npusim.report.compare_table import compare_csv, compare_sheet
from tests.quant.networks import every_operator

module = import_module("npusim.explore.compare")
RANDOM = np.random.default_rng(11)
SAMPLES = RANDOM.normal(size=(24, 3, 9, 8))


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    network = every_operator(3)
    reference = run_float(network, SAMPLES)["softmax:0"].argmax(axis=1)
    labels = np.where(np.arange(24) % 4 == 0, (reference + 1) % 5, reference)
    names = ["uniform", "uniform-layer", "wes", "pwlq", "subset", "subset+wes", "multipoint-2"]
    found = compare(
        network, SAMPLES[:8], schemes=names, bits=(8, 4, 2),
        encoders=("nearest", "published"), bias_corrections=("none", "static"),
        evaluate=SAMPLES, labels=labels, threads=1,
    )  # fmt: skip
    return json.loads(json.dumps(found))


def test_rows_are_what_was_asked(data: dict[str, Any]) -> None:
    keys = ("variant", "bits", "encoder", "bias_correction")
    rows = [tuple(row[key] for key in keys) for row in data["rows"]]
    assert len(rows) == len(set(rows))
    assert {("subset", 4, "nearest", "static"), ("subset", 4, "published", "none"),
            ("pwlq", 4, "published", "paper")} <= set(rows)  # fmt: skip
    assert not any(row[0].startswith("subset") and row[1] == 8 for row in rows)
    assert data["float"]["accuracy"] == 75.0
    assert data["ranked_by"] == "accuracy"
    assert data["evaluation_samples"] == 24
    assert data["calibration_samples"] == 8


def test_eight_bits_agree_and_bytes_add_up(data: dict[str, Any]) -> None:
    for row in data["rows"]:
        layers = sum(layer["bytes"] for layer in row["layers"])
        assert 0 <= layers - row["bytes"] < len(row["layers"])
        if row["bits"] == 8 and row["variant"] == "uniform":
            assert row["agreement"] >= 95
            assert row["output_sqnr_db"] > 25
        expected = row["bits"] + (row["scheme"] == "pwlq")
        if not row["scheme"].startswith("multipoint"):
            assert row["code_bits_per_weight"] == expected
            assert row["stored_bits_per_weight"] > expected


def test_every_variant_is_defined_somewhere() -> None:
    every = choices(list(VARIANTS), (4, 3), ("feedback",), ("none",))
    assert {choice.variant for choice in every} == set(VARIANTS)


def test_a_budget_is_a_row_that_keeps_it() -> None:
    network, chosen = every_operator(3), {"schemes": ["uniform"], "bits": (8, 4), "threads": 1}
    found = compare(network, SAMPLES, budgets=("bytes=0.7x", "bytes=0.72x"), **chosen)
    whole, four, mixed, wider = found["rows"]
    assert (mixed["variant"], mixed["scheme"], mixed["bits"]) == ("mixed bytes=0.7x", "mixed", None)
    assert mixed["encoder"] == "feedback"
    assert mixed["bytes"] <= 0.7 * whole["bytes"] < four["bytes"]
    assert max(wider["bytes"], four["bytes"]) <= 0.72 * whole["bytes"]
    assert wider["output_sqnr_db"] > four["output_sqnr_db"]  # its budget allows both
    assert len({(layer["scheme"], layer["bits"]) for layer in mixed["layers"]}) > 1
    page = compare_page(json.loads(json.dumps(found)), "x.json")
    assert "mixed bytes=0.7x" in page
    assert mixed["pareto"]
    with pytest.raises(UnsupportedError, match="--budget: expected bytes=, cycles=, energy="):
        compare(network, SAMPLES, budgets=("bytes",), **chosen)
    with pytest.raises(UnsupportedError, match="--budget cycles: expected --machine, found none"):
        compare(network, SAMPLES, budgets=("cycles=9",), **chosen)


def test_layers_are_measured_once_for_all_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are those of each budget alone, also where it is of a machine's cycles."""
    network, measured = every_operator(3), []
    kept = compare_rows.layer_sensitivities

    def counted(*given: Any, **settings: Any) -> Any:
        measured.append(given)
        return kept(*given, **settings)

    monkeypatch.setattr(compare_rows, "layer_sensitivities", counted)
    chosen = {"schemes": ["uniform"], "bits": (8,), "encoders": ("nearest",), "machine": "nano",
              "threads": 1}  # fmt: skip
    budgets = ("bytes=0.7x", "bytes=0.9x", "cycles=1x")
    _, *rows = compare(network, SAMPLES[:8], budgets=budgets, **chosen)["rows"]
    assert len(measured) == 1
    alone = [compare(network, SAMPLES[:8], budgets=(one,), **chosen)["rows"][1] for one in budgets]
    for row, other in zip(rows, alone, strict=True):
        assert {**row, "pareto": None} == {**other, "pareto": None}
    assert rows[0]["bytes"] < rows[1]["bytes"]


def test_layer_errors_are_those_of_the_quantizer() -> None:
    network = every_operator(3)
    found = compare(
        network, SAMPLES, schemes=["uniform"], bits=(4,), layer_errors=True, threads=1
    )  # fmt: skip
    (row,) = found["rows"]
    prepared = prepare(network, SAMPLES, 1)
    expected = layer_errors(prepared, quantize_prepared(prepared, Options("uniform", 4)), 1)
    for layer, one in zip(row["layers"], expected, strict=True):
        for key in ("alone", "all_but", "cumulative"):
            assert 10 ** (-layer[f"{key}_db"] / 10) == pytest.approx(getattr(one, key))
    assert "/rows/0/layers/1/cumulative_db" in compare_page(found, "x.json")


def test_the_front_is_not_dominated() -> None:
    rows = [
        {"bytes": 10, "q": 5.0}, {"bytes": 10, "q": 6.0}, {"bytes": 12, "q": 6.0},
        {"bytes": 20, "q": 9.0}, {"bytes": 30, "q": None},
    ]  # fmt: skip
    mark_front(rows, "q")
    assert [row["pareto"] for row in rows] == [False, True, False, True, False]


class Marks(HTMLParser):
    """Collects (JSON pointer, value as drawn) and checks that the page needs no network."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[tuple[str, str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        assert "src" not in found
        assert "href" not in found
        if found.get("data-value") is not None:
            self.marks.append((str(found["data-json"]), str(found["data-value"])))


def resolve(data: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        data = data[int(key)] if isinstance(data, list) else data[key]
    return data


def test_every_number_is_in_the_json(data: dict[str, Any]) -> None:
    page = compare_page(data, "there.json")
    marks = Marks()
    marks.feed(page)
    assert re.findall(r"<script[^>]*>", page) == ["<script>"], "nothing is fetched"
    assert len(marks.marks) > 500
    kinds = set()
    for pointer, drawn in marks.marks:
        value = resolve(data, pointer)
        kinds.add(re.sub(r"\d+", "#", pointer))
        if isinstance(value, list):
            value = len(value)
        assert repr(value) == drawn, pointer
    assert {"/rows/#/accuracy", "/rows/#/bytes", "/rows/#/layers/#/output_sqnr_db"} <= kinds
    assert "/histograms/#/counts/#" in kinds
    assert "there.json" in page
    assert "prefers-color-scheme: dark" in page


def test_a_row_without_cycles_has_no_column_of_them(data: dict[str, Any]) -> None:
    assert "cycles" not in compare_page(data, "x.json")
    longer = {**data, "rows": [{**row, "cycles": 1234567} for row in data["rows"]]}
    assert "1,234,567" in compare_page(longer, "x.json")


def test_the_page_ranks_by_agreement_without_labels() -> None:
    found = compare(every_operator(3), SAMPLES, schemes=["uniform", "pwlq"], bits=(8, 4), threads=1)
    assert found["ranked_by"] == "agreement"
    assert "accuracy" not in found["float"]
    assert "agreement" in compare_page(found, "x.json")


def test_csv_holds_the_exact_numbers(data: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(compare_csv(data))))
    assert len(rows) == len(data["rows"])
    for found, row in zip(rows, data["rows"], strict=True):
        assert float(found["accuracy"]) == row["accuracy"]
        assert int(found["bytes"]) == row["bytes"]
    assert len(compare_sheet(data).rows) == len(rows)


def test_the_encoder_stays_in_a_narrow_table_where_rows_differ_in_it(data: dict[str, Any]) -> None:
    own = {row["encoder"] for row in data["rows"]}
    assert own == {"nearest", "published"}
    assert "encoder" not in compare_sheet(data).fitted(60)[1]
    alike = {**data, "rows": [row for row in data["rows"] if row["encoder"] == "nearest"]}
    assert "encoder" in compare_sheet(alike).fitted(60)[1]


def test_levels_are_what_the_weights_use() -> None:
    prepared = prepare(every_operator(4), SAMPLES)
    for scheme, extra in (
        ("uniform", {}), ("wes", {}), ("pwlq", {}), ("pwlq", {"grid": "reference"}), ("subset", {}),
        ("multipoint", {"points": 2.0}), ("multipoint+pwlq", {}),
        ("pwlq", {"bias_correction": "paper"}),
    ):  # fmt: skip
        quantized = quantize_prepared(prepared, Options(scheme=scheme, bits=3, **extra))
        for coded in quantized.coded.values():
            for c, real in enumerate(coded.real()):
                grid = levels(coded, c)
                assert np.abs(real[:, None] - grid).min(axis=1).max() < 1e-12


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("wrong", "feedback", "none"), "found 'wrong'"),
        (("subset", "feedback", "none"), "no scheme is defined at 8 bits"),
        (("uniform", "some", "none"), "encoder: expected one of"),
        (("uniform", "feedback", "some"), "bias_correction: expected one of"),
    ],
)
def test_bad_choices_are_named(names: tuple[str, str, str], message: str) -> None:
    variant, encoder, correction = names
    with pytest.raises(UnsupportedError, match=message):
        choices([variant], (8,), (encoder,), (correction,))


def test_labels_must_be_one_a_sample() -> None:
    with pytest.raises(ShapeError, match="expected 24 labels, found 3"):
        compare(every_operator(3), SAMPLES, schemes=["uniform"], bits=(8,), labels=np.zeros(3))


def test_errors_are_one_line() -> None:
    with pytest.raises(NpuError) as caught:
        choices(["uniform"], (9,), ("feedback",), ("none",))
    assert "\n" not in str(caught.value)


SMALL = {"schemes": ["uniform", "subset"], "bits": (4, 3), "threads": 1}


def test_rows_are_the_same_wherever_they_are_made() -> None:
    network = every_operator(3)
    here = compare(network, SAMPLES[:8], machine="nano", **SMALL)
    assert compare(network, SAMPLES[:8], machine="nano", workers=2, **SMALL) == here


def test_finished_rows_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, table, made = every_operator(3), tmp_path / "schemes", []
    kept = compare_rows.row_of

    def until_the_third(subject: Subject, choice: Choice, threads: int | None) -> Outcome:
        made.append(choice)
        if len(made) == 3:
            raise KeyboardInterrupt
        return kept(subject, choice, threads)

    monkeypatch.setattr(module, "row_of", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        compare(network, SAMPLES[:8], journal=table, **SMALL)
    with pytest.raises(FormatError, match="2 finished tasks: expected --resume"):
        compare(network, SAMPLES[:8], journal=table, **SMALL)
    resumed = compare(network, SAMPLES[:8], journal=table, resume=True, **SMALL)
    assert made[2:] == [made[2], made[2], made[4]]
    monkeypatch.undo()
    assert resumed == compare(network, SAMPLES[:8], **SMALL)
