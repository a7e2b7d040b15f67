"""The verb `dataset check`: every bad file by name, with its reason."""

from argparse import Namespace
from collections.abc import Callable

from trainer.cli.output import Output
from trainer.contract.errors import Cancelled
from trainer.dataset.check import check as check_folder
from trainer.dataset.check import require_usable


def check(arguments: Namespace, output: Output, wish: Callable[[], bool]) -> int:
    """Look at every picture and caption. Exit code 0 if there is something to train on; UserError if not."""

    def watch(done: int, total: int) -> None:
        if wish():
            raise Cancelled
        output.progress(f"pictures {done}/{total}", force=done == total)

    report = check_folder(arguments.folder.expanduser(), watch=watch)
    lines = [f"{found.severity:8} {found.path}: {found.reason} {found.fix}" for found in report.findings]
    lines.append(f"{len(report.examined)} of {report.total} pictures can be trained on.")
    output.answer(report.to_dict(), lines)
    require_usable(report)
    return 0
