"""GridJob to pictures and sheets: order, progress, cancel, and what stands on a sheet."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from tests.generation.fake import FakeFamily, fake_model
from trainer.contract import events
from trainer.contract.common import Hardware, Sampling
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import Axis, GridJob
from trainer.contract.jobfile import job_from_tree
from trainer.contract.run import Run
from trainer.generation import grid_sheet
from trainer.generation.grid import make_grid
from trainer.generation.grid_sheet import draw_sheet
from trainer.generation.metadata import read_metadata
from trainer.generation.text_to_image import generate
from trainer.home import Home
from trainer.library.pictures.reading import read_settings
from trainer.models.family import Bundle

BASE = GenerateJob(prompt="a cat", sampling=Sampling(steps=2), seed=5)
STEPS = Axis(field="sampling.steps", values=("1", "2", "3"))
WORDS = Axis(field="prompt", values=("cat", "dog"), search="cat")


class Models:
    """Opens the same model under any name, and notes the names."""

    def __init__(self) -> None:
        self.bundle, self.family = fake_model()
        self.names: list[str] = []

    def __call__(self, name: str, _hardware: Hardware) -> Bundle:
        self.names.append(name)
        return self.bundle


def made(job: GridJob, home: Home) -> tuple[list[Path], list[events.Event], Models]:
    models = Models()
    seen: list[events.Event] = []
    return list(make_grid(job, Run(seen.append), home, models)), seen, models


def same_pixels(one: Image.Image, other: Path) -> bool:
    with Image.open(other) as image:
        return ImageChops.difference(one.convert("RGB"), image.convert("RGB")).getbbox() is None


def test_each_cell_is_the_picture_that_its_job_makes_alone(home: Home, tmp_path: Path) -> None:
    paths, seen, _ = made(GridJob(base=BASE, axes=(STEPS, WORDS)), home)
    assert len(paths) == 7
    wanted = [(words, steps) for words in ("a cat", "a dog") for steps in (1, 2, 3)]  # row by row
    for path, (prompt, steps) in zip(paths, wanted, strict=False):
        job = read_metadata(path).job
        assert job is not None
        assert (job.prompt, job.sampling.steps, job.seed) == (prompt, steps, 5)
        alone = job.model_copy(update={"output": str(tmp_path / "alone")})
        (again,) = generate(alone, Run([].append), home, fake_model()[0])
        with Image.open(again) as image:
            assert same_pixels(image, path)
    progress = [(event.done, event.total) for event in seen if isinstance(event, events.Progress)]
    assert progress == [(done, 6) for done in range(1, 7)]
    saved = [event.path for event in seen if isinstance(event, events.Saved)]
    assert sorted(saved) == sorted(map(str, paths))
    assert paths[-1].name == "00007-grid.png"


def test_the_sheet_shows_every_picture_in_its_place(home: Home) -> None:
    job = GridJob(base=BASE.model_copy(update={"prompt": "a cat"}), axes=(STEPS, WORDS))
    paths, _, _ = made(job, home)
    cell, gap = grid_sheet.SMALLEST_CELL, 8  # the pictures are 32 x 24, in columns that leave room for words
    with Image.open(paths[-1]) as sheet:
        left, top = sheet.width - 3 * (cell + gap) - gap, sheet.height - 2 * (24 + gap) - gap
        for number, path in enumerate(paths[:-1]):
            y, x = divmod(number, 3)
            place = left + gap + x * (cell + gap), top + y * (24 + gap)
            assert same_pixels(sheet.crop((*place, place[0] + 32, place[1] + 24)), path)
        labels = np.asarray(sheet.convert("L"))
        assert (labels[: top - gap] < 100).any()
        assert (labels[top:, :left] < 100).any()


def test_the_sheet_remembers_the_whole_grid_and_lends_what_its_pictures_share(home: Home) -> None:
    job = GridJob(base=BASE, axes=(STEPS,))
    paths, _, _ = made(job, home)
    with Image.open(paths[-1]) as sheet:
        assert job_from_tree(json.loads(sheet.info["gesso"])) == job
    found = read_settings(paths[-1])
    assert found is not None
    assert found.job == BASE


def test_a_sheet_for_each_value_of_z(home: Home) -> None:
    paths, _, _ = made(GridJob(base=BASE, axes=(STEPS, WORDS, Axis(field="seed", values=("7", "8")))), home)
    assert [path.name for path in paths[-2:]] == ["00013-grid.png", "00014-grid.png"]
    with Image.open(paths[-2]) as first, Image.open(paths[-1]) as second:
        assert first.size == second.size
        assert first.tobytes() != second.tobytes()


def test_the_model_changes_least_often_wherever_its_axis_is(home: Home) -> None:
    axes = (STEPS, Axis(field="model", values=("one", "two")))
    for order in (axes, axes[::-1]):
        _, _, models = made(GridJob(base=BASE, axes=order), home)
        assert models.names == ["one"] * 3 + ["two"] * 3


def test_a_bad_value_is_refused_before_any_work(home: Home) -> None:
    models = Models()
    job = GridJob(base=BASE, axes=(Axis(field="sampling.steps", values=("1", "none")),))
    with pytest.raises(UserError, match="can't be 'none'"):
        make_grid(job, Run([].append), home, models)
    assert (models.names, models.family.batches) == ([], [])


def test_cancel_leaves_complete_pictures_and_no_sheet(home: Home) -> None:
    models = Models()
    family: FakeFamily = models.family
    run = Run([].append, cancelled=lambda: family.decoded >= 2)
    with pytest.raises(Cancelled):
        make_grid(GridJob(base=BASE, axes=(STEPS,)), run, home, models)
    left = sorted(path.name for path in home.outputs.rglob("*") if path.is_file())
    assert left in (["00001-5.png"], ["00001-5.png", "00002-5.png"])


def test_what_is_warned_of_in_every_cell_is_said_once(home: Home) -> None:
    base = BASE.model_copy(update={"prompt": "a cat <hypernet:x:1>"})
    _, seen, _ = made(GridJob(base=base, axes=(STEPS,)), home)
    assert len([event for event in seen if isinstance(event, events.Warning)]) == 1


def test_a_large_sheet_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_sheet, "LARGEST_SIDE", 600)
    picture = tmp_path / "a.png"
    Image.new("RGB", (400, 300)).save(picture)
    job = GridJob(base=BASE, axes=(Axis(field="seed", values=("1", "2", "3")),))
    sheet = draw_sheet(job, {(x, 0): picture for x in range(3)}, 0)
    assert sheet.width == 3 * (200 + 8) + 8


@pytest.mark.parametrize("words", ["", "word " * 500, "x" * 2000, "猫" * 500, "a\nb\tc"])
def test_any_words_fit_above_a_column(tmp_path: Path, words: str) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (128, 128)).save(picture)
    axis = Axis(field="prompt", values=(words, "b"))
    sheet = draw_sheet(GridJob(base=BASE, axes=(axis,)), {(0, 0): picture, (1, 0): picture}, 0)
    assert sheet.width == 2 * (128 + 8) + 8
    assert sheet.height < 128 + 120
