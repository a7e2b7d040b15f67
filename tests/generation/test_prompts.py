"""Prompts through a tiny text encoder: chunks, padding, weights as A1111 and ComfyUI apply them, and embeddings."""

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests import tiny
from trainer.contract.common import EmphasisName
from trainer.contract.errors import UserError
from trainer.generation.embeddings import Embeddings
from trainer.generation.prompts import encode, laid_out, padded
from trainer.home import Home
from trainer.library.index import Index
from trainer.models.sd import SDBundle

WIDTH = 64


@pytest.fixture(scope="module", params=["sd1", "sd2"])
def bundle(request: pytest.FixtureRequest) -> SDBundle:
    made = tiny.bundle(request.param)
    for name, parameter in made.text_encoder.named_parameters():
        if name.endswith("final_layer_norm.bias"):
            parameter += 0.3  # as in trained models, whose hidden states have a mean
    return made


def context(bundle: SDBundle, text: str, emphasis: EmphasisName = "original") -> Tensor:
    return encode(bundle, [text], emphasis)[text]["context"]


def plain(bundle: SDBundle, *texts: str) -> Tensor:
    return torch.cat([bundle.family.encode_text(bundle, [text])["context"] for text in texts])


def test_a_plain_prompt_is_what_training_sees_of_a_caption(bundle: SDBundle) -> None:
    text = "a photo, of an ASTRONAUT's  horse"
    assert context(bundle, text).equal(plain(bundle, text))


def test_a_long_prompt_is_read_in_chunks_of_75(bundle: SDBundle) -> None:
    found = context(bundle, "cat " * 75 + "dog")
    torch.testing.assert_close(found, plain(bundle, "cat " * 75, "dog"), atol=1e-5, rtol=1e-5)
    found = context(bundle, "a cat BREAK at night")
    torch.testing.assert_close(found, plain(bundle, "a cat", "at night"), atol=1e-5, rtol=1e-5)


def test_a_shorter_text_is_padded_with_the_empty_one(bundle: SDBundle) -> None:
    encoded = encode(bundle, ["bad", "a BREAK b BREAK c"])
    assert list(encoded) == ["bad", "a BREAK b BREAK c", ""]
    made = padded(encoded, "bad", 3)["context"]
    assert made.shape == (1, 3 * 77, WIDTH)
    torch.testing.assert_close(made[0].reshape(3, 77, WIDTH), plain(bundle, "bad", "", ""), atol=1e-5, rtol=1e-5)
    assert list(encode(bundle, ["bad", "a"])) == ["bad", "a"]


