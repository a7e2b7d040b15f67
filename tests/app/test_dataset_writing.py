"""Changes of thousands of captions on the page Dataset: worked out in the pool, shown on their way, stopped whole."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app import dataset_reading, dataset_writing
from app.dataset_folder import DatasetFolder
from app.widgets import writing_strip
from app.widgets.writing_strip import WritingStrip
from trainer.dataset import history
from trainer.dataset.book import Change
from trainer.dataset.edits import AddTags, SetText
from trainer.dataset.marks import Marks
from trainer.dataset.mending import Edit, Rename
from trainer.dataset.recipes import AS_IT_IS, Recipe
from trainer.dataset.tags import tags_of
from trainer.home import RESOURCES, Home

COUNT = 520


@pytest.fixture
def folder(qtbot: QtBot, tmp_path: Path) -> Iterator[DatasetFolder]:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(COUNT):
        (pictures / f"{number}.png").write_bytes(b"")
        (pictures / f"{number}.txt").write_bytes(b"cat\n")
    made = DatasetFolder(Home(tmp_path / "home"))
    with qtbot.waitSignals([made.read, made.examined]):
        made.open(pictures)
    yield made
    made.finish()


def texts(folder: DatasetFolder) -> set[bytes]:
    assert folder.folder is not None
    return {path.read_bytes() for path in folder.folder.glob("*.txt")}


def test_mending_many_captions_is_worked_out_in_the_pool(qtbot: QtBot, folder: DatasetFolder) -> None:
    threads: set[int] = set()
    add = AddTags(("hat",))

    def noted(text: str) -> str:
        threads.add(threading.get_ident())
        return add(text)

    with qtbot.waitSignal(folder.rested):
        folder.mend(Edit("Add a hat", tuple(range(COUNT)), noted))
    assert threads.isdisjoint({threading.get_ident()})
    assert len(threads) == 1
    assert texts(folder) == {b"cat, hat\n"}
    assert {row.caption for row in folder.rows} == {"cat, hat"}
    assert [step.title for step in folder.steps()] == ["Add a hat"]
    with qtbot.waitSignal(folder.rested):
        folder.mend(Edit("Add a hat", tuple(range(COUNT)), noted))
    assert len(folder.steps()) == 1, "where nothing changes there is no step"


def test_edits_see_what_those_before_them_wrote(qtbot: QtBot, folder: DatasetFolder) -> None:
    """A batch that is still being written, tags that were typed fast, and a single caption among them."""
    said: list[str] = []
    folder.trouble.connect(said.append)
    everything = range(COUNT)
    with qtbot.waitSignal(folder.rested):
        folder.write("Add a hat", folder.preview(AddTags(("hat",)), everything))
        for tag in ("one", "two"):
            folder.edit(f"Added {tag!r}", AddTags((tag,)), [0])
        folder.edit("Added 'three'", AddTags(("three",)), everything)
    assert said == []
    assert folder.folder is not None
    assert (folder.folder / "0.txt").read_bytes() == b"cat, hat, one, two, three\n"
    assert texts(folder) == {b"cat, hat, one, two, three\n", b"cat, hat, three\n"}
    assert folder.rows[0].caption == "cat, hat, one, two, three"
    assert len(folder.steps()) == 4


def test_an_edit_goes_on_from_what_other_programs_wrote(qtbot: QtBot, folder: DatasetFolder) -> None:
    assert folder.folder is not None
    (folder.folder / "0.txt").write_bytes(b"dog\n")
    with qtbot.waitSignal(folder.rested):
        folder.edit("Added 'hat'", AddTags(("hat",)), [0, 1])
    assert [(folder.folder / f"{n}.txt").read_bytes() for n in (0, 1)] == [b"dog, hat\n", b"cat, hat\n"]
    assert [folder.rows[n].tags for n in (0, 1)] == [("dog", "hat"), ("cat", "hat")]


def test_what_is_typed_next_goes_on_from_what_was_typed_before(qtbot: QtBot, folder: DatasetFolder) -> None:
    """Although the first words reach the disk, and are told of, when the next ones have been asked for already."""
    shown: list[str] = []
    folder.changed.connect(lambda _places: shown.append(folder.rows[0].caption))
    folder.write("1", (Change(0, "cat", "cat a"),))
    folder.write("2", (Change(0, "cat a", "cat a b"),))
    with qtbot.waitSignal(folder.changed):
        pass
    folder.write("3", (Change(0, folder.rows[0].caption, "cat a b c"),))
    with qtbot.waitSignal(folder.rested):
        pass
    assert shown == ["cat a b", "cat a b c", "cat a b c"]
    assert folder.folder is not None
    assert (folder.folder / "0.txt").read_bytes() == b"cat a b c\n"


def test_a_refused_write_shows_what_is_on_the_disk(qtbot: QtBot, folder: DatasetFolder) -> None:
    assert folder.folder is not None
    (folder.folder / "0.txt").write_bytes(b"dog\n")
    with qtbot.waitSignals([folder.rested, folder.trouble]):
        folder.write("Add a hat", [Change(place, "cat", "cat, hat") for place in range(3)])
    assert [(row.caption, row.tags) for row in folder.rows[:3]] == [
        ("dog", ("dog",)),
        ("cat", ("cat",)),
        ("cat", ("cat",)),
    ]


def test_tags_of_many_captions_are_worked_out_in_the_pool(
    qtbot: QtBot, folder: DatasetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def noted(text: str) -> tuple[str, ...]:
        threads.add(threading.get_ident())
        return tags_of(text)

    for module in (dataset_writing, dataset_reading):
        monkeypatch.setattr(module, "tags_of", noted)
    with qtbot.waitSignal(folder.rested):
        folder.write("Add a hat", folder.preview(AddTags(("hat",)), range(COUNT)))
        folder.undo()
    assert {row.tags for row in folder.rows} == {("cat",)}
    assert threads
    assert threading.get_ident() not in threads


def test_a_batch_shows_how_far_it_is_and_is_stopped_whole(
    qtbot: QtBot, folder: DatasetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    strip = WritingStrip(folder)
    qtbot.addWidget(strip)
    stopped, replace = threading.Event(), history.replace_at_once

    def halfway(path: Path, data: bytes, *, sync_now: bool) -> None:
        """The second half is written only after somebody has stopped it."""
        if int(path.stem) > COUNT // 2:
            assert stopped.wait(10)
        replace(path, data, sync_now=sync_now)

    monkeypatch.setattr(history, "replace_at_once", halfway)
    assert strip.isHidden()
    folder.write("Add a hat", folder.preview(AddTags(("hat",)), range(COUNT)))
    assert {row.caption for row in folder.rows} == {"cat, hat"}
    qtbot.waitUntil(lambda: not strip.isHidden())
    with qtbot.waitSignal(folder.rested):
        strip.stop.click()
        stopped.set()
    assert strip.isHidden()
    assert texts(folder) == {b"cat\n"}
    assert {row.caption for row in folder.rows} == {"cat"}
    assert folder.steps() == ()


def test_a_few_captions_show_nothing(qtbot: QtBot, folder: DatasetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    strip = WritingStrip(folder)
    qtbot.addWidget(strip)
    shown: list[bool] = []
    folder.progressed.connect(lambda _done, _total: shown.append(not strip.isHidden()))
    monkeypatch.setattr(writing_strip, "MANY", COUNT)
    with qtbot.waitSignal(folder.rested):
        folder.write("Add a hat", folder.preview(AddTags(("hat",)), range(COUNT)))
    assert shown
    assert not any(shown)


def test_what_ships_with_gesso_is_copied_before_it_is_written_into(qtbot: QtBot, tmp_path: Path) -> None:
    shipped, home = RESOURCES / "sample-dataset", Home(tmp_path / "home")
    before = {path.name: path.read_bytes() for path in shipped.iterdir()}
    for tag in ("hat", "scarf"):  # the second time the copy is there, with what was written
        folder = DatasetFolder(home)
        with qtbot.waitSignals([folder.read, folder.examined]):
            folder.open(shipped)
        assert folder.folder == home.datasets / "sample-dataset"
        folder.edit(f"Added {tag!r}", AddTags((tag,)), range(len(folder.rows)))
        folder.finish()
    written = [path.read_text() for path in (home.datasets / "sample-dataset").glob("*.txt")]
    assert len(written) == len(list(shipped.glob("*.txt")))
    assert all(text.endswith(", hat, scarf") for text in map(str.rstrip, written))
    assert {path.name: path.read_bytes() for path in shipped.iterdir()} == before


def test_health_is_looked_at_anew_after_a_change(qtbot: QtBot, folder: DatasetFolder) -> None:
    """What was written is no longer wrong, and what is wrong now is said."""

    def kinds() -> set[str]:
        return {kind for row in folder.rows for kind in row.problems}

    before = kinds()
    assert "repeated tag" not in before
    with qtbot.waitSignal(folder.examined):
        folder.write("", folder.preview(SetText("cat, hat, cat"), [0]))
    assert kinds() == before | {"repeated tag"}
    with qtbot.waitSignal(folder.examined):
        folder.undo()
    assert kinds() == before


def test_a_folder_is_read_anew_after_what_is_still_to_be_written(qtbot: QtBot, folder: DatasetFolder) -> None:
    assert folder.folder is not None
    folder.edit("Add a hat", AddTags(("hat",)), range(COUNT))
    folder.rate([5], 4)
    with qtbot.waitSignal(folder.examined):
        folder.open(folder.folder)
    assert texts(folder) == {b"cat, hat\n"}
    assert {row.caption for row in folder.rows} == {"cat, hat"}
    assert folder.rows[5].stars == 4
    folder.rate([6], 3)
    with qtbot.waitSignal(folder.rested):
        folder.rate([7], 2)
    kept = Marks(folder.folder)
    assert [kept.stars(folder.rows[place].relative) for place in (5, 6, 7)] == [4, 3, 2]


def test_files_are_mended_after_what_was_asked_for_before(qtbot: QtBot, folder: DatasetFolder) -> None:
    """A picture that is renamed while a batch is written takes its new caption along, and its stars."""
    assert folder.folder is not None
    place = COUNT - 1
    picture = Path(folder.paths[place])
    folder.rate([place], 5)
    folder.edit("Add a hat", AddTags(("hat",)), range(COUNT))
    with qtbot.waitSignal(folder.examined):
        folder.mend(Rename("Rename it", ((picture, "renamed.png"),)))
    renamed = folder.place_of(str(picture.with_name("renamed.png")))
    assert (picture.parent / "renamed.txt").read_bytes() == b"cat, hat\n"
    assert {row.caption for row in folder.rows} == {"cat, hat"}
    assert folder.rows[renamed].stars == 5
    with qtbot.waitSignal(folder.examined):
        folder.bring_back()
    assert picture.exists()
    assert {row.caption for row in folder.rows} == {"cat, hat"}


def test_a_crop_and_then_a_new_name_are_taken_back_in_turn_and_done_again(qtbot: QtBot, folder: DatasetFolder) -> None:
    assert folder.folder is not None
    picture = Path(folder.paths[3])
    crop = Recipe(crop=(1, 2, 30, 40))

    def recipe_of(name: str) -> Recipe:
        return folder.preparing.recipe_of(picture.with_name(name))

    with qtbot.waitSignal(folder.rested):
        folder.preparing.change("Cropped a picture", {3: crop})
    with qtbot.waitSignal(folder.examined):
        folder.mend(Rename("Rename it", ((picture, "renamed.png"),)))
    assert recipe_of("renamed.png") == crop
    stuck: list[str] = []
    folder.stuck.connect(stuck.append)
    with qtbot.waitSignal(folder.examined):
        folder.undo()
    assert recipe_of(picture.name) == crop
    with qtbot.waitSignal(folder.rested):
        folder.undo()
    assert recipe_of(picture.name) == AS_IT_IS
    with qtbot.waitSignal(folder.rested):
        folder.redo()
    assert recipe_of(picture.name) == crop
    with qtbot.waitSignal(folder.examined):
        folder.redo()
    assert recipe_of("renamed.png") == crop
    assert stuck == []
