"""The health check on folders in which everything is wrong, or nothing, and what it remembers of pictures."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.dataset.planted import FAULTS, RESOLUTION, photograph, plant, sound_folder, write
from trainer.contract.errors import Cancelled
from trainer.dataset import health_picture
from trainer.dataset.book import CaptionBook
from trainer.dataset.findings import Kind
from trainer.dataset.health import HealthReport, examine
from trainer.dataset.health_picture import Look
from trainer.dataset.health_problem import Language
from trainer.dataset.items import scan
from trainer.dataset.masks import mask_path
from trainer.dataset.mending import Edit, MoveAway, mend, undo
from trainer.dataset.recipes import Recipe, Recipes
from trainer.library.tokens import count_tokens, is_word

LANGUAGE = Language(count_tokens, is_word, "tokens")
SOUND, PLANTED = 240, 60


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """300 sound pictures. Copy the folder before you change it."""
    return sound_folder(tmp_path_factory.mktemp("sound"), SOUND + PLANTED, seed=5)


@pytest.fixture
def folder(sound: Sequence[Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound[0].parents[1], tmp_path / "pictures"))


def looked(folder: Path, cache: Path | None = None) -> HealthReport:
    return examine(scan(folder), resolution=RESOLUTION, language=LANGUAGE, cache=cache)


def test_nothing_is_found_in_a_sound_folder(folder: Path) -> None:
    report = looked(folder)
    assert [(problem.kind, problem.paths[0].name, problem.reason) for problem in report.problems] == []
    assert len(report.looks) == SOUND + PLANTED


def test_every_planted_fault_is_found_and_nothing_else(folder: Path, sound: Sequence[Path]) -> None:
    assert len(FAULTS) == PLANTED
    paths = [folder / path.relative_to(sound[0].parents[1]) for path in sound]
    expected = sorted(plant(paths, SOUND))
    planted = {path for _, path in expected}
    report = looked(folder)
    named: list[tuple[Kind, Path]] = []
    for problem in report.problems:
        mine = planted.intersection(problem.paths)
        assert mine, f"a false alarm: {problem}"
        for path in mine:
            named.append((problem.kind, path))
        assert problem.reason.endswith(".")
        assert problem.fix.endswith(".")
    assert set(named) - set(expected) == set()
    assert set(expected) - set(named) == set()
    assert sorted(named) == expected
    assert json.loads(json.dumps(report.to_dict()))["bad"] == 6


def small_folder(folder: Path) -> Path:
    for number in range(4):
        write(folder / f"{number}.png", photograph(number), f"picture number {number}")
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are read."""
    names: list[str] = []
    look_at = health_picture.look_at

    def noted(path: Path) -> Look:
        names.append(path.name)
        return look_at(path)

    monkeypatch.setattr(health_picture, "look_at", noted)
    return names


def test_a_picture_is_read_again_only_when_it_has_changed(tmp_path: Path, reads: list[str]) -> None:
    folder, cache = small_folder(tmp_path / "pictures"), tmp_path / "cache"
    (folder / "4.png").write_bytes(b"")
    first = looked(folder, cache)
    assert sorted(reads) == [f"{number}.png" for number in range(5)]
    reads.clear()
    assert looked(folder, cache) == first
    assert reads == ["4.png"], "what can't be read may be readable the next time"
    reads.clear()
    photograph(9).save(folder / "1.png")
    os.utime(folder / "2.png", ns=(1, 1))
    (folder / "3.png").unlink()
    (folder / "0.txt").write_text("another caption", encoding="utf-8")
    looked(folder, cache)
    assert sorted(reads) == ["1.png", "2.png", "4.png"]


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"format": 2, "pictures": {"0.png": [1, 2, {"width": []}]}}'])
def test_a_damaged_cache_is_as_good_as_none(damage: bytes, tmp_path: Path, reads: list[str]) -> None:
    folder, cache = small_folder(tmp_path / "pictures"), tmp_path / "cache"
    first = looked(folder, cache)
    (kept,) = (cache / "health").iterdir()
    kept.write_bytes(damage)
    reads.clear()
    assert looked(folder, cache) == first
    assert len(reads) == 4
    assert len(kept.read_bytes()) > 1000


def test_stopped_midway_it_goes_on_where_it_was(tmp_path: Path, reads: list[str]) -> None:
    folder, cache = small_folder(tmp_path / "pictures"), tmp_path / "cache"

    def stop(done: int, total: int) -> None:
        if (done, total) == (3, 4):
            raise Cancelled

    with pytest.raises(Cancelled):
        examine(scan(folder), watch=stop, cache=cache)
    reads.clear()
    looked(folder, cache)
    assert len(reads) == 1


def test_captions_come_from_the_book(tmp_path: Path) -> None:
    folder = small_folder(tmp_path)
    dataset = scan(folder)
    book = CaptionBook(dataset)
    (folder / "2.txt").write_bytes(b"")
    report = examine(dataset, book, resolution=RESOLUTION)
    assert report.by_place() == {2: {"empty caption"}}


def test_all_of_a_kind_is_mended_at_once(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "5_sks cat")
    for number in (1, 3):
        (folder / f"{number}.txt").unlink()
    shutil.copy(folder / "0.png", folder / "copy.png")
    shutil.copy(folder / "0.txt", folder / "copy.txt")
    report = looked(folder)
    assert {kind: len(problems) for kind, problems in report.by_kind().items()} == {"same file": 1, "no caption": 2}
    (edit,) = report.mendings("no caption")
    assert isinstance(edit, Edit)
    assert (edit.places, edit.operation("")) == ((1, 3), "sks cat")
    assert report.mendings("tag conflict") == ()
    (away,) = report.mendings("same file")
    assert isinstance(away, MoveAway)
    mended = mend(away, folder)
    assert looked(folder).by_kind().keys() == {"no caption"}
    undo(mended)
    assert looked(folder) == report


def test_sizes_buckets_and_copies_are_those_of_prepared_pictures(folder: Path) -> None:
    dataset = scan(folder)
    one, two, *_ = dataset.items
    copy = one.path.with_name("zz copy.jpg")
    shutil.copy(one.path, copy)
    shutil.copy(one.path.with_suffix(".txt"), copy.with_suffix(".txt"))
    recipes = Recipes(folder)
    recipes.set(copy.relative_to(folder).as_posix(), Recipe(2))
    recipes.set(two.relative, Recipe(0, False, (0, 0, 40, 30)))
    recipes.save()
    before = examine(dataset, resolution=RESOLUTION).to_dict()["buckets"]
    report = looked(folder)
    kinds = report.by_kind()
    assert [problem.paths for problem in kinds["too small"]] == [(two.path,)]
    assert "40 x 30" in kinds["too small"][0].reason
    assert "same file" not in kinds
    assert report.to_dict()["buckets"] != before


def test_damaged_recipes_and_masks_are_found(folder: Path) -> None:
    item = scan(folder).items[3]
    mask = mask_path(item.path)
    mask.write_bytes(b"no mask")
    (folder / ".gesso").mkdir(exist_ok=True)
    (folder / ".gesso" / "recipes.json").write_bytes(b"{")
    report = looked(folder)
    found = {problem.paths[0]: problem for problem in report.by_kind()["unreadable"]}
    assert found.keys() == {mask, folder / ".gesso" / "recipes.json"}
    assert found[mask].places == (3,)
    (mending,) = found[mask].mendings
    assert isinstance(mending, MoveAway)
    mend(mending, folder)
    assert not mask.exists()
    assert item.path.exists()
    assert looked(folder).problems == ()
