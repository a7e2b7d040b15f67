"""Thresholds moved afterwards: the tagger's tags follow, all else stays; by the verb too, as one step."""

from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from main import main
from trainer.contract.caption import DeepBooru, TagWords, Wd
from trainer.dataset.readings import Readings
from trainer.dataset.retagging import moved
from trainer.dataset.tag_scores import Reading, retag

SCORES = {
    "general": {"1girl": 0.99, "long_hair": 0.7, "^_^": 0.5, "sky_(object)": 0.27, "hat": 0.1},
    "character": {"kiki_(painter)": 0.9, "jiji": 0.6},
    "rating": {"general": 0.95},
}


def read(picture: str = "a.png", model: str = "my tagger") -> Reading:
    return Reading("wd", model, picture, "hash", "key", scores=SCORES)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("words", [TagWords(), TagWords(order="alphabet", escape=True), TagWords(ranks=True)])
def test_from_any_threshold_to_any_other_it_is_as_if_it_had_run_with_that(words: TagWords) -> None:
    levels = (0.95, 0.6, 0.3, 0.05)
    for before, after in product(levels, levels):
        old, new = Wd(threshold=before, words=words), Wd(threshold=after, words=words)
        assert moved(retag(read(), old), read(), new) == retag(read(), new)


@pytest.mark.parametrize(
    ("text", "threshold", "expected"),
    [
        ("kiki style, 1girl,  long hair , sunset", 0.8, "kiki style, 1girl , sunset"),
        ("kiki style, 1girl, sunset", 0.6, "kiki style, 1girl, long hair, sunset"),
        ("1GIRL, sky_\\(object\\)", 0.3, "1GIRL, long hair, ^_^"),
        ("a sentence about it\n1girl, long hair", 0.8, "a sentence about it\n1girl"),
        ("a sentence about it", 0.3, "a sentence about it"),
        ("", 0.6, "1girl, long hair"),
    ],
)
def test_what_the_tagger_did_not_say_stays_letter_for_letter(text: str, threshold: float, expected: str) -> None:
    assert moved(text, read(), Wd(threshold=threshold, character_threshold=1)) == expected


def test_replaced_tags_are_known_by_their_other_words() -> None:
    words = TagWords(replace="long hair = flowing hair")
    booru = DeepBooru(threshold=0.8, words=words)
    assert moved("1girl, flowing hair, mine", read(), booru) == "1girl, mine"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for name, caption in (("a", "kiki style, 1girl, long hair"), ("b", "1girl"), ("c", "a dog")):
        Image.new("RGB", (8, 8)).save(made / f"{name}.png")
        (made / f"{name}.txt").write_text(caption, encoding="utf-8")
    with Readings(made, "wd", "my tagger") as kept:
        kept.keep([read("a.png"), read("b.png")])
    return made


def captions(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8").rstrip() for path in sorted(folder.glob("*.txt"))]


def test_the_verb_shows_first_and_writes_one_step_that_can_be_undone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = captions(folder)
    flags = ["--threshold", "0.45", "--character-threshold", "1"]
    assert main(["dataset", "retag", str(folder), *flags]) == 0
    assert "2 captions would change" in capsys.readouterr().out
    assert captions(folder) == before
    assert main(["dataset", "retag", str(folder), *flags, "--set", "words.spaces=false", "--apply"]) == 0
    assert captions(folder) == ["kiki style, 1girl, long hair, ^_^", "1girl, long_hair, ^_^", "a dog"]
    assert main(["dataset", "undo", str(folder)]) == 0
    assert "Threshold 0.45 of my tagger" in capsys.readouterr().out
    assert captions(folder) == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "another"], "No tagger called another has looked at these pictures"),
        (["--threshold", "3"], "threshold"),
    ],
)
def test_the_verb_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert main(["dataset", "retag", str(folder), *flags]) != 0
    assert said in capsys.readouterr().err


def test_with_several_taggers_one_has_to_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Readings(folder, "wd", "another") as kept:
        kept.keep([read("a.png", "another")])
    assert main(["dataset", "retag", str(folder)]) != 0
    assert "my tagger, another" in capsys.readouterr().err
    assert main(["dataset", "retag", str(folder), "--model", "another", "--threshold", "0.8"]) == 0
    assert "1 caption would change" in capsys.readouterr().out
