"""The picture that is begun from, on the page Generate: one quiet line until there is one."""

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QImageReader, QPixmap
from PySide6.QtWidgets import QFileDialog, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.errand import Errand
from app.forms.editors import field_editor
from app.forms.form import Form
from app.pictures import read_image
from app.widgets.basics import button, calm, column, label, row
from trainer.contract.generate import Mask, SourcePicture

Tree = dict[str, Any]
SIDE = 64
"""Pixels of the thumbnail."""
PICTURES = "Pictures (*.png *.jpg *.jpeg *.webp *.bmp *.tif *.tiff *.gif *.avif);;All files (*)"
MASK_FIELDS = ("only_masked", "padding", "feather", "fill", "inverted")
STRENGTHS = (
    (0.3, "touches it up"),
    (0.55, "keeps the composition"),
    (0.8, "takes it as an idea"),
    (0.99, "keeps hardly anything"),
    (1.0, "starts anew"),
)
"""What a strength up to this does, in words."""


def strength_in_words(strength: float) -> str:
    return next((words for most, words in STRENGTHS if strength <= most), STRENGTHS[-1][1])


class SourceBox(QWidget):
    """`value()` is the tree of a job's `source`, or None. `painting` asks for the mask to be painted."""

    changed = Signal()
    painting = Signal()
    looked = Signal()
    """Whether there is such a picture, and its size, is known now."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where a picture is looked for first."""
        super().__init__()
        self._folder = folder
        self._path = self._sha256 = ""
        self._mask: Tree | None = None
        self._looking: dict[str, Errand] = {}
        self.picture: QSize | None = None
        """Its size in pixels, once it is known."""
        self._thumbnail = QLabel()
        self._name = label()
        self._facts = label("", "muted")
        self._strength = field_editor(SourcePicture, "strength")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._words = label("", "muted")
        self._fit = Form(SourcePicture, ("resize",), "source")
        self._masking = Form(Mask, MASK_FIELDS, "source.mask")
        self._choose = button(
            "Begin from a picture…", "Change a picture that is there, or a part of it", self.choose, icon="picture"
        )
        self._remove = button("", "Begin from nothing again", self.remove, icon="close", kind="quiet")
        self._paint = button(
            "Repaint a part…", "Mark what is to be made anew; all else stays as it is", self.painting.emit
        )
        self._forget = button("", "Forget the mask: all of the picture may change", self._forget_mask, icon="close")
        self._fault = label("", "error")
        self._lay_out()
        self._slider.valueChanged.connect(self._slid)
        self._strength.changed.connect(self._typed)
        self._fit.changed.connect(self.changed)
        self._masking.changed.connect(self._mask_edited)
        self._show()

    @property
    def path(self) -> str:
        return self._path

    @property
    def first_field(self) -> QWidget:
        return self._strength.widget if self._path and not self._still.isHidden() else self._choose

    @property
    def mask_path(self) -> str:
        return str(self._mask.get("path", "")) if self._mask else ""

    @property
    def has_mask(self) -> bool:
        return self._mask is not None

    @property
    def works_on_region(self) -> bool:
        """Whether only the masked region is worked on, at a size of its own."""
        return self._mask is not None and bool(self._masking.editor("only_masked").value())

    def value(self) -> Tree | None:
        if not self._path:
            return None
        mask = None if self._mask is None else {**self._mask, **self._masking.value()}
        return {
            "path": self._path,
            "sha256": self._sha256,
            "strength": self._strength.value(),
            **self._fit.value(),
            "mask": mask,
        }

    def set_value(self, tree: Tree | None) -> None:
        """Raises TypeError, KeyError or AttributeError for what is no source."""
        tree = tree or {"path": ""}
        mask = tree.get("mask")
        known = SourcePicture.model_fields["strength"].default
        self._strength.set_value(tree.get("strength", known))
        self._fit.set_value(tree)
        self._masking.set_value(mask or {})
        self._mask = None if mask is None else {key: str(mask.get(key, "")) for key in ("path", "sha256")}
        self._take(str(tree["path"]), str(tree.get("sha256", "")))

    def set_picture(self, path: str, strength: float | None = None) -> None:
        """Begin from another picture, whose mask is still to be painted."""
        if path != self._path:
            self._mask = None
        if strength is not None:
            self._strength.set_value(strength)
        self._take(path, "")
        self.changed.emit()

    def set_mask(self, path: str) -> None:
        """The mask that was painted; "" is none."""
        if path != self.mask_path:
            self._mask = {"path": path, "sha256": ""} if path else None
            self._show()
            self.changed.emit()

    @Slot()
    def choose(self) -> None:
        start = str(Path(self._path).parent if self._path else self._folder)
        chosen, _ = QFileDialog.getOpenFileName(self, "A picture to begin from", start, PICTURES)
        if chosen:
            self.set_picture(chosen)

    @Slot()
    def remove(self) -> None:
        self.set_picture("")

    def set_required(self, required: bool) -> None:
        """For video there is no strength, and no mask."""
        self._still.setVisible(not required)
        self._choose.setText("Choose the picture to move…" if required else "Begin from a picture…")
        self._choose.setAccessibleName(self._choose.text())

    def show_faults(self, error: ValidationError) -> None:
        self._fit.show_faults(error, "source")
        self._masking.show_faults(error, "source.mask")

    def _take(self, path: str, sha256: str) -> None:
        self._path, self._sha256 = path, sha256
        self.picture = None
        self._facts.setText("")
        self._thumbnail.setPixmap(QPixmap())
        self._show()
        if path and path not in self._looking:
            errand = Errand(path, partial(_looked_at, Path(path)))
            errand.told.done.connect(self._look)
            errand.told.failed.connect(self._fail)
            self._looking[path] = errand
            errand.start()
        self.looked.emit()

    @Slot(object, object)
    def _look(self, path: str, found: tuple[QImage, QSize]) -> None:
        self._looking.pop(path, None)
        if path != self._path:
            return
        image, size = found
        if image.isNull():
            self._fail(path, "This picture can't be opened. It may have been moved, or be damaged.")
            return
        ratio = self.devicePixelRatioF()
        side = round(SIDE * ratio)
        shape, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        pixmap = QPixmap.fromImage(image.scaled(side, side, shape, smooth))
        pixmap.setDevicePixelRatio(ratio)
        self._thumbnail.setPixmap(pixmap)
        self._facts.setText(f"{size.width()} × {size.height()}")
        self.picture = size
        self.looked.emit()

    @Slot(object, str)
    def _fail(self, path: str, why: str) -> None:
        self._looking.pop(path, None)
        if path == self._path:
            self._fault.setText(why)
            self._fault.show()

    @Slot(int)
    def _slid(self, hundredths: int) -> None:
        self._strength.set_value(hundredths / 100)
        self._say_strength()
        self.changed.emit()

    @Slot()
    def _typed(self) -> None:
        self._say_strength()
        self.changed.emit()

    @Slot()
    def _mask_edited(self) -> None:
        self._show_mask()
        self.looked.emit()
        self.changed.emit()

    @Slot()
    def _forget_mask(self) -> None:
        self.set_mask("")

    def _say_strength(self) -> None:
        strength = float(self._strength.value())
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(strength * 100))
        self._words.setText(strength_in_words(strength))
        self._slider.setAccessibleDescription(strength_in_words(strength))

    def _show(self) -> None:
        """Let everything say what there is."""
        used = bool(self._path)
        self._choose.setVisible(not used)
        self._used.setVisible(used)
        self._fault.hide()
        self._name.setText(Path(self._path).name)
        self._name.setToolTip(self._path)
        self._say_strength()
        self._show_mask()

    def _show_mask(self) -> None:
        masked = self._mask is not None
        self._paint.setText("Change the mask…" if masked else "Repaint a part…")
        self._paint.setAccessibleName(self._paint.text())
        self._forget.setVisible(masked)
        self._masking.setVisible(masked)
        self._masking.rows["padding"].setVisible(self.works_on_region)

    def _lay_out(self) -> None:
        self._choose.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._choose.setProperty("kind", "quiet")
        self._remove.setAccessibleName("Remove the picture")
        self._forget.setAccessibleName("Forget the mask")
        self._paint.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._name.setWordWrap(False)
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._thumbnail.setFixedSize(SIDE, SIDE)
        self._thumbnail.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._slider.setRange(1, 100)
        self._slider.setAccessibleName("Strength of the change")
        self._slider.setToolTip(self._strength.widget.toolTip())
        calm(self._slider)
        self._strength.widget.setFixedWidth(64)
        self._words.setWordWrap(False)
        self._remove.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._forget.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        words = column(0, self._name, self._facts, 0, spacing=2)
        words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        head = row(self._thumbnail, words, self._remove, spacing=8)
        name = label("Strength", "muted")
        name.setWordWrap(False)
        name.setBuddy(self._strength.widget)
        strength = column(row(name, 0, self._words), row(self._slider, self._strength.widget), spacing=3)
        self._still = column(strength, self._fit, row(self._paint, self._forget, spacing=4), self._masking, spacing=10)
        self._used = column(row(label("From a picture", "muted")), head, self._fault, self._still, spacing=8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._choose)
        layout.addWidget(self._used)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


def _looked_at(path: Path, _errand: Errand) -> tuple[QImage, QSize]:
    """A thumbnail of it, and its size as it is shown, upright."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if reader.transformation().value & 4:  # a quarter turn
        size.transpose()
    return read_image(path, SIDE * 4), size
