"""Stars and flags survive, and damage to their file is said."""

import json
from pathlib import Path

import pytest

from trainer.contract.errors import UserError
from trainer.dataset.items import scan
from trainer.dataset.marks import Marks


def test_stars_and_flags_come_back(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    assert (marks.stars("a.png"), marks.flag("a.png"), marks.note) == (0, "", "")
    marks.set_stars("a.png", 4)
    marks.set_flag("sub/ü 猫.png", "reject")
    marks.set_flag("a.png", "pick")
    assert marks.changed
    marks.save()
    assert not marks.changed
    again = Marks(tmp_path)
    assert (again.stars("a.png"), again.flag("a.png"), again.flag("sub/ü 猫.png")) == (4, "pick", "reject")
    assert sorted(again) == ["a.png", "sub/ü 猫.png"]
    again.set_stars("a.png", 0)
    again.set_flag("a.png", "")
    again.save()
    assert list(Marks(tmp_path)) == ["sub/ü 猫.png"]


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.set_stars("a.png", 0)
    marks.save()
    assert list(tmp_path.iterdir()) == []


def test_more_than_five_stars_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="6"):
        Marks(tmp_path).set_stars("a.png", 6)


def test_what_a_newer_gesso_wrote_beside_a_mark_stays(tmp_path: Path) -> None:
    path = tmp_path / ".gesso" / "marks.json"
    path.parent.mkdir()
    path.write_text('{"format": 1, "marks": {"a.png": {"stars": 2, "flag": "", "colour": "red"}}}', "utf-8")
    marks = Marks(tmp_path)
    marks.set_stars("a.png", 3)
    marks.save()
    assert json.loads(path.read_bytes())["marks"] == {"a.png": {"stars": 3, "flag": "", "colour": "red"}}
    marks.set_stars("a.png", 0)
    marks.save()
    assert json.loads(path.read_bytes())["marks"] == {"a.png": {"stars": 0, "flag": "", "colour": "red"}}
    assert list(Marks(tmp_path)) == []


def test_a_file_that_was_damaged_meanwhile_is_set_aside_and_nothing_is_lost(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.set_stars("a.png", 3)
    marks.save()
    marks.path.write_bytes(b"torn")
    marks.set_stars("b.png", 4)
    marks.save()
    again = Marks(tmp_path)
    assert (again.stars("a.png"), again.stars("b.png"), again.note) == (3, 4, "")
    assert (tmp_path / ".gesso" / "marks.damaged-1.json").read_bytes() == b"torn"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"[]",
        b'{"format": 2, "marks": {}}',
        b'{"format": 1, "marks": []}',
        b'{"format": 1, "marks": {"a": {"stars": 9, "flag": ""}}}',
        b'{"format": 1, "marks": {"a": {"stars": 1, "flag": "maybe"}}}',
        b'{"format": 1, "marks": {"a": 3}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / ".gesso" / "marks.json"
    path.parent.mkdir()
    path.write_bytes(data)
    marks = Marks(tmp_path)
    assert "marks.damaged-1.json" in marks.note
    assert path.with_name("marks.damaged-1.json").read_bytes() == data
    marks.set_stars("a.png", 1)
    marks.save()
    assert Marks(tmp_path).note == ""
    assert json.loads(path.read_bytes())["format"] == 1


def test_a_disk_that_refuses_loses_nothing(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.set_stars("a.png", 1)
    (tmp_path / ".gesso").write_bytes(b"a file stands here")
    with pytest.raises(UserError):
        marks.save()
    assert marks.changed
    (tmp_path / ".gesso").unlink()
    marks.save()
    assert Marks(tmp_path).stars("a.png") == 1


def test_what_others_marked_meanwhile_stays(tmp_path: Path) -> None:
    """Another window, or this one before it read the folder anew."""
    first, second = Marks(tmp_path), Marks(tmp_path)
    first.set_stars("a.png", 5)
    first.set_flag("b.png", "pick")
    first.save()
    second.set_stars("c.png", 3)
    second.set_flag("b.png", "reject")
    second.save()
    now = Marks(tmp_path)
    assert [(now.stars(name), now.flag(name)) for name in ("a.png", "b.png", "c.png")] == [
        (5, ""),
        (0, "reject"),
        (3, ""),
    ]
    first.set_stars("a.png", 0)
    first.save()
    assert sorted(Marks(tmp_path)) == ["b.png", "c.png"]


def test_what_gesso_keeps_in_a_dataset_is_no_part_of_it(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.set_stars("a.png", 1)
    marks.save()
    (tmp_path / ".gesso" / "x.png").write_bytes(b"")
    assert scan(tmp_path).items == ()
