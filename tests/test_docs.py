"""The documents for developers name files; those files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_named_in_a_document_exists(document: str) -> None:
    named = set(re.findall(r"\b(?:[a-z_]+/)+[a-z_]+\.(?:py|md|txt)\b", (ROOT / document).read_text("utf-8")))
    assert named
    missing = {name for name in named if not (ROOT / name).exists() and not (ROOT / "trainer" / name).exists()}
    assert missing == set()
