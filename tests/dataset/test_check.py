"""The report on a folder in which everything that goes wrong has gone wrong."""

import hashlib
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image

from trainer.contract.errors import Cancelled, UserError
from trainer.dataset import check as check_module
from trainer.dataset.buckets import Buckets
from trainer.dataset.check import Report, check, require_usable
from trainer.dataset.recipes import Recipe, Recipes

SMALL = Buckets.around(64, step=16)


def draw(path: Path, colour: str = "teal", size: tuple[int, int] = (100, 60), caption: bytes | None = b"a fox") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_bytes(caption)


def said(report: Report) -> list[tuple[str, str]]:
    return [(f.path.relative_to(report.folder).as_posix(), f.severity) for f in report.findings]


def reason_for(report: Report, name: str) -> str:
    return " ".join(f.reason for f in report.findings if f.path.relative_to(report.folder).as_posix() == name)


def test_good_pictures_give_no_findings(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", "red")
    draw(tmp_path / "b.jpg", "blue", (64, 64), b"a blue fox, in snow")
    report = check(tmp_path, buckets=SMALL)
    assert report.findings == ()
    assert [item.relative for item in report.usable] == ["a.png", "b.jpg"]
    first, second = report.examined
    assert (first.size, first.caption, first.placement.bucket_size) == ((100, 60), "a fox", (80, 48))
    assert (second.size, second.caption) == ((64, 64), "a blue fox, in snow")
    assert first.content_hash == first.item.content_hash()
    assert require_usable(report) == report.examined


def test_every_bad_file_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    for name in ("ok1", "ok2"):
        draw(tmp_path / f"{name}.png", caption=name.encode(), size=(70 + len(os.listdir(tmp_path)), 60))
    draw(tmp_path / "cut.jpg")
    data = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    draw(tmp_path / "empty.png")
    (tmp_path / "empty.png").write_bytes(b"")
    draw(tmp_path / "heic.jpg")
    (tmp_path / "heic.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Image.new("F", (80, 60)).save(tmp_path / "float.tif")
    shutil.copy(tmp_path / "ok1.txt", tmp_path / "float.txt")
    report = check(tmp_path, buckets=SMALL)
    assert said(report) == [(name, "bad") for name in ("cut.jpg", "empty.png", "float.tif", "heic.jpg")]
    assert [item.relative for item in report.usable] == ["ok1.png", "ok2.png"]
    assert reason_for(report, "cut.jpg") == "It is damaged or cut short."
    assert reason_for(report, "empty.png") == "The file is empty."
    assert reason_for(report, "heic.jpg") == "It is a HEIC picture, which Gesso does not read."
    assert all(finding.fix for finding in report.findings)


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    draw(tmp_path / "ok.png", "red")
    draw(tmp_path / "nocaption.png", "blue", caption=None)
    draw(tmp_path / "emptycaption.png", "green", caption=b"")
    draw(tmp_path / "guessed.png", "pink", caption=b"fox\x92s")
    draw(tmp_path / "binary.png", "gold", caption=b"\0\1\2")
    draw(tmp_path / "long.png", "black", caption=b"word " * 90)
    draw(tmp_path / "tiny.png", "white", (32, 32))
    draw(tmp_path / "dot.png", "tan", (1, 1))
    draw(tmp_path / "narrow.png", "navy", (1, 10000))
    shutil.copy(tmp_path / "ok.png", tmp_path / "ok again.png")
    (tmp_path / "ok again.txt").write_bytes(b"again")
    draw(tmp_path / "real.jpg", "olive")
    (tmp_path / "real.jpg").rename(tmp_path / "wrong.png")
    (tmp_path / "real.txt").rename(tmp_path / "wrong.txt")
    frames = [Image.new("RGB", (80, 60), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "moving.txt").write_bytes("ein Füchslein".encode("utf-16"))
    report = check(tmp_path, buckets=SMALL)
    assert len(report.usable) == report.total == 12
    assert said(report) == [
        ("binary.txt", "warning"),
        ("dot.png", "warning"),
        ("emptycaption.txt", "warning"),
        ("guessed.txt", "warning"),
        ("long.txt", "note"),
        ("moving.gif", "note"),
        ("moving.txt", "warning"),
        ("narrow.png", "warning"),
        ("nocaption.png", "warning"),
        ("ok.png", "warning"),
        ("tiny.png", "warning"),
        ("wrong.png", "note"),
    ]
    assert reason_for(report, "ok.png") == "It is the same file as ok again.png, so this picture counts twice."
    assert reason_for(report, "wrong.png").startswith("It is a JPEG picture named .png")
    assert "small, 32 x 32" in reason_for(report, "tiny.png")
    assert "1 x 10000" in reason_for(report, "narrow.png")
    assert "90 words" in reason_for(report, "long.txt")
    captions = {one.item.relative: one.caption for one in report.examined}
    assert captions["moving.gif"] == "ein Füchslein"
    assert captions["guessed.png"] == "fox’s"


def test_the_answer_is_the_same_each_time_and_plain_json(tmp_path: Path) -> None:
    for number in range(12):
        draw(tmp_path / f"{number}.png", size=(90 + number * 9 % 7, 70 + number), caption=None)
    (tmp_path / "5.png").write_bytes(b"broken")
    reports = [check(tmp_path, 64) for _ in range(3)]
    assert reports[0] == reports[1] == reports[2]
    assert [item.relative for item in reports[0].usable] == [f"{number}.png" for number in range(12) if number != 5]
    answer = json.loads(json.dumps(reports[0].to_dict()))
    assert (answer["pictures"], answer["usable"], answer["bad"], answer["warnings"]) == (12, 11, 1, 12)
    assert sum(answer["buckets"].values()) == 11
    assert answer["findings"][0]["path"] == str(tmp_path / "0.png")


def test_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        require_usable(check(tmp_path))
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.heic").write_bytes(b"x")
    report = check(tmp_path)
    assert report.usable == ()
    with pytest.raises(
        UserError, match=r"None of the pictures in .* can be used; a\.png: The file is empty\."
    ) as caught:
        require_usable(report)
    assert "b.heic" in caught.value.detail


def test_one_picture(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    report = check(tmp_path, buckets=SMALL)
    assert len(require_usable(report)) == 1
    assert reason_for(report, "a.png") == "It is the only picture to train on."


def test_files_that_vanish_or_lock_while_checking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c", "d"):
        draw(tmp_path / f"{name}.png", size=(80, 60 + ord(name) % 9))
    scan = check_module.scan

    def scan_then_lose(folder: Path) -> object:
        dataset = scan(folder)
        (folder / "b.png").unlink()
        (folder / "c.txt").unlink()
        return dataset

    opened = Path.open

    def open_or_refuse(path: Path, *args: object, **options: object) -> object:
        if path.name == "d.png":
            raise PermissionError(13, "The process cannot access the file")
        return opened(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(check_module, "scan", scan_then_lose)
    monkeypatch.setattr(Path, "open", open_or_refuse)
    report = check(tmp_path, buckets=SMALL)
    assert said(report) == [("b.png", "bad"), ("c.png", "warning"), ("d.png", "bad")]
    assert reason_for(report, "b.png") == "It has disappeared."
    assert "disappeared" in reason_for(report, "c.png")
    assert "cannot access" in reason_for(report, "d.png")
    assert [item.relative for item in report.usable] == ["a.png", "c.png"]


def test_each_picture_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        draw(tmp_path / f"{number}.png")
    read: list[str] = []
    read_bytes = check_module.read_bytes

    def counted(path: Path) -> bytes:
        read.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(check_module, "read_bytes", counted)
    check(tmp_path, buckets=SMALL)
    assert sorted(read) == [f"{number}.png" for number in range(6)]


def test_it_tells_how_far_it_is_and_stops_when_told(tmp_path: Path) -> None:
    for number in range(10):
        draw(tmp_path / f"{number}.png")
    seen: list[tuple[int, int]] = []
    check(tmp_path, buckets=SMALL, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 10) for done in range(1, 11)]

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        check(tmp_path, buckets=SMALL, watch=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dataset-check")]


def prepare(folder: Path, relative: str, recipe: Recipe) -> None:
    recipes = Recipes(folder)
    recipes.set(relative, recipe)
    recipes.save()


def test_a_picture_is_judged_as_its_recipe_prepares_it(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", "red", (100, 60))
    draw(tmp_path / "b.png", "blue", (200, 100))
    draw(tmp_path / "c.png", "green", (400, 70))
    prepare(tmp_path, "a.png", Recipe(1))
    prepare(tmp_path, "b.png", Recipe(0, False, (0, 0, 40, 50)))
    prepare(tmp_path, "c.png", Recipe(0, False, (0, 0, 70, 70)))
    report = check(tmp_path, buckets=SMALL)
    assert said(report) == [("b.png", "warning")]
    assert "40 x 50" in reason_for(report, "b.png")
    turned, cropped, square = report.examined
    assert (turned.size, turned.original, turned.placement.bucket_size) == ((60, 100), (100, 60), (48, 80))
    assert (cropped.size, cropped.original, cropped.recipe.crop) == ((40, 50), (200, 100), (0, 0, 40, 50))
    assert square.placement.bucket_size == (64, 64)


def test_two_parts_of_one_picture_are_two_pictures(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        draw(tmp_path / f"{name}.png", size=(200, 100))
    prepare(tmp_path, "b.png", Recipe(0, False, (100, 0, 200, 100)))
    assert said(check(tmp_path, buckets=SMALL)) == [("c.png", "warning")]


def test_masks_are_known_by_their_bytes_and_broken_ones_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        draw(tmp_path / f"{name}.png", size=(64 + ord(name), 64))
    Image.new("L", (64, 64), 9).save(tmp_path / "a-masklabel.png")
    (tmp_path / "c-masklabel.png").write_bytes(b"no mask")
    report = check(tmp_path, buckets=SMALL)
    digest = hashlib.sha256((tmp_path / "a-masklabel.png").read_bytes()).hexdigest()
    assert [(one.item.relative, one.mask_hash) for one in report.examined] == [("a.png", digest), ("b.png", "")]
    assert said(report) == [("c-masklabel.png", "bad")]
    without = check(tmp_path, buckets=SMALL, masks=False)
    assert [one.mask_hash for one in without.examined] == ["", "", ""]


def test_damaged_recipes_are_said_before_pictures_are_trained_uncropped(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", size=(90, 64))
    draw(tmp_path / "b.png", size=(64, 64))
    (tmp_path / ".gesso").mkdir()
    (tmp_path / ".gesso" / "recipes.json").write_bytes(b"{")
    report = check(tmp_path, buckets=SMALL)
    assert said(report) == [(".gesso/recipes.json", "bad")]
    assert len(report.examined) == 2
