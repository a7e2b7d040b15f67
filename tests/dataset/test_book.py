"""Captions edited by steps: verbatim, undone to the byte, refused where others wrote, across restarts and processes."""

import os
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset import history as history_module
from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.captions import KEPT_SUFFIX
from trainer.dataset.edits import (
    AddLine,
    AddTags,
    Append,
    Deduplicate,
    EscapeBrackets,
    Lowercase,
    Operation,
    Prepend,
    RemoveTags,
    ReplaceTag,
    ReplaceText,
    SetText,
    SortTags,
    SpacesToUnderscores,
    WithPrefix,
    WithSuffix,
    WithTrigger,
)
from trainer.dataset.history import ChangedOutside
from trainer.dataset.items import scan

RAW: dict[str, bytes | None] = {
    "a": b"cat, sofa",
    "b": b"cat,  sofa,window , \r\nsecond line\r\n",
    "c": b"\xef\xbb\xbfcaf\xc3\xa9, cat\n",
    "d": "cat, 猫\nzwei".encode("utf-16"),
    "e": b"the fox\x92s tail, caf\xe9\n",
    "f": "黒髪の少女、青い目".encode("cp932"),
    "g": rb"poster \(object\), (sky:1.2)",
    "h": None,
    "i": b"",
    "sub/j": b"cat\rdog\r",
    "sub/k": b"one\n\n\ntwo\n\n",
    "z/3_red fox/l": None,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    for stem, data in RAW.items():
        path = folder / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        if data is not None:
            path.with_suffix(".txt").write_bytes(data)
    return folder


def opened(folder: Path) -> CaptionBook:
    return CaptionBook(scan(folder))


def held(folder: Path) -> dict[str, bytes]:
    """Every file but those of the history, with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".gesso" not in path.parts
    }


def everything(book: CaptionBook) -> range:
    return range(len(book.dataset.items))


def edit(book: CaptionBook, operation: Operation, title: str = "an edit") -> None:
    book.apply(title, book.preview(operation, everything(book)))


def place_of(book: CaptionBook, name: str) -> int:
    return next(place for place, item in enumerate(book.dataset.items) if item.relative == name)


def test_reading_and_previewing_write_nothing(folder: Path) -> None:
    before = held(folder)
    book = opened(folder)
    changes = book.preview(AddTags(("new",)), everything(book))
    assert len(changes) == len(RAW)
    assert held(folder) == before
    assert not (folder / ".gesso").exists()
    assert (book.done, book.undone, book.notes) == ((), (), ())


def test_a_change_touches_the_files_it_names_and_no_other(folder: Path) -> None:
    before = held(folder)
    book = opened(folder)
    edit(book, ReplaceTag("cat", "dog"))
    after = held(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"a.txt", "b.txt", "c.txt", "d.txt", "sub/j.txt"}
    assert after["a.txt"] == b"dog, sofa\n"
    assert after["b.txt"] == b"dog,  sofa,window , \nsecond line\n"
    assert after["c.txt"] == "café, dog\n".encode()
    assert after["d.txt"] == "dog, 猫\nzwei\n".encode()


def test_undo_brings_every_byte_back_and_redo_does_it_again(folder: Path) -> None:
    before = held(folder)
    book = opened(folder)
    edit(book, AddTags(("new",)))
    after = held(folder)
    assert after["h.txt"] == b"new\n"
    assert after["e.txt" + KEPT_SUFFIX] == RAW["e"]
    assert after["f.txt" + KEPT_SUFFIX] == RAW["f"]
    step = book.undo()
    assert step is not None
    assert held(folder) == before
    assert book.caption(place_of(book, "h.png")).text == ""
    assert not book.has_file(place_of(book, "h.png"))
    assert book.caption(place_of(book, "f.png")).encoding == "shift_jis"
    book.redo()
    assert held(folder) == after
    assert book.caption(place_of(book, "e.png")).text == "the fox’s tail, café, new"
    assert (book.undo(), book.undo(), book.undo()) == (step, None, None)


def test_the_history_survives_closing(folder: Path) -> None:
    before = held(folder)
    book = opened(folder)
    edit(book, AddTags(("one",)), "first")
    edit(book, AddTags(("two",)), "second")
    book.undo()
    book = opened(folder)
    assert [step.title for step in book.done] == ["first"]
    assert [step.title for step in book.undone] == ["second"]
    (change,) = (change for change in book.done[0].changes if change.place == place_of(book, "a.png"))
    assert (change.before, change.after) == ("cat, sofa", "cat, sofa, one")
    assert book.done[0].captions == len(RAW)
    opened(folder).undo()
    assert held(folder) == before
    # the first book learns of it when it next does something
    assert book.undo() is None
    book.redo()
    assert [step.title for step in book.done] == ["first"]


def test_an_edit_after_undo_ends_what_was_undone(folder: Path) -> None:
    book = opened(folder)
    edit(book, AddTags(("one",)))
    book.undo()
    edit(book, AddTags(("two",)), "two")
    assert book.redo() is None
    assert [step.title for step in opened(folder).done] == ["two"]
    assert opened(folder).undone == ()


def test_a_caption_can_be_removed_and_comes_back(folder: Path) -> None:
    book = opened(folder)
    place = place_of(book, "e.png")
    book.apply("Remove", [Change(place, book.caption(place).text, None)])
    assert not (folder / "e.txt").exists()
    assert not book.has_file(place)
    book.undo()
    assert (folder / "e.txt").read_bytes() == RAW["e"]


def test_what_others_wrote_is_never_written_over(folder: Path) -> None:
    book = opened(folder)
    changes = book.preview(AddTags(("new",)), everything(book))
    (folder / "a.txt").write_bytes(b"written by another")
    (folder / "h.txt").write_bytes(b"this too")
    before = held(folder)
    with pytest.raises(ChangedOutside, match=r"a\.txt and h\.txt changed") as refusal:
        book.apply("Add", changes)
    assert set(refusal.value.paths) == {"a.txt", "h.txt"}
    assert held(folder) == before
    assert book.done == ()
    assert book.caption(place_of(book, "a.png")).text == "written by another"
    edit(book, AddTags(("new",)))
    assert (folder / "a.txt").read_bytes() == b"written by another, new\n"


def test_a_preview_that_is_out_of_date_is_refused(folder: Path) -> None:
    book = opened(folder)
    changes = book.preview(AddTags(("new",)), [0])
    book.apply("Set", [Change(0, book.caption(0).text, "other")])
    with pytest.raises(ChangedOutside):
        book.apply("Add", changes)
    assert (folder / "a.txt").read_bytes() == b"other\n"


def test_undo_leaves_what_others_changed_only_when_asked_to(folder: Path) -> None:
    before = held(folder)
    book = opened(folder)
    edit(book, AddTags(("new",)))
    (folder / "a.txt").write_bytes(b"mine")
    with pytest.raises(ChangedOutside, match=r"a\.txt"):
        book.undo()
    assert (folder / "b.txt").read_bytes() != RAW["b"]
    book.undo(leave_changed=True)
    assert held(folder) == {**before, "a.txt": b"mine"}
    book.redo(leave_changed=True)
    assert (folder / "a.txt").read_bytes() == b"mine"
    assert (folder / "h.txt").read_bytes() == b"new\n"


def test_changes_by_others_are_noticed(folder: Path) -> None:
    book = opened(folder)
    for place in everything(book):
        book.caption(place)
    assert book.reread(everything(book)) == ()
    (folder / "a.txt").write_bytes(b"new text")
    (folder / "b.txt").unlink()
    (folder / "h.txt").write_bytes(b"a caption at last")
    (folder / "c.txt").touch()
    names = [book.dataset.items[place].relative for place in book.reread(everything(book))]
    assert names == ["a.png", "b.png", "h.png"]
    assert book.caption(place_of(book, "a.png")).text == "new text"
    assert not book.has_file(place_of(book, "b.png"))
    assert book.reread(everything(book)) == ()


def test_typing_is_one_step(folder: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    book = CaptionBook(scan(folder), clock=lambda: now)

    def type_text(text: str) -> None:
        book.apply("Typing", [Change(0, book.caption(0).text, text)], merge="typing a.png", pause=10)

    for text in ("c", "ca", "cat"):
        type_text(text)
        now += timedelta(seconds=9)
    assert [len(step.changes) for step in book.done] == [1]
    assert book.done[0].changes == (Change(0, "cat, sofa", "cat"),)
    now += timedelta(seconds=2)
    type_text("cats")
    assert len(book.done) == 2
    book.undo()
    assert (folder / "a.txt").read_bytes() == b"cat\n"
    book.undo()
    assert (folder / "a.txt").read_bytes() == RAW["a"]
    assert len(opened(folder).undone) == 2


def test_the_results_of_a_run_are_one_step_and_typing_back_is_one_of_its_own(folder: Path) -> None:
    before = held(folder)
    book = opened(folder)
    for place in (0, 1, 2):
        book.apply("BLIP", [Change(place, book.caption(place).text, "a cat")], source="blip", merge="run 1")
    (step,) = book.done
    assert (step.source, step.captions, len(step.changes)) == ("blip", 3, 3)
    book.apply("Typing", [Change(0, "a cat", "x")], merge="typing")
    book.apply("Typing", [Change(0, "x", "a cat")], merge="typing")
    assert len(book.done) == 3
    for _ in range(3):
        book.undo()
    assert held(folder) == before


def test_pictures_that_share_a_caption_change_it_together(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"")
    book = opened(folder)
    one, two = place_of(book, "a.jpg"), place_of(book, "a.png")
    edit(book, AddTags(("new",)))
    assert (folder / "a.txt").read_bytes() == b"cat, sofa, new\n"
    assert {change.place for change in book.done[-1].changes} >= {one, two}
    text = book.caption(one).text
    with pytest.raises(UserError, match="share"):
        book.apply("Set", [Change(one, text, "x"), Change(two, text, "y")])
    book.apply("Set", [Change(one, text, "x")])
    assert book.caption(two).text == "x"


@pytest.mark.parametrize("bad", ["half \ud800", "zero \0", "x" * 70_000])
def test_a_text_that_no_file_can_hold_is_refused_before_anything_is_written(folder: Path, bad: str) -> None:
    before = held(folder)
    book = opened(folder)
    with pytest.raises(UserError, match=r"b\.txt"):
        book.apply("Set", [Change(0, "cat, sofa", "fine"), Change(1, book.caption(1).text, bad)])
    assert held(folder) == before
    assert book.done == ()


def test_what_is_no_text_is_shown_and_not_edited(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"GIF89a\0\0")
    (folder / "b.txt").unlink()
    (folder / "b.txt").mkdir()
    book = opened(folder)
    assert [book.caption(place).complete for place in (0, 1)] == [False, False]
    assert book.preview(AddTags(("new",)), [0, 1]) == ()
    with pytest.raises(UserError, match="can't be changed"):
        book.apply("Set", [Change(0, "", "text")])


def test_a_disk_that_refuses_midway_leaves_everything_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = held(folder)
    book = opened(folder)
    changes = book.preview(AddTags(("new",)), everything(book))
    write = history_module.replace_at_once

    def refuse(path: Path, data: bytes, *, sync_now: bool) -> None:
        if path.name == "d.txt" and b"new" in data:
            raise OSError(28, "No space left on device")
        write(path, data, sync_now=sync_now)

    monkeypatch.setattr(history_module, "replace_at_once", refuse)
    with pytest.raises(UserError, match="disk is full"):
        book.apply("Add", changes)
    assert held(folder) == before
    assert book.caption(0).text == "cat, sofa"
    monkeypatch.undo()
    assert opened(folder).notes == ()
    book.apply("Add", changes)
    book.undo()
    assert held(folder) == before


@pytest.mark.skipif(os.name == "nt", reason="links need leave there")
def test_what_a_link_leads_to_is_not_written(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere.txt"
    (folder / "a.txt").rename(elsewhere)
    (folder / "a.txt").symlink_to(elsewhere)
    edit(opened(folder), AddTags(("new",)))
    assert elsewhere.read_bytes() == RAW["a"]
    assert (folder / "a.txt").read_bytes() == b"cat, sofa, new\n"


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are text there")
def test_names_that_are_no_text_are_edited_like_any_other(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (folder / name).write_bytes(b"")
    before = held(folder)
    book = opened(folder)
    edit(book, AddTags(("new",)))
    assert book.caption(place_of(book, name)).text == "new"
    opened(folder).undo()
    assert held(folder) == before


def test_saving_a_text_as_it_is_makes_it_plain_utf8(folder: Path) -> None:
    """How a wrong encoding is mended."""
    book = opened(folder)
    places = [place_of(book, name) for name in ("c.png", "d.png", "f.png", "i.png")]
    book.apply("As UTF-8", [Change(place, book.caption(place).text, book.caption(place).text) for place in places])
    assert (folder / "c.txt").read_bytes() == "café, cat\n".encode()
    assert (folder / "d.txt").read_bytes() == "cat, 猫\nzwei\n".encode()
    assert (folder / "f.txt").read_bytes() == "黒髪の少女、青い目\n".encode()
    assert (folder / "i.txt").read_bytes() == b"\n"
    assert [book.caption(place).note for place in places] == [""] * 4


def test_a_preview_that_takes_too_long_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.dataset.book.PREVIEW_SECONDS", -1.0)
    book = opened(folder)
    with pytest.raises(UserError, match="too long"):
        book.preview(AddTags(("new",)), everything(book))


def test_class_words_of_a_folder_are_no_caption(folder: Path) -> None:
    book = opened(folder)
    place = place_of(book, "z/3_red fox/l.png")
    assert book.dataset.items[place].class_words == "red fox"
    assert (book.caption(place).text, book.has_file(place)) == ("", False)
    edit(book, AddTags(("new",)))
    assert (folder / "z/3_red fox/l.txt").read_bytes() == b"new\n"


def operations(chance: random.Random) -> list[Callable[[], Operation]]:
    words = ["cat", "dog", "long hair", "blue_eyes", r"poster \(object\)", "猫", "café", "1girl"]

    def word() -> str:
        return chance.choice(words)

    return [
        lambda: AddTags((word(), word()), chance.choice([None, 0, 1, 5])),
        lambda: RemoveTags((word(), word())),
        lambda: ReplaceTag(word(), word()),
        lambda: ReplaceText(chance.choice("aeo"), word(), case=False),
        lambda: ReplaceText(r"(\w+) (\w+)", r"\2 \1", regex=True),
        lambda: ReplaceText("[a-d].*", "", regex=True, whole_tag=True),
        lambda: SortTags(chance.choice(["alphabet", "natural"]), chance.randrange(3)),
        Deduplicate,
        Lowercase,
        SpacesToUnderscores,
        EscapeBrackets,
        lambda: WithPrefix(word()),
        lambda: WithSuffix(word()),
        lambda: WithTrigger(word()),
        lambda: Append(word()),
        lambda: Prepend(word()),
        lambda: AddLine(word()),
        lambda: SetText(chance.choice(["", "short", "two\nlines"])),
    ]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_500_random_steps_are_undone_and_redone_to_the_byte(
    folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps, merged and not, undo, redo, captions removed, the book closed and opened: every state seen comes back."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nothing here depends on it, and 500 steps wait long for it
    chance = random.Random(seed)
    book = opened(folder)
    states = [held(folder)]
    made = operations(chance)
    place = 0
    for _ in range(500):
        match chance.choices(["edit", "undo", "redo", "remove", "type", "open"], [50, 20, 15, 5, 10, 3])[0]:
            case "undo":
                assert (book.undo() is None) == (place == 0)
                place = max(place - 1, 0)
            case "redo":
                assert (book.redo() is None) == (place == len(states) - 1)
                place = min(place + 1, len(states) - 1)
            case "open":
                book = opened(folder)
            case what:
                places = chance.sample(everything(book), chance.randint(1, 6))
                if what == "edit":
                    changes = book.preview(chance.choice(made)(), places)
                elif what == "remove":
                    changes = tuple(Change(one, book.caption(one).text, None) for one in places if book.has_file(one))
                else:
                    text = f"{book.caption(places[0]).text}{chance.choice('abc')}"
                    changes = (Change(places[0], book.caption(places[0]).text, text),)
                if not changes:
                    continue
                book.apply(what, changes, merge="typing" if what == "type" else "")
                place = len(book.done)  # the same as before where it was merged
                states[place:] = [held(folder)]
        assert held(folder) == states[place]
        assert len(book.done) == place
    while book.redo():
        pass
    assert held(folder) == states[-1]
    for state in reversed(states[:-1]):
        book.undo()
        assert held(folder) == state
    book = opened(folder)
    while book.redo():
        pass
    assert held(folder) == states[-1]
