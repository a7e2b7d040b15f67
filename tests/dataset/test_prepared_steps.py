"""Changes of recipes and masks are steps among those of captions: undone in one order, to the byte, after a restart."""

import json
import random
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.history import ChangedOutside
from trainer.dataset.items import scan
from trainer.dataset.journal import FileChange, Journal, Record
from trainer.dataset.masks import mask_path
from trainer.dataset.recipes import AS_IT_IS, RECIPES_PATH, Recipe, Recipes
from trainer.files import locked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").write_bytes(b"any picture")
        (folder / f"{name}.txt").write_bytes(name.encode())
    return folder


def state(folder: Path) -> dict[str, bytes]:
    """What undo is about: the captions, the masks and the recipes."""
    paths = [*folder.glob("*.txt"), *folder.glob("*-masklabel.png"), folder / RECIPES_PATH]
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def test_one_order_with_captions_and_after_a_restart(folder: Path) -> None:
    first = state(folder)
    book = CaptionBook(scan(folder))
    step = book.prepare("turned", {0: Recipe(1), 2: Recipe(crop=(0, 0, 5, 5))}, source="command line")
    assert (step.title, step.source, step.captions, step.changes) == ("turned", "command line", 0, ())
    book.apply("edited", [Change(1, "b", "a bear")])
    book.prepare("back", {0: AS_IT_IS})
    assert [one.title for one in book.done] == ["turned", "edited", "back"]
    again = CaptionBook(scan(folder))
    assert again.notes == ()
    undone = again.undo()
    assert undone is not None
    assert undone.title == "back"
    assert Recipes(folder).of("a.png") == Recipe(1)
    again.undo()
    assert (folder / "b.txt").read_bytes() == b"b"
    assert Recipes(folder).of("a.png") == Recipe(1)
    again.undo()
    assert state(folder) == first
    assert not (folder / RECIPES_PATH).exists()
    for _ in range(3):
        again.redo()
    assert (Recipes(folder).of("a.png"), Recipes(folder).of("c.png")) == (AS_IT_IS, Recipe(crop=(0, 0, 5, 5)))
    assert (folder / "b.txt").read_bytes() == b"a bear\n"


def test_any_order_of_steps_goes_back_and_forth_to_the_byte(folder: Path) -> None:
    chance = random.Random(11)
    book = CaptionBook(scan(folder))
    states = [state(folder)]
    for number in range(30):
        place = chance.randrange(3)
        kind = chance.random()
        if kind < 0.3:
            book.apply("edit", [Change(place, book.caption(place).text, f"caption {number}")])
        elif kind < 0.6:
            has_one = mask_path(book.dataset.items[place].path).exists()
            book.mask("mask", {place: None if has_one and number % 2 else b"mask %d" % number})
        else:
            book.prepare("prepare", {place: Recipe(chance.randrange(4), False, (number, 0, number + 1, 9))})
        states.append(state(folder))
    for expected in reversed(states[:-1]):
        assert book.undo() is not None
        assert state(folder) == expected
    assert book.undo() is None
    for expected in states[1:]:
        assert book.redo() is not None
        assert state(folder) == expected


def test_masks_say_where_they_are_and_are_undone_after_a_restart(folder: Path) -> None:
    theirs = folder / "b-masklabel.png"
    theirs.write_bytes(b"painted by another program")
    step = CaptionBook(scan(folder)).mask("painted", {2: b"mask", 1: None}, source="command line")
    assert step is not None
    assert (step.masked, step.changes, step.captions, step.source) == ((1, 2), (), 0, "command line")
    assert (theirs.exists(), (folder / "c-masklabel.png").read_bytes()) == (False, b"mask")
    undone = CaptionBook(scan(folder)).undo()
    assert undone is not None
    assert undone.masked == (1, 2)
    assert (theirs.read_bytes(), (folder / "c-masklabel.png").exists()) == (b"painted by another program", False)


def test_strokes_of_one_mask_are_one_step_and_all_of_them_taken_back_none(folder: Path) -> None:
    book, path = CaptionBook(scan(folder)), folder / "a-masklabel.png"
    for stroke in (b"one", b"two", b"three"):
        book.mask("painted", {0: stroke}, merge="a")
    assert [step.title for step in book.done] == ["painted"]
    assert book.mask("painted", {0: b"three"}, merge="a") is None
    book.mask("painted", {0: None}, merge="a")
    assert (book.done, path.exists()) == ((), False)
    book.redo()
    assert path.read_bytes() == b"three"
    book.mask("painted", {0: b"four"}, merge="a again")
    assert len(book.done) == 2
    book.undo()
    assert path.read_bytes() == b"three"


