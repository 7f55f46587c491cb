"""loop: loops whose number of turns is computed give LiteRT's values."""

from __future__ import annotations

import numpy as np
import pytest

import npusim
from npusim.errors import RangeError, UnsupportedError
from npusim.operators import loop
from npusim.prepared.engine import prepare
from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import options

from .called_cases import BOOL, FLOAT32, INT32, apply, constant, counted, equals_litert, tensor
from .litert_cases import Draw, network, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    equals_litert(*counted(draw))


def test_a_counter_that_picks_an_image_adds_no_axis() -> None:
    """Behind the image stands an operator that takes exactly four axes."""
    file = File()
    graph, condition, body = Graph(file), Graph(file), Graph(file)
    kinds = ((), INT32), ((1, 3, 3, 1), FLOAT32), ((4, 1, 3, 3, 1), FLOAT32)
    given, after = ([tensor(graph, *kind) for kind in kinds] for _ in range(2))
    fields = options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2)
    graph.add("WHILE", given, after, fields)
    graph.ends(given, after)
    seen = [tensor(condition, *kind) for kind in kinds]
    most = constant(condition, 3, INT32)
    condition.ends(seen, [apply(condition, "LESS", [seen[0], most], (), BOOL)])
    count, total, images = (tensor(body, *kind) for kind in kinds)
    image, pooled = (tensor(body, (1, 3, 3, 1), FLOAT32) for _ in range(2))
    body.add("GATHER", [images, count], [image], options("GatherOptions", axis=0, batchDims=0))
    pool = options("Pool2DOptions", filterHeight=3, filterWidth=3, strideH=1, strideW=1)
    body.add("MAX_POOL_2D", [image], [pooled], pool)
    next_count = apply(body, "ADD", [count, constant(body, 1, INT32)], (), INT32)
    sum_of = apply(body, "ADD", [total, pooled], (1, 3, 3, 1), FLOAT32)
    body.ends([count, total, images], [next_count, sum_of, images])
    x = np.random.default_rng(0).uniform(-4, 4, (4, 1, 3, 3, 1)).astype(np.float32)
    equals_litert(file, [np.array(0, np.int32), np.zeros((1, 3, 3, 1), np.float32), x])


def endless(grows: bool = False) -> File:
    file = File()
    graph, condition, body = Graph(file), Graph(file), Graph(file)
    (x, y), inside, z = (
        (tensor(graph, (2,), INT32) for _ in range(2)),
        *[tensor(g, (2,), INT32) for g in (condition, body)],
    )
    fields = options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2)
    graph.add("WHILE", [x], [y], fields)
    graph.ends([x], [y])
    number = constant(condition, 1, INT32)
    condition.ends([inside], [apply(condition, "LESS", [number, number], (), BOOL)])
    after = z
    if grows:
        after = tensor(body, (4,), INT32)
        body.add("CONCATENATION", [z, z], [after], options("ConcatenationOptions", axis=0))
    body.ends([z], [after])
    return file


def test_a_loop_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST_TURNS", 3)
    draw = Draw(1)
    file, arrays = counted(draw)
    arrays[1] = np.array(1 << 20, np.int32)
    of = network(file.content())
    with pytest.raises(RangeError, match="expected at most 3 turns of a loop"):
        prepare(of, "litert").run(dict(zip(of.inputs, arrays, strict=True)))


def test_values_that_grow_are_refused_when_the_file_is_read() -> None:
    with pytest.raises(UnsupportedError, match=r"while_0: expected values after a turn of .*int32"):
        network(endless(grows=True).content())


def test_what_is_refused_inside_is_named() -> None:
    file = endless()
    body = file.model.subgraphs[2]
    graph = Graph(file)
    file.model.subgraphs.pop()
    graph.record = body
    y = tensor(graph, (2,), FLOAT32)
    graph.add("DILATE", [0], [y])
    with pytest.raises(UnsupportedError, match=r"subgraph_2: .*DILATE is not supported"):
        network(file.content())


def test_the_host_core_pays_for_a_turn() -> None:
    file, arrays = counted(Draw(2))
    of = network(file.content())
    cost = npusim.estimate(of)
    assert cost.host_cycles > 4 * len(arrays)
