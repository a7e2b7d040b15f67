"""Captions from file names, as AUTOMATIC1111 reads them for training."""

import re
from pathlib import Path

from trainer.contract.caption import FileName

_NUMBERS = re.compile(r"^[-\d]+\s*")


def words_of(path: Path, options: FileName) -> str:
    """`00012-0-a cat.png` as `a cat`; with a pattern, what it finds, joined. "" where nothing is left."""
    name = _NUMBERS.sub("", path.stem)
    if options.pattern:
        found = (match[0] for match in re.finditer(options.pattern, name))
        name = options.separator.join(words for words in found if words)
    return " ".join(name.split())
