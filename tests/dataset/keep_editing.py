"""A process that edits all captions of a folder in batches, without end, for a test to kill.

    python keep_editing.py FOLDER

It says `ready` before the first batch. All captions have the same version at any time, but for the middle of a batch.
"""

import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.items import scan


def caption(place: int, version: int) -> str:
    """Long enough that half of it would be noticed."""
    return f"picture {place} version {version} " + "word " * (50 + version % 7) + f"end {version}"


def version_of(text: str) -> int:
    return int(text.split()[-1])


def main() -> None:
    book = CaptionBook(scan(Path(sys.argv[1])))
    places = range(len(book.dataset.items))
    first = version_of(book.caption(0).text) + 1
    print("ready", flush=True)
    for version in count(first):
        book.apply(f"version {version}", [Change(p, book.caption(p).text, caption(p, version)) for p in places])
        book.undo()
        book.redo()


if __name__ == "__main__":
    main()
