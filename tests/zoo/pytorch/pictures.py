"""Small networks of pictures as torch.nn.Modules, written as their users write them; needs torch.

Each class has `example`, the shapes of its inputs; weights come from the seed that
the caller sets.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv(ic: int, oc: int, k: int = 3, stride: int = 1, groups: int = 1, act: str = "relu"):
    """Return convolution, batch normalization and activation."""
    acts = {
        "relu": nn.ReLU, "relu6": nn.ReLU6, "silu": nn.SiLU, "hardswish": nn.Hardswish,
        "none": nn.Identity,
    }  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(ic, oc, k, stride, k // 2, groups=groups, bias=False),
        nn.BatchNorm2d(oc),
        acts[act](),
    )


class ResNet(nn.Module):
    """A stem with a maximum pool, a block of two convolutions, one that halves the image."""

    example = ((1, 3, 32, 32),)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
        self.one = nn.Sequential(conv(8, 8), conv(8, 8, act="none"))
        self.two = nn.Sequential(conv(8, 16, stride=2), conv(16, 16, act="none"))
        self.short = conv(8, 16, 1, 2, act="none")
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.relu(x + self.one(x))
        x = torch.relu(self.short(x) + self.two(x))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


class Inverted(nn.Module):
    """An inverted residual, with squeeze and excitation where asked."""

    def __init__(self, ic: int, oc: int, expand: int, stride: int, act: str, gate: str = ""):
        super().__init__()
        c = ic * expand
        self.residual = stride == 1 and ic == oc
        self.expand = conv(ic, c, 1, act=act)
        self.depthwise = conv(c, c, 3, stride, c, act)
        gates = {"sigmoid": nn.Sigmoid(), "hardsigmoid": nn.Hardsigmoid()}
        inner = {"sigmoid": nn.SiLU(), "hardsigmoid": nn.ReLU()}
        self.squeeze = (
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c // 4, 1), inner[gate],
                nn.Conv2d(c // 4, c, 1), gates[gate],
            )
            if gate
            else None
        )  # fmt: skip
        self.project = conv(c, oc, 1, act="none")

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x))
        if self.squeeze is not None:
            y = y * self.squeeze(y)
        y = self.project(y)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Inverted residuals with ReLU6."""

    example = ((1, 3, 32, 32),)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 8, 3, 2, act="relu6"), Inverted(8, 8, 4, 1, "relu6"),
            Inverted(8, 12, 4, 2, "relu6"), conv(12, 32, 1, act="relu6"),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


class MobileNetV3(nn.Module):
    """Hardswish, and squeeze and excitation with Hardsigmoid."""

    example = ((1, 3, 32, 32),)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 8, 3, 2, act="hardswish"), Inverted(8, 8, 2, 1, "relu", "hardsigmoid"),
            Inverted(8, 12, 3, 2, "hardswish", "hardsigmoid"), conv(12, 24, 1, act="hardswish"),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Linear(24, 32), nn.Hardswish(), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.adaptive_avg_pool2d(self.features(x), 1)
        return self.classifier(torch.flatten(x, 1))


class EfficientNet(nn.Module):
    """SiLU, and squeeze and excitation with Sigmoid."""

    example = ((1, 3, 32, 32),)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 8, 3, 2, act="silu"), Inverted(8, 8, 4, 1, "silu", "sigmoid"),
            Inverted(8, 12, 4, 2, "silu", "sigmoid"), conv(12, 32, 1, act="silu"),
        )  # fmt: skip
        self.classifier = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(functional.adaptive_avg_pool2d(self.features(x), 1).flatten(1))


class UNet(nn.Module):
    """Down by pools, up by transposed convolutions, skips by concatenation."""

    example = ((1, 1, 16, 16),)

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.middle = conv(1, 6), conv(6, 8), conv(8, 12)
        self.up2, self.up1 = nn.ConvTranspose2d(12, 8, 2, 2), nn.ConvTranspose2d(8, 6, 4, 2, 1)
        self.join2, self.join1 = conv(16, 8), conv(12, 6)
        self.head = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(functional.max_pool2d(one, 2))
        x = self.middle(functional.max_pool2d(two, 2))
        x = self.join2(torch.cat([self.up2(x), two], 1))
        x = self.join1(torch.cat([self.up1(x), one], 1))
        return torch.sigmoid(self.head(x))


