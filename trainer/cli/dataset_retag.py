"""The verb `dataset retag`: thresholds moved after a tagger ran, without running it again."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from trainer.contract.caption import DeepBooru, Tagger, Wd
from trainer.contract.captioners import CAPTIONERS
from trainer.contract.errors import UserError
from trainer.contract.jobfile import part_from_tree, with_overrides
from trainer.dataset.book import CaptionBook
from trainer.dataset.retagging import Told, scored


def add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--model", default="", metavar="NAME", help="the tagger, where several were asked")
    parser.add_argument("--threshold", type=float, metavar="N", help="tags that it is less sure of go (0 to 1)")
    parser.add_argument("--character-threshold", type=float, metavar="N", help="the same for names of characters")
    parser.add_argument("--apply", action="store_true", help="write the changes; without it they are only shown")


def options_of(arguments: Namespace, captioner: str) -> Tagger:
    """Raises UserError for numbers that are no thresholds, and for a kind of captioner that gives no scores."""
    tree: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("threshold", "character_threshold")
        if getattr(arguments, name) is not None
    }
    part = Wd if captioner == "wd" else DeepBooru
    if part is DeepBooru and "character_threshold" in tree:
        raise UserError("DeepBooru knows no characters by themselves.", "Leave --character-threshold out.")
    return part_from_tree(part, with_overrides(tree, arguments.overrides), "dataset retag")


def tagger_of(book: CaptionBook, name: str) -> tuple[Told, dict[str, Any]]:
    """The tagger of this name, or the only one, with what it said. Raises UserError if there is none, or several."""
    found = scored(book)
    chosen = {told: readings for told, readings in found.items() if name in ("", told[1])}
    if not chosen:
        asked = f" called {name}" if name else ""
        raise UserError(f"No tagger{asked} has looked at these pictures.", "Run `caption` with a tagger first.")
    if len(chosen) > 1:
        raise UserError(f"Several taggers looked at them: {_names(tuple(chosen))}.", "Choose one with --model.")
    return next(iter(chosen.items()))


def title_of(told: Told, options: Tagger) -> str:
    """`Threshold 0.35 of wd-vit-tagger-v3`, as the step is called."""
    usual = "Usual threshold" if options.threshold is None else f"Threshold {options.threshold:g}"
    return f"{usual} of {told[1] or CAPTIONERS[told[0]].label}"


def _names(told: Sequence[Told]) -> str:
    return ", ".join(model for _, model in told)
