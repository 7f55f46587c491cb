"""`npusim doctor`: what is installed, and what each part of npusim lacks."""

from __future__ import annotations

import click

PACKAGES = ("numpy", "numba", "onnx", "tflite", "cocotb")
"""What npusim always needs."""
OPTIONAL = {
    "distributed": "work on a cluster: pip install npusim[sweep]",
    "pyarrow": "sweeps to .parquet: pip install npusim[sweep]",
    "cocotbext.axi": "verification of networks on Icarus: pip install cocotbext-axi",
}
"""Packages that one part needs, and which."""


@click.command("doctor")
def command() -> None:
    """Print versions, simulators, the cache and processor cores: what a report should name."""
    import os
    import platform

    import npusim
    from npusim.cache import cache_home
    from npusim.cosim.units import rtl_directory
    from npusim.words import SIMULATORS

    print(f"npusim {npusim.__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(f"processor cores: {os.cpu_count()}")
    print(f"packages: {', '.join(f'{name} {_version(name)}' for name in PACKAGES)}")
    for name, use in OPTIONAL.items():
        print(f"{name}: {_version(name) or f'missing ({use})'}")
    for name in SIMULATORS:
        print(f"{name}: {_simulator(name)}")
    print(f"RTL: {rtl_directory()}")
    print(f"cache: {cache_home()}")


def _version(package: str) -> str:
    """Return the version of an installed package; empty where it is missing."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package.replace(".", "-"))
    except PackageNotFoundError:
        return ""


def _simulator(name: str) -> str:
    """Return a simulator's own words for its version, or why it cannot run."""
    import subprocess

    from npusim.cosim import toolchain

    reason = toolchain.missing(name)
    if reason is not None:
        return f"missing ({reason})"
    calls = {"icarus": ["iverilog", "-V"], "verilator": ["verilator_bin", "--version"]}
    with toolchain.environment(name):
        try:
            done = subprocess.run(calls[name], capture_output=True, text=True, timeout=60)
        except OSError as error:
            return f"cannot be started ({error.strerror})"
    lines = done.stdout.splitlines()
    return lines[0] if lines else f"ended with exit code {done.returncode}"
