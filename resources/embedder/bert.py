"""The forward pass of a BERT encoder with mean pooling (Devlin et al. 2019, Reimers and Gurevych 2019), for inference alone.

Rows lie one behind the other in one tensor of tokens, each padded to the next multiple of 16 and no further: attention over a
length that is none takes up to twice as long. It needs torch and the weights alone, and agrees with sentence-transformers over the
same files.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from resources.embedder.protocol import Vectors

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Weights = Mapping[str, Tensor]


#: Rows are padded to a multiple of it: a tile of the processor's matrix units.
STEP = 16


class Dense(Protocol):
    """`x @ weight.T + bias` over rows, with what follows it."""

    def __init__(self, weight: "Tensor", bias: "Tensor") -> None: ...

    def apply(self, x: "Tensor") -> "Tensor":
        """Nothing follows."""

    def gelu(self, x: "Tensor") -> "Tensor":
        """The exact GELU follows."""

    def plus(self, x: "Tensor", residual: "Tensor") -> "Tensor":
        """A residual is added."""


class TorchDense:
    """Public torch operations: any processor, any device, any precision."""

    def __init__(self, weight: "Tensor", bias: "Tensor") -> None:
        self._weight, self._bias = weight, bias

    def apply(self, x: "Tensor") -> "Tensor":
        """One operation."""
        from torch.nn import functional

        return functional.linear(x, self._weight, self._bias)

    def gelu(self, x: "Tensor") -> "Tensor":
        """Two operations."""
        from torch.nn import functional

        return functional.gelu(self.apply(x))

    def plus(self, x: "Tensor", residual: "Tensor") -> "Tensor":
        """Two operations."""
        return self.apply(x) + residual


class OneDnnDense:
    """oneDNN's fused operations over weights laid out for it once: what torch's own compiler emits for a processor.

    They are no public interface of torch: building one raises AttributeError or RuntimeError where they are not there.
    """

    TOKENS = 2_048  # the layout is chosen for about so many rows

    def __init__(self, weight: "Tensor", bias: "Tensor") -> None:
        import torch

        operations = torch.ops.mkldnn
        self._fused, self._fused_binary = operations._linear_pointwise.default, operations._linear_pointwise.binary
        self._weight, self._bias = operations._reorder_linear_weight(weight, self.TOKENS), bias

    def apply(self, x: "Tensor") -> "Tensor":
        """One operation."""
        found: Tensor = self._fused(x, self._weight, self._bias, "none", [], "")
        return found

    def gelu(self, x: "Tensor") -> "Tensor":
        """One operation."""
        found: Tensor = self._fused(x, self._weight, self._bias, "gelu", [], "none")
        return found

    def plus(self, x: "Tensor", residual: "Tensor") -> "Tensor":
        """One operation, rounded once."""
        found: Tensor = self._fused_binary(x, residual, self._weight, self._bias, "add")
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one padded length. `mask` hides the padding from attention: (rows, 1, 1, length), 0 or minus infinity."""

    rows: int
    length: int
    mask: "Tensor"


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows of token ids one behind the other. `hidden` marks the padding; the other three arrays are as long."""

    ids: np.ndarray
    places: np.ndarray
    rows: np.ndarray
    hidden: np.ndarray
    padded: np.ndarray  # the length of each row with its padding


def packed(rows: Sequence[Sequence[int]]) -> Packed:
    """Each row padded to the next multiple of STEP."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    padded = STEP * -(-lengths // STEP)
    starts = np.cumsum(padded) - padded
    ids = np.zeros(padded.sum(), np.int64)
    for start, row in zip(starts, rows, strict=True):
        ids[start : start + len(row)] = row
    row_of_token = np.repeat(np.arange(len(rows)), padded)
    places = np.arange(len(ids)) - starts[row_of_token]
    return Packed(ids, places, row_of_token, places >= lengths[row_of_token], padded)


