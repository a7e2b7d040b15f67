"""The page Generate with models of every family that it knows, for the tests that drive it."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.favourites import Favourites
from app.models_list import Models
from app.pages.generate import GeneratePage
from app.queue import Queue
from app.settings import Settings
from tests.app.stage import Engine
from tests.library import layouts
from trainer.home import Home


def open_page(qtbot: QtBot, home: Home, engine: Engine, settings: Settings, *, video: bool = False) -> GeneratePage:
    """Shown, with its history read and the models listed."""
    checkpoints = home.models / "checkpoints"
    layouts.write_header_only(checkpoints / "dreamy.safetensors", layouts.sd1())
    for name in ("large", "large lightning"):
        layouts.write_header_only(checkpoints / f"{name}.safetensors", layouts.sdxl())
    if video:
        layouts.write_header_only(checkpoints / "moving.safetensors", layouts.svd())
    lora = layouts.kohya_lora(layouts.lora_modules(768))
    layouts.write_header_only(home.models / "loras" / "kiki.safetensors", lora)
    models = Models(home)
    favourites = Favourites(home, settings)
    queue = Queue(engine, home)  # pyright: ignore[reportArgumentType]
    made = GeneratePage(home, models, queue, settings, favourites)
    for child in (models, favourites, queue, engine):
        child.setParent(made)
    qtbot.addWidget(made)
    made.resize(1196, 766)
    with qtbot.waitSignal(models.changed):
        models.refresh()
    with qtbot.waitSignal(made._history.listed):
        made.show()
    qtbot.waitUntil(lambda: made._form._size._own is not None)
    return made


def click(page: GeneratePage, name: str) -> None:
    """The button in sight of this name."""
    found = [one for one in page.findChildren(QPushButton) if one.isVisible() and one.accessibleName() == name]
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)
