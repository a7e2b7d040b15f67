"""The flags of `dataset edit`, and the operations on captions that they stand for."""

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import cast

from trainer.dataset import edits

ORDERS = ("alphabet", "natural", "count")
EDITS: dict[str, tuple[tuple[str, ...], str]] = {
    "--add-tags": (("TAGS",), "add tags, parted by commas, where they are missing"),
    "--remove-tags": (("TAGS",), "remove tags, parted by commas"),
    "--replace-tag": (("TAG", "BY"), "put another tag, or several, in a tag's place"),
    "--replace": (("PATTERN", "BY"), "replace text wherever it stands"),
    "--sort": (("ORDER",), "sort the tags: by alphabet, naturally (2 before 10), or the commonest first"),
    "--deduplicate": ((), "remove tags that stand twice in a caption"),
    "--prefix": (("WORDS",), "begin captions with these words"),
    "--suffix": (("WORDS",), "end captions with these words"),
    "--trigger": (("WORD",), "put a trigger word first where it is missing"),
    "--set": (("TEXT",), "this text instead of the captions"),
    "--lower": ((), "small letters"),
    "--spaces": ((), "spaces instead of underscores in tags"),
    "--underscores": ((), "underscores instead of spaces in tags"),
    "--escape": ((), "backslashes before brackets, as prompts need them"),
    "--unescape": ((), "no backslashes before brackets"),
}
"""The flags, with the names of their values and what they do."""


def add_edits(parser: ArgumentParser) -> None:
    """The flags, which act in the order in which they are typed, and those that say how."""
    for flag, (values, words) in EDITS.items():
        choices = ORDERS if flag == "--sort" else None
        parser.add_argument(
            flag,
            dest="edits",
            action=_Edit,
            default=[],
            nargs=len(values),
            choices=choices,
            metavar=None if choices else values,
            help=words,
        )
    parser.add_argument("--regex", action="store_true", help="--replace takes regular expressions")
    parser.add_argument("--whole-tag", action="store_true", help="--replace wants tags that match from end to end")
    parser.add_argument("--ignore-case", action="store_true", help="--replace leaves case aside")
    parser.add_argument("--at", type=int, metavar="N", help="--add-tags puts them after the first N tags (0: first)")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="--sort leaves the first N tags")
    parser.add_argument("--apply", action="store_true", help="write the changes; without it they are only shown")


class _Edit(Action):
    """Edits in the order in which they are typed, each as its flag and values."""

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: object, option_string: str | None = None
    ) -> None:
        edits: list[object] = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*edits, (option_string, values)])


def operation_of(arguments: Namespace, counts: Mapping[str, int]) -> edits.Operation:
    """All that was typed, as one operation; `counts` are those of the dataset, for sorting by them."""
    return edits.InTurn(tuple(_operation(flag, values, arguments, counts) for flag, values in arguments.edits))


def _operation(flag: str, values: list[str], arguments: Namespace, counts: Mapping[str, int]) -> edits.Operation:
    match flag:
        case "--add-tags":
            return edits.AddTags(tuple(values), after=arguments.at)
        case "--remove-tags":
            return edits.RemoveTags(tuple(values))
        case "--replace":
            pattern, by = values
            return edits.ReplaceText(pattern, by, arguments.regex, arguments.whole_tag, not arguments.ignore_case)
        case "--sort":
            return edits.SortTags(cast(edits.Order, values[0]), arguments.keep, counts)
        case _:
            return _PLAIN_EDITS[flag](*values)


_PLAIN_EDITS: dict[str, Callable[..., edits.Operation]] = {
    "--replace-tag": edits.ReplaceTag,
    "--deduplicate": edits.Deduplicate,
    "--prefix": edits.WithPrefix,
    "--suffix": edits.WithSuffix,
    "--trigger": edits.WithTrigger,
    "--set": edits.SetText,
    "--lower": edits.Lowercase,
    "--spaces": edits.UnderscoresToSpaces,
    "--underscores": edits.SpacesToUnderscores,
    "--escape": edits.EscapeBrackets,
    "--unescape": edits.UnescapeBrackets,
}
