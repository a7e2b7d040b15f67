"""Caption files: read in whatever encoding they have, written as UTF-8, and what training makes of their text.

A caption file is never rewritten unless its text changed: reading, checking and training leave every byte as it is.
"""

import random
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.contract.errors import UserError
from trainer.dataset.names import shown
from trainer.files import human_size, write_bytes_atomically

MAX_CAPTION_BYTES = 64 * 1024
"""More than this is not a caption: 75 tokens are some 400 letters."""

Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "cp1252", "shift_jis", "binary"]
GUESSED: frozenset[Encoding] = frozenset({"cp1252", "shift_jis"})
"""Encodings that nothing in the file proves; its bytes are kept when it is rewritten."""

KEPT_SUFFIX = ".bak"
"""Behind a caption file's name: its bytes from before it was rewritten, where its encoding was a guess."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_WORD = re.compile(r"\w+|[^\w\s]")
_JAPANESE = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]+")
_KANA = re.compile(r"[\u3001-\u30ff]")
_FOREIGN = re.compile(r"[^\x00-\x7f\u2010-\u203b\u2190-\u2193\u25a0-\u266f\u3000-\u30ff\u4e00-\u9fff\uff01-\uff9f]")
"""What Shift-JIS can say and Japanese captions seldom do: Greek, Cyrillic, frames, characters of private use."""
_MEANINGLESS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""In Windows-1252."""
_LETTERS = frozenset(string.ascii_letters)


@dataclass(frozen=True, slots=True)
class Caption:
    """The text of a caption file, without byte order mark and final newlines, its lines separated by `\\n`.

    `newline` is the file's own ("" for a single line). `note` says in a sentence what a reader should know about how
    the file was read ("" for plain UTF-8); `complete` is False where text was left out, so it can't be written back.
    """

    text: str
    encoding: Encoding = "utf-8"
    newline: str = ""
    note: str = ""
    complete: bool = True


def read_caption(path: Path) -> Caption:
    """Read at most 64 kB of a caption file. Raises UserError if it is gone or can't be opened."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CAPTION_BYTES + 1)
    except FileNotFoundError as error:
        raise UserError(
            f"The caption {shown(path)} has disappeared.", "Put the file back, or write the caption again."
        ) from error
    except OSError as error:
        raise UserError(
            f"The caption {shown(path)} can't be read: {error.strerror or error}.",
            "Close other programs that use the file, and check that you may read it.",
        ) from error
    return decode_caption(data)


def decode_caption(data: bytes) -> Caption:
    """The caption in `data`: UTF-8 (with or without mark), UTF-16 by its mark, else the likelier of Shift-JIS and
    Windows-1252, with a note."""
    too_long = len(data) > MAX_CAPTION_BYTES
    text, encoding, note = _decode(_cut(data) if too_long else data)
    if "\0" in text:
        return Caption("", "binary", note="It holds binary data and was not read as text.", complete=False)
    newline = next((mark for mark in ("\r\n", "\n", "\r") if mark in text), "")
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if too_long:
        note = f"{note} Only its first {MAX_CAPTION_BYTES // 1024} kB were read.".strip()
    return Caption(text, encoding, newline, note, complete=not too_long)


def _cut(data: bytes) -> bytes:
    """`data` shortened to the limit without leaving half a character at its end."""
    end = MAX_CAPTION_BYTES
    if not data.startswith(_UTF16_MARKS):
        while end > MAX_CAPTION_BYTES - 4 and data[end] & 0b1100_0000 == 0b1000_0000:
            end -= 1
    return data[:end]


def _decode(data: bytes) -> tuple[str, Encoding, str]:
    if data.startswith(_UTF16_MARKS):
        text = data.decode("utf-16", "replace")
        damaged = " Some of it is damaged." if "\ufffd" in text else ""
        return text, "utf-16", "It is UTF-16; most training programs can't read that." + damaged
    marked = data.startswith(_UTF8_MARK)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        japanese = _as_japanese(data)
        if japanese is not None:
            return japanese, "shift_jis", "It is not UTF-8; it was read as Shift-JIS, which is a guess."
        # Five bytes mean nothing in Windows-1252; a visible replacement character stands for each.
        text = data.decode("cp1252", "replace")
        return text, "cp1252", "It is not UTF-8; it was read as Windows-1252, which is a guess."
    return text, "utf-8-sig" if marked else "utf-8", ""


def _as_japanese(data: bytes) -> str | None:
    """The text if `data` is likelier Shift-JIS (as Windows has it, cp932) than Windows-1252, else None.

    Bytes alone don't tell: `’s` is a kanji too. In Japanese text most characters have two bytes above 127, or are kana,
    and stand apart from Latin letters. An accented letter or a curved quote of Windows-1252 is a single high byte
    within or beside a word, and swallows a letter of it if it is read as Shift-JIS. The more frequent of these signs
    decides, unless a byte means nothing in Windows-1252.
    """
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError:
        return None
    if _FOREIGN.search(text):
        return None
    if _MEANINGLESS.search(data):
        return text
    japanese = western = 0
    for run in _JAPANESE.finditer(text):
        kana = len(_KANA.findall(run[0]))
        beside = {text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]}
        if not kana and beside & _LETTERS:
            western += 1
            continue
        low = sum(character.encode("cp932")[1] < 128 for character in run[0] if not _KANA.match(character))
        japanese += len(run[0]) - low
        western += low
    return text if japanese > western else None


def encode_caption(text: str) -> bytes:
    """What a caption file holds that says `text`: UTF-8 without mark, lines parted by `\\n`, a newline at the end, so
    that it is never of zero bytes.

    Raises UserError for what could not be read back: half a character, a zero character, too much of it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"The new text holds half a character at place {error.start}.", "Delete that character and type it again."
        ) from error
    if b"\0" in data:
        raise UserError("The new text holds a zero character.", "Delete that character.")
    if len(data) >= MAX_CAPTION_BYTES:
        raise UserError(
            f"The new text has {human_size(len(data))}; a caption has at most {human_size(MAX_CAPTION_BYTES)}.",
            "Shorten it: a model hears 75 tokens, which are some 400 letters.",
        )
    return data + b"\n"