class Layer:
    """Self-attention and feed-forward, each with its residual and its layer norm."""

    def __init__(self, weights: "Weights", dense: type[Dense], heads: int, epsilon: float) -> None:
        import torch

        self._heads, self._epsilon = heads, epsilon
        projections = [f"attention.self.{name}" for name in ("query", "key", "value")]
        self._query_key_value = dense(
            *(torch.cat([weights[f"{name}.{part}"] for name in projections]) for part in ("weight", "bias"))
        )
        self._attended, self._up, self._down = (
            dense(weights[f"{name}.weight"], weights[f"{name}.bias"])
            for name in ("attention.output.dense", "intermediate.dense", "output.dense")
        )
        self._attention_norm, self._norm = (
            (weights[f"{name}.weight"], weights[f"{name}.bias"])
            for name in ("attention.output.LayerNorm", "output.LayerNorm")
        )

    def apply(self, x: "Tensor", groups: "Sequence[Group]") -> "Tensor":
        """`x` has shape (tokens, width); `groups` tile the tokens in their order."""
        from torch.nn.functional import layer_norm

        width = (x.shape[1],)
        attended = self._attended.plus(self._attention(self._query_key_value.apply(x), groups), x)
        attended = layer_norm(attended, width, *self._attention_norm, self._epsilon)
        return layer_norm(self._down.plus(self._up.gelu(attended), attended), width, *self._norm, self._epsilon)

    def _attention(self, projected: "Tensor", groups: "Sequence[Group]") -> "Tensor":
        from torch.nn.functional import scaled_dot_product_attention

        tokens, width = projected.shape[0], projected.shape[1] // 3
        found = projected.new_empty((tokens, width))
        start = 0
        for group in groups:
            shape, end = (group.rows, group.length), start + group.rows * group.length
            split = projected[start:end].view(*shape, 3, self._heads, width // self._heads)
            query, key, value = split.permute(2, 0, 3, 1, 4)
            context = scaled_dot_product_attention(query, key, value, attn_mask=group.mask)
            found[start:end].view(*shape, self._heads, -1).copy_(context.transpose(1, 2))
            start = end
        return found


class Bert:
    """Token ids to unit vectors. `name` says precision and backend; the weights stay fp32 where they are looked up or pooled."""

    def __init__(
        self, folder: Path, name: str, dtype: "torch.dtype", device: str = "cpu", dense: type[Dense] = TorchDense
    ) -> None:
        from safetensors.torch import load_file

        self.name, self.on_gpu, self._device, self._dtype = name, device != "cpu", device, dtype
        config = json.loads((folder / "config.json").read_text())
        self.dimension: int = config["hidden_size"]
        heads, self._epsilon = config["num_attention_heads"], config["layer_norm_eps"]
        weights = load_file(str(folder / "model.safetensors"), device=device)
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][:1]
        )  # every token is of the first segment
        self._norm = (weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
        self._layers = [
            Layer(_under(weights, f"encoder.layer.{number}.", dtype), dense, heads, self._epsilon)
            for number in range(config["num_hidden_layers"])
        ]

    def encode(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """One vector a row of token ids, float32, of length 1. Rows of like length, one behind the other, are the quickest."""
        import torch
        from torch.nn.functional import embedding, layer_norm, normalize

        batch = packed(rows)
        with torch.inference_mode():
            ids, places = self._tensor(batch.ids), self._tensor(batch.places)
            x = embedding(ids, self._words) + embedding(places, self._positions)
            x = layer_norm(x, (x.shape[1],), *self._norm, self._epsilon).to(self._dtype)
            groups = self._groups(batch)
            for layer in self._layers:
                x = layer.apply(x, groups)
            sums = x.new_zeros((len(rows) + 1, x.shape[1]), dtype=torch.float32)  # the last one for the padding
            sums.index_add_(0, self._tensor(np.where(batch.hidden, len(rows), batch.rows)), x.float())
            vectors: Vectors = normalize(sums[:-1], dim=1).cpu().numpy()  # the mean's direction is the sum's
        return vectors

    def _groups(self, batch: Packed) -> list[Group]:
        """Neighbours of one padded length attend together, each to its own row."""
        import torch

        groups, start = [], 0
        for length, same in itertools.groupby(batch.padded.tolist()):
            rows = len(list(same))
            hidden = self._tensor(batch.hidden[start : start + rows * length]).view(rows, 1, 1, length)
            mask = torch.zeros(hidden.shape, dtype=self._dtype, device=self._device).masked_fill_(hidden, float("-inf"))
            groups.append(Group(rows, length, mask))
            start += rows * length
        return groups

    def _tensor(self, values: np.ndarray) -> "Tensor":
        import torch

        return torch.from_numpy(values).to(self._device)


def _under(weights: "Weights", prefix: str, dtype: "torch.dtype") -> "dict[str, Tensor]":
    return {key.removeprefix(prefix): value.to(dtype) for key, value in weights.items() if key.startswith(prefix)}
