"""Caption files in every encoding that users have, written without harm, and what training makes of their text."""

import errno
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.contract.errors import UserError
from trainer.dataset.captions import (
    MAX_CAPTION_BYTES,
    alternatives,
    caption_for_step,
    count_words,
    decode_caption,
    read_caption,
    shuffle,
    split_tags,
    with_prefix,
    with_trigger,
    write_caption,
)
from trainer.dataset.names import shown


@pytest.mark.parametrize(
    ("data", "text", "encoding", "newline"),
    [
        (b"a red fox", "a red fox", "utf-8", ""),
        (b"a red fox\n", "a red fox", "utf-8", "\n"),
        (b"one\r\ntwo\r\n", "one\ntwo", "utf-8", "\r\n"),
        (b"one\rtwo", "one\ntwo", "utf-8", "\r"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café", "utf-8-sig", ""),
        (b"\xff\xfef\x00o\x00x\x00", "fox", "utf-16", ""),
        (b"\xfe\xff\x00f\x00o\x00x", "fox", "utf-16", ""),
        (b"the fox\x92s tail", "the fox’s tail", "cp1252", ""),
        (b"bad \x9d byte", "bad \ufffd byte", "cp1252", ""),
        ("狐".encode("shift-jis"), "狐", "shift_jis", ""),
        (b"half \xed\xa0\x80 pair", "half í\xa0€ pair", "cp1252", ""),
        (b"", "", "utf-8", ""),
        (b"\n", "", "utf-8", "\n"),
        (b"a \x1b[31mred\x1b[0m <script>", "a \x1b[31mred\x1b[0m <script>", "utf-8", ""),
        ("\u202eabc".encode(), "\u202eabc", "utf-8", ""),
    ],
)
def test_reads_what_is_there(data: bytes, text: str, encoding: str, newline: str) -> None:
    caption = decode_caption(data)
    assert (caption.text, caption.encoding, caption.newline) == (text, encoding, newline)
    assert bool(caption.note) == (encoding in ("utf-16", "cp1252", "shift_jis"))
    assert caption.complete


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(
            (text, "shift_jis")
            for text in ("少女", "黒髪の少女、青い目", "1girl, 黒髪, 青い目", "Tシャツ", "東京タワー, night", "猫…♪")
        ),
        *(
            (text, "cp1252")
            for text in ("the fox’s tail", "élève", "d’élan", "“A cat” – on a café terrace", "Größe: 5 m²")
        ),
        *(
            (text, "cp1252")
            for text in ("Straße, Führer", "À l’école", "señora", "brøndsø på å", "cat’s “eye”", "’tis")
        ),
    ],
)
def test_japanese_and_western_texts_are_told_apart(text: str, encoding: str) -> None:
    caption = decode_caption(text.encode("cp932" if encoding == "shift_jis" else encoding))
    assert (caption.text, caption.encoding) == (text, encoding)
    assert "guess" in caption.note


