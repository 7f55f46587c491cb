"""Budgets: kept, spent on the layers that matter, and written down so that they can be repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npusim.engines.estimate import estimate
from npusim.errors import CapacityError, UnsupportedError
from npusim.explore.budget import Budget, mixed_choices, within_budget
from npusim.machines import Machine
from npusim.quant.options import Options
from npusim.quant.quantize import Prepared, Quantized, prepare, quantize_prepared
from npusim.quant.recipe import read_recipe, recipe_text
from tests.quant.networks import every_operator

SAMPLES = np.random.default_rng(11).normal(size=(8, 3, 9, 8))


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(every_operator(3), SAMPLES, 1)


def stored_bytes(quantized: Quantized) -> int:
    return -(-sum(layer.stored_bits for layer in quantized.layers) // 8)


def test_bytes_are_kept_and_a_named_layer_keeps_its_choice(
    prepared: Prepared, tmp_path: Path
) -> None:
    eight = stored_bytes(quantize_prepared(prepared, Options(), threads=1))
    (named, *_) = [layer.name for layer in quantize_prepared(prepared, Options(), threads=1).layers]
    asked = Options(layers={named: ("wes", 5)})
    chosen = within_budget(
        prepared, asked, Budget.parse("bytes=0.8x"), schemes=("uniform",), threads=1
    )
    quantized = quantize_prepared(prepared, chosen, threads=1)
    assert stored_bytes(quantized) <= 0.8 * eight
    assert chosen.layers[named] == ("wes", 5)
    assert len({layer.bits for layer in quantized.layers}) > 2
    (tmp_path / "r.toml").write_text(recipe_text(chosen))
    again = quantize_prepared(prepared, Options(**read_recipe(tmp_path / "r.toml")), threads=2)
    for node, other in zip(quantized.network.nodes, again.network.nodes, strict=True):
        one, two = (getattr(n.operator, "encoding", None) for n in (node, other))
        assert one is None or (one.codes == two.codes).all()


def test_a_layer_of_16_bits_stays_so(prepared: Prepared) -> None:
    asked = Options(encoder="nearest", int16=("stem",))
    eight = stored_bytes(quantize_prepared(prepared, Options(encoder="nearest"), threads=1))
    chosen = within_budget(
        prepared, asked, Budget.parse("bytes=1x"), schemes=("uniform",), threads=1
    )
    quantized = quantize_prepared(prepared, chosen, threads=1)
    stem = next(record for record in quantized.layers if record.name == "stem")
    assert (stem.scheme, stem.points) == ("multipoint", 2.0)
    assert stored_bytes(quantized) <= eight < stored_bytes(quantize_prepared(prepared, asked))


def test_cycles_are_those_of_the_machine(prepared: Prepared) -> None:
    machine = Machine.of("nano")
    asked = Options(encoder="nearest")

    def cycles(options: Options) -> int:
        return estimate(
            quantize_prepared(prepared, options, threads=1).network, machine, "half_up"
        ).cycles

    chosen = within_budget(
        prepared,
        asked,
        Budget.parse("cycles=0.998x"),
        schemes=("uniform",),
        machine=machine,
        threads=1,
    )
    assert cycles(chosen) <= 0.998 * cycles(asked)


def test_more_bytes_never_give_a_larger_expected_error(prepared: Prepared) -> None:
    asked = Options(encoder="nearest")
    stored = [
        stored_bytes(
            quantize_prepared(
                prepared,
                within_budget(
                    prepared, asked, Budget("bytes", share, True), schemes=("uniform",), threads=1
                ),
            )
        )
        for share in (0.7, 0.85, 1.0)
    ]
    assert stored == sorted(stored)


@pytest.mark.parametrize(
    "text", ["bytes", "bytes=", "bytes=x", "bytes=-1", "flash=3", "cycles=1e999", "energy=nan"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedError, match="--budget: expected bytes="):
        Budget.parse(text)


def test_what_cannot_be_is_one_line(prepared: Prepared) -> None:
    asked = Options(encoder="nearest")
    with pytest.raises(CapacityError, match=r"expected at least [\d,]+, found 10"):
        within_budget(prepared, asked, Budget.parse("bytes=10"), threads=1)
    with pytest.raises(UnsupportedError, match="expected --machine"):
        within_budget(prepared, asked, Budget.parse("energy=1"), threads=1)
    with pytest.raises(UnsupportedError, match="--mix: expected schemes"):
        mixed_choices(["uniform", "multipoint"])
