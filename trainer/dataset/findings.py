"""What is wrong, or worth knowing, about one file of a dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["bad", "warning", "note"]
"""`bad`: not trained on. `warning`: trained on, and probably not as meant. `note`: worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`reason` says what is the matter in a sentence without the file's name, `fix` what to do about it."""

    path: Path
    severity: Severity
    reason: str
    fix: str
