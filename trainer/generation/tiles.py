"""A network over a large picture piece by piece: tiles overlap, and fade into each other where they do."""

from collections.abc import Callable

import torch
from torch import Tensor

OVERLAP = 0.25
"""Share of a tile's side that its neighbour sees too."""


def in_tiles(work: Callable[[Tensor], Tensor], given: Tensor, side: int, grain: int, result_grain: int) -> Tensor:
    """`work` on tiles of `given` [B, C, H, W], put together in fp32.

    Tiles have `side` cells at most, in both directions. A cell is `grain` elements of what is given and `result_grain`
    of what comes out: 1 and 8 to decode latents, 8 and 1 to encode pictures.
    """
    rows = _spans(given.shape[-2] // grain, side)
    columns = _spans(given.shape[-1] // grain, side)
    total = weights = torch.empty(0)
    for top, bottom in rows:
        for left, right in columns:
            tile = work(given[..., top * grain : bottom * grain, left * grain : right * grain]).float()
            if not total.numel():
                height, width = rows[-1][1] * result_grain, columns[-1][1] * result_grain
                total = tile.new_zeros(*tile.shape[:2], height, width)
                weights = tile.new_zeros(height, width)
            weight = torch.outer(_fade(tile.shape[-2], top, bottom, rows), _fade(tile.shape[-1], left, right, columns))
            place = (
                slice(top * result_grain, bottom * result_grain),
                slice(left * result_grain, right * result_grain),
            )
            weight = weight.to(tile.device)
            total[:, :, *place] += tile * weight
            weights[place] += weight
    return total / weights


def _spans(cells: int, side: int) -> list[tuple[int, int]]:
    """Where tiles begin and end along a side: as few as overlap enough, all of them equally long."""
    if cells <= side:
        return [(0, cells)]
    overlap = int(side * OVERLAP)
    count = -(-(cells - overlap) // (side - overlap))
    starts = [round(index * (cells - side) / (count - 1)) for index in range(count)]
    return [(start, start + side) for start in starts]


def _fade(length: int, start: int, end: int, spans: list[tuple[int, int]]) -> Tensor:
    """[length] weights that rise and fall towards the neighbours of the span (start, end), and are 1 elsewhere."""
    place = spans.index((start, end))
    weight = torch.ones(length)
    per_cell = length // (end - start)
    if place > 0:
        shared = (spans[place - 1][1] - start) * per_cell
        weight[:shared] = torch.arange(1, shared + 1) / (shared + 1)
    if place + 1 < len(spans):
        shared = (end - spans[place + 1][0]) * per_cell
        weight[length - shared :] = torch.arange(shared, 0, -1) / (shared + 1)
    return weight