@pytest.mark.parametrize("data", [b"fox\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "fox".encode("utf-16-le")])
def test_binary_is_said_and_not_taken_for_text(data: bytes) -> None:
    caption = decode_caption(data)
    assert (caption.text, caption.encoding, caption.complete) == ("", "binary", False)
    assert "binary" in caption.note


@pytest.mark.parametrize("letter", ["a", "é", "狐", "🦊"])
@pytest.mark.parametrize("offset", range(4))
def test_a_huge_line_is_bounded_and_keeps_whole_letters(letter: str, offset: int, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    text = "x" * offset + letter * (1_000_000 // len(letter.encode()))
    path.write_text(text, encoding="utf-8")
    caption = read_caption(path)
    assert caption.encoding == "utf-8"
    assert MAX_CAPTION_BYTES - 4 < len(caption.text.encode()) <= MAX_CAPTION_BYTES
    assert text.startswith(caption.text)
    assert "first 64 kB" in caption.note
    with pytest.raises(UserError, match="not changed"):
        write_caption(path, "short")
    assert path.read_text(encoding="utf-8") == text


@given(st.text(max_size=60))
def test_text_survives_writing_and_reading(text: str) -> None:
    text = text.replace("\0", "").replace("\ufeff", "")
    plain = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert decode_caption((plain + "\n").encode()).text == plain


def test_writes_utf8_and_never_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "ein Füchslein 狐 #1.txt"
    assert write_caption(path, "café")
    assert path.read_bytes() == "café\n".encode()
    assert write_caption(path, "")
    assert path.read_bytes() == b"\n"
    path.write_bytes(b"")
    assert write_caption(path, "")
    assert path.read_bytes() == b"\n"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "data", [b"one\r\ntwo", b"\xef\xbb\xbfone\ntwo\n", "one\ntwo".encode("utf-16"), b"one\ntwo\n\n"]
)
def test_an_unchanged_caption_is_not_touched(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    before = path.stat()
    assert not write_caption(path, "one\ntwo\n")
    assert path.read_bytes() == data
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_guessed_bytes_are_kept_when_the_caption_changes(tmp_path: Path) -> None:
    japanese = tmp_path / "j.txt"
    japanese.write_bytes("黒髪".encode("cp932"))
    write_caption(japanese, "黒髪, 猫")
    assert japanese.read_text("utf-8") == "黒髪, 猫\n"
    assert (tmp_path / "j.txt.bak").read_bytes() == "黒髪".encode("cp932")
    for file in (japanese, tmp_path / "j.txt.bak"):
        file.unlink()
    path = tmp_path / "a.txt"
    path.write_bytes(b"fox\x92s")
    assert not write_caption(path, "fox’s")
    assert list(tmp_path.iterdir()) == [path]
    write_caption(path, "the fox’s tail")
    write_caption(path, "the fox’s den")
    assert path.read_bytes() == "the fox’s den\n".encode()
    assert (tmp_path / "a.txt.bak").read_bytes() == b"fox\x92s"


def test_refusals_leave_the_old_caption(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"fox")
    with pytest.raises(UserError, match="half a character"):
        write_caption(path, "fox \ud800")
    assert path.read_bytes() == b"fox"
    path.write_bytes(b"fox\0")
    with pytest.raises(UserError, match="binary"):
        write_caption(path, "fox")
    assert path.read_bytes() == b"fox\0"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("replace", errno.ENOSPC, "disk is full"),
        ("fsync", errno.EIO, "reported an error"),
        ("open", errno.EROFS, "read-only"),
    ],
)
def test_a_disk_that_refuses_leaves_the_old_caption(
    call: str, code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"fox")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(UserError, match=words):
            write_caption(path, "a red fox")
    assert path.read_bytes() == b"fox"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_or_locked_caption_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gone.txt"
    with pytest.raises(UserError, match=r"gone\.txt has disappeared"):
        read_caption(path)

    def locked(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(UserError, match=r"gone\.txt can't be read: Permission denied"):
        read_caption(path)


def test_lines_are_alternatives() -> None:
    assert alternatives("a fox\n\n  a red fox \n") == ("a fox", "a red fox")
    assert alternatives(" \n") == ("",)


def test_shuffle_keeps_the_first_tags_and_loses_none() -> None:
    caption = "fox,  red fur , , snow, tree, sky"
    seen = {shuffle(caption, random.Random(seed), keep_tokens=1) for seed in range(300)}
    assert len(seen) == 24, "every order of the four loose tags comes up"
    for order in seen:
        tags = order.split(", ")
        assert tags[0] == "fox"
        assert sorted(tags) == ["fox", "red fur", "sky", "snow", "tree"]
    assert shuffle(caption, random.Random(7), 1) == shuffle(caption, random.Random(7), 1)
    assert shuffle("a fox in the snow.", random.Random(1)) == "a fox in the snow."
    assert shuffle("b, a", random.Random(1), keep_tokens=5) == "b, a"
    assert set(shuffle("a|b|c", random.Random(1), 0, "|").split("| ")) == {"a", "b", "c"}


def test_tags_are_split_verbatim() -> None:
    assert split_tags(r"poster (object), Red, red, a\, b") == ("poster (object)", "Red", "red", "a\\", "b")


def test_prefix_and_trigger() -> None:
    assert with_prefix("a fox", "photo of") == "photo of a fox"
    assert with_prefix("", "photo of") == "photo of"
    assert with_trigger("a fox", "zorv") == "zorv, a fox"
    assert with_trigger("", "zorv") == "zorv"
    assert with_trigger("a Zorv fox", "zorv") == "a Zorv fox"
    assert with_trigger("a zorvling", "zorv") == "zorv, a zorvling"
    assert with_trigger("a fox", " ") == "a fox"


def test_the_caption_of_a_step() -> None:
    text = "sun, sea, sand\nrain, hill"

    def at(seed: int, dropout: float = 0.0) -> str:
        return caption_for_step(
            text, random.Random(seed), trigger="zorv", shuffle_tags=True, keep_tokens=1, dropout=dropout
        )

    counts = Counter(at(seed) for seed in range(1000))
    first = {f"zorv, {a}, {b}, {c}" for a, b, c in _orders(("sun", "sea", "sand"))}
    assert set(counts) == first | {"zorv, rain, hill", "zorv, hill, rain"}
    assert 400 < sum(counts[caption] for caption in first) < 600
    assert 250 < sum(at(seed, 0.3) == "" for seed in range(1000)) < 350
    assert all(at(seed, 0.3) in ("", at(seed)) for seed in range(100)), "dropout leaves the other draws alone"
    assert caption_for_step("", random.Random(1), prefix="photo of", trigger="zorv") == "zorv, photo of"
    assert caption_for_step("a fox", random.Random(1), trigger="zorv", dropout=1.0) == ""


def _orders(tags: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    a, b, c = tags
    return [(a, b, c), (a, c, b), (b, a, c), (b, c, a), (c, a, b), (c, b, a)]


def test_counting_words_and_marks() -> None:
    assert count_words("a red fox, in the snow!") == 8


def test_names_are_shown_without_tricks() -> None:
    assert shown("a\x1b[31m\u202egnp.\udcff") == "a\\x1b[31m\\u202egnp.\\udcff"
    assert shown("ein Füchslein 狐 🦊.png") == "ein Füchslein 狐 🦊.png"
