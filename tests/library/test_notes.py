"""What a model says of itself, and what stands beside it."""

import json
from pathlib import Path

import pytest

from tests.library import layouts
from trainer.library.notes import LONGEST, ModelNotes, read_notes

LORA = layouts.kohya_lora({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (1280, 768)})


def lora(folder: Path, **metadata: str) -> Path:
    return layouts.write_header_only(
        folder / "cat.safetensors", LORA, metadata={key.replace("__", "."): text for key, text in metadata.items()}
    )


def test_modelspec_and_kohya_keys_are_read(tmp_path: Path) -> None:
    notes = read_notes(
        lora(
            tmp_path,
            modelspec__title="My cat",
            modelspec__author="Ann",
            modelspec__license="CC0-1.0",
            modelspec__trigger_phrase="sks cat",
            ss_sd_model_name="v1-5.safetensors",
            ss_network_dim="16",
            ss_network_alpha="8.0",
            ss_tag_frequency=json.dumps({"10_cat": {"cat": 9, "sofa": 2}, "5_cat": {"sofa": 9}}),
        )
    )
    assert (notes.title, notes.author, notes.licence) == ("My cat", "Ann", "CC0-1.0")
    assert (notes.base, notes.rank) == ("v1-5.safetensors", "16, alpha 8")
    assert notes.triggers == ("sks cat",)
    assert notes.tags == ("sofa", "cat")


def test_notes_of_other_programs_beside_the_model_are_read_once_each(tmp_path: Path) -> None:
    path = lora(tmp_path, modelspec__trigger_phrase="sks cat")
    path.with_suffix(".json").write_text(
        json.dumps({"activation text": "sks cat,", "notes": "weight 0.8"}), encoding="utf-8-sig"
    )
    path.with_suffix(".civitai.info").write_text(json.dumps({"trainedWords": ["sks cat", "on a sofa", 3]}))
    notes = read_notes(path)
    assert notes.triggers == ("sks cat", "on a sofa")
    assert notes.hint == "weight 0.8"


@pytest.mark.parametrize("beside", [b"", b"\xff\xfe\x00", b"[1, 2]", b"[" * 100_000, b'{"activation text": {"a": 1}}'])
def test_what_makes_no_sense_says_nothing(tmp_path: Path, beside: bytes) -> None:
    path = lora(tmp_path, ss_tag_frequency="{not json", ss_network_dim="many")
    path.with_suffix(".json").write_bytes(beside)
    assert read_notes(path) == ModelNotes()


def test_texts_are_cut_where_nobody_would_read_on(tmp_path: Path) -> None:
    assert len(read_notes(lora(tmp_path, modelspec__description="x" * 100_000)).description) == LONGEST + 2


def test_what_is_no_model_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    assert read_notes(tmp_path / "a.safetensors") == read_notes(tmp_path) == ModelNotes()
