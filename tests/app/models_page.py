"""The Models page with its models listed, and what a person sees and presses on it."""

from typing import TypeVar

from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.models_list import Models
from app.pages.models import ModelsPage
from app.settings import Settings
from tests.library import layouts
from trainer.home import Home

LORA = layouts.kohya_lora({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (1280, 768)})
W = TypeVar("W", bound=QWidget)


def opened(qtbot: QtBot, home: Home, settings: Settings | None = None) -> ModelsPage:
    """The page with its models listed."""
    models = Models(home)
    page = ModelsPage(home, models, settings or Settings())
    models.setParent(page)
    qtbot.addWidget(page)
    page.resize(1200, 760)
    page.show()
    listed_again(qtbot, page)
    return page


def listed_again(qtbot: QtBot, page: ModelsPage) -> None:
    with qtbot.waitSignal(models_of(page).changed):
        models_of(page).refresh()


def part(page: QWidget, kind: type[W]) -> W:
    found = page.findChild(kind)
    assert found is not None
    return found


def models_of(page: ModelsPage) -> Models:
    found = page.findChild(Models)
    assert found is not None
    return found


def words(widget: QWidget) -> str:
    """All that can be read on it now, without the places where a long name may break."""
    shown = [one.text() for one in widget.findChildren(QLabel) if one.isVisibleTo(widget)]
    return "\n".join(shown).replace("\u200b", "")


def press(widget: QWidget, text: str) -> None:
    """Press the button that can be pressed and has this text, or this tooltip."""
    found = [one for one in widget.findChildren(QPushButton) if text in (one.text(), one.toolTip())]
    found = [one for one in found if one.isVisibleTo(widget) and one.isEnabled()]
    assert len(found) == 1, f"{len(found)} buttons {text}"
    found[0].click()
