"""Captions out of file names."""

from pathlib import Path

import pytest

from trainer.captioning.file_name import words_of
from trainer.contract.caption import FileName


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("00012-0-a cat, on a sofa.png", FileName(), "a cat, on a sofa"),
        ("-12- 3 cats.png", FileName(), "3 cats"),
        ("a 4 legged cat.v2.jpg", FileName(), "a 4 legged cat.v2"),
        ("0001.png", FileName(), ""),
        ("00-red_kite_sky.png", FileName(pattern="[a-z]+", separator=", "), "red, kite, sky"),
        ("00-123.png", FileName(pattern="[a-z]*"), ""),
    ],
)
def test_names(name: str, options: FileName, expected: str) -> None:
    assert words_of(Path("somewhere") / name, options) == expected