class DeepLab(nn.Module):
    """Dilated convolutions beside the picture's mean, enlarged to the input by linear shares."""

    example = ((1, 3, 24, 24),)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 12, 3, 2))
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Conv2d(12, 8, 3, padding=r, dilation=r), nn.BatchNorm2d(8), nn.ReLU())
            for r in (1, 2, 3)
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 8, 1), nn.ReLU())
        self.head = nn.Sequential(conv(32, 12), nn.Conv2d(12, 5, 1))

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = self.body(x)
        mean = functional.interpolate(
            self.pool(x), size=x.shape[-2:], mode="bilinear", align_corners=False
        )
        x = self.head(torch.cat([*(branch(x) for branch in self.branches), mean], 1))
        return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


class Yolo(nn.Module):
    """Features split and joined, pools of stride 1, an upsampled path, decoded boxes."""

    example = ((1, 3, 32, 32),)

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, 3, 2, act="silu")
        self.first, self.inner = conv(8, 8, 1, act="silu"), conv(4, 4, act="silu")
        self.down = conv(12, 12, 3, 2, act="silu")
        self.spp, self.lateral = conv(48, 8, 1, act="silu"), conv(20, 8, act="silu")
        self.heads = nn.ModuleList(nn.Conv2d(8, 3 * 7, 1) for _ in range(2))
        self.register_buffer("anchors", torch.rand(2, 1, 3, 1, 1, 2) * 8 + 4)

    def decode(self, x: Tensor, index: int) -> Tensor:
        n, _, h, w = x.shape
        x = x.view(n, 3, 7, h, w).permute(0, 1, 3, 4, 2)
        rows, columns = torch.meshgrid(
            torch.arange(h, dtype=x.dtype), torch.arange(w, dtype=x.dtype), indexing="ij"
        )
        grid = torch.stack((columns, rows), 2).view(1, 1, h, w, 2)
        y = x.sigmoid()
        centre = (y[..., 0:2] * 2 - 0.5 + grid) * (32 / h)
        size = (y[..., 2:4] * 2) ** 2 * self.anchors[index]
        return torch.cat((centre, size, y[..., 4:]), -1).view(n, -1, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.stem(x))
        a, b = x.chunk(2, 1)
        x = torch.cat((a, b, b + self.inner(b)), 1)
        y = self.down(x)
        pools = [y]
        for _ in range(3):
            pools.append(functional.max_pool2d(pools[-1], 5, 1, 2))
        y = self.spp(torch.cat(pools, 1))
        up = functional.interpolate(y, scale_factor=2.0, mode="nearest")
        up = self.lateral(torch.cat((up, x), 1))
        return torch.cat([self.decode(self.heads[0](up), 0), self.decode(self.heads[1](y), 1)], 1)


class SSD(nn.Module):
    """Boxes and scores of two maps, joined."""

    example = ((1, 3, 32, 32),)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2, act="relu6"), conv(8, 12, 3, 2, act="relu6"))
        self.extra = conv(12, 16, 3, 2, act="relu6")
        self.boxes = nn.ModuleList(nn.Conv2d(c, 3 * 4, 3, padding=1) for c in (12, 16))
        self.scores = nn.ModuleList(nn.Conv2d(c, 3 * 5, 3, padding=1) for c in (12, 16))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = [self.body(x)]
        maps.append(self.extra(maps[0]))
        boxes, scores = [], []
        for features, box, score in zip(maps, self.boxes, self.scores, strict=True):
            boxes.append(box(features).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 4))
            scores.append(score(features).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 5))
        return torch.cat(boxes, 1), torch.softmax(torch.cat(scores, 1), -1)


class SuperResolution(nn.Module):
    """Convolutions with PReLU, PixelShuffle, and the bicubic picture added."""

    example = ((1, 1, 12, 12),)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act = nn.Conv2d(1, 8, 5, padding=2), nn.PReLU(8)
        self.second, self.third = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.third(functional.leaky_relu(self.second(self.act(self.first(x))), 0.1))
        base = functional.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
        return self.shuffle(y) + base


class Conditioned(nn.Module):
    """A picture, a guide and a time: group normalization, SiLU, a gate that chooses by value."""

    example = (
        (1, 3, 8, 8),
        (1, 1, 8, 8),
        (1, 6),
    )

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(2, 8), nn.GroupNorm(4, 8)
        self.time = nn.Sequential(nn.Linear(6, 12), nn.SiLU(), nn.Linear(12, 8))
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor, time: Tensor) -> Tensor:
        y = self.first(torch.cat((x, guide), 1))
        h = functional.silu(self.norm1(y)) + self.time(time)[:, :, None, None]
        h = y + self.second(functional.silu(self.norm2(h)))
        h = torch.where(guide > 0, h, 0.25 * h)
        return self.last(functional.instance_norm(h))
