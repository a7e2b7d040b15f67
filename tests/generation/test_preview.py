"""Previews: the matrix, the encoding, and how often."""

import base64
import io

import pytest
import torch
from PIL import Image

from trainer.contract import events
from trainer.generation.preview import Previews, encoded, preview_image


def test_the_matrix_and_its_bias_give_the_colours() -> None:
    matrix = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, -1.0], [0.1, 0.2, 0.3]])
    clean = torch.zeros(3, 2, 5)
    clean[:, 1, 4] = torch.tensor([0.5, -1.0, 4.0])
    image = preview_image(clean, matrix)
    assert image.size == (5, 2)
    assert image.getpixel((0, 0)) == (140, 153, 166)  # (bias + 1) * 127.5
    assert image.getpixel((4, 1)) == (204, 89, 0)  # the last is held at 0


@pytest.mark.parametrize(("size", "shown"), [((512, 64), (512, 64)), ((513, 65), (257, 33)), ((64, 2000), (16, 500))])
def test_large_latents_are_thinned_out(size: tuple[int, int], shown: tuple[int, int]) -> None:
    clean = torch.zeros(4, size[1], size[0])
    assert preview_image(clean, torch.zeros(5, 3)).size == shown


def test_the_encoded_picture_is_a_png() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    with Image.open(io.BytesIO(base64.b64decode(encoded(image)))) as read:
        assert read.format == "PNG"
        assert read.tobytes() == image.tobytes()


def shown_steps(every: int, batch: int, seconds_per_step: float, steps: int) -> list[tuple[int, int]]:
    seen: list[events.Event] = []
    now = 100.0
    previews = Previews(seen.append, torch.zeros(5, 3), every, clock=lambda: now)
    for step in range(1, steps + 1):
        if previews.due(step):
            previews.show(torch.zeros(batch, 4, 2, 3), first_index=6, step=step, total=steps)
        now += seconds_per_step
    return [(event.step, event.index) for event in seen if isinstance(event, events.Preview)]


def test_slow_steps_are_all_shown_for_each_picture() -> None:
    assert shown_steps(every=1, batch=2, seconds_per_step=1, steps=3) == [
        (1, 6),
        (1, 7),
        (2, 6),
        (2, 7),
        (3, 6),
        (3, 7),
    ]


def test_every_nth_step() -> None:
    assert shown_steps(every=3, batch=1, seconds_per_step=1, steps=8) == [(1, 6), (4, 6), (7, 6)]


def test_zero_is_never() -> None:
    assert shown_steps(every=0, batch=1, seconds_per_step=1, steps=5) == []


@pytest.mark.parametrize("batch", [1, 4])
def test_never_more_than_8_pictures_a_second(batch: int) -> None:
    count = len(shown_steps(every=1, batch=batch, seconds_per_step=1 / 64, steps=640))
    assert 76 <= count <= 84
