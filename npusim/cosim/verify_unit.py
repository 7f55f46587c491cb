"""Verify one of npusim's own units, under its default parameters and every variant."""

from __future__ import annotations

from pathlib import Path

from npusim.cosim.toolchain import WAVES
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
    return tuple(
        verify_set(
            unit, number, seed=seed, vectors=vectors, simulator=simulator, waves=waves, rtl=rtl
        )
        for number in range(len(parameter_sets(unit)))
    )


def parameter_sets(unit: Unit) -> tuple[dict[str, int], ...]:
    """Return the parameters of `unit`: the default ones, then each variant's."""
    return tuple({**unit.parameters, **variant} for variant in ({}, *unit.variants))


def verify_set(
    unit: Unit,
    number: int,
    *,
    seed: int | None,
    vectors: int,
    simulator: str,
    waves: Path | None,
    rtl: Path | None,
) -> Verification:
    """Compare the RTL of `unit` under one of its `parameter_sets`; otherwise as `verify_unit`."""
    __tracebackhide__ = True
    if waves is not None and number:
        waves = waves.with_name(f"{waves.stem}-{number}{waves.suffix}")
    return verify_module(
        unit,
        sources(unit.module, rtl or rtl_directory()),
        parameters=parameter_sets(unit)[number],
        vectors=vectors if not number else max(LEAST_FOR_A_VARIANT, vectors // VARIANT_SHARE),
        seed=seed,
        simulator=simulator,
        waves=waves,
        replay=_replay(unit, seed, vectors, simulator),
    )


def _replay(unit: Unit, seed: int | None, vectors: int, simulator: str) -> str:
    number = 1 if seed is None else seed
    file = f"{unit.name}{WAVES[simulator][0]}"
    options = f"--seed {number} --vectors {vectors} --waves {file}"
    if simulator != "icarus":
        options += f" --simulator {simulator}"
    return f"npusim verify {unit.name} {options}"
