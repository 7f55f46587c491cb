"""The short mutation score; tools/mutation/datapath.py makes the full one."""

from __future__ import annotations

import pytest

from npusim.cosim.units import load_unit, unit_names
from tools.checkout import ROOT
from tools.mutation import datapath as mutation


@pytest.mark.rtl
@pytest.mark.yosys
@pytest.mark.usefixtures("icarus", "yosys_installed")
@pytest.mark.parametrize("name", unit_names())
def test_the_bench_kills_broken_modules(name):
    score = mutation.mutation_score(load_unit(name), 25, seed=11)
    assert score.killed >= 12
    assert len(score.surviving) <= 1, [mutant.where for mutant in score.surviving]


@pytest.mark.rtl
@pytest.mark.yosys
@pytest.mark.usefixtures("icarus", "yosys_installed")
def test_a_bench_that_looks_at_nothing_has_no_score(monkeypatch):
    monkeypatch.setattr(mutation, "simulate", lambda unit, mutants, *rest, **options: list(mutants))
    score = mutation.mutation_score(load_unit("mac_uniform"), 8, seed=11)
    assert score.killed == 0
    assert len(score.surviving) >= 6


def test_the_table_names_every_survivor():
    command = (
        "mutate -mode inv -module npu_x -cell $add$npu_x.v:9$5 -port Y -portbit 3 -wire sum "
        "-wirebit 3 -src npu_x.v:2.1-8.9 -src npu_x.v:9.3-9.8"
    )
    survivor = mutation.Mutant(1, command)
    score = mutation.Score("x", 199, (), (survivor,), 1.0)
    text = mutation.table([score], 200, 1)
    assert "| npu_x | 199 | 0 | 1 | 99.5 % |" in text
    assert "* in npu_x, rtl/npu_x.v:9: inv add.Y[3] (sum[3])" in text


def test_a_module_scored_again_replaces_its_row_and_its_survivors():
    survivor = mutation.Mutant(1, "mutate -mode inv -cell $add$npu_x.v:9$5 -port Y -portbit 3")
    scores = [mutation.Score(name, 199, (), (survivor,), 1.0) for name in ("w", "x", "y")]
    before = mutation.table(scores, 200, 1)
    assert mutation.table(scores, 200, 1, before.splitlines()) == before
    again = mutation.Score("x", 200, (), (), 1.0)
    text = mutation.table([again], 200, 1, before.splitlines())
    assert [line for line in text.splitlines() if line.startswith("| npu_")] == [
        "| npu_w | 199 | 0 | 1 | 99.5 % |",
        "| npu_x | 200 | 0 | 0 | 100.0 % |",
        "| npu_y | 199 | 0 | 1 | 99.5 % |",
    ]
    assert "Surviving: 2." in text
    assert "npu_x," not in text
    with pytest.raises(ValueError, match="expected a table of '100 mutants a module, seed 1"):
        mutation.table([again], 100, 1, before.splitlines())


def test_every_module_of_the_datapath_is_in_the_published_table_with_its_score():
    text = (ROOT / "docs" / "verification.md").read_text()
    for name in unit_names():
        row = next(line for line in text.splitlines() if line.startswith(f"| npu_{name} |"))
        assert float(row.split("|")[-2].strip().removesuffix(" %")) >= 95
