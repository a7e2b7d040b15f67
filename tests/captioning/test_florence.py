"""Florence-2 on random weights: asked as transformers' own processor asks, offline, one word after the other; refused
where its folder wants to run code."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import BartTokenizer, Florence2Config, Florence2ForConditionalGeneration
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.florence2.processing_florence2 import Florence2Processor

from tests.captioning.models import drawing
from trainer.captioning.florence import PROMPTS, Florence, image_tokens
from trainer.captioning.run import caption as run_job
from trainer.contract import caption
from trainer.contract.caption import CaptionJob, FlorenceTask
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.run import Run
from trainer.dataset.readings import read_readings
from trainer.home import Home
from trainer.library.captioner_files import read_captioner
from trainer.library.index import Index

CPU = torch.device("cpu")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
LETTERS = sorted(ByteLevel.alphabet())
IMAGE = len(SPECIAL) + len(LETTERS)
PICTURES = [drawing(30, 20), drawing(16, 40), drawing(9, 9)]


def write_florence(folder: Path) -> Florence2ForConditionalGeneration:
    """A few thousand weights, and a tokenizer that spells everything."""
    torch.manual_seed(5)
    config = Florence2Config(
        text_config={
            "model_type": "bart", "vocab_size": IMAGE + 1, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
            "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
            "max_position_embeddings": 128, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
            "decoder_start_token_id": 2, "forced_eos_token_id": 2, "init_std": 0.6,
        },
        vision_config={
            "depths": [1, 1], "patch_size": [7, 3], "patch_stride": [4, 2], "patch_padding": [3, 1],
            "patch_prenorm": [False, True], "embed_dim": [8, 16], "num_heads": [2, 2], "num_groups": [2, 2],
            "window_size": 2, "projection_dim": 16, "max_position_embeddings": 16, "initializer_range": 0.4,
        },
        image_token_id=IMAGE,
    )  # fmt: skip
    model = Florence2ForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *LETTERS, "<image>"))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    numbers = {"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(numbers), encoding="utf-8")
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("florence")
    write_florence(folder)
    return folder


def captioner(folder: Path, **options: object) -> Florence:
    return Florence(folder, caption.Florence.model_validate(options), CPU, torch.float32)


def words(florence: Florence) -> list[str]:
    return [said.text for said in florence.say([florence.prepare(one) for one in PICTURES], lambda: None)]


@pytest.mark.parametrize(
    ("task", "token"),
    [
        ("caption", "<CAPTION>"),
        ("detailed_caption", "<DETAILED_CAPTION>"),
        ("more_detailed_caption", "<MORE_DETAILED_CAPTION>"),
    ],
)
def test_it_is_asked_as_transformers_processor_asks(folder: Path, task: FlorenceTask, token: str) -> None:
    pictures = CLIPImageProcessorPil(
        size={"height": 32, "width": 32}, do_center_crop=False, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]
    )
    cast(Any, pictures).image_seq_length = 17
    tokenizer = BartTokenizer.from_pretrained(folder, extra_special_tokens={"image_token": "<image>"})
    theirs: Any = Florence2Processor(pictures, tokenizer)
    asked = theirs(text=token, images=PICTURES[0], return_tensors="pt")
    ours = captioner(folder, task=task, max_length=12)
    assert ours._asked.tolist() == asked["input_ids"].tolist()
    assert np.allclose(ours.prepare(PICTURES[0]), asked["pixel_values"][0].numpy(), atol=1e-6)
    assert set(PROMPTS.values()) <= set(theirs.task_prompts_without_inputs.values())


def test_a_picture_of_768_pixels_becomes_577_tokens() -> None:
    """As preprocessor_config.json of the published models says (image_seq_length)."""
    assert image_tokens(Florence2Config().vision_config, 768) == 577


def test_words_are_the_likeliest_one_after_the_other(folder: Path) -> None:
    model = Florence2ForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
    ours = captioner(folder, beams=1, max_length=12)
    expected: list[str] = []
    for picture in PICTURES:
        tokens = [2]
        while len(tokens) < 12 and tokens[1:][-1:] != [2]:  # the last of 12 is the end, forced
            with torch.inference_mode():
                logits = model(
                    input_ids=ours._asked,
                    pixel_values=torch.from_numpy(ours.prepare(picture))[None],
                    decoder_input_ids=torch.tensor([tokens]),
                ).logits[0, -1]
            tokens.append(int(logits.argmax()))
        said = "".join(LETTERS[token - 4] for token in tokens if 4 <= token < IMAGE)
        decoded = bytes(_bytes()[letter] for letter in said).decode("utf-8", "replace")
        expected.append(" ".join(decoded.split()))
    assert words(ours) == expected
    assert len(set(expected)) > 1, "it looks at the pictures"


def _bytes() -> dict[str, int]:
    """Which byte each letter of byte-level BPE stands for (GPT-2's bytes_to_unicode)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


def test_it_can_be_stopped_between_two_words(folder: Path) -> None:
    florence, asked = captioner(folder, beams=1, max_length=12), 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        florence.say([florence.prepare(PICTURES[0])], check)


def test_more_words_than_the_model_has_room_for_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="room for 128 tokens, and max_length is 129"):
        captioner(folder, max_length=129)


def test_a_folder_is_known_listed_and_used_by_a_job(home: Home, tmp_path: Path) -> None:
    write_florence(home.models / "captioners" / "Florence-2-tiny")
    entry = Index(home).find("Florence-2-tiny")
    assert entry.identity is not None
    assert entry.identity.variant == "florence"
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    PICTURES[0].save(pictures / "a.png")
    job = CaptionJob(folder=str(pictures), captioner=caption.Florence(max_length=8), prefix="kiki")
    run_job(job, Run(lambda _: None), home)
    (reading,) = read_readings(pictures)["a.png"]
    assert (reading.captioner, reading.model) == ("florence", "Florence-2-tiny")
    said = f"kiki {reading.text}" if reading.text else ""
    written = pictures / "a.txt"
    assert (written.read_text(encoding="utf-8").rstrip("\n") if written.exists() else "") == said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: change(folder, auto_map={"AutoModel": "evil.py"}), "run code of its own"),
        (lambda folder: (folder / "vocab.json").unlink(), "no tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors"),
    ],
)
def test_a_folder_that_lacks_something_or_wants_to_run_code_is_refused(spoil: Any, said: str, tmp_path: Path) -> None:
    write_florence(tmp_path)
    assert read_captioner(tmp_path).captioner == "florence"
    spoil(tmp_path)
    with pytest.raises(UserError, match=said):
        read_captioner(tmp_path)


def change(folder: Path, **config: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | config), encoding="utf-8")
