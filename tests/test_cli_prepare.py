"""`dataset prepare` as a person or a script meets it: shown first, kept when told, and never in the pictures' files."""

import json
from pathlib import Path

import pytest
from PIL import Image

from main import main
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size in {"cat.png": (100, 60), "dog.png": (80, 80)}.items():
        Image.new("RGB", size, "teal").save(folder / name)
        (folder / name).with_suffix(".txt").write_text(name[:3], encoding="utf-8")
    return folder


def said(capfd: pytest.CaptureFixture[str], folder: Path, *flags: str) -> list[str]:
    assert main(["dataset", "prepare", str(folder), *flags]) == 0
    return capfd.readouterr().out.splitlines()


def test_it_is_shown_first_and_kept_when_told(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    wanted = ["--query", "cat", "--turn", "90", "--mirror", "--crop", "10,20,50,900"]
    shown = [
        "cat.png: as it is -> turned by 90 degrees, mirrored, cropped to 10,20,50,100, 40 x 80 pixels",
        "1 picture would be prepared anew; --apply keeps it.",
    ]
    assert said(capfd, folder, *wanted) == shown
    assert Recipes(folder).of("cat.png") == AS_IT_IS
    assert said(capfd, folder, *wanted, "--apply")[0] == shown[0]
    assert Recipes(folder).of("cat.png") == Recipe(1, True, (10, 20, 50, 100))
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert said(capfd, folder) == [
        "cat.png: turned by 90 degrees, mirrored, cropped to 10,20,50,100, 40 x 80 pixels",
        "1 picture prepared; the others are trained as they are.",
    ]
    said(capfd, folder, "--clear", "--apply")
    assert said(capfd, folder) == ["No picture is prepared."]
    assert main(["dataset", "undo", str(folder)]) == 0
    assert capfd.readouterr().out.startswith("Undo of “as it is: 1 picture”, ")
    assert Recipes(folder).of("cat.png") == Recipe(1, True, (10, 20, 50, 100))
    assert main(["dataset", "undo", str(folder)]) == 0
    assert Recipes(folder).of("cat.png") == AS_IT_IS


def test_turns_and_mirrors_go_on_from_what_is_seen(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said(capfd, folder, "--crop", "0,0,30,60", "--apply")
    lines = said(capfd, folder, "--turn", "180", "--apply", "--json")
    (told,) = map(json.loads, lines)
    assert told["applied"]
    assert [one["picture"] for one in told["pictures"]] == ["cat.png", "dog.png"]
    assert told["pictures"][0]["before"] == {"turns": 0, "mirrored": False, "crop": [0, 0, 30, 60]}
    assert told["pictures"][0]["after"] == {"turns": 2, "mirrored": False, "crop": [70, 0, 100, 60]}
    assert told["pictures"][1]["size"] == [30, 60]
    said(capfd, folder, "--turn", "180", "--apply")
    assert Recipes(folder).of("cat.png") == Recipe(crop=(0, 0, 30, 60))


def test_pictures_are_found_by_their_prepared_size(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said(capfd, folder, "--query", "cat", "--crop", "0,0,30,60", "--apply")
    assert main(["dataset", "tags", str(folder), "--query", "width:<80"]) == 0
    assert capfd.readouterr().out.split() == ["1", "cat"]


def test_all_of_a_picture_is_no_crop_and_nothing_is_no_change(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, folder, "--crop", "0,0,100,100", "--apply") == ["Nothing would change."]
    assert not (folder / ".gesso" / "recipes.json").exists()


def test_a_crop_outside_a_picture_is_refused_by_name(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "prepare", str(folder), "--crop", "85,0,95,50", "--apply"]) == 1
    assert "outside dog.png, which is 80 x 80" in capfd.readouterr().err
    assert Recipes(folder).of("cat.png") == AS_IT_IS, "all or nothing"


def test_pictures_that_cannot_be_read_are_left_out(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    assert main(["dataset", "prepare", str(folder), "--mirror", "--apply"]) == 0
    heard = capfd.readouterr()
    assert "broken.png is left out" in heard.err
    assert heard.out.splitlines()[-1].startswith("2 pictures prepared anew")


@pytest.mark.parametrize("flags", [("--turn", "45"), ("--crop", "1,2,3"), ("--crop", "9,0,9,4"), ("--crop", "a,b,c,d")])
def test_bad_usage_is_exit_code_2(folder: Path, flags: tuple[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["dataset", "prepare", str(folder), *flags])
    assert leaving.value.code == 2
    assert flags[0] in capfd.readouterr().err
