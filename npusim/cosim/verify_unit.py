"""Verify one of npusim's own units, under its default parameters and every variant."""

from __future__ import annotations

from pathlib import Path

from npusim.cosim.units import rtl_directory, sources
from npusim.cosim.verify import Verification, verify_module
from npusim.datapath.contract import Unit

VARIANT_SHARE = 10
"""A variant gets one random vector for so many that the default parameters get."""

LEAST_FOR_A_VARIANT = 2000
"""So few do not reach every coverage point."""


def verify_unit(
    unit: Unit,
    *,
    seed: int | None = None,
    vectors: int = 100_000,
    simulator: str = "icarus",
    waves: Path | None = None,
    rtl: Path | None = None,
) -> tuple[Verification, ...]:
    """Compare the RTL of `unit` with its scalar; return one result for each parameter set.

    Parameters
    ----------
    vectors
        Random vectors under the default parameters; a variant gets a tenth, at least 2000.
    waves
        File for the waveform; variant n gets the suffix -n before the file's suffix.
    rtl
        Directory of the RTL; the checkout's or the package's where None.

    Raises
    ------
    Mismatch
        The RTL differs from the page, under the first parameter set that does.
    CosimulationError
        The simulation could not be run.
    """
    __tracebackhide__ = True
    directory = rtl or rtl_directory()
    results = []
    for number, variant in enumerate(({}, *unit.variants)):
        dump = waves
        if waves is not None and number:
            dump = waves.with_name(f"{waves.stem}-{number}{waves.suffix}")
        results.append(
            verify_module(
                unit,
                sources(unit.module, directory),
                parameters={**unit.parameters, **variant},
                vectors=vectors
                if not number
                else max(LEAST_FOR_A_VARIANT, vectors // VARIANT_SHARE),
                seed=seed,
                simulator=simulator,
                waves=dump,
                replay=_replay(unit, seed, vectors, simulator),
            )
        )
    return tuple(results)


def _replay(unit: Unit, seed: int | None, vectors: int, simulator: str) -> str:
    number = 1 if seed is None else seed
    options = f"--seed {number} --vectors {vectors} --waves {unit.name}.fst"
    if simulator != "icarus":
        options += f" --simulator {simulator}"
    return f"npusim verify {unit.name} {options}"
