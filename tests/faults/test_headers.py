"""Damaged and foreign model files (reference items 1 to 26), through every command that opens a model."""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.command import contents, generate, gesso, refused, train
from trainer.home import Home

NAME = "a model é.safetensors"


def pack(header: object, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def entry(begin: int, end: int, shape: object = (2,), dtype: str = "F16") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def two(second: dict[str, object], data: int = 8) -> bytes:
    return pack({"a": entry(0, 4), "b": second}, bytes(data))


def duplicate() -> bytes:
    one, other = json.dumps(entry(0, 4)), json.dumps(entry(4, 8))
    return pack(f'{{"a": {one}, "a": {other}}}'.encode(), bytes(8))


def very_many() -> bytes:
    header = ",".join(f'"t{i}":{{"dtype":"U8","shape":[1],"data_offsets":[{i},{i + 1}]}}' for i in range(200_000))
    return pack(f"{{{header}}}".encode(), bytes(200_000))


Damage = Callable[[bytes], bytes]
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 4265146304\n"

CATALOGUE: dict[str, tuple[Damage, str]] = {
    "empty": (lambda good: b"", "too short (0 bytes)"),
    "seven bytes": (lambda good: good[:7], "too short (7 bytes)"),
    "header of 2^63 bytes": (lambda good: struct.pack("<Q", 1 << 63) + b"{}", "claims a header of"),
    "header of 100 MB and one": (lambda good: struct.pack("<Q", 100_000_001) + b"{}", "claims a header of"),
    "cut inside the header": (lambda good: good[:500], "not even a whole header"),
    "cut at the half": (lambda good: good[: len(good) // 2], "is incomplete: got"),
    "cut by one byte": (lambda good: good[:-1], "is incomplete: got"),
    "all zeros": (lambda good: bytes(len(good)), "holds only zeros"),
    "trailing bytes": (lambda good: good + b"PK\x03\x04 more", "9 bytes too many"),
    "not UTF-8": (lambda good: pack(b'{"\xff\xfe": 1}'), "not UTF-8"),
    "not JSON": (lambda good: pack(b"{hello}"), "not valid JSON"),
    "100,000 levels deep": (lambda good: pack(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "not a plain list"),
    "a key twice": (lambda good: duplicate(), 'lists "a" twice'),
    "overlap": (lambda good: two(entry(2, 6), 6), "overlaps"),
    "hole": (lambda good: two(entry(6, 10), 10), "hole"),
    "negative offset": (lambda good: pack({"a": entry(-4, 0)}), "impossible"),
    "end before begin": (lambda good: pack({"a": entry(4, 0)}, bytes(4)), "impossible"),
    "shape of another size": (lambda good: two(entry(4, 8, (3,))), "needs 6 bytes by its shape and has 4"),
    "shape beyond 64 bits": (lambda good: pack({"a": entry(0, 4, (2, 1 << 63))}, bytes(4)), "impossible shape"),
    "negative dimension": (lambda good: pack({"a": entry(0, 4, (-2,))}, bytes(4)), "impossible"),
    "unknown number format": (lambda good: pack({"a": entry(0, 4, (4,), "Q99")}, bytes(4)), "number format"),
    "200,000 tensors": (lambda good: very_many(), "lists 200,000 tensors"),
    "a path as a name": (lambda good: pack({"../../x": entry(0, 4)}, bytes(4)), "unusable name"),
    "metadata that is no text": (lambda good: pack({"__metadata__": {"a": [1]}}), "metadata"),
    "LFS pointer": (lambda good: LFS, "Git LFS pointer of"),
    "web page": (lambda good: b"<!DOCTYPE html><html><title>Log in</title></html>", "web page"),
    "a picture": (lambda good: b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG picture"),
}


def damaged(name: str, folder: Path, model: Path) -> tuple[Path, str]:
    damage, words = CATALOGUE[name]
    path = folder / "downloads 下" / NAME
    path.parent.mkdir()
    path.write_bytes(damage(model.read_bytes()))
    return path, words


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_damaged_file_is_neither_installed_nor_opened(name: str, tmp_path: Path, model: Path, home: Home) -> None:
    path, words = damaged(name, tmp_path, model)
    for arguments in (("models", "install", path), generate(path)):
        refused(*arguments, home=home, words=(NAME, words), inputs=(path.parent,))


@pytest.mark.parametrize("name", ["empty", "cut by one byte", "LFS pointer", "web page"])
def test_a_damaged_file_is_refused_wherever_it_is_named(
    name: str, tmp_path: Path, model: Path, subject: Path, home: Home
) -> None:
    path, words = damaged(name, tmp_path, model)
    for arguments in (
        ("models", "install", "--link", path),
        ("models", "show", path),
        ("models", "verify", path),
        ("models", "convert", path, "--to", "diffusers"),
        generate(model, "--lora", f"{path}:0.5"),
    ):
        refused(*arguments, home=home, words=(NAME, words), inputs=(path.parent,))
    refused(*train(path, subject), home=home, words=(NAME, words), inputs=(path.parent, subject), kept=("runs/",))


def test_a_damaged_file_in_the_library_stops_neither_the_list_nor_the_others(model: Path, home: Home) -> None:
    folder = home.models / "checkpoints"
    folder.mkdir(parents=True)
    for number, (damage, _) in enumerate(CATALOGUE.values()):
        if number % 5 == 0:
            (folder / f"bad {number}.safetensors").write_bytes(damage(model.read_bytes()))
    before = contents(folder)
    assert gesso("models", "install", model, home=home).code == 0
    listed = gesso("models", "list", home=home)
    assert listed.code == 0
    assert "a whole model (checkpoint)" in next(line for line in listed.out.splitlines() if line.startswith("tiny"))
    assert "is incomplete" in listed.out
    assert {path: contents(folder)[path] for path in before} == before
    refused("models", "show", "bad 0", home=home, words=("bad 0.safetensors", "too short"))


def test_a_file_that_replaces_another_must_be_good(model: Path, tmp_path: Path, home: Home) -> None:
    """A bad file never costs the good one of that name, whatever was asked for."""
    assert gesso("models", "install", model, "--name", "mine", home=home).code == 0
    bad = tmp_path / "mine.safetensors"
    bad.write_bytes(model.read_bytes()[:-1])
    refused("models", "install", bad, "--replace", home=home, words=("incomplete",), inputs=(tmp_path / "none",))
    refused("models", "install", model, "--name", "mine", home=home, words=("named mine already",))


def test_a_zip_behind_a_model_is_no_model(model: Path, tmp_path: Path, home: Home) -> None:
    """A file that is two things at once, depending on who opens it."""
    path = tmp_path / "both.safetensors"
    path.write_bytes(model.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("data.pkl", b"cos\nsystem\n")
    refused("models", "install", path, home=home, words=("both.safetensors", "bytes too many"))


def test_terminal_codes_in_a_file_are_not_obeyed(tmp_path: Path, home: Home) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(pack({"\x1b[31mred\u202e": entry(0, 4)}, bytes(4)))
    done = refused("models", "install", path, home=home, words=("unusable name",))
    assert "\x1b" not in done.err
    assert "\u202e" not in done.err
