"""What is wrong, or worth knowing, about one file of a dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["bad", "warning", "note"]
"""`bad`: not trained on. `warning`: trained on, and probably not as meant. `note`: worth knowing."""

Kind = Literal[
    "unreadable",
    "folder name",
    "file format",
    "several frames",
    "only picture",
    "too small",
    "too narrow",
    "blurred",
    "same file",
    "near duplicate",
    "shared caption",
    "two captions",
    "orphan caption",
    "no caption",
    "empty caption",
    "encoding",
    "lost letters",
    "long caption",
    "same caption",
    "repeated tag",
    "tag conflict",
    "tag spelling",
    "tag balance",
    "folder balance",
    "trigger word",
]
"""What a finding is about, the gravest first within files, pictures, captions and tags."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`reason` says what is the matter in a sentence without the file's name, `fix` what to do about it."""

    path: Path
    severity: Severity
    reason: str
    fix: str
    kind: Kind
