"""Pictures on the page Dataset that are to be prepared, for the tests of crops and of masks."""

from pathlib import Path

from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.dataset_preparing import Mode
from app.pages.dataset import DatasetPage

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SIZE = (1200, 800)
CORNERS = {(10, 10): (255, 0, 0), (1190, 10): (0, 255, 0), (10, 790): (0, 0, 255), (1190, 790): (255, 255, 255)}


def write_pets(folder: Path) -> Path:
    """Three pictures whose quarters have each a colour of its own."""
    folder.mkdir()
    picture = Image.new("RGB", SIZE)
    for (x, y), colour in CORNERS.items():
        picture.paste(colour, (x // 600 * 600, y // 400 * 400, x // 600 * 600 + 600, y // 400 * 400 + 400))
    for name in ("1.png", "2.png", "3.png"):
        picture.save(folder / name, compress_level=1)
        (folder / name).with_suffix(".txt").write_text("a cat", encoding="utf-8")
    return folder


def originals(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("?.*"))}


def shown(qtbot: QtBot, page: DatasetPage) -> None:
    qtbot.waitUntil(lambda: page.preparing._is_shown)


def prepare(qtbot: QtBot, page: DatasetPage, mode: Mode = "crop") -> None:
    QTest.keyClick(page.grid, Qt.Key.Key_C)
    page.preparing.set_mode(mode)
    shown(qtbot, page)
