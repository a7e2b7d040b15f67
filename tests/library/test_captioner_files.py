"""Captioners are known by their content, and refused in words where something is missing or not to be trusted."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library import layouts
from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.library.captioner_files import (
    TagRow,
    is_captioner_folder,
    may_be_deepbooru_pickle,
    read_captioner,
    tag_rows,
)
from trainer.library.folders import model_folder
from trainer.library.identify import identify_file
from trainer.library.identity import Kind
from trainer.library.index import Index

TAGS = 'tag_id,name,category,count\n1,general,9,5\n2,1girl,0,5\n3,kiki_("x"),4,5\n'
DECODER = {"text_decoder.bert.embeddings.word_embeddings.weight": (8, 4), "vision_model.a": (2,)}


def wd(folder: Path, tags: str = TAGS, onnx: bytes | None = b"\x08\x08rest") -> Path:
    folder.mkdir()
    (folder / "selected_tags.csv").write_text(tags, encoding="utf-8")
    if onnx is not None:
        (folder / "model.onnx").write_bytes(onnx)
    return folder


def blip(folder: Path, **config: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "blip", **config}))
    (folder / "vocab.txt").write_text("[PAD]\n")
    layouts.write_header_only(folder / "model.safetensors", DECODER)
    return folder


def test_a_wd_tagger_is_known_by_its_list(tmp_path: Path) -> None:
    folder = wd(tmp_path / "tagger")
    (folder / "model.safetensors").write_bytes(b"of no use here")
    found = read_captioner(folder)
    assert (found.captioner, found.identity.kind, found.identity.variant) == ("wd", Kind.CAPTIONER, "wd")
    assert sorted(map(str, found.files)) == ["model.onnx", "selected_tags.csv"]
    assert found.bytes == 6 + len(TAGS)
    assert model_folder(found.identity) == "captioners"
    assert "1 tags and 1 characters" in found.identity.reasons[0]


def test_the_list_of_tags_is_read_in_order(tmp_path: Path) -> None:
    folder = wd(tmp_path / "tagger", tags='﻿name,category\n"a,b",0\n猫_(animal),4\n')
    assert tag_rows(folder / "selected_tags.csv") == (TagRow("a,b", 0), TagRow("猫_(animal)", 4))


@pytest.mark.parametrize("size", [("base", 768), ("large", 1024)])
def test_blip_is_known_by_its_config(tmp_path: Path, size: tuple[str, int]) -> None:
    folder = blip(tmp_path / "blip", vision_config={"hidden_size": size[1]})
    (folder / "pytorch_model.bin").write_bytes(b"of no use here")
    found = read_captioner(folder)
    assert (found.captioner, found.identity.parameters) == ("blip", 34)
    assert f"({size[0]})" in found.identity.reasons[0]
    assert sorted(map(str, found.files)) == ["config.json", "model.safetensors", "vocab.txt"]


def without(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: wd(p, onnx=None), "no model.onnx, the format in which"),
        (lambda p: wd(p, onnx=b"version https://git-lfs.github.com/spec/v1\noid"), "Git LFS pointer"),
        (lambda p: wd(p, onnx=b"<html>"), "no ONNX file"),
        (lambda p: wd(p, onnx=b""), "no ONNX file"),
        (lambda p: wd(p, tags="a,b\n1,2\n"), "damaged"),
        (lambda p: wd(p, tags="name,category\nx,zero\n"), "damaged"),
        (lambda p: wd(p, tags="name,category\n"), "empty"),
        (lambda p: blip(p, auto_map={"AutoModel": "evil.py"}), "run code of its own"),
        (lambda p: without(blip(p), "model.safetensors"), "no model.safetensors"),
        (lambda p: without(blip(p), "vocab.txt"), "neither vocab.txt nor tokenizer.json"),
    ],
)
def test_what_is_missing_or_damaged_is_named(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    folder = make(tmp_path / "captioner")
    with pytest.raises(UserError) as refused:
        read_captioner(folder)
    assert words in refused.value.title
    assert "captioner" in refused.value.title


def test_a_blip_that_does_not_write_captions_is_refused(tmp_path: Path) -> None:
    folder = blip(tmp_path / "itm")
    layouts.write_header_only(folder / "model.safetensors", {"itm_head.weight": (2, 4)})
    with pytest.raises(UserError, match="without text decoder"):
        read_captioner(folder)


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"model_type": "llama"}', "{" * 50])
def test_other_folders_are_no_captioners(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    assert not is_captioner_folder(tmp_path)


def test_deepbooru_is_known_by_its_first_and_last_convolution(tmp_path: Path) -> None:
    shapes = {"n_Conv_0.weight": (64, 3, 7, 7), "n_Conv_178.weight": (9176, 4096, 1, 1)}
    found = identify_file(layouts.write_header_only(tmp_path / "x.safetensors", shapes))
    assert (found.kind, found.variant, found.certainty) == (Kind.CAPTIONER, "deepbooru", "certain")


def test_captioners_are_in_the_list_with_their_size(tmp_path: Path, home: Home) -> None:
    (home.models / "captioners").mkdir(parents=True)
    blip(home.models / "captioners" / "my blip")
    wd(home.models / "captioners" / "my tagger")
    found = {entry.name: entry for entry in Index(home, []).models().entries}
    assert {name: entry.identity.variant for name, entry in found.items() if entry.identity} == {
        "my blip": "blip",
        "my tagger": "wd",
    }
    assert found["my tagger"].size == 6 + len(TAGS)


def test_the_published_checkpoint_is_recognised_without_opening_it(tmp_path: Path) -> None:
    for name, data in (("yes", b"n_Conv_0.weight n_Conv_178.weight tags"), ("no", b"state_dict tags")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("archive/data.pkl", data)
    (tmp_path / "text").write_bytes(b"n_Conv_0.weight n_Conv_178.weight tags")
    names = ("yes", "no", "text", "missing")
    assert [may_be_deepbooru_pickle(tmp_path / name) for name in names] == [True, False, False, False]
