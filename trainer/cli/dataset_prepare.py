"""The verb `dataset prepare`: turns, mirrors and crops of pictures, shown first, and kept beside the files."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict

from trainer.cli.output import Output
from trainer.contract.errors import UserError
from trainer.dataset.book import CaptionBook
from trainer.dataset.names import number_of, shown
from trainer.dataset.pictures import PictureError, Size, measure
from trainer.dataset.recipes import AS_IT_IS, Box, Recipe, Recipes


def add_preparing(parser: ArgumentParser) -> None:
    """The flags of the verb; what they ask for is done in the order of the help."""
    parser.add_argument("--clear", action="store_true", help="as the files are, before anything else")
    parser.add_argument("--turn", type=int, choices=(90, 180, 270), help="turn clockwise what is seen now, by degrees")
    parser.add_argument("--mirror", action="store_true", help="swap left and right of what is seen now")
    parser.add_argument(
        "--crop",
        type=_box,
        metavar="L,T,R,B",
        help="keep this part only: left, top, right and bottom in pixels of the whole picture as it is turned now",
    )
    parser.add_argument("--apply", action="store_true", help="keep the changes; without it they are only shown")


def prepare(arguments: Namespace, book: CaptionBook, places: Sequence[int], output: Output) -> int:
    """Say how the pictures at these places would be prepared, and with --apply keep it. Without a change that is named
    say how they are prepared."""
    recipes = Recipes(book.dataset.folder)
    if recipes.note:
        output.note(recipes.note)
    asked = _asked(arguments)
    wanted: dict[int, Recipe] = {}
    told: list[dict[str, object]] = []
    lines: list[str] = []
    for place in places:
        item = book.dataset.items[place]
        before = recipes.of(item.relative)
        try:
            original = measure(item.path)
        except PictureError as error:
            output.note(f"Note: {shown(item.path)} is left out: {error.reason}.")
            continue
        after = _changed(before, original, arguments, item.relative)
        if after == before if asked else before.changes_nothing:
            continue
        wanted[place] = after
        size = after.size(original)
        change = f"{_words(before)} -> {_words(after)}" if asked else _words(after)
        lines.append(f"{shown(item.relative)}: {change}, {size.width} x {size.height} pixels")
        told.append({"picture": item.relative, "before": asdict(before), "after": asdict(after), "size": list(size)})
    applied = bool(asked and wanted and arguments.apply)
    if applied:
        title = f"{', '.join(asked)}: {number_of(len(wanted), 'picture')}"
        book.prepare(title, wanted, source="command line")
    output.answer({"applied": applied, "pictures": told}, [*lines, _end(len(told), bool(asked), applied)])
    return 0


def _asked(arguments: Namespace) -> list[str]:
    """What is to be done, in words for the step."""
    return [
        *(["as it is"] if arguments.clear else []),
        *([f"turn {arguments.turn}"] if arguments.turn else []),
        *(["mirror"] if arguments.mirror else []),
        *([f"crop {','.join(map(str, arguments.crop))}"] if arguments.crop else []),
    ]


def _changed(recipe: Recipe, original: Size, arguments: Namespace, relative: str) -> Recipe:
    """Raises UserError where nothing of the crop lies in the picture."""
    if arguments.clear:
        recipe = AS_IT_IS
    recipe = recipe.then_turned(original, (arguments.turn or 0) // 90)
    if arguments.mirror:
        recipe = recipe.then_mirrored(original)
    if arguments.crop is None:
        return recipe
    left, top, _, _ = arguments.crop
    whole = Recipe(recipe.turns, recipe.mirrored).size(original)
    if left >= whole.width or top >= whole.height:
        raise UserError(
            f"The crop lies outside {shown(relative)}, which is {whole.width} x {whole.height} pixels.",
            "Name a part of the picture, or leave the picture out with --query.",
        )
    crop = Recipe(recipe.turns, recipe.mirrored, arguments.crop).box(original)
    return Recipe(recipe.turns, recipe.mirrored, None if crop == (0, 0, *whole) else crop)


def _words(recipe: Recipe) -> str:
    words = [f"turned by {90 * recipe.turns} degrees"] if recipe.turns else []
    words += ["mirrored"] if recipe.mirrored else []
    words += [f"cropped to {','.join(map(str, recipe.crop))}"] if recipe.crop else []
    return ", ".join(words) or "as it is"


def _end(count: int, asked: bool, applied: bool) -> str:
    pictures = number_of(count, "picture")
    if not asked:
        return f"{pictures} prepared; the others are trained as they are." if count else "No picture is prepared."
    if applied:
        return f"{pictures} prepared anew; the files stay as they are, and `dataset undo` takes it back."
    return f"{pictures} would be prepared anew; --apply keeps it." if count else "Nothing would change."


def _box(text: str) -> Box:
    try:
        left, top, right, bottom = map(int, text.split(","))
        Recipe(crop=(left, top, right, bottom))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no part of a picture; write it as LEFT,TOP,RIGHT,BOTTOM") from None
    return left, top, right, bottom
