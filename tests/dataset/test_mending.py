"""Files that are moved, renamed and written anew: as said, never over another, and back again byte for byte."""

import errno
import itertools
import os
import shutil
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset.marks import Marks
from trainer.dataset.mending import FileMending, Mended, MoveAway, Recode, Rename, mend, undo
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes
from trainer.files import write_bytes_atomically


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for name in (
        "a.png",
        "a.jpg",
        "a.txt",
        "b.png",
        "b.txt",
        "b-masklabel.png",
        "sub/c.webp",
        "sub/c.caption",
        "b.npz",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "d.txt").write_bytes(b"the fox\x92s tail")
    (folder / "e.txt").write_bytes("one\r\ntwo".encode("utf-16"))
    return folder


def mended(folder: Path, mending: FileMending) -> tuple[set[str], set[str], Mended]:
    """(files gone, files new) by what was done, what lies in .gesso aside."""
    before = files(folder)
    done = mend(mending, folder)
    after = {name for name in files(folder) if not name.startswith(".gesso/")}
    assert before.items() >= {
        (name, files(folder)[name]) for name in after & before.keys() if name not in ("d.txt", "e.txt")
    }
    return before.keys() - after, after - before.keys(), done


def test_moved_away_goes_a_picture_with_its_own(folder: Path) -> None:
    before = files(folder)
    away = MoveAway("out", (folder / "b.png", folder / "sub" / "c.webp", folder / "a.jpg"))
    gone, new, done = mended(folder, away)
    assert gone == {"b.png", "b.txt", "b-masklabel.png", "sub/c.webp", "sub/c.caption", "a.jpg"}
    assert new == set()
    assert (folder / ".gesso" / "removed" / "0001" / "sub" / "c.caption").read_bytes() == b"sub/c.caption"
    undo(done)
    assert files(folder) == before
    assert not (folder / ".gesso").exists()


def test_of_two_pictures_with_one_caption_the_last_takes_it_along(folder: Path) -> None:
    gone, _, _ = mended(folder, MoveAway("out", (folder / "a.png", folder / "a.jpg")))
    assert gone == {"a.png", "a.jpg", "a.txt"}


def test_renamed_goes_a_caption_along_or_is_copied(folder: Path) -> None:
    before = files(folder)
    names = ((folder / "a.jpg", "a-2.jpg"), (folder / "b.png", "x.png"), (folder / "sub" / "c.webp", "c.jpg"))
    gone, new, done = mended(folder, Rename("rename", names))
    assert gone == {"a.jpg", "b.png", "b.txt", "b-masklabel.png", "sub/c.webp"}
    assert new == {"a-2.jpg", "a-2.txt", "x.png", "x.txt", "x-masklabel.png", "sub/c.jpg"}
    assert (folder / "a-2.txt").read_bytes() == (folder / "a.txt").read_bytes()
    undo(done)
    assert files(folder) == before


def test_written_as_utf8_the_text_stays_and_comes_back(folder: Path) -> None:
    before = files(folder)
    _, _, done = mended(folder, Recode("recode", (folder / "d.txt", folder / "e.txt")))
    assert (folder / "d.txt").read_bytes() == "the fox’s tail\n".encode()
    assert (folder / "e.txt").read_bytes() == b"one\ntwo\n"
    undo(done)
    assert files(folder) == before


