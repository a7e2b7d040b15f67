"""The job: which pictures are captioned, what becomes of captions that are there, and what is kept of each picture."""

import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.captioning.models import write_blip, write_deepbooru, write_wd
from trainer.captioning import opening, run
from trainer.captioning.captioner import Prepared, Said
from trainer.contract import events
from trainer.contract.caption import CaptionJob, FileName
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.jobfile import job_from_tree
from trainer.contract.run import Run
from trainer.dataset.book import CaptionBook
from trainer.dataset.items import scan
from trainer.dataset.readings import read_readings
from trainer.dataset.recipes import Recipe, Recipes
from trainer.dataset.tag_scores import retag
from trainer.engine.execute import Session, execute_reporting
from trainer.home import Home

COLORS = {"a": (250, 0, 0), "b": (0, 0, 250), "c": (250, 0, 250), "d": (0, 0, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of one colour each, two of them in a folder below; the second has a caption, the third a blank."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for name, color in COLORS.items():
        Image.new("RGB", (12, 8), color).save((folder if name < "c" else folder / "below") / f"{name}.png")
    (folder / "b.txt").write_bytes(b"by hand, \xe9t\xe9\r\n")
    (folder / "below" / "c.caption").write_text(" \n")
    return folder


@pytest.fixture
def tagger(home: Home) -> str:
    """red_sky where a picture is red, blue_(sea) and kiki where it is blue."""
    write_wd(home.models / "captioners" / "my tagger")
    return "my tagger"


def job(folder: Path, captioner: dict[str, Any] | None = None, **fields: Any) -> CaptionJob:
    captioner = captioner or {"kind": "wd", "threshold": 0.9, "character_threshold": 0.95}
    made = job_from_tree({"kind": "caption", "folder": str(folder), "captioner": captioner, **fields})
    assert isinstance(made, CaptionJob)
    return made


class Told:
    """A run that keeps what it is told."""

    def __init__(self, stop: Callable[[events.Event], bool] = lambda _: False) -> None:
        self.events: list[events.Event] = []
        self._stop, self._stopped = stop, False
        self.run = Run(self._take, lambda: self._stopped)

    def _take(self, event: events.Event) -> None:
        self.events.append(event)
        self._stopped = self._stopped or self._stop(event)

    @property
    def captioned(self) -> dict[str, tuple[str, str]]:
        return {one.picture: (one.outcome, one.text) for one in self.events if isinstance(one, events.Captioned)}

    @property
    def warnings(self) -> list[str]:
        return [one.title for one in self.events if isinstance(one, events.Warning)]


def captions(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".txt", ".caption"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_by_default_only_pictures_without_caption_get_one(folder: Path, tagger: str, home: Home) -> None:
    told = Told()
    run.caption(job(folder), told.run, home)
    assert captions(folder) == {
        "a.txt": b"red sky\n",
        "b.txt": b"by hand, \xe9t\xe9\r\n",
        "below/c.caption": b"kiki, blue (sea), red sky\n",
    }
    assert told.captioned == {
        "a.png": ("written", "red sky"),
        "below/c.png": ("written", "kiki, blue (sea), red sky"),
        "below/d.png": ("nothing", ""),  # nothing is said of black, and no file is made of it
    }


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("replace", b"kiki, blue (sea)\n"),
        ("append", "by hand, été, kiki, blue (sea)\n".encode()),
        ("prepend", "kiki, blue (sea), by hand, été\n".encode()),
    ],
)
def test_modes(folder: Path, tagger: str, home: Home, mode: str, expected: bytes) -> None:
    run.caption(job(folder, mode=mode, only=("b.png",)), Told().run, home)
    assert captions(folder)["b.txt"] == expected
    assert (folder / "b.txt.bak").read_bytes() == b"by hand, \xe9t\xe9\r\n"  # its encoding was a guess


def test_scores_are_kept_so_that_thresholds_can_be_moved(folder: Path, tagger: str, home: Home) -> None:
    asked = job(folder)
    run.caption(asked, Told().run, home)
    kept = read_readings(folder)
    assert set(kept) == {"a.png", "below/c.png", "below/d.png"}
    (reading,) = kept["below/c.png"]
    assert retag(reading, asked.captioner) == "kiki, blue (sea), red sky"  # pyright: ignore[reportArgumentType]
    lower = asked.captioner.model_copy(update={"threshold": 0.8})
    assert "^_^" in retag(reading, lower)  # pyright: ignore[reportArgumentType]
    assert reading.model == tagger
    assert reading.content


def test_what_is_known_of_a_picture_is_not_asked_again(
    folder: Path, tagger: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.caption(job(folder), Told().run, home)
    os.replace(folder / "a.png", folder / "renamed.png")
    (folder / "a.txt").unlink()
    monkeypatch.setattr("trainer.captioning.wd.Wd.say", None)  # to ask would fail
    told = Told()
    run.caption(job(folder, {"kind": "wd", "threshold": 0.5}, only=("renamed.png",)), told.run, home)
    assert told.captioned["renamed.png"] == ("written", "red sky, ^_^")


def test_captioners_look_at_the_picture_that_training_sees(folder: Path, tagger: str, home: Home) -> None:
    both = Image.new("RGB", (16, 8), COLORS["b"])
    both.paste(COLORS["a"], (8, 0, 16, 8))
    both.save(folder / "both.png")
    asked = job(folder, mode="replace", only=("both.png",))
    tags: list[str] = []
    for crop in (None, (0, 0, 8, 8), (8, 0, 16, 8)):
        recipes = Recipes(folder)
        recipes.set("both.png", Recipe(crop=crop))
        recipes.save()
        told = Told()
        run.caption(asked, told.run, home)
        tags.append(told.captioned["both.png"][1])
    whole, left, right = tags
    assert (left, right) == ("kiki, blue (sea)", "red sky")
    assert whole not in (left, right)


def test_another_model_of_the_same_name_is_asked(folder: Path, tagger: str, home: Home) -> None:
    run.caption(job(folder), Told().run, home)
    (folder / "a.txt").unlink()
    tags = home.models / "captioners" / tagger / "selected_tags.csv"
    tags.write_text(tags.read_text("utf-8").replace("red_sky", "crimson_sky"), "utf-8")
    run.caption(job(folder, only=("a.png",)), Told().run, home)
    assert captions(folder)["a.txt"] == b"crimson sky\n"


def test_several_captioners_read_each_picture_once(
    folder: Path, tagger: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_blip(home.models / "captioners" / "blip")
    write_deepbooru(home.models / "captioners" / "booru.safetensors", ("solo", "rating:safe"))
    decoded: list[str] = []
    decode = run.decode
    monkeypatch.setattr(run, "decode", lambda data, path: decoded.append(path.name) or decode(data, path))
    template = {
        "kind": "template",
        "text": "{filename}; {blip}, {wd}, {deepbooru}",
        "wd": {"threshold": 0.9},
        "blip": {"min_length": 3, "max_length": 6},
        "deepbooru": {"threshold": 0.1},
    }
    told = Told()
    run.caption(job(folder, template, prefix="sks"), told.run, home)
    readings = {one.captioner: one for one in read_readings(folder)["a.png"]}
    assert set(readings) == {"blip", "wd", "deepbooru"}
    assert sorted(decoded) == ["a.png", "c.png", "d.png"]
    assert told.captioned["a.png"] == ("written", f"sks a; {readings['blip'].text}, red sky, solo")


def test_file_names_need_no_model_and_read_no_picture(folder: Path, home: Home) -> None:
    (folder / "00012-3-a red kite.png").write_bytes(b"no picture")
    run.caption(job(folder, {"kind": "filename"}, only=("00012-3-a red kite.png",)), Told().run, home)
    assert captions(folder)["00012-3-a red kite.txt"] == b"a red kite\n"
    assert not (folder / ".gesso" / "scores").exists()


def test_bad_pictures_are_named_and_left_out(folder: Path, tagger: str, home: Home) -> None:
    (folder / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (folder / "0.jpg").write_bytes(b"")
    told = Told()
    run.caption(job(folder), told.run, home)
    assert "a.png" in told.captioned
    assert "0.txt" not in captions(folder)
    assert any("damaged" in warning or "empty" in warning for warning in told.warnings)


def test_pictures_that_share_a_caption_get_it_once(folder: Path, tagger: str, home: Home) -> None:
    Image.new("RGB", (8, 8), COLORS["b"]).save(folder / "a.webp")
    told = Told()
    run.caption(job(folder, mode="append"), told.run, home)
    assert captions(folder)["a.txt"] == b"red sky\n"
    assert any("shares its caption" in warning for warning in told.warnings)


def test_a_caption_written_meanwhile_is_not_overwritten(folder: Path, tagger: str, home: Home) -> None:
    def somebody_writes(event: events.Event) -> bool:
        if isinstance(event, events.Captioned) and event.picture == "a.png":
            (folder / "below" / "c.caption").write_text("by hand")
        return False

    told = Told(somebody_writes)
    run.caption(job(folder, batch=1), told.run, home)
    assert told.captioned["below/c.png"] == ("same", "by hand")
    assert captions(folder)["below/c.caption"] == b"by hand"


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_caption_that_is_no_text_is_left_as_it_is(folder: Path, tagger: str, home: Home, mode: str) -> None:
    (folder / "b.txt").write_bytes(b"\0\1\2")
    told = Told()
    run.caption(job(folder, mode=mode), told.run, home)
    assert captions(folder)["b.txt"] == b"\0\1\2"
    assert "a.png" in told.captioned
    assert any("binary data" in warning or "left as it is" in warning for warning in told.warnings)


def test_stopping_keeps_what_was_done_and_leaves_nothing_running(folder: Path, tagger: str, home: Home) -> None:
    threads = threading.active_count()
    told = Told(lambda event: isinstance(event, events.Captioned))
    with pytest.raises(Cancelled):
        run.caption(job(folder, batch=1), told.run, home)
    assert captions(folder)["a.txt"] == b"red sky\n"
    assert len(told.captioned) == 1
    assert threading.active_count() == threads


@pytest.mark.parametrize("ends", ["finished", "stopped", "failed"])
def test_the_captioner_is_gone_when_the_job_has_ended(
    folder: Path, home: Home, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """However it ended: an exception's traceback holds everything that was at work when it was raised."""
    write_blip(home.models / "captioners" / "blip")
    opened: list[weakref.ref[Any]] = []
    real = opening.OPENERS["blip"]

    def remember(*arguments: Any) -> Any:
        captioner = real(*arguments)
        opened.append(weakref.ref(captioner))
        return captioner

    monkeypatch.setattr(opening, "OPENERS", {"blip": remember})
    told = Told(lambda event: ends == "stopped" and isinstance(event, events.Captioned))
    if ends == "failed":
        monkeypatch.setattr("trainer.captioning.blip.Blip._prompt", lambda _: 1 / 0)
    asked = job(folder, {"kind": "blip", "max_length": 20})
    assert execute_reporting(asked, told.run, Session(home)).kind == ends
    assert [one() for one in opened] == [None]


class Cramped:
    """A captioner that has room for one picture at a time."""

    batch = 4

    def __init__(self) -> None:
        self.asked: list[int] = []

    def prepare(self, picture: Image.Image) -> Prepared:
        return np.asarray(picture, dtype=np.float32)

    def say(self, pictures: list[Prepared], check: Callable[[], None]) -> list[Said]:
        self.asked.append(len(pictures))
        if len(pictures) > 1:
            raise MemoryError
        return [Said(f"{picture[0, 0, 2]:.0f}") for picture in pictures]


def test_where_memory_runs_out_fewer_are_looked_at(
    folder: Path, tagger: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    cramped = Cramped()
    monkeypatch.setattr(opening, "OPENERS", {"blip": lambda *_: cramped})
    write_blip(home.models / "captioners" / "blip")
    told = Told()
    run.caption(job(folder, {"kind": "blip"}), told.run, home)
    assert cramped.asked == [3, 1, 1, 1]
    assert {path: text for path, (_, text) in told.captioned.items()} == {
        "a.png": "0",
        "below/c.png": "250",
        "below/d.png": "0",
    }
    assert len(told.warnings) == 1


def test_many_pictures_keep_their_own_captions(tmp_path: Path, tagger: str, home: Home) -> None:
    """Whatever threads and batches do, what is said of a picture lands beside that picture."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        size = (400, 300) if number % 3 == 0 else (4, 4)  # some take longer to read
        Image.new("RGB", size, COLORS["abc"[number % 3]]).save(folder / f"{number}.png")
    run.caption(job(folder, batch=7), Told().run, home)
    expected = [b"red sky\n", b"kiki, blue (sea)\n", b"kiki, blue (sea), red sky\n"]
    assert captions(folder) == dict(sorted((f"{number}.txt", expected[number % 3]) for number in range(40)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"only": ("nowhere.png",)}, "no picture nowhere.png"),
        ({"captioner": {"kind": "blip"}}, "no BLIP model"),
        ({"captioner": {"kind": "wd", "model": "nothing"}}, 'no model named "nothing"'),
        ({"captioner": {"kind": "blip", "model": "my tagger"}}, "of another kind: WD tagger, not BLIP"),
    ],
)
def test_what_can_not_be_done_is_refused(
    folder: Path, tagger: str, home: Home, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run.caption(job(folder, **fields), Told().run, home)


def test_of_two_models_one_has_to_be_named(folder: Path, tagger: str, home: Home) -> None:
    write_wd(home.models / "captioners" / "other")
    with pytest.raises(UserError, match="several WD tagger models: my tagger, other"):
        run.caption(job(folder), Told().run, home)
    run.caption(job(folder, {"kind": "wd", "model": "other", "threshold": 0.9}), Told().run, home)
    assert captions(folder)["a.txt"] == b"red sky\n"


def test_a_folder_without_pictures_is_refused(tmp_path: Path, home: Home) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pictures"):
        run.caption(job(tmp_path / "empty"), Told().run, home)


def test_a_run_is_one_step_that_can_be_undone(folder: Path, home: Home) -> None:
    before = {path.name: path.read_bytes() for path in folder.glob("*.txt")}
    job = CaptionJob(folder=str(folder), captioner=FileName(), mode="replace", batch=1)
    run.caption(job, Run(lambda event: None), home)
    assert {path.name: path.read_bytes() for path in folder.glob("*.txt")} != before
    book = CaptionBook(scan(folder))
    (step,) = book.done
    assert (step.title, step.source) == ("Captions by File name", "filename")
    book.undo()
    assert {path.name: path.read_bytes() for path in folder.glob("*.txt")} == before
