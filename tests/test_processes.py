"""Networks and results in other processes: forked, pickled, copied, without a compiler."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import npusim
from tests.conftest import DIGITS, missing

PLENTY_SECONDS = 100
FORK_AFTER_A_RUN = """
import os, sys, numpy as np, npusim
network = npusim.load(sys.argv[1])
tensor = network.tensors[network.inputs[0]]
x = np.ones((64, *tensor.in_file_order(np.zeros(tensor.shape)).shape[1:]), np.float32)
run = lambda: npusim.run(network, x, threads=4, batch=8).outputs[network.outputs[0]].tobytes()
layer = lambda: npusim.run(network, x[:1], threads=4).outputs[network.outputs[0]].tobytes()
before = run(), layer()
child = os.fork()
if not child:
    os._exit(0 if (run(), layer()) == before else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def digits() -> tuple[npusim.Network, NDArray]:
    network = npusim.load(DIGITS / "digits_int8.onnx")
    with np.load(DIGITS / "digits_test.npz") as samples:
        return network, samples["x"][:3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    command = [sys.executable, "-c", FORK_AFTER_A_RUN, str(DIGITS / "digits_int8.onnx")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PLENTY_SECONDS, check=False
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("again", [pickled, copy.copy, copy.deepcopy])
def test_networks_machines_programs_and_results_come_back_whole(
    again: Callable[[Any], Any],
) -> None:
    network, x = digits()
    machine = npusim.Machine.load("nano")
    result = npusim.run(network, x, engine="machine", machine=machine, keep_tensors=True)
    expected = result.as_json()
    found = again(result)
    assert found.as_json() == expected
    assert found.outputs.keys() == result.outputs.keys()
    for name, values in result.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], values)
    assert again(machine) == machine
    program = result.cost.program  # type: ignore[attr-defined]  # of a machine's result
    assert again(program).to_bytes() == program.to_bytes()
    other = again(network)
    assert other.tensors.keys() == network.tensors.keys()
    for tensor in other.tensors.values():
        assert tensor.data is None or not tensor.data.flags.writeable
        assert tensor.quantization is None or not tensor.quantization.scale.flags.writeable
    (first,), (second,) = (npusim.run(n, x).outputs.values() for n in (network, other))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(TypeError):
        other.tensors["x"] = None


def correct(network: npusim.Network, machine: npusim.Machine, x: NDArray) -> npusim.Result:
    return npusim.run(network, x, engine="machine", machine=machine)


def test_dask_sends_networks_and_results() -> None:
    if find_spec("distributed") is None:
        missing("Dask not found: pip install npusim[sweep]")
    import distributed

    network, x = digits()
    machine = npusim.Machine.load("nano")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = client.submit(correct, network, machine, x).result(PLENTY_SECONDS)
    here = correct(network, machine, x)
    assert found.cycles == here.cycles
    for name, values in here.outputs.items():
        np.testing.assert_array_equal(found.outputs[name], values)


def test_numba_switched_off_is_refused_by_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "npusim", "run", str(DIGITS / "digits_int8.onnx")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PLENTY_SECONDS, check=False,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "NPUSIM_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "npusim: NUMBA_DISABLE_JIT is set: npusim's kernels are compiled by numba; unset it"
    )
