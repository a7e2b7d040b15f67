"""Noise as an NVIDIA card draws it: against the vectors of the paper's own library, and what torch prints on a card."""

import numpy as np
import pytest
import torch

from trainer.generation.philox import PhiloxGenerator, philox

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_known_answers_of_random123(counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]) -> None:
    """Lines `philox4x32 10` of tests/kat_vectors in DEShawResearch/random123."""
    found = philox(np.array(counter, np.uint32).reshape(4, 1), key)
    assert tuple(int(word) for word in found[:, 0]) == words


def test_the_numbers_that_torch_draws_on_a_card() -> None:
    """`torch.manual_seed(0); torch.randn(12, device="cuda")`, as stable-diffusion-webui's rng_philox.py quotes it."""
    wanted = [
        [-0.92466259, -0.42534415, -2.6438457, 0.14518388],
        [-0.12086647, -0.57972564, -0.62285122, -0.32838709],
        [-1.07454231, -0.36314407, -1.67105067, 2.26550497],
    ]
    torch.testing.assert_close(PhiloxGenerator(0).randn((3, 4)), torch.tensor(wanted), rtol=0, atol=5e-8)


def test_each_draw_is_new_and_the_same_again() -> None:
    one, other = PhiloxGenerator(2**63 - 1), PhiloxGenerator(2**63 - 1)
    draws = [one.randn((4, 8, 8)) for _ in range(3)]
    assert all(torch.equal(draw, other.randn((4, 8, 8))) for draw in draws)
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], PhiloxGenerator(2**31 - 1).randn((4, 8, 8)))


def test_it_is_standard_normal() -> None:
    drawn = PhiloxGenerator(7).randn((200_000,)).double()
    assert abs(drawn.mean().item()) < 4 / 200_000**0.5
    assert abs(drawn.var().item() - 1.0) < 4 * (2 / 200_000) ** 0.5
    assert drawn.isfinite().all()
