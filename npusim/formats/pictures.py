"""Pictures as samples: one preprocessing, the same for every command.

A picture is cropped (or not), resized to the network's height and width, and its pixels 0..255
become real values (pixel / 255 - mean) / std, channel by channel. What the network then makes of
real values, codes by its input's scale, is the same as for any other sample.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image

    from npusim.graph.tensor import Tensor
from npusim.reading import readable, require_file

AXES = "NHWC"
SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture.

    Attributes
    ----------
    crop
        Share 0 < crop <= 1 of the largest middle part of the network's aspect that is taken; None
        takes the whole picture, whose aspect may then change.
    mean, std
        Of pixel / 255, for each channel, or one for all.
    """

    crop: float | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.crop is not None and not 0 < self.crop <= 1:
            raise RangeError(f"crop: expected a share above 0 and up to 1, found {self.crop:g}")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if not values or not np.isfinite(values).all():
                raise RangeError(f"{name}: expected finite numbers, found {values}")
        if any(value <= 0 for value in self.std):
            raise RangeError(f"std: expected numbers above 0, found {self.std}")

    def real_values(self, pixels: NDArray, tensor: Tensor) -> NDArray[np.float32]:
        """Return `pixels` [N ...] (0..255, the file's layout of `tensor`) as real values.

        Raises
        ------
        RangeError
            A pixel is not in 0..255.
        ShapeError
            Neither one mean, nor one for each channel.
        """
        if pixels.min() < 0 or pixels.max() > 255:
            raise RangeError(
                f"input {tensor.name}: expected pixels 0..255, found {pixels.min()}..{pixels.max()}"
            )
        values = tensor.from_file_order(pixels).astype(np.float64) / 255
        for name in ("mean", "std"):
            found = len(getattr(self, name))
            if found not in (1, values.shape[-1]):
                raise ShapeError(
                    f"{name}: expected one number or {values.shape[-1]}, as {tensor.name} has "
                    f"channels, found {found}"
                )
        values = (values - np.array(self.mean)) / np.array(self.std)
        return np.ascontiguousarray(tensor.in_file_order(values.astype(np.float32)))

    def as_json(self, tensor: Tensor) -> dict[str, Any]:
        """Return what was done, as JSON-ready values."""
        said = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        if len(tensor.shape) != len(AXES):
            return said
        layout = "".join(AXES[axis] for axis in tensor.file_order or range(len(AXES)))
        return {"size": list(tensor.shape[1:3]), **said, "layout": layout}


def read_picture(path: Path, tensor: Tensor, crop: float | None) -> NDArray[np.uint8]:
    """Return the pixels [1 ...] of the picture at `path` in the file's layout of `tensor`.

    Raises
    ------
    ShapeError
        `tensor` is no picture.
    FormatError
        The file is none.
    """
    from PIL import Image

    if len(tensor.shape) != 4 or tensor.shape[3] not in (1, 3):
        raise ShapeError(
            f"{path}: an image needs an input of 1 or 3 channels, "
            f"{tensor.name} is {list(tensor.shape)}"
        )
    _, height, width, channels = tensor.shape
    require_file(path, "a picture")
    with (
        readable(path, "a picture"),
        catch_warnings(action="error", category=Image.DecompressionBombWarning),
        Image.open(path) as image,
    ):
        grey_or_colour = image.convert("L" if channels == 1 else "RGB")
        box = None if crop is None else _middle(grey_or_colour, height, width, crop)
        resized = grey_or_colour.resize((width, height), Image.Resampling.BILINEAR, box)
    pixels = np.asarray(resized, np.uint8).reshape(1, height, width, channels)
    return tensor.in_file_order(pixels)


def _middle(
    image: Image, height: int, width: int, share: float
) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the middle `share` of the part of aspect width:height."""
    zoom = share * min(image.width / width, image.height / height)
    left, top = (image.width - zoom * width) / 2, (image.height - zoom * height) / 2
    return left, top, left + zoom * width, top + zoom * height
