"""onnxruntime's float32 functions outside MLAS, whose products and sums round apart.

The gates of GRU: onnxruntime 1.31, core/providers/cpu/rnn/rnn_helpers.cc (gru_reset_gate_sigmoid,
gru_output_gate_tanh); its other gates are MLAS's. The exponential of Elu: Eigen,
GenericPacketMathFunctions.h (pexp_float).
"""

from __future__ import annotations

import numpy as np

from npusim.kernels.mlas import Floats

SIGMOID_BOUND, TANH_BOUND = np.float32(20), np.float32(10)
NUMERATOR: Floats = np.array(
    [
        -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
        1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
    ],
    np.float32,
)  # fmt: skip
DENOMINATOR: Floats = np.array(
    [1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03],
    np.float32,
)
"""Coefficients of falling powers of x^2."""


def _ratio(x: Floats) -> Floats:
    """Return tanh x."""
    square = x * x
    p = square * NUMERATOR[0] + NUMERATOR[1]
    for coefficient in NUMERATOR[2:]:
        p = square * p + coefficient
    q = square * DENOMINATOR[0] + DENOMINATOR[1]
    for coefficient in DENOMINATOR[2:]:
        q = square * q + coefficient
    return np.asarray(x * p / q, np.float32)


def sigmoid(x: Floats) -> Floats:
    """Return the logistic function of a reset gate."""
    half, one = np.float32(0.5), np.float32(1)
    return half * (one + _ratio(half * np.clip(x, -SIGMOID_BOUND, SIGMOID_BOUND)))


def tanh(x: Floats) -> Floats:
    """Return tanh of a candidate of the hidden state."""
    return _ratio(np.clip(x, -TANH_BOUND, TANH_BOUND))


LOG2_E, LN2_HIGH, LN2_LOW = (
    np.float32(v) for v in (1.44269504088896341, -0.693359375, 2.12194440e-4)
)
EVEN: Floats = np.array(
    [1.37449637986719608306884765625e-3, 4.166965186595916748046875e-2,
     0.49999988079071044921875], np.float32,
)  # fmt: skip
ODD: Floats = np.array([8.36894474923610687255859375e-3, 0.16666518151760101318359375], np.float32)
"""Coefficients of e^r, |r| <= ln 2 / 2: of r^6, r^4, r^2, and of r^5, r^3."""


def exp(x: Floats) -> Floats:
    """Return e^x."""
    x = np.clip(x, np.float32(-104), np.float32(88.723))
    m = np.floor(x * LOG2_E + np.float32(0.5))
    r = m * LN2_LOW + (m * LN2_HIGH + x)
    square = r * r
    even = square * (square * EVEN[0] + EVEN[1]) + EVEN[2]
    odd = square * ODD[0] + ODD[1]
    y = square * (r * odd + even) + (r + np.float32(1))
    return np.asarray(np.ldexp(y, m.astype(np.int32)), np.float32)