def test_weights_multiply_and_the_mean_stays(bundle: SDBundle) -> None:
    before, found = plain(bundle, "a red cat")[0], context(bundle, "a (red:1.5) [cat]")[0]
    weights = torch.ones(77, 1)
    weights[2], weights[3] = 1.5, 1 / 1.1
    wanted = before * weights
    torch.testing.assert_close(found, wanted * before.mean() / wanted.mean(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.mean(), before.mean(), atol=1e-6, rtol=1e-5)
    assert not torch.allclose(found[2], before[2], atol=1e-2)


def test_a_mean_of_nothing_is_not_restored() -> None:
    bundle = tiny.bundle()  # its last layer norm has no bias
    before, found = plain(bundle, "a red cat")[0], context(bundle, "a (red:1.5) cat")[0]
    torch.testing.assert_close(found[2], before[2] * 1.5)
    torch.testing.assert_close(found[3], before[3])


def test_comfyui_goes_from_the_empty_prompt_towards_the_words(bundle: SDBundle) -> None:
    before, empty = plain(bundle, "a red cat")[0], plain(bundle, "")[0]
    found = context(bundle, "a (red:1.5) cat", "comfyui")[0]
    torch.testing.assert_close(found[2], empty[2] + 1.5 * (before[2] - empty[2]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[3:], before[3:], atol=1e-5, rtol=1e-5)


def test_without_emphasis_brackets_are_words(bundle: SDBundle) -> None:
    text = "a (red:1.5) BREAK [cat]"
    assert context(bundle, text, "none").equal(plain(bundle, text))


def test_weight_1_changes_nothing(bundle: SDBundle) -> None:
    assert context(bundle, "(a red cat:1)").equal(plain(bundle, "a red cat"))


def put(home: Home, name: str, vectors: Tensor) -> None:
    path = home.models / "embeddings" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": vectors}, path)


def rows(count: int, fill: float) -> Tensor:
    return torch.full((count, WIDTH), fill)


def known(bundle: SDBundle, home: Home) -> Embeddings:
    return Embeddings(bundle, Index(home).models().entries)


def sizes(bundle: SDBundle, home: Home, text: str) -> list[list[int | float]]:
    """Of each chunk, tokens as 0 and embeddings by the number they are filled with."""
    (chunks,) = laid_out(bundle, [text], "original", known(bundle, home)).values()
    return [[0 if isinstance(unit.what, int) else float(unit.what[0, 0]) for unit in chunk] for chunk in chunks]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a bad-hands cat", [0, 1, 0]),
        ("(BAD-hands:1.3)", [1]),
        ("bad - hands", [1]),
        ("Bad  Hands again", [2]),
        ("bad hands", [3]),
        ("badhands", [0, 0]),
        ("embedding:bad-hands, x", [1, 0, 0]),
        ("embedding: bad hands again", [2]),
        ("embedding:none", [0, 0, 0, 0]),
    ],
)
def test_embeddings_are_found_by_their_longest_name(home: Home, text: str, found: list[float]) -> None:
    bundle = tiny.bundle()
    for fill, name in enumerate(("bad-hands", "bad hands again", "bad hands"), start=1):
        put(home, name, rows(2, fill))
    assert sizes(bundle, home, text) == [found]


def test_an_embedding_is_never_torn_apart(home: Home) -> None:
    bundle = tiny.bundle()
    put(home, "kiki", rows(8, 1))
    assert [len(chunk) for chunk in sizes(bundle, home, "cat " * 68 + "kiki dog")] == [68, 2]
    assert [len(chunk) for chunk in sizes(bundle, home, "cat " * 67 + "kiki dog")] == [68, 1]


def test_its_vectors_stand_in_place_of_tokens(home: Home, bundle: SDBundle) -> None:
    table = bundle.text_encoder.get_input_embeddings().weight
    put(home, "kiki", table[[2368, 1929]].clone())  # cat, dog
    made = encode(bundle, ["a kiki, (kiki:1.2)"], embeddings=known(bundle, home))
    wanted = encode(bundle, ["a cat dog, (cat dog:1.2)"])
    torch.testing.assert_close(made["a kiki, (kiki:1.2)"]["context"], wanted["a cat dog, (cat dog:1.2)"]["context"])
    torch.testing.assert_close(context(bundle, "a kiki"), plain(bundle, "a kiki"))


def test_an_embedding_of_another_width_is_refused(home: Home) -> None:
    bundle = tiny.bundle()
    put(home, "kiki", torch.zeros(2, 768))
    with pytest.raises(UserError, match=f"kiki is 768 wide, and the model takes those {WIDTH} wide"):
        encode(bundle, ["a kiki"], embeddings=known(bundle, home))
    assert encode(bundle, ["a cat"], embeddings=known(bundle, home))


def test_names_that_are_none_are_found(home: Home) -> None:
    put(home, "two words", rows(1, 1))
    embeddings = known(tiny.bundle(), home)
    texts = ["embedding:two words, (embedding:nobody:1.2), two", "embedding:two embedding:Two Words"]
    assert embeddings.unknown(texts) == ["nobody", "two"]


def test_of_two_of_the_same_name_the_one_that_fits_is_taken(home: Home) -> None:
    put(home, "kiki", torch.zeros(2, 768))
    put(home, "more/kiki", rows(2, 5))
    assert sizes(tiny.bundle(), home, "kiki") == [[5]]
