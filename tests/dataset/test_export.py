"""Exports: what other programs read in them is what the plan said, and nothing is lost, written over or left behind."""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageOps

from trainer.contract.errors import Cancelled, UserError
from trainer.contract.export import Export, Target
from trainer.dataset import export as export_module
from trainer.dataset.export import export
from trainer.dataset.export_plan import Plan, plan
from trainer.dataset.export_read import ReadingError, read_as, read_toml
from trainer.dataset.items import OnDisk, scan
from trainer.dataset.pictures import load
from trainer.dataset.recipes import Recipe, Recipes

TARGETS: tuple[Target, ...] = ("kohya", "onetrainer", "imagefolder", "plain")


def save(path: Path, size: tuple[int, int] = (96, 64), mode: str = "RGB", **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.linear_gradient("L").resize(size)
    (ImageOps.colorize(picture, "teal", "gold") if mode == "RGB" else picture.convert(mode)).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What trips programs up: encodings, several lines, no caption, clashes, odd formats, EXIF, alpha, a mask."""
    folder = tmp_path / "my cats"
    cats, loose = folder / "5_sks cat", folder / "a" / "b"
    save(cats / "plain.png")
    (cats / "plain.txt").write_bytes(b"a cat, sitting (on a sofa)")
    save(cats / "a_1_2_3_4.webp", lossless=True)
    save(cats / "a.JPG", (128, 96))
    (cats / "a.txt").write_bytes("\ufeffein Kätzchen".encode())
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    save(cats / "turned.jpg", exif=exif)
    (cats / "turned.txt").write_bytes("a turned cat\r\nanother line\r\n".encode("utf-16"))
    save(cats / "plain-masklabel.png", mode="L")
    save(cats / "turned-masklabel.png", (64, 96), mode="L")
    save(loose / "plain.png", mode="LA")
    (loose / "plain.txt").write_bytes(b"the cat\x92s tail")
    save(loose / "moving.gif")
    (loose / "moving.txt").write_bytes(b"\n \n  second line first\n")
    save(folder / "a" / "wide.tif", (300, 20))
    (folder / "a" / "wide.txt").write_bytes(b"")
    save(folder / "a" / "test.png", (40, 40))
    (folder / "a" / "test.txt").write_bytes(b"a test")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def prepare(folder: Path, relative: str, recipe: Recipe) -> None:
    recipes = Recipes(folder)
    recipes.set(relative, recipe)
    recipes.save()


CAPTIONS = {
    "plain.png": ["a cat, sitting (on a sofa)", "the cat’s tail"],
    "a_1_2_3_4.webp": ["sks cat"],
    "a.JPG": ["ein Kätzchen"],
    "turned.jpg": ["a turned cat"],
    "moving.gif": ["second line first"],
    "wide.tif": [""],
    "test.png": ["a test"],
}


def planned(folder: Path, **options: Any) -> Plan:
    dataset = scan(folder)
    return plan(dataset, OnDisk(dataset), Export(**options))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("to", TARGETS)
def test_every_program_reads_the_first_caption_of_each_picture(to: Target, folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    made = planned(folder, to=to)
    assert [(item.path.name, reason) for item, reason in made.left_out] == [
        ("broken.png", "the file holds no picture, or its beginning is damaged")
    ]
    done = export(made, tmp_path / "out" / to)
    assert done.pictures == 8
    taken = read_as(to, done.folder)
    assert sorted(one.captions[0] for one in taken.values()) == sorted(
        words for each in CAPTIONS.values() for words in each
    )
    for one in made.pictures:
        assert taken[one.name].captions[0] in CAPTIONS[made.dataset.items[one.place].path.name]
    assert files(folder) == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == [to]


@pytest.mark.parametrize("to", ["kohya", "onetrainer", "imagefolder"])
def test_without_turning_or_blending_they_see_what_training_sees(to: Target, folder: Path, tmp_path: Path) -> None:
    made = planned(folder, to=to)
    out = export(made, tmp_path / "out").folder
    for one in made.pictures:
        item = made.dataset.items[one.place]
        with Image.open(out / one.name) as picture:
            assert picture.size == one.size == load(item.path).size
            same = picture.convert("RGB").tobytes() == load(item.path).tobytes()
        assert same or item.path.name == "turned.jpg", "only a JPEG that has to be turned is written with loss"


def test_kohya_has_repeats_in_folder_names_and_in_its_toml(folder: Path, tmp_path: Path) -> None:
    out = export(planned(folder, to="kohya", resolution=768), tmp_path / "out").folder
    assert sorted(path.name for path in out.iterdir()) == ["1_my cats", "5_sks cat", "dataset.toml"]
    settings = tomllib.loads((out / "dataset.toml").read_text("utf-8"))
    assert settings["general"] == {"caption_extension": ".txt"}
    assert settings["datasets"][0]["resolution"] == 768
    by_name, by_toml = read_as("kohya", out), read_toml(out, out)
    assert by_name == by_toml
    assert {name.partition("/")[0]: one.repeats for name, one in by_name.items()} == {"5_sks cat": 5, "1_my cats": 1}
    assert not list(out.rglob("*masklabel*"))


def test_onetrainer_gets_masks_of_the_pictures_sizes_and_all_lines(folder: Path, tmp_path: Path) -> None:
    out = export(planned(folder, to="onetrainer", longest=48), tmp_path / "out").folder
    taken = read_as("onetrainer", out)
    masked = {Path(name).stem: one for name, one in taken.items() if one.mask}
    assert masked.keys() == {"plain", "turned"}
    assert masked["turned"].captions == ("a turned cat", "another line")
    for one in masked.values():
        assert one.mask == one.size
        assert max(one.size) == 48
    concepts = json.loads((out / "concepts.json").read_text("utf-8"))
    assert {Path(concept["path"]): concept["balancing"] for concept in concepts} == {
        out / "5_sks cat": 5.0,
        out / "1_my cats": 1.0,
    }


def test_a_plain_folder_keeps_names_folders_and_bytes(folder: Path, tmp_path: Path) -> None:
    out = export(planned(folder, to="plain"), tmp_path / "out").folder
    for name in ("5_sks cat/plain.png", "5_sks cat/turned.jpg", "a/b/moving.gif", "a/wide.tif"):
        assert (out / name).read_bytes() == (folder / name).read_bytes()
    assert (out / "5_sks cat" / "a.jpg").read_bytes() == (folder / "5_sks cat" / "a.JPG").read_bytes()
    assert (out / "5_sks cat" / "plain-masklabel.png").exists()


def test_captions_are_changed_as_asked(folder: Path, tmp_path: Path) -> None:
    out = export(
        planned(folder, to="plain", prefix="photo of", trigger="sks", brackets="escape"), tmp_path / "out"
    ).folder
    assert (out / "5_sks cat" / "plain.txt").read_text("utf-8") == "sks, photo of a cat, sitting \\(on a sofa\\)\n"
    assert (out / "5_sks cat" / "a_1_2_3_4.txt").read_text("utf-8") == "photo of sks cat\n"
    assert (out / "a" / "wide.txt").read_text("utf-8") == "sks, photo of\n"


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_pictures_are_converted_and_shrunk(format: str, folder: Path, tmp_path: Path) -> None:
    out = export(planned(folder, to="plain", format=format, longest=50, quality=80), tmp_path / "out").folder
    pictures = [
        path for path in out.rglob("*") if path.suffix[1:] in ("png", "jpg", "webp") and "mask" not in path.name
    ]
    assert len(pictures) == 8
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.format == format.upper()
            assert max(picture.size) <= 50
    with Image.open(out / "a" / f"wide.{'jpg' if format == 'jpeg' else format}") as picture:
        assert picture.size == (50, 3)


def test_links_need_no_room_and_changed_pictures_are_files_of_their_own(folder: Path, tmp_path: Path) -> None:
    done = export(planned(folder, to="kohya", pictures="link"), tmp_path / "out")
    assert done.linked == 4
    assert (done.folder / "5_sks cat" / "plain.png").samefile(folder / "5_sks cat" / "plain.png")
    assert not (done.folder / "5_sks cat" / "turned.jpg").samefile(folder / "5_sks cat" / "turned.jpg")
    assert not (done.folder / "5_sks cat" / "plain.txt").samefile(folder / "5_sks cat" / "plain.txt")


def test_a_recipe_goes_over_picture_and_mask(folder: Path, tmp_path: Path) -> None:
    prepare(folder, "5_sks cat/plain.png", Recipe(crop=(10, 20, 42, 60)))
    taken = read_as("onetrainer", export(planned(folder, to="onetrainer", longest=20), tmp_path / "out").folder)
    one = taken["5_sks cat/plain.png"]
    assert one.size == one.mask == (16, 20)


@pytest.mark.parametrize("to", ["onetrainer", "plain"])
def test_prepared_pictures_and_masks_are_what_pillow_makes_of_them(to: Target, folder: Path, tmp_path: Path) -> None:
    cats = folder / "5_sks cat"
    prepare(folder, "5_sks cat/plain.png", Recipe(1, True, (4, 8, 60, 90)))
    prepare(folder, "5_sks cat/a_1_2_3_4.webp", Recipe(2))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    out = export(planned(folder, to=to), tmp_path / "out").folder / "5_sks cat"
    for name in ("plain.png", "plain-masklabel.png"):
        by_hand = ImageOps.mirror(Image.open(cats / name).rotate(-90, expand=True)).crop((4, 8, 60, 90))
        with Image.open(out / name) as made:
            assert (made.mode, made.size, made.tobytes()) == (by_hand.mode, (56, 82), by_hand.tobytes())
    with Image.open(out / "a_1_2_3_4.webp") as made, Image.open(cats / "a_1_2_3_4.webp") as original:
        difference = ImageChops.difference(made, original.convert("RGB").rotate(180))
        assert max(difference.tobytes()) < 40, "WebP, written with loss"
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_mask_of_another_size_is_cropped_where_the_picture_is(folder: Path, tmp_path: Path) -> None:
    """Left half white, at a tenth of the picture's size; the crop is the right half."""
    mask = Image.new("L", (10, 6))
    mask.paste(255, (0, 0, 5, 6))
    mask.save(folder / "5_sks cat" / "plain-masklabel.png")
    prepare(folder, "5_sks cat/plain.png", Recipe(crop=(60, 0, 96, 64)))
    out = export(planned(folder, to="onetrainer"), tmp_path / "out").folder / "5_sks cat"
    with Image.open(out / "plain-masklabel.png") as made:
        assert (made.size, made.getextrema()) == ((36, 64), (0, 0))


def test_names_that_clash_become_different(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for name in ("one/Cat.png", "two/cat.png", "three/cat.jpg"):
        save(folder / name)
        (folder / name).with_suffix(".txt").write_text(name, encoding="utf-8")
    taken = read_as("kohya", export(planned(folder, to="kohya"), tmp_path / "out").folder)
    assert sorted(one.captions[0] for one in taken.values()) == ["one/Cat.png", "three/cat.jpg", "two/cat.png"]
    assert len({name.rpartition(".")[0].casefold() for name in taken}) == 3


def test_it_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = planned(folder, to="plain")
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="exists already"):
        export(made, tmp_path / "there")
    with pytest.raises(UserError, match="lies in the dataset itself"):
        export(made, folder / "a" / "out")
    with pytest.raises(UserError, match="no picture to export"):
        planned(tmp_path / "there", to="plain")
    needed: list[int] = []

    def no_room(folder: Path, count: int, what: str) -> None:
        needed.append(count)
        raise UserError("There is no room.", "")

    monkeypatch.setattr(export_module, "require_room", no_room)
    with pytest.raises(UserError, match="no room"):
        export(made, tmp_path / "out")
    assert needed == [sum(made.dataset.items[one.place].path.stat().st_size for one in made.pictures)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my cats", "there"]


def test_what_fails_or_is_stopped_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 8
        if done == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        export(planned(folder, to="plain"), tmp_path / "out", stop)
    made = planned(folder, to="plain")
    picture = folder / "5_sks cat" / "plain.png"
    picture.write_bytes(picture.read_bytes()[:-60])
    with pytest.raises(UserError, match=r"plain\.png can't be used: it is damaged or cut short"):
        export(made, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["my cats"]


def test_an_export_that_would_be_read_otherwise_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = export_module.read_as

    def other(to: Target, folder: Path) -> Mapping[str, Any]:
        os.truncate(next(folder.rglob("plain.txt")), 3)
        return read(to, folder)

    monkeypatch.setattr(export_module, "read_as", other)
    with pytest.raises(UserError, match="not be read as planned") as caught:
        export(planned(folder, to="kohya"), tmp_path / "out")
    assert "the caption would be" in caught.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["my cats"]


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (b"one\ntwo", "one"),
        (b"\ntwo", ""),
        ("\ufeffone".encode(), "\ufeffone"),
        (b"", ReadingError),
        (b"fox\x92s", ReadingError),
        (None, "sks_cat"),
    ],
)
def test_the_rules_of_sd_scripts(words: bytes | None, read: str | type[Exception], tmp_path: Path) -> None:
    save(tmp_path / "3_sks_cat" / "a.png")
    save(tmp_path / "sks" / "b.png")
    save(tmp_path / "3_sks_cat" / "deeper" / "c.png")
    if words is not None:
        (tmp_path / "3_sks_cat" / "a.txt").write_bytes(words)
    if isinstance(read, str):
        taken = read_as("kohya", tmp_path)
        assert {name: (one.captions, one.repeats) for name, one in taken.items()} == {"3_sks_cat/a.png": ((read,), 3)}
        return
    with pytest.raises(read):
        read_as("kohya", tmp_path)


def test_the_rules_of_imagefolder(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "x"}\n', encoding="utf-8")
    assert read_as("imagefolder", tmp_path)["a.png"].captions == ("x",)
    save(tmp_path / "b.png")
    with pytest.raises(ReadingError, match=r"b\.png"):
        read_as("imagefolder", tmp_path)
