"""What dropping a file does, in words, before it happens."""

from pathlib import Path

from app.drops import use_of, uses_of, zones_of
from tests.app.pictures import write_foreign, write_png
from tests.library import layouts
from trainer.contract.generate import GenerateJob


def test_a_picture_of_ours_brings_its_settings(tmp_path: Path) -> None:
    picture = write_png(tmp_path / "made.png", GenerateJob(prompt="a cat"))
    assert use_of(picture).does == "settings"
    assert use_of(picture).words == "Use the settings of made.png"


def test_a_picture_of_another_program_too(tmp_path: Path) -> None:
    assert use_of(write_foreign(tmp_path / "theirs.png")).words == "Use the settings of theirs.png, made by A1111"


def test_a_picture_without_settings_is_shown_and_told_what_would_help(tmp_path: Path) -> None:
    use = use_of(write_png(tmp_path / "photo.png"))
    assert use.does == "show"
    assert "drop their folder" in use.hint


def test_a_picture_alone_is_asked_about_by_zones(tmp_path: Path) -> None:
    picture = write_png(tmp_path / "made.png", GenerateJob(prompt="a cat"))
    assert [[use.does for use in zone] for zone in zones_of([picture], can_move=True)] == [
        ["settings"],
        ["vary"],
        ["repaint"],
        ["move"],
    ]
    last = zones_of([picture], can_move=False)[-1]
    assert last[0].does == "nothing"
    assert "Stable Video Diffusion" in last[0].hint


def test_with_a_model_beside_it_there_is_one_zone_for_both(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"")
    picture = write_png(tmp_path / "made.png")
    assert [[use.does for use in zone] for zone in zones_of([picture, model], can_move=True)] == [["show", "install"]]


def test_models_are_installed_and_pickles_are_not(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"")
    assert use_of(model).does == "install"
    pickle = tmp_path / "model.ckpt"
    pickle.write_bytes(b"")
    assert use_of(pickle).does == "nothing"
    assert "safetensors" in use_of(pickle).words


def test_a_folder_is_a_dataset_unless_it_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    assert use_of(tmp_path / "cats").does == "dataset"
    layouts.write_diffusers_folder(tmp_path / "model")
    assert use_of(tmp_path / "model").does == "install"


def test_of_several_one_folder_and_every_model_is_taken(tmp_path: Path) -> None:
    paths = [
        tmp_path / "a.safetensors",
        tmp_path / "b.safetensors",
        tmp_path / "one",
        tmp_path / "two",
        tmp_path / "x.txt",
    ]
    for path in paths:
        path.mkdir() if not path.suffix else path.write_bytes(b"")
    assert [use.path.name for use in uses_of(paths)] == ["a.safetensors", "b.safetensors", "one"]
    assert [use.does for use in uses_of([tmp_path / "x.txt"])] == ["nothing"]


def test_a_folder_of_pictures_can_be_opened_or_trained_on(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    zones = zones_of([tmp_path / "cats"], can_move=True)
    assert [[use.does for use in zone] for zone in zones] == [["dataset"], ["train"]]


def test_a_list_of_tags_is_completed_from(tmp_path: Path) -> None:
    use = use_of(tmp_path / "danbooru.csv")
    assert (use.does, use.words) == ("tags", "Complete tags from danbooru.csv")
