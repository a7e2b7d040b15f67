"""The pictures of a training: a folder, with its first pictures and what the check found."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout

from app.pages.train_choices import choose_folder
from app.pages.train_disk import THUMBNAILS, Looked
from app.pages.train_health import HealthBadges
from app.widgets.basics import button, label, row, set_words
from trainer.dataset.names import shown

SIDE = 50
"""Of a thumbnail, in pixels of the screen's grid."""


class PicturesBox(QFrame):
    """`chosen` carries a folder that the user picked; `wants_samples` asks for the pictures that ship."""

    chosen = Signal(str)
    wants_samples = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._folder = ""
        self.setProperty("surface", "raised")
        self.setAccessibleName("Pictures")
        self._name = label("Drop a folder of pictures here", "heading")
        self._name.setWordWrap(False)
        self._found = label("Ten to thirty different pictures teach a subject well.", "muted")
        self.badges = HealthBadges()
        self._tiles = [QLabel() for _ in range(THUMBNAILS)]
        for tile in self._tiles:
            tile.setFixedSize(SIDE, SIDE)
            tile.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._strip = row(*self._tiles, 0, spacing=6)
        self._strip.hide()
        choose = button("Choose a folder…", "Choose the folder that holds your pictures", self.choose, icon="folder")
        samples = button(
            "Use the sample pictures",
            "Twelve drawings of Kiki, a cat that the starter has never seen, with the settings that suit them",
            self.wants_samples.emit,
            kind="quiet",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        for one in (self._name, self._strip, self._found, self.badges, row(choose, samples, 0, spacing=4)):
            layout.addWidget(one)

    @property
    def folder(self) -> str:
        return self._folder

    def set_folder(self, folder: str) -> None:
        """What was found in it is shown once it was looked at; the same folder again changes nothing."""
        if folder == self._folder:
            return
        self._folder = folder
        self._name.setText(shown(Path(folder).name or folder) if folder else "Drop a folder of pictures here")
        self._name.setToolTip(shown(folder))
        self._strip.hide()
        self._say("Looking at the pictures" if folder else "Ten to thirty different pictures teach a subject well.")

    def show_progress(self, done: int, total: int) -> None:
        self._say(f"Looking at the pictures: {done} of {total}")

    def show_trouble(self, text: str) -> None:
        self._strip.hide()
        self._say(text, "error")

    def show_looked(self, looked: Looked) -> None:
        usable, total = len(looked.report.usable), looked.report.total
        name = shown(looked.report.folder.name)
        self._name.setText(f"{name}  ·  {total} picture{'' if total == 1 else 's'}")
        self._show_thumbnails(looked.thumbnails)
        warnings = sum(finding.severity == "warning" for finding in looked.report.findings)
        if not usable:
            self._say("There is no picture here that can be trained on.", "error")
        elif usable < total:
            self._say(f"{total - usable} can't be used; Plan says why.", "warn")
        elif warnings:
            self._say(f"{warnings} {'remark' if warnings == 1 else 'remarks'} on Plan.", "warn")
        else:
            self._say("All of them can be used.", "muted")

    @Slot()
    def choose(self) -> None:
        picked = choose_folder(self, "The folder with your pictures", self._folder)
        if picked:
            self.chosen.emit(picked)

    def _show_thumbnails(self, images: tuple[QImage, ...]) -> None:
        ratio = self.devicePixelRatioF()
        for place, tile in enumerate(self._tiles):
            if place < len(images):
                side = round(SIDE * ratio)
                image = images[place].scaled(
                    side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
                image.setDevicePixelRatio(ratio)
                tile.setPixmap(QPixmap.fromImage(image))
            tile.setVisible(place < len(images))
        self._strip.setVisible(bool(images))

    def _say(self, text: str, words: str = "muted") -> None:
        self._found.setText(text)
        set_words(self._found, words)
