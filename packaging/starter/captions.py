"""Scenes to English: a few sentence patterns, so that the model learns the words and not one sentence.

Subject and colour are always said. The background nearly always; a place other than the middle, a small or large size
and a style other than flat mostly: what is left unsaid teaches the model to choose.
"""

import random

from world import Scene

PLURALS: dict[str, str] = {"fish": "fish"}
NUMBERS: dict[int, str] = {2: "two", 3: "three"}
PLACE_WORDS: dict[str, str] = {
    "middle": "in the middle",
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
}
STYLE_BEFORE: dict[str, str] = {
    "flat": "a flat picture of",
    "ink": "an ink drawing of",
    "pastel": "a pastel drawing of",
}
STYLE_AFTER: dict[str, str] = {"flat": "flat colours", "ink": "ink drawing", "pastel": "pastel drawing"}


def with_article(words: str) -> str:
    """ "red cat" to "a red cat", "orange cat" to "an orange cat"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(noun: str) -> str:
    """The plural of a subject's name."""
    return PLURALS.get(noun, f"{noun}s")


def noun_phrase(scene: Scene, rng: random.Random) -> str:
    """Number or article, size (mostly, when not medium), colour, subject."""
    if scene.count > 1:
        return f"{NUMBERS[scene.count]} {scene.colour} {plural(scene.subject)}"
    words = f"{scene.colour} {scene.subject}"
    if scene.size != "medium" and rng.random() < 0.8:
        words = f"{scene.size} {words}"
    return with_article(words)


def arrange(subject: str, place: str, background: str, style: str, rng: random.Random) -> str:
    """One of the sentence patterns. `subject` is a noun phrase; the other three are names or "" when unsaid."""
    where = f" {PLACE_WORDS[place]}" if place else ""
    patterns = ["{subject}{where}"]
    if background:
        patterns = [
            "{subject}{where} on {a_background} background",
            "{subject}{where}, {background} background",
            "{a_background} background with {subject}{where}",
            "{subject} on {a_background} background,{where}" if where else "{subject} on {a_background} background",
        ]
        if where:
            patterns.append("{subject}{where} of {a_background} background")
    sentence = rng.choice(patterns).format(
        subject=subject, where=where, background=background, a_background=with_article(background) if background else ""
    )
    if not style:
        return sentence
    if sentence.startswith(subject) and rng.random() < 0.5:
        return f"{STYLE_BEFORE[style]} {sentence}"
    return f"{sentence}, {STYLE_AFTER[style]}"


def caption(scene: Scene, rng: random.Random) -> str:
    """A natural English caption of a scene; the same scene can be described in many ways."""
    subject = noun_phrase(scene, rng)
    said_place = 0.25 if scene.place == "middle" else 0.75
    place = scene.place if scene.count == 1 and rng.random() < said_place else ""
    background = scene.background if rng.random() < 0.92 else ""
    style = scene.style if rng.random() < (0.12 if scene.style == "flat" else 0.8) else ""
    return arrange(subject, place, background, style, rng)


def full_caption(scene: Scene) -> str:
    """The caption that leaves nothing unsaid but the flat style, in one fixed pattern: the prompt for measuring."""
    size = f"{scene.size} " if scene.count == 1 and scene.size != "medium" else ""
    if scene.count > 1:
        subject = f"{NUMBERS[scene.count]} {scene.colour} {plural(scene.subject)}"
    else:
        subject = with_article(f"{size}{scene.colour} {scene.subject}")
    where = f"{PLACE_WORDS[scene.place]} of" if scene.count == 1 else "on"
    style = "" if scene.style == "flat" else f", {STYLE_AFTER[scene.style]}"
    return f"{subject} {where} {with_article(scene.background)} background{style}"
