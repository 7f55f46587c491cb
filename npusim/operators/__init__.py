"""The operators, one page each: everything that is true of it stands there.

`from npusim import operators as op` gives every class: `op.Conv2D`, `op.Add`.
"""

from npusim.graph.attributes import Clamp, Window
from npusim.graph.operator import Operator
from npusim.operators.add import Add
from npusim.operators.average_pool import AveragePool
from npusim.operators.batch_normalization import BatchNormalization
from npusim.operators.clip import Clip
from npusim.operators.concat import Concat
from npusim.operators.conv2d import Conv2D
from npusim.operators.dequantize import Dequantize
from npusim.operators.fully_connected import FullyConnected
from npusim.operators.hard_swish import HardSwish
from npusim.operators.leaky_relu import LeakyRelu
from npusim.operators.matmul import MatMul
from npusim.operators.max_pool import MaxPool
from npusim.operators.mean import Mean
from npusim.operators.mul import Mul
from npusim.operators.pad import Pad
from npusim.operators.quantize import Quantize
from npusim.operators.reshape import Reshape
from npusim.operators.sigmoid import Sigmoid
from npusim.operators.slice import Slice
from npusim.operators.softmax import Softmax
from npusim.operators.tanh import Tanh
from npusim.operators.transpose import Transpose

__all__ = [
    "Add", "AveragePool", "BatchNormalization", "Clamp", "Clip", "Concat", "Conv2D", "Dequantize",
    "FullyConnected", "HardSwish", "LeakyRelu", "MatMul", "MaxPool", "Mean", "Mul", "Operator",
    "Pad", "Quantize", "Reshape", "Sigmoid", "Slice", "Softmax", "Tanh", "Transpose", "Window",
]  # fmt: skip
