"""The verbs `dataset`: edit captions with a preview, undo and redo, list tags; files are in `dataset_files`, pictures
in `dataset_prepare`."""

import contextlib
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence

from trainer.cli import dataset_files, dataset_prepare, dataset_retag
from trainer.cli.caption_edits import operation_of
from trainer.cli.output import Output
from trainer.contract.errors import Cancelled, UserError
from trainer.dataset import retagging, tags
from trainer.dataset.book import CaptionBook, Change, Step
from trainer.dataset.items import Item, scan
from trainer.dataset.marks import Marks
from trainer.dataset.names import number_of, shown
from trainer.dataset.pictures import PictureError, measure
from trainer.dataset.query import Query, Row, compile_query
from trainer.dataset.recipes import Recipes
from trainer.home import Home

Wish = Callable[[], bool]


def act(arguments: Namespace, home: Home, output: Output, wish: Wish) -> int:
    """Do the verb's action."""
    match arguments.action:
        case "check":
            return dataset_files.check(arguments, home, output, wish)
        case "export":
            return dataset_files.export(arguments, output, wish)
        case "edit":
            return edit(arguments, output, wish)
        case "retag":
            return retag(arguments, output, wish)
        case "tags":
            return list_tags(arguments, output, wish)
        case "prepare":
            book = _book(arguments, output)
            return dataset_prepare.prepare(arguments, book, _found(book, arguments.query, wish), output)
        case _:
            return turn(arguments, output)


def edit(arguments: Namespace, output: Output, wish: Wish) -> int:
    """Say what the edits would change, and with --apply change it, as one step."""
    book = _book(arguments, output)
    places = _found(book, arguments.query, wish)
    if not arguments.edits:
        raise UserError("No edit is named.", "Say what to change: --add-tags, --replace, --sort; --help lists all.")
    by_count = any(values == ["count"] for _, values in arguments.edits)
    changes = book.preview(operation_of(arguments, _counts(book) if by_count else {}), places)
    title = ", ".join(" ".join((flag[2:], *values)) for flag, values in arguments.edits)
    return _show_or_write(book, title, changes, arguments, output)


def retag(arguments: Namespace, output: Output, wish: Wish) -> int:
    """Say what other thresholds would change, and with --apply change it, as one step."""
    book = _book(arguments, output)
    told, readings = dataset_retag.tagger_of(book, arguments.model)
    options = dataset_retag.options_of(arguments, told[0])
    changes = retagging.changes(book, _found(book, arguments.query, wish), readings, options, lambda: _heed(wish))
    return _show_or_write(book, dataset_retag.title_of(told, options), changes, arguments, output)


def _heed(wish: Wish) -> None:
    if wish():
        raise Cancelled


def _show_or_write(
    book: CaptionBook, title: str, changes: Sequence[Change], arguments: Namespace, output: Output
) -> int:
    if changes and arguments.apply:
        step = book.apply(title, changes, source="command line")
        end = f"{number_of(step.captions, 'caption')} changed; `dataset undo` takes it back."
    elif changes:
        end = f"{number_of(len(changes), 'caption')} would change; --apply writes them."
    else:
        end = "Nothing would change."
    output.answer(_said(book, changes, applied=bool(changes) and arguments.apply), [*_lines(book, changes), end])
    return 0


def turn(arguments: Namespace, output: Output) -> int:
    """Undo or redo a step. UserError if there is none."""
    book = _book(arguments, output)
    take = book.undo if arguments.action == "undo" else book.redo
    step = take(leave_changed=arguments.leave_changed)
    if step is None:
        raise UserError(f"There is nothing to {arguments.action}.", "Nothing was changed.")
    count = f": {number_of(step.captions, 'caption')}" if step.captions else ""
    output.answer(
        {"title": step.title, "when": step.when.isoformat(), "source": step.source, "captions": step.captions},
        [f"{arguments.action.capitalize()} of “{step.title}”, {_when(step)}{count}."],
    )
    return 0


def list_tags(arguments: Namespace, output: Output, wish: Wish) -> int:
    """Each tag with the number of captions that have it."""
    book = _book(arguments, output)
    counted = tags.counts(book.caption(place).text for place in _found(book, arguments.query, wish))
    output.answer(dict(counted), [f"{count:6} {tag}" for tag, count in counted])
    return 0


def _book(arguments: Namespace, output: Output) -> CaptionBook:
    book = CaptionBook(scan(arguments.folder.expanduser()))
    for note in book.notes:
        output.note(note)
    return book


def _found(book: CaptionBook, text: str, wish: Wish) -> list[int]:
    """The places that the query finds. Pictures are opened only if it asks for their size."""
    query = compile_query(text)
    if "problems" in query.uses:
        raise UserError("Problems can't be searched for on the command line.", "`dataset check` lists all of them.")
    if "bucket" in query.uses:
        raise UserError(
            "Buckets can't be searched for on the command line.", "`dataset check --json` counts the pictures of each."
        )
    marks, recipes = Marks(book.dataset.folder), Recipes(book.dataset.folder)
    places: list[int] = []
    for place, item in enumerate(book.dataset.items):
        _heed(wish)
        if query(_row(item, book.caption(place).text, marks, recipes, query)):
            places.append(place)
    return places


def _row(item: Item, text: str, marks: Marks, recipes: Recipes, query: Query) -> Row:
    row = Row(item.relative, text, tags.tags_of(text))
    row.stars, row.flag = marks.stars(item.relative), marks.flag(item.relative)
    if "width" in query.uses or "height" in query.uses:
        with contextlib.suppress(PictureError):  # a picture that can't be opened has no size to compare
            row.width, row.height = recipes.of(item.relative).size(measure(item.path))
    return row


def _counts(book: CaptionBook) -> dict[str, int]:
    return dict(tags.counts(book.caption(place).text for place in range(len(book.dataset.items))))


def _lines(book: CaptionBook, changes: Iterable[Change]) -> Iterable[str]:
    for change in changes:
        yield shown(book.dataset.items[change.place].relative)
        yield from (f"  - {line}" for line in change.before.split("\n"))
        yield from (f"  + {line}" for line in (change.after or "").split("\n"))


def _said(book: CaptionBook, changes: Iterable[Change], *, applied: bool) -> dict[str, object]:
    told = [
        {"picture": book.dataset.items[one.place].relative, "before": one.before, "after": one.after} for one in changes
    ]
    return {"applied": applied, "changes": told}


def _when(step: Step) -> str:
    return f"{step.when.astimezone():%Y-%m-%d %H:%M}"
