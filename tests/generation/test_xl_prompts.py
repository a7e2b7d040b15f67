"""Prompts through two tiny text encoders: chunks, the vector of the whole prompt, weights, and embeddings of pairs."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests import tiny
from trainer.contract.errors import UserError
from trainer.generation.embeddings import Embeddings
from trainer.generation.prompts import chunks_of, encode, padded
from trainer.home import Home
from trainer.library.index import Index
from trainer.models.sdxl import XLBundle

FIRST = 64
"""Width of the first text encoder; the rest of the context is the second's."""


@pytest.fixture(scope="module")
def bundle() -> XLBundle:
    made = tiny.bundle("sdxl")
    assert isinstance(made, XLBundle)
    with torch.no_grad():
        for encoder, shift in ((made.text_encoder, 0.3), (made.text_encoder_2, -0.2)):
            encoder.get_input_embeddings().weight += shift  # so that hidden states have a mean
    return made


def plain(bundle: XLBundle, text: str) -> dict[str, Tensor]:
    return bundle.family.encode_text(bundle, [text])


def test_a_long_prompt_has_the_vector_of_its_first_chunk(bundle: XLBundle) -> None:
    encoded = encode(bundle, ["bad", "a cat BREAK at night BREAK in rain"])
    made = padded(encoded, "a cat BREAK at night BREAK in rain", 3)
    assert (made["context"].shape, made["pooled"].shape) == ((1, 231, 192), (1, 128))
    torch.testing.assert_close(made["pooled"], plain(bundle, "a cat")["pooled"], atol=1e-5, rtol=1e-5)
    short = padded(encoded, "bad", 3)
    torch.testing.assert_close(short["pooled"], plain(bundle, "bad")["pooled"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(short["context"][:, 154:], plain(bundle, "")["context"], atol=1e-5, rtol=1e-5)
    assert chunks_of(encoded["bad"]) == 1


def test_weights_keep_the_mean_of_each_text_encoder_and_leave_the_vector_alone(bundle: XLBundle) -> None:
    before, found = plain(bundle, "a red cat"), encode(bundle, ["a (red:1.5) cat"])["a (red:1.5) cat"]
    weights = torch.ones(77, 1)
    weights[2] = 1.5
    parts = before["context"][0].split([FIRST, 192 - FIRST], dim=-1)
    wanted = [part * weights * (part.mean() / (part * weights).mean()) for part in parts]
    torch.testing.assert_close(found["context"][0], torch.cat(wanted, dim=-1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found["pooled"], before["pooled"], atol=1e-5, rtol=1e-5)


def put(home: Home, tensors: dict[str, Tensor]) -> Path:
    path = home.models / "embeddings" / "kiki.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


def test_an_embedding_gives_each_text_encoder_its_own_vectors(home: Home, bundle: XLBundle) -> None:
    words = [2368, 1929]  # cat, dog
    tables = [encoder.get_input_embeddings().weight for encoder in bundle.text_encoders.values()]
    put(home, {"clip_g": tables[1][words].clone(), "clip_l": tables[0][words].clone()})
    made = encode(bundle, ["a kiki"], embeddings=Embeddings(bundle, Index(home).models().entries))["a kiki"]
    wanted = plain(bundle, "a cat dog")
    for key in ("context", "pooled"):
        torch.testing.assert_close(made[key], wanted[key], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("family", "width"), [("sd1", 64), ("sdxl_refiner", 128)])
def test_an_embedding_for_xl_is_refused_by_models_with_one_text_encoder(
    home: Home, family: tiny.FamilyName, width: int
) -> None:
    put(home, {"clip_g": torch.zeros(2, 128), "clip_l": torch.zeros(2, 64)})
    bundle = tiny.bundle(family)
    with pytest.raises(UserError, match=f"kiki is 192 wide, and the model takes those {width} wide"):
        encode(bundle, ["a kiki"], embeddings=Embeddings(bundle, Index(home).models().entries))
