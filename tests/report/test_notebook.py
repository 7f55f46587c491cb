"""What results show in a notebook."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import numpy as np

import npusim
from npusim.engines.estimate import estimate
from npusim.formats.files import load
from npusim.machines import Machine
from tests.conftest import DIGITS
from tests.reported import Reported


def pictures(html: str) -> dict[str, ElementTree.Element]:
    found = re.findall(r'<img alt="(\w+)"[^>]*src="data:image/svg\+xml;base64,([^"]+)"', html)
    return {name: ElementTree.fromstring(base64.b64decode(content)) for name, content in found}


def test_a_run_on_the_machine_shows_pictures_and_its_layers(reported: Reported) -> None:
    html = reported.result._repr_html_()
    assert {"cycles", "roofline"} <= pictures(html).keys()
    assert "<style" not in html  # inside the pictures alone: a notebook has its own
    assert "class=" not in html
    around = re.sub(r"<img[^>]*>", "", html)
    assert "color" not in around  # words take the notebook's, light or dark
    for picture in pictures(html).values():
        ground = picture.find("{*}rect")
        assert ground is not None
        assert (ground.get("width"), ground.get("fill")) == (picture.get("width"), "#fff")
    assert f"{reported.result.cycles:,} cycles" in html
    for layer in reported.result.layers:
        if layer.cost is not None:
            assert f"<td>{layer.name}</td>" in html
            assert f"<td>{layer.cost.cycles:,}</td>" in html


def test_an_estimate_shows_the_same_cycles() -> None:
    found = estimate(load(DIGITS / "digits_int8.onnx"), Machine.load("nano"))
    html = found._repr_html_()
    assert {"cycles", "roofline"} <= pictures(html).keys()
    assert f"{found.cycles:,} cycles" in html


def test_a_run_of_the_kernels_shows_its_layers() -> None:
    network = load(DIGITS / "digits_int8.onnx")
    result = npusim.run(network, np.load(DIGITS / "digits_test.npz")["x"][:1])
    html = result._repr_html_()
    assert "<caption>digits_int8: 1 sample</caption>" in html
    assert not pictures(html)