def test_what_others_painted_between_two_strokes_comes_back(folder: Path) -> None:
    book, path = CaptionBook(scan(folder)), folder / "a-masklabel.png"
    book.mask("painted", {0: b"one"}, merge="a")
    path.write_bytes(b"theirs")
    book.mask("painted", {0: b"two"}, merge="a")
    book.undo()
    assert path.read_bytes() == b"theirs"
    book.mask("painted", {0: None}, merge="a")
    book.undo()
    assert path.read_bytes() == b"theirs"


def test_a_caption_that_others_wrote_between_two_words_comes_back(folder: Path) -> None:
    book, path = CaptionBook(scan(folder)), folder / "a.txt"
    book.apply("typed", [Change(0, "a", "a cat")], merge="a")
    path.write_bytes(b"theirs")
    book.reread([0])
    book.apply("typed", [Change(0, "theirs", "theirs, sat")], merge="a")
    book.undo()
    assert path.read_bytes() == b"theirs"


def test_one_mask_of_several_that_becomes_as_it_was_takes_no_other_along(folder: Path) -> None:
    book = CaptionBook(scan(folder))
    for place, mask in ((0, b"A"), (1, b"B"), (0, None)):
        book.mask("painted", {place: mask}, merge="all")
    assert (folder / "b-masklabel.png").read_bytes() == b"B"
    assert len(book.done) == 1


def test_a_mask_joins_no_step_where_another_process_undid_something(folder: Path) -> None:
    book, other = CaptionBook(scan(folder)), CaptionBook(scan(folder))
    book.mask("painted", {0: b"A"}, merge="a")
    other.apply("typed", [Change(1, "b", "bear")])
    other.undo()
    book.mask("painted", {0: b"B"}, merge="a")
    assert len(book.done) == 2
    book.mask("painted", {0: b"A"}, merge="a")
    assert (folder / "a-masklabel.png").read_bytes() == b"A"


def test_masks_take_little_more_room_in_the_journal_than_their_files(folder: Path) -> None:
    noise = random.Random(1).randbytes(200_000)
    CaptionBook(scan(folder)).mask("painted", {0: noise})
    assert (folder / ".gesso" / "history" / "journal").stat().st_size < 1.05 * len(noise)
    undone = CaptionBook(scan(folder))
    for take in (undone.undo, undone.redo):
        take()
    assert (folder / "a-masklabel.png").read_bytes() == noise


def test_masks_that_differ_only_far_from_their_beginning_are_others(folder: Path) -> None:
    book = CaptionBook(scan(folder))
    head = bytes(100_000)
    (folder / "a-masklabel.png").write_bytes(head + b"1")
    book.mask("painted", {0: head + b"2"}, merge="a")
    book.mask("painted", {0: head + b"3"}, merge="a")
    assert len(book.done) == 1
    book.undo()
    assert (folder / "a-masklabel.png").read_bytes() == head + b"1"


def test_a_mask_that_can_not_be_written_is_said(folder: Path) -> None:
    (folder / "a-masklabel.png").mkdir()
    book = CaptionBook(scan(folder))
    with pytest.raises(UserError, match=r"a-masklabel\.png can't be written"):
        book.mask("painted", {0: b"mask"})
    assert book.done == ()


def test_nothing_to_change_is_no_step(folder: Path) -> None:
    book = CaptionBook(scan(folder))
    with pytest.raises(UserError, match="Nothing would change"):
        book.prepare("nothing", {0: AS_IT_IS})
    assert book.done == ()


def test_recipes_that_were_set_without_a_step_since_are_not_lost(folder: Path) -> None:
    book = CaptionBook(scan(folder))
    book.prepare("turned", {0: Recipe(1)})
    window = Recipes(folder)
    window.set("b.png", Recipe(2))
    window.save()
    with pytest.raises(ChangedOutside, match=r"recipes\.json changed since “turned”"):
        book.undo()
    assert (Recipes(folder).of("a.png"), Recipes(folder).of("b.png")) == (Recipe(1), Recipe(2))
    book.undo(leave_changed=True)
    assert Recipes(folder).of("b.png") == Recipe(2)
    assert book.done == ()


def test_a_refusing_disk_changes_nothing(folder: Path) -> None:
    (folder / ".gesso").write_bytes(b"a file stands here")
    with pytest.raises(UserError):
        CaptionBook(scan(folder)).prepare("turned", {0: Recipe(1)})
    assert (folder / ".gesso").read_bytes() == b"a file stands here"


@pytest.mark.parametrize(
    "path", [".gesso/marks.json", "sub/.gesso/recipes.json", "../.gesso/recipes.json", "../a-masklabel.png", "a.png"]
)
def test_a_journal_from_elsewhere_writes_no_other_file(folder: Path, path: str) -> None:
    journal = Journal(folder)
    with locked(journal.path):
        record = journal.append(
            Record("step", 1, "evil", when="2026-01-01T00:00:00+00:00"),
            (FileChange(path, None, json.dumps({}).encode()),),
        )
    with pytest.raises(UserError):
        journal.body(record)
