"""The table of actions, their keys, and the menu made of them."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.action_table import TABLE
from app.actions import WINDOW, Actions
from app.settings import Settings
from app.theme import ICONS
from app.window import ATTRIBUTES, PAGES, MainWindow
from trainer.home import Home


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_every_action_has_someone_who_does_it(home: Home, qtbot: QtBot) -> None:
    window = MainWindow(home)
    qtbot.addWidget(window)
    for deed in TABLE:
        group, _, what = deed.name.partition(".")
        if group == "go":
            assert what in PAGES
        else:
            doer = window if group == "window" else getattr(window, group)
            assert callable(getattr(doer, what, None)), f"{deed.name}: there is no such method"


def test_every_action_says_what_it_does_and_has_a_name_and_an_icon_of_ours() -> None:
    assert len({deed.name for deed in TABLE}) == len(TABLE)
    for deed in TABLE:
        assert deed.words
        assert deed.does
        assert deed.icon in ICONS
        assert deed.group in (*WINDOW, *(ATTRIBUTES.get(page, page) for page in PAGES))


def test_no_usual_keys_call_two_actions_of_one_page(window: QWidget) -> None:
    actions = Actions(window, Settings())
    for deed in TABLE:
        assert actions.set_keys(deed.name, actions.usual(deed.name)) == ""


def test_keys_of_a_page_act_only_while_it_is_in_front(window: QWidget) -> None:
    actions = Actions(window, Settings())
    actions.bring_to_front("generate")
    assert actions.get("generate.generate").shortcut() == QKeySequence("Ctrl+Return")
    assert actions.get("train.start").shortcut().isEmpty()
    assert actions.get("window.quit").shortcut() == QKeySequence("Ctrl+Q")
    actions.bring_to_front("train")
    assert actions.get("generate.generate").shortcut().isEmpty()
    assert actions.get("train.start").shortcut() == QKeySequence("Ctrl+Return")


def test_keys_can_be_changed_and_taken_back_and_are_kept(window: QWidget) -> None:
    settings = Settings()
    actions = Actions(window, settings)
    actions.bring_to_front("generate")
    assert actions.set_keys("generate.vary", QKeySequence("Ctrl+Shift+V")) == ""
    assert actions.get("generate.vary").shortcut() == QKeySequence("Ctrl+Shift+V")
    assert settings.shortcuts == {"generate.vary": "Ctrl+Shift+V"}
    assert Actions(window, settings).keys("generate.vary") == QKeySequence("Ctrl+Shift+V")
    assert actions.reset("generate.vary") == ""
    assert settings.shortcuts == {}
    assert actions.set_keys("generate.vary", QKeySequence()) == ""
    assert actions.get("generate.vary").shortcut().isEmpty()
    assert settings.shortcuts == {"generate.vary": ""}


def test_keys_that_belong_to_another_action_are_refused_with_its_name(window: QWidget) -> None:
    actions = Actions(window, Settings())
    said = actions.set_keys("generate.vary", QKeySequence("Ctrl+K"))
    assert "Find an action" in said
    assert actions.keys("generate.vary") == QKeySequence("Ctrl+R")
    assert actions.set_keys("gallery.search", QKeySequence("Ctrl+R")) == "", "another page may use the same keys"


def test_keys_of_ours_come_before_what_a_text_field_makes_of_them(window: QWidget, qtbot: QtBot) -> None:
    actions = Actions(window, Settings())
    actions.bring_to_front("generate")
    text = QPlainTextEdit("keep this", window)
    line = QLineEdit(window)
    window.show()
    text.setFocus()
    qtbot.waitUntil(text.hasFocus)
    assert actions.set_keys("generate.vary", QKeySequence("Ctrl+Z")) == ""
    qtbot.keyClicks(text, "k")
    with qtbot.waitSignal(actions.asked) as asked:
        qtbot.keyClick(text, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert asked.args == ["generate.vary"]
    assert text.toPlainText() == "kkeep this"
    line.setFocus()
    assert not _is_taken_from(text), "only the field with the keyboard is watched"


def test_the_menu_has_every_action_once(window: QWidget) -> None:
    actions = Actions(window, Settings())
    menu = actions.menu(window)
    found = [action.objectName() for action in menu.actions() if action.objectName()]
    for below in menu.findChildren(QMenu):
        found += [action.objectName() for action in below.actions()]
    assert sorted(found) == sorted(deed.name for deed in TABLE if deed.name != "window.open_menu")


def _is_taken_from(text: QPlainTextEdit) -> bool:
    """Whether Ctrl+Z does not reach this field."""
    event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    event.ignore()
    QApplication.sendEvent(text, event)
    return not event.isAccepted()
