"""Small networks of tokens and signals as torch.nn.Modules; needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Attention of two heads with one product for queries, keys and values."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(n, t, c))


class ViT(nn.Module):
    """Patches, a class token, positions, a block, the token's logits."""

    example = ((1, 3, 16, 16),)

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.positions = nn.Parameter(torch.randn(1, 17, 16))
        self.norm1, self.norm2, self.norm = (nn.LayerNorm(16, eps=1e-6) for _ in range(3))
        self.attention = Attention(16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.positions
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.head(self.norm(x)[:, 0])


class Bert(nn.Module):
    """Tokens and a mask: embeddings, a block with masked attention, the pooled first token."""

    example = (
        (1, 12),
        (1, 12),
    )
    integers = (20, 2)

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 16), nn.Embedding(16, 16)
        self.norm, self.norm1, self.norm2 = (nn.LayerNorm(16, eps=1e-12) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.Linear(16, 16) for _ in range(4))
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)
        self.pooler, self.head = nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        n, t = ids.shape
        x = self.norm(self.words(ids) + self.places(torch.arange(t)))
        q, k, v = (
            layer(x).view(n, t, 2, 8).permute(0, 2, 1, 3) for layer in (self.q, self.k, self.v)
        )
        scores = q @ k.transpose(-1, -2) / 8**0.5
        scores = scores + (1.0 - mask[:, None, None, :].to(x.dtype)) * -10000.0
        y = (torch.softmax(scores, -1) @ v).permute(0, 2, 1, 3).reshape(n, t, 16)
        x = self.norm1(x + self.o(y))
        x = self.norm2(x + self.down(functional.gelu(self.up(x))))
        return self.head(torch.tanh(self.pooler(x[:, 0])))


class Audio(nn.Module):
    """Convolutions of a signal, pools, normalization, a mean over time."""

    example = ((1, 1, 160),)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 8, 16, 4), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(8, 8, 3, padding=1, groups=8), nn.Conv1d(8, 16, 1), nn.BatchNorm1d(16),
            nn.ReLU(), nn.AvgPool1d(2),
        )  # fmt: skip
        self.fc = nn.Linear(16, 6)

    def forward(self, x: Tensor) -> Tensor:
        return functional.log_softmax(self.fc(self.body(x).mean(-1)), -1)


class ConvNeXt(nn.Module):
    """Layer normalization of channels last, a depthwise kernel of 7, a scaled residual."""

    example = ((1, 3, 16, 16),)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 2, 2)
        self.depthwise = nn.Conv2d(12, 12, 7, padding=3, groups=12)
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.up, self.down = nn.Linear(12, 48), nn.Linear(48, 12)
        self.scale = nn.Parameter(torch.rand(12))
        self.last, self.fc = nn.LayerNorm(12), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(functional.gelu(self.up(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.fc(self.last(x.mean([-2, -1])))


class Keywords(nn.Module):
    """Features over time: a convolution, a GRU, the last step's logits."""

    example = ((1, 12, 10),)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(10, 12, 3, padding=1)
        self.gru = nn.GRU(12, 10, batch_first=True)
        self.fc = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        y, _ = self.gru(x)
        return self.fc(y[:, -1])


class Speech(nn.Module):
    """An LSTM of both directions over features, scores of every step."""

    example = ((1, 8, 10),)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(10, 12)
        self.lstm = nn.LSTM(12, 8, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(torch.relu(self.first(x)))
        return functional.log_softmax(self.fc(y), -1)