def test_nothing_is_written_over(folder: Path) -> None:
    before = files(folder)
    with pytest.raises(UserError, match=r"there is a a\.png already"):
        mend(Rename("rename", ((folder / "sub" / "c.webp", "x.webp"), (folder / "a.jpg", "a.png"))), folder)
    assert files(folder) == before
    with pytest.raises(UserError, match="No such file"):
        mend(MoveAway("out", (folder / "b.png", folder / "gone.png")), folder)
    assert files(folder) == before


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_disk_that_refuses_midway_leaves_everything(folder: Path, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(folder)
    calls: list[object] = []
    move = shutil.move

    def refuse(source: Path, target: Path) -> object:
        calls.append(source)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return move(source, target)

    monkeypatch.setattr(shutil, "move", refuse)
    with pytest.raises(UserError, match="disk is full"):
        mend(MoveAway("out", (folder / "b.png", folder / "a.png")), folder)
    assert len(calls) == call
    assert files(folder) == before


def test_what_was_changed_since_is_not_taken_back(folder: Path) -> None:
    recoded = mend(Recode("Recoding", (folder / "d.txt",)), folder)
    (folder / "d.txt").write_bytes(b"edited since")
    with pytest.raises(UserError, match=r"Recoding can't be undone: .*d\.txt was changed since"):
        undo(recoded)
    moved = mend(MoveAway("Removing", (folder / "b.png",)), folder)
    write_bytes_atomically(folder / "b.png", b"another")
    now = files(folder)
    with pytest.raises(UserError, match=r"b\.png is there again"):
        undo(moved)
    assert files(folder) == now


TWO_NAMES = (("b.png", "b-2.png"), ("sub/c.webp", "d.webp"))


def renamed(folder: Path) -> Mended:
    return mend(Rename("name", tuple((folder / path, name) for path, name in TWO_NAMES)), folder)


def test_a_renamed_picture_is_prepared_as_before_and_again_after_undo(folder: Path) -> None:
    mine = Recipe(1, True, (1, 2, 3, 4))
    recipes = Recipes(folder)
    recipes.set("b.png", mine)
    recipes.set("gone.webp", Recipe(2))
    recipes.save()
    before = recipes.path.read_bytes()
    done = renamed(folder)
    assert (Recipes(folder).of("b-2.png"), Recipes(folder).of("b.png")) == (mine, AS_IT_IS)
    undo(done)
    assert (folder / "b.png").exists()
    assert recipes.path.read_bytes() == before


def test_what_belonged_to_a_picture_that_is_gone_is_not_the_renamed_ones(folder: Path) -> None:
    recipes, marks = Recipes(folder), Marks(folder)
    recipes.set("sub/d.webp", Recipe(2))
    marks.set_stars("sub/d.webp", 2)
    recipes.save()
    marks.save()
    renamed(folder)
    assert (Recipes(folder).of("sub/d.webp"), Marks(folder).stars("sub/d.webp")) == (AS_IT_IS, 0)


def test_stars_and_flag_go_along_there_and_back(folder: Path) -> None:
    marks = Marks(folder)
    marks.set_stars("b.png", 4)
    marks.set_flag("b.png", "pick")
    marks.save()
    done = renamed(folder)
    now = Marks(folder)
    assert (now.stars("b-2.png"), now.flag("b-2.png"), now.stars("b.png")) == (4, "pick", 0)
    now.set_stars("b-2.png", 1)  # given under the new name
    now.save()
    undo(done)
    assert (Marks(folder).stars("b.png"), Marks(folder).flag("b.png")) == (1, "pick")


def known(folder: Path) -> dict[str, tuple[Recipe, int]]:
    """Of all pictures that are there, and have a recipe or stars."""
    recipes, marks = Recipes(folder), Marks(folder)
    names = sorted({*recipes, *marks})
    return {name: (recipes.of(name), marks.stars(name)) for name in names if (folder / name).exists()}


@pytest.fixture
def prepared(folder: Path) -> Path:
    recipes, marks = Recipes(folder), Marks(folder)
    for number, name in enumerate(("a.png", "b.png"), 1):
        recipes.set(name, Recipe(number))
        marks.set_stars(name, number)
    recipes.save()
    marks.save()
    return folder


def refuse(monkeypatch: pytest.MonkeyPatch, *calls: int) -> None:
    """From now on, of the files in `.gesso` that are written, those that come at these times."""
    count = itertools.count(1)

    def write(path: Path, text: str) -> None:
        if next(count) in calls:
            raise UserError("The disk is full.", "Make room.")
        write_bytes_atomically(path, text.encode())

    monkeypatch.setattr("trainer.dataset.own_file.write_text_atomically", write)


@pytest.mark.parametrize("call", [1, 2])
def test_where_recipes_or_marks_can_not_be_written_nothing_is_renamed(
    prepared: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(prepared)
    refuse(monkeypatch, call)
    with pytest.raises(UserError, match="The disk is full"):
        renamed(prepared)
    assert files(prepared) == before


def test_where_that_can_not_be_put_right_either_no_picture_loses_its_own(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = known(prepared)
    refuse(monkeypatch, 2, 3)
    with pytest.raises(UserError, match="The disk is full"):
        renamed(prepared)
    assert known(prepared) == before


@pytest.mark.parametrize("call", [1, 2])
def test_an_undo_that_the_disk_refuses_changes_nothing_and_can_be_tried_again(
    prepared: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(prepared)
    done = renamed(prepared)
    after = files(prepared)
    refuse(monkeypatch, call)
    with pytest.raises(UserError, match="The disk is full"):
        undo(done)
    assert files(prepared) == after
    undo(done)
    assert files(prepared) == before


def test_a_name_that_was_another_pictures_gives_that_ones_own_back(prepared: Path) -> None:
    before = files(prepared)
    away = mend(MoveAway("out", (prepared / "b.png",)), prepared)
    done = mend(Rename("name", ((prepared / "a.png", "b.png"),)), prepared)
    assert known(prepared) == {"b.png": (Recipe(1), 1)}
    undo(done)
    undo(away)
    assert files(prepared) == before


def test_names_that_follow_each_other_go_there_and_back(prepared: Path) -> None:
    before = files(prepared)
    done = mend(Rename("name", ((prepared / "b.png", "c.png"), (prepared / "a.png", "b.png"))), prepared)
    assert known(prepared) == {"b.png": (Recipe(1), 1), "c.png": (Recipe(2), 2)}
    undo(done)
    assert files(prepared) == before