def write_caption(path: Path, text: str) -> bool:
    """Make `text` the caption at `path`: UTF-8 without mark, ending in one newline, so never a file of zero bytes.

    A file that already says `text`, in whatever encoding, is not touched; returns whether anything was written.
    Where the file's encoding had to be guessed its old bytes are kept beside it as `<name>.bak` first. Raises
    UserError if the file is not text, is too long, or can't be written.
    """
    try:
        data = encode_caption(text)
    except UserError as error:
        title = f"The caption {shown(path)} was not changed: {error.title[0].lower()}{error.title[1:]}"
        raise UserError(title, error.fix) from error
    if path.exists():
        there = read_caption(path)
        if not there.complete:
            raise UserError(
                f"The caption {shown(path)} was not changed: {there.note[0].lower()}{there.note[1:]}",
                "Move that file away, then write the caption again.",
            )
        if there.text == data.decode("utf-8").rstrip("\n") and path.stat().st_size > 0:
            return False
        if there.encoding in GUESSED:
            _keep_original(path)
    write_bytes_atomically(path, data)
    return True


def _keep_original(path: Path) -> None:
    kept = path.with_name(path.name + KEPT_SUFFIX)
    if not kept.exists():
        write_bytes_atomically(kept, path.read_bytes())


def alternatives(text: str) -> tuple[str, ...]:
    """The captions in `text`, one for each line that is not blank; one empty caption if there is none.

    Training takes one of them, by chance, at each step.
    """
    return tuple(line.strip() for line in text.splitlines() if line.strip()) or ("",)


def split_tags(caption: str, separator: str = ",") -> tuple[str, ...]:
    """The tags of a caption, in order, without the space around them; empty ones are left out."""
    return tuple(tag.strip() for tag in caption.split(separator) if tag.strip())


def join_tags(tags: tuple[str, ...], separator: str = ",") -> str:
    """`a, b, c`: the way tags are written, with a space after each separator."""
    return (separator.rstrip() + " ").join(tags) if separator.strip() else separator.join(tags)


def shuffle(caption: str, rng: random.Random, keep_tokens: int = 0, separator: str = ",") -> str:
    """The caption with its tags in random order, the first `keep_tokens` of them staying where they are.

    A sentence without separators comes back as it is. This is sd-scripts' `shuffle_caption` with `keep_tokens`.
    """
    tags = split_tags(caption, separator)
    loose = list(tags[keep_tokens:])
    rng.shuffle(loose)
    return join_tags((*tags[:keep_tokens], *loose), separator)


def with_prefix(caption: str, prefix: str) -> str:
    """`prefix` and the caption with one space between them, as sd-scripts' `caption_prefix`."""
    return " ".join(part for part in (prefix.strip(), caption) if part)


def with_trigger(caption: str, trigger: str, separator: str = ",") -> str:
    """The caption with the trigger word as its first tag, unless the word already stands somewhere in it."""
    word = trigger.strip()
    if not word or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", caption, re.IGNORECASE):
        return caption
    return join_tags((word, caption), separator) if caption else word


def caption_for_step(
    text: str,
    rng: random.Random,
    *,
    prefix: str = "",
    trigger: str = "",
    shuffle_tags: bool = False,
    keep_tokens: int = 0,
    separator: str = ",",
    dropout: float = 0.0,
) -> str:
    """What training shows the text encoder at one step for a caption file holding `text`.

    In this order: choose one of the alternatives, replace it by the empty caption with probability `dropout`, put
    the prefix and then the trigger word before it, shuffle. The same state of `rng` gives the same caption, and the
    draws for choosing and dropping do not depend on the other options.
    """
    options = alternatives(text)
    chosen = options[int(rng.random() * len(options))]
    if rng.random() < dropout:
        return ""
    caption = with_trigger(with_prefix(chosen, prefix), trigger, separator)
    return shuffle(caption, rng, keep_tokens, separator) if shuffle_tags else caption


def count_words(caption: str) -> int:
    """Words and punctuation marks: seldom more than the text encoder's tokens, of which 75 are heard."""
    return len(_WORD.findall(caption))
