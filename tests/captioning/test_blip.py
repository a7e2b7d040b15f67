"""BLIP: words, lengths and prompts as transformers' own model gives them one token at a time; the user can stop it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BlipForConditionalGeneration

from tests.captioning.models import WORDS, drawing, write_blip
from trainer.captioning.blip import Blip
from trainer.captioning.captioner import Prepared
from trainer.captioning.pickles import import_model
from trainer.contract import caption
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.import_model import ImportJob
from trainer.contract.run import Run
from trainer.home import Home

CPU = torch.device("cpu")
PICTURES = [drawing(30, 20), drawing(16, 40), drawing(9, 9)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    write_blip(folder)
    return folder


@pytest.fixture(scope="module")
def reference(folder: Path) -> BlipForConditionalGeneration:
    return BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()


def captioner(folder: Path, **options: object) -> Blip:
    return Blip(folder, caption.Blip.model_validate(options), CPU, torch.float32)


def words(blip: Blip, pictures: list[Prepared] | None = None) -> list[str]:
    pictures = pictures or [blip.prepare(picture) for picture in PICTURES]
    return [said.text for said in blip.say(pictures, lambda: None)]


def likeliest(
    model: BlipForConditionalGeneration, picture: Prepared, begun: list[int], shortest: int, longest: int
) -> str:
    """The likeliest word after the other, by whole passes of the network without any memory of the last."""
    tokens = [len(WORDS), *begun]
    with torch.inference_mode():
        seen = model.vision_model(pixel_values=torch.from_numpy(picture)[None])[0]
        while len(tokens) < longest:
            logits = model.text_decoder(input_ids=torch.tensor([tokens]), encoder_hidden_states=seen).logits[0, -1]
            if len(tokens) < shortest:
                logits[3] = -torch.inf
            tokens.append(int(logits.argmax()))
            if tokens[-1] == 3:
                break
    said = [WORDS[token] for token in tokens[1 + len(begun) :] if 5 <= token < len(WORDS)]
    return " ".join(said).replace(" ##", "")


@pytest.mark.parametrize(("shortest", "longest"), [(1, 6), (5, 12), (9, 9)])
@pytest.mark.parametrize("prompt", ["", "a picture of"])
def test_words_lengths_and_prompt(
    folder: Path, reference: BlipForConditionalGeneration, prompt: str, shortest: int, longest: int
) -> None:
    blip = captioner(folder, prompt=prompt, min_length=shortest, max_length=longest)
    pictures = [blip.prepare(picture) for picture in PICTURES]
    begun = [WORDS.index(word) for word in prompt.split()]
    expected = [likeliest(reference, picture, begun, shortest, longest) for picture in pictures]
    assert words(blip, pictures) == expected
    assert len(set(expected)) > 1  # the pictures make a difference


def test_many_at_a_time_say_the_same_as_one_by_one(folder: Path) -> None:
    blip = captioner(folder, beams=3, max_length=10)
    pictures = [blip.prepare(picture) for picture in PICTURES]
    assert words(blip, pictures) == [words(blip, [picture])[0] for picture in pictures]


def test_words_drawn_by_chance_depend_on_seed_and_picture_alone(folder: Path) -> None:
    blip = captioner(folder, top_p=0.95, seed=1, max_length=12)
    together = words(blip)
    torch.manual_seed(99)
    assert [words(blip, [blip.prepare(picture)])[0] for picture in PICTURES] == together
    assert words(captioner(folder, top_p=0.95, seed=2, max_length=12)) != together


def test_pictures_are_squashed_and_normalised_as_clip_wants(folder: Path) -> None:
    picture = drawing(30, 20)
    small = np.asarray(picture.resize((16, 16), 3), dtype=np.float64) / 255  # 3 is bicubic
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    expected = ((small - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(captioner(folder).prepare(picture), expected, atol=2e-6)


def test_the_user_can_stop_between_two_words(folder: Path) -> None:
    blip = captioner(folder, min_length=40, max_length=60)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        blip.say([blip.prepare(PICTURES[0])], check)


def test_a_prompt_that_leaves_no_room_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="5 tokens long, and a caption may have 4"):
        words(captioner(folder, prompt="a picture of", min_length=1, max_length=4))


def test_more_words_than_the_model_has_room_for_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="room for 80 tokens, and max_length is 81"):
        captioner(folder, max_length=81)


# --- published as a pickle ----------------------------------------------------------------------------------------


def pickled(folder: Path, **changes: object) -> Path:
    """BLIP base as it is published: the weights in a pickle, those that are the same as others among them."""
    model = write_blip(folder)
    weights = {**model.state_dict(), "text_decoder.bert.embeddings.position_ids": torch.arange(80)[None], **changes}
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_a_model_published_as_a_pickle_is_installed_as_safetensors(folder: Path, tmp_path: Path, home: Home) -> None:
    (path,) = import_model(ImportJob(source=str(pickled(tmp_path / "my blip"))), Run(lambda _: None), home)
    assert path == home.models / "captioners" / "my blip"
    assert sorted(file.name for file in path.iterdir()) == [
        "config.json", "generation_config.json", "model.safetensors", "vocab.txt",
    ]  # fmt: skip
    assert [file.name for file in path.parent.iterdir()] == ["my blip"]
    options = {"beams": 2, "max_length": 12}
    assert words(captioner(path, **options)) == words(captioner(folder, **options))


class Payload:
    """Makes the file `marker` when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("change", ["evil", "another", "shape", "missing"])
def test_other_pickles_in_its_place_are_refused_and_run_nothing(tmp_path: Path, home: Home, change: str) -> None:
    marker, source = tmp_path / "ran", tmp_path / "blip"
    name = "vision_model.post_layernorm.weight"
    changes = {"evil": {"extra": Payload(marker)}, "another": {"extra": torch.zeros(1)}, "shape": {name: torch.ones(3)}}
    pickled(source, **changes.get(change, {}))
    if change == "missing":
        weights = torch.load(source / "pytorch_model.bin", weights_only=True)
        del weights[name]
        torch.save(weights, source / "pytorch_model.bin")
    with pytest.raises(UserError, match="are not those that its"):
        import_model(ImportJob(source=str(source)), Run(lambda _: None), home)
    assert not marker.exists()
    assert not list((home.models / "captioners").iterdir())


def test_missing_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    write_blip(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["vision_model.post_layernorm.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="incomplete: 1 of its weights"):
        captioner(tmp_path)
