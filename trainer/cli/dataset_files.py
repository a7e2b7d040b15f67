"""The verbs `dataset check` and `dataset export`: what is wrong with each file, and folders for other programs."""

from argparse import Namespace
from collections.abc import Callable

from trainer.cli.output import Output
from trainer.contract.errors import Cancelled
from trainer.contract.export import Export
from trainer.contract.jobfile import part_from_tree
from trainer.dataset.book import CaptionBook
from trainer.dataset.export import export as write_export
from trainer.dataset.export_plan import plan
from trainer.dataset.health import examine
from trainer.dataset.health_problem import Language, Problem
from trainer.dataset.items import scan
from trainer.home import Home

Wish = Callable[[], bool]
NAMED = 3
"""How many files a line names of a finding that is about more."""


def check(arguments: Namespace, home: Home, output: Output, wish: Wish) -> int:
    """Look at every picture and caption. Exit code 0 if there is something to train on; UserError if not."""
    from trainer.library.tokens import count_tokens, is_word

    report = examine(
        scan(arguments.folder.expanduser()),
        resolution=arguments.resolution,
        trigger=arguments.trigger,
        language=Language(count_tokens, is_word, "tokens"),
        watch=_watching(output, wish),
        cache=home.cache,
    )
    lines = [_line(problem) for problem in report.problems]
    lines.append(f"{report.usable} of {len(report.looks)} pictures can be trained on.")
    output.answer(report.to_dict(), lines)
    report.require_usable()
    return 0


def export(arguments: Namespace, output: Output, wish: Wish) -> int:
    """Write a new folder, and say what was left out and what gets lost."""
    from trainer.cli.arguments import EXPORT_FLAGS

    tree = {name: getattr(arguments, name) for name in EXPORT_FLAGS.values() if getattr(arguments, name) is not None}
    options = part_from_tree(Export, tree, "dataset export")
    dataset = scan(arguments.folder.expanduser())
    made = plan(dataset, CaptionBook(dataset), options)
    done = write_export(made, arguments.out.expanduser(), _watching(output, wish))
    for item, reason in made.left_out:
        output.note(f"Note: {item.path} is left out: {reason}.")
    for note in made.notes:
        output.note(f"Note: {note}")
    value = {
        "folder": str(done.folder),
        "pictures": done.pictures,
        "linked": done.linked,
        "left_out": [str(item.path) for item, _ in made.left_out],
        "notes": list(made.notes),
    }
    output.answer(value, [str(done.folder)])
    return 0


def _watching(output: Output, wish: Wish) -> Callable[[int, int], None]:
    def watch(done: int, total: int) -> None:
        if wish():
            raise Cancelled
        output.progress(f"pictures {done}/{total}", force=done == total)

    return watch


def _line(problem: Problem) -> str:
    names = ", ".join(str(path) for path in problem.paths[:NAMED])
    more = f" and {len(problem.paths) - NAMED} more" if len(problem.paths) > NAMED else ""
    return f"{problem.severity:8} {names}{more}: {problem.reason} {problem.fix}"
