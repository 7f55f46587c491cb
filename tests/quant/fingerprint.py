"""Print a hash of what every scheme makes of a made network: run as a script by a test.

The calibration samples and weights are integers over powers of two, so that nothing but the
quantizer itself can differ between machines.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from npusim.codes.schemes import SCHEME_BITS
from npusim.graph.network import Network
from npusim.quant.export import model_of
from npusim.quant.options import Options, as_published
from npusim.quant.quantize import prepare, quantize_prepared
from tests.quant.networks import every_operator

OTHER_SETTINGS = {"encoder": "nearest", "activations": "percentile", "bias_correction": "paper"}


def on_a_grid(network: Network) -> Network:
    tensors = {
        name: tensor if tensor.data is None
        else replace(tensor, data=np.rint(tensor.data * 1024).astype(np.float32) / 1024)
        for name, tensor in network.tensors.items()
    }  # fmt: skip
    return replace(network, tensors=tensors)


def fingerprints() -> list[str]:
    lines = []
    random = np.random.default_rng(0)
    x = random.integers(-3000, 3000, size=(6, 3, 9, 8)) / 1024
    prepared = prepare(on_a_grid(every_operator()), x)
    for scheme, (least, most) in SCHEME_BITS.items():
        for bits in sorted({least, min(4, most)}):
            for name, options in (
                ("default", Options(scheme, bits)),
                ("published", as_published(scheme, bits=bits)),
                ("other", Options(scheme, bits, **OTHER_SETTINGS)),
            ):
                model = model_of(quantize_prepared(prepared, options).network)
                content = model.SerializeToString(deterministic=True)
                digest = hashlib.sha256(content).hexdigest()
                lines.append(f"{scheme} {bits} {name} {digest}")
    return lines


if __name__ == "__main__":
    print("\n".join(fingerprints()))
