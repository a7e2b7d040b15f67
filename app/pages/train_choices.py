"""Choices in the form of a training that are more than one field: the method, and the pictures of the class."""

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from app.widgets.basics import button, column, row


class MethodChoice(QWidget):
    """A LoRA or a whole model. `chosen` is said when the user picked the other one."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._buttons = {"lora": QRadioButton("a LoRA"), "full": QRadioButton("a whole model")}
        self._buttons["lora"].setToolTip("A small file laid over a model: quick to train, can be combined with others.")
        self._buttons["full"].setToolTip("Every weight of the model: the most power, and the most memory and time.")
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        for one in self._buttons.values():
            one.setAccessibleName(one.text())
            self._group.addButton(one)
            layout.addWidget(one)
        layout.addStretch(1)
        self._group.buttonToggled.connect(self._toggled)  # arrow keys choose without a click

    @property
    def kind(self) -> str:
        return next((kind for kind, one in self._buttons.items() if one.isChecked()), "lora")

    def set_kind(self, kind: str) -> None:
        if kind in self._buttons:
            with QSignalBlocker(self._group):
                self._buttons[kind].setChecked(True)

    @Slot(QAbstractButton, bool)
    def _toggled(self, _button: QAbstractButton, is_on: bool) -> None:
        if is_on:
            self.chosen.emit(self.kind)


class PriorBox(QWidget):
    """Whether class pictures are trained beside the user's own, and their folder."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._keep = QCheckBox("Keep the class as it is, with pictures of it")
        self._keep.setAccessibleName("Keep the class")
        self._keep.setToolTip(
            "Trains pictures of the class (other cats, when you teach one cat) beside yours, "
            "so that the model does not take all of them for your subject."
        )
        self._folder = QLineEdit()
        self._folder.setPlaceholderText("a folder of pictures of the class")
        self._folder.setToolTip(
            "Twenty or more pictures of other things of the same class, best made by the same model."
        )
        self._folder.setAccessibleName("Class pictures")
        browse = button("", "Choose the folder of class pictures", self.choose, icon="folder")
        self._row = row(self._folder, browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(self._keep, self._row))
        self._row.hide()
        self._keep.toggled.connect(self._toggled)
        self._folder.editingFinished.connect(self.changed)

    @property
    def is_kept(self) -> bool:
        return self._keep.isChecked()

    @property
    def folder(self) -> str:
        return self._folder.text().strip()

    def show_prior(self, is_kept: bool, folder: str) -> None:
        self._folder.setText(folder)
        self._keep.setChecked(is_kept)

    @Slot()
    def choose(self) -> None:
        picked = choose_folder(self, "The folder with pictures of the class", self.folder)
        if picked:
            self.show_prior(True, picked)
            self.changed.emit()

    @Slot(bool)
    def _toggled(self, is_kept: bool) -> None:
        self._row.setVisible(is_kept)
        self.changed.emit()


def choose_folder(parent: QWidget, title: str, start: str) -> str:
    """The folder that the user picks in the system's own dialog; empty when it was left."""
    return QFileDialog.getExistingDirectory(parent, title, start)
