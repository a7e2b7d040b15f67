"""From scores to captions: which tags are written, how they are spelled, and how captions are put together."""

import pytest

from trainer.contract.caption import Blip, CaptionJob, DeepBooru, FileName, Mode, TagWords, Template, Wd
from trainer.contract.captioners import wd_threshold
from trainer.dataset.tag_scores import Reading, combined, filled, new_caption, retag, written


def read(captioner: str = "wd", model: str = "wd-vit-tagger-v3", **told: object) -> Reading:
    return Reading(captioner, model, "a.png", "hash", "key", **told)  # pyright: ignore[reportArgumentType]


GIRL = {
    "general": {"1girl": 0.99, "long_hair": 0.7, "^_^": 0.5, "sky_(object)": 0.27, "hat": 0.26},
    "character": {"kiki_(painter)": 0.9, "jiji": 0.6},
    "rating": {"general": 0.95},
}


def test_thresholds_of_tags_and_characters_are_apart_and_ratings_are_left_out() -> None:
    assert retag(read(scores=GIRL), Wd()) == "1girl, kiki (painter), long hair, ^_^, sky (object)"
    assert retag(read(scores=GIRL), Wd(threshold=0.6, character_threshold=0.5)) == (
        "1girl, kiki (painter), long hair, jiji"
    )


@pytest.mark.parametrize(
    ("model", "threshold"),
    [
        ("wd-vit-tagger-v3", 0.2614),
        ("WD-SwinV2-Tagger-v3", 0.2653),
        ("SmilingWolf_wd-v1-4-moat-tagger-v2", 0.3771),
        ("wd-v1-4-convnextv2-tagger-v2", 0.371),
        ("wd-v1-4-convnext-tagger-v2", 0.3685),
        ("wd-eva02-large-tagger-v3", 0.52),
        ("wd-vit-large-tagger-v3", 0.26),
        ("my own", 0.35),
    ],
)
def test_each_model_has_a_threshold_of_its_own(model: str, threshold: float) -> None:
    assert wd_threshold(model) == threshold


# What AUTOMATIC1111's modules/deepbooru.py (commit 00562a5) wrote when it was run for these scores with these options.
A1111 = {"solo": 0.9987, "a_(b)": 0.75, "\\m/": 0.6, "long_hair": 0.5, "rating:safe": 0.99, "hat": 0.49999}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (TagWords(order="alphabet", escape=True), r"\\m/, a \(b\), long hair, solo"),
        (TagWords(order="alphabet", spaces=False, escape=True), r"\\m/, a_\(b\), long_hair, solo"),
        (TagWords(escape=True), r"solo, a \(b\), \\m/, long hair"),
        (TagWords(escape=True, ranks=True), r"(solo:0.999), (a \(b\):0.750), (\\m/:0.600), (long hair:0.500)"),
        (TagWords(exclude="long hair, solo"), r"a (b), \m/"),
        (TagWords(exclude=" a_(b)"), r"solo, \m/, long hair"),
        (TagWords(limit=2), "solo, a (b)"),
    ],
)
def test_options_of_deepbooru(words: TagWords, expected: str) -> None:
    reading = read("deepbooru", scores={"general": A1111})
    assert retag(reading, DeepBooru(words=words)) == expected


def test_faces_keep_their_underscores() -> None:
    assert [written(tag, 1, TagWords()) for tag in ("o_o", "||_||", "long_hair")] == ["o_o", "||_||", "long hair"]


@pytest.mark.parametrize(
    ("mode", "new", "before", "expected"),
    [
        ("fill", "a", "", "a"),
        ("replace", "a", "b, c", "a"),
        ("append", "c, d", "b, c", "b, c, d"),
        ("prepend", "c, d", "b, c", "d, b, c"),
        ("append", "B", "b, c", "b, c"),
        ("append", "d", "one\n\ntwo,\n", "one, d\ntwo, d"),
        ("append", "d", "", "d"),
    ],
)
def test_modes(mode: Mode, new: str, before: str, expected: str) -> None:
    assert combined(new, before, mode) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{blip}, {wd}", "a cat, 1girl, hat"),
        ("{blip}, {empty}, {wd}", "a cat, 1girl, hat"),
        ("{empty}, {wd}", "1girl, hat"),
        ("photo of {blip}. {wd}", "photo of a cat. 1girl, hat"),
        ("{empty}", ""),
    ],
)
def test_an_empty_place_leaves_no_comma_behind(template: str, expected: str) -> None:
    told = {"blip": "a cat", "wd": "1girl, hat", "empty": ""}
    assert filled(template, told.__getitem__) == expected


def test_captioners_are_combined_with_prefix_and_what_was_there() -> None:
    captioner = Template(text="{filename}: {blip}, {caption}, {wd}")
    job = CaptionJob(folder="x", captioner=captioner, mode="replace", prefix="sks,")
    readings = [
        read("filename", text="kiki"),
        read("blip", text="a girl on a broom"),
        read(scores={"general": {"broom": 0.9}}),
    ]
    assert new_caption(job, readings, "old") == "sks, kiki: a girl on a broom, old, broom"


@pytest.mark.parametrize("captioner", [Wd(), Blip(), FileName(), Template(text="{wd}, {caption}")])
def test_a_caption_is_never_made_of_prefix_or_old_text_alone(captioner: Wd | Blip | FileName | Template) -> None:
    job = CaptionJob(folder="x", captioner=captioner, mode="replace", prefix="sks")
    name = "wd" if isinstance(captioner, Template) else captioner.kind
    assert new_caption(job, [read(name, text=" ", scores={"general": {"hat": 0.1}})], "old") == ""
