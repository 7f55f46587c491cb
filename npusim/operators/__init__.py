"""The operators, one page each: everything that is true of it stands there.

`from npusim import operators as op` gives every class: `op.Conv2D`, `op.Add`.
"""

from npusim.graph.attributes import Clamp, Window
from npusim.graph.operator import Operator
from npusim.operators.abs import Abs
from npusim.operators.add import Add
from npusim.operators.average_pool import AveragePool
from npusim.operators.batch_normalization import BatchNormalization
from npusim.operators.batch_to_space import BatchToSpace
from npusim.operators.broadcast_to import BroadcastTo
from npusim.operators.clip import Clip
from npusim.operators.concat import Concat
from npusim.operators.conv2d import Conv2D
from npusim.operators.conv_transpose import ConvTranspose
from npusim.operators.depth_to_space import DepthToSpace
from npusim.operators.dequantize import Dequantize
from npusim.operators.div import Div
from npusim.operators.elu import Elu
from npusim.operators.exp import Exp
from npusim.operators.fully_connected import FullyConnected
from npusim.operators.gather import Gather
from npusim.operators.gelu import Gelu
from npusim.operators.hard_swish import HardSwish
from npusim.operators.leaky_relu import LeakyRelu
from npusim.operators.log import Log
from npusim.operators.matmul import MatMul
from npusim.operators.max_pool import MaxPool
from npusim.operators.maximum import Maximum
from npusim.operators.mean import Mean
from npusim.operators.minimum import Minimum
from npusim.operators.mirror_pad import MirrorPad
from npusim.operators.mul import Mul
from npusim.operators.neg import Neg
from npusim.operators.pack import Pack
from npusim.operators.pad import Pad
from npusim.operators.pick import Pick
from npusim.operators.prelu import PRelu
from npusim.operators.quantize import Quantize
from npusim.operators.reduce_max import ReduceMax
from npusim.operators.reshape import Reshape
from npusim.operators.resize_bilinear import ResizeBilinear
from npusim.operators.resize_nearest import ResizeNearest
from npusim.operators.reverse import Reverse
from npusim.operators.rsqrt import Rsqrt
from npusim.operators.sigmoid import Sigmoid
from npusim.operators.slice import Slice
from npusim.operators.softmax import Softmax
from npusim.operators.space_to_batch import SpaceToBatch
from npusim.operators.space_to_depth import SpaceToDepth
from npusim.operators.split import Split
from npusim.operators.sqrt import Sqrt
from npusim.operators.squared_difference import SquaredDifference
from npusim.operators.strided_slice import StridedSlice
from npusim.operators.sub import Sub
from npusim.operators.sum import Sum
from npusim.operators.tanh import Tanh
from npusim.operators.tile import Tile
from npusim.operators.transpose import Transpose
from npusim.operators.unpack import Unpack

__all__ = [
    "Abs", "Add", "AveragePool", "BatchNormalization", "BatchToSpace", "BroadcastTo", "Clamp",
    "Clip", "Concat", "Conv2D", "ConvTranspose", "DepthToSpace", "Dequantize", "Div", "Elu", "Exp",
    "FullyConnected", "Gather", "Gelu", "HardSwish", "LeakyRelu", "Log", "MatMul", "MaxPool",
    "Maximum", "Mean", "Minimum", "MirrorPad", "Mul", "Neg", "Operator", "PRelu", "Pack", "Pad",
    "Pick", "Quantize", "ReduceMax", "Reshape", "ResizeBilinear", "ResizeNearest", "Reverse",
    "Rsqrt", "Sigmoid", "Slice", "Softmax", "SpaceToBatch", "SpaceToDepth", "Split", "Sqrt",
    "SquaredDifference", "StridedSlice", "Sub", "Sum", "Tanh", "Tile", "Transpose", "Unpack",
    "Window",
]  # fmt: skip
