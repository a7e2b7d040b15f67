"""The size of a picture on the page Generate: the model's own, or one that suits it, or any other."""

import json
import re
from functools import partial
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QComboBox, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from app.errand import Errand
from app.widgets.basics import button, calm, label, row
from trainer.contract.errors import UserError
from trainer.library.header import read_header
from trainer.library.identity import Identity, ModelFamily
from trainer.library.index import Entry

OWN = 0
"""What the boxes hold where the model's own size is taken."""
STEP = 8
SMALLEST, LARGEST = 16, 4096
"""Sides of a picture in pixels, as a job may name them."""
LONGER = 1.5
"""A portrait's height to its width: what the family still draws well when it was trained on squares."""
USUAL: dict[ModelFamily, tuple[int, int]] = {
    ModelFamily.SD1: (512, 512),
    ModelFamily.SD2: (768, 768),
    ModelFamily.SDXL: (1024, 1024),
    ModelFamily.SDXL_REFINER: (1024, 1024),
    ModelFamily.SVD: (1024, 576),
}
"""Width and height of the pictures that models of a family were trained on, where the file does not tell."""
SDXL_SIZES = (
    ("Square", (1024, 1024)),
    ("Portrait", (896, 1152)),
    ("Portrait", (832, 1216)),
    ("Tall", (768, 1344)),
    ("Landscape", (1152, 896)),
    ("Landscape", (1216, 832)),
    ("Wide", (1344, 768)),
)
"""SDXL was trained on sizes of about one megapixel (Podell et al. 2023, arXiv 2307.01952, appendix I)."""
SVD_SIZES = (("Wide", (1024, 576)), ("Tall", (576, 1024)))
"""SVD was trained on frames of 1024 x 576 (Blattmann et al. 2023, arXiv 2311.15127), and takes them upright too."""
LARGER = 4
"""A picture to begin from that has more than so many times the area that a model knows is made smaller (as
trainer.generation.source does)."""

_SIZE = re.compile(r"(\d{2,4})[xX](\d{2,4})")
Pair = tuple[int, int]


def own_size(entry: Entry, _errand: Errand | None = None) -> Pair | None:
    """(width, height) that the engine takes when a job names none, as trainer.models.checkpoint and diffusers_folder
    find it. To be called in a thread of the pool; None where the file does not tell."""
    identity = entry.identity
    try:
        if entry.is_folder:
            return _size_in_config(json.loads((entry.path / "unet" / "config.json").read_text("utf-8")), identity)
        noted = _SIZE.fullmatch(read_header(entry.path).metadata.get("modelspec.resolution", ""))
    except (OSError, UserError, ValueError, TypeError, KeyError):
        return None
    if noted and all(int(side) % STEP == 0 for side in noted.groups()):
        return int(noted[1]), int(noted[2])
    if identity is None or identity.family not in USUAL:
        return None
    is_base = identity.family is ModelFamily.SD2 and identity.prediction == "epsilon"
    return USUAL[ModelFamily.SD1] if is_base else USUAL[identity.family]


def _size_in_config(config: dict[str, Any], identity: Identity | None) -> Pair:
    """A UNet's config counts latents: a side, or (height, width). The published video models say a side that is
    another model's. Raises KeyError, TypeError or ValueError where it makes no sense."""
    told = config["sample_size"]
    if isinstance(told, list):
        height, width = told
        return int(width) * STEP, int(height) * STEP
    if identity is not None and identity.family is ModelFamily.SVD:
        return USUAL[ModelFamily.SVD]
    return int(told) * STEP, int(told) * STEP


def quick_sizes(family: ModelFamily, own: Pair | None) -> list[tuple[str, Pair]]:
    """What a model draws well, with its name: square, portrait and landscape."""
    if family in (ModelFamily.SDXL, ModelFamily.SDXL_REFINER):
        return list(SDXL_SIZES)
    if family is ModelFamily.SVD:
        return list(SVD_SIZES)
    side = min(own or USUAL.get(family, USUAL[ModelFamily.SD1]))
    longer = round(side * LONGER / 64) * 64
    return [("Square", (side, side)), ("Portrait", (side, longer)), ("Landscape", (longer, side))]


def picture_size(picture: Pair, own: Pair) -> Pair:
    """(width, height) that the engine takes for a picture to begin from, where the job names none: the picture's own,
    or its shape at the model's area where it is far larger than that."""
    area, known = picture[0] * picture[1], own[0] * own[1]
    scale = (known / area) ** 0.5 if area > LARGER * known else 1.0
    width, height = (min(max(round(side * scale / STEP) * STEP, SMALLEST), LARGEST) for side in picture)
    return width, height


class SizeBox(QWidget):
    """`value()` is the job's `size`, as it was typed: pydantic says what is wrong with it."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._entry: Entry | None = None
        self._own: Pair | None = None
        self._picture: Pair | None = None
        self._reading: Errand | None = None
        self._quick = QComboBox()
        self._quick.setAccessibleName("Size")
        self._quick.setToolTip("Sizes that the model draws well. Its own is the one that it was trained on.")
        calm(self._quick)
        self._sides = (_side("Width"), _side("Height"))
        times = label("×", "muted")
        times.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        swap = button("", "Turn it: width becomes height", self.swap, icon="swap", kind="quiet")
        swap.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._quick.activated.connect(self._pick)
        for side in self._sides:
            side.valueChanged.connect(self._edited)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._quick)
        self._numbers = row(self._sides[0], times, self._sides[1], swap, spacing=6)
        layout.addWidget(self._numbers)
        self._offer()

    @property
    def first_field(self) -> QWidget:
        return self._sides[0]

    def set_model(self, entry: Entry | None) -> None:
        """Offer what suits this model. Its own size is read from the file, in the pool."""
        if entry == self._entry:
            return
        self._entry, self._own = entry, None
        self._offer()
        if entry is not None:
            self._reading = Errand(entry, partial(own_size, entry))
            self._reading.told.done.connect(self._take_own)
            self._reading.start()

    def set_picture(self, size: Pair | None) -> None:
        """Of the picture that is begun from: it decides where no size is chosen. None is no such picture."""
        if size != self._picture:
            self._picture = size
            self._offer()

    @property
    def unchosen(self) -> Pair | None:
        """What the engine takes where no size is chosen; None while the model's own is not known."""
        if self._own is None or self._picture is None:
            return self._own
        return picture_size(self._picture, self._own)

    @Slot(object, object)
    def _take_own(self, entry: Entry, own: Pair | None) -> None:
        if entry == self._entry:
            self._own = own
            self._offer()

    def _offer(self) -> None:
        identity = self._entry.identity if self._entry else None
        with QSignalBlocker(self._quick):
            self._quick.clear()
            size = self.unchosen
            whose = "The model's own" if self._picture is None else "As the picture"
            shown = f"{size[0]} × {size[1]}" if size else "as it was trained"
            self._quick.addItem(f"{whose}: {shown}", (OWN, OWN))
            for name, (width, height) in quick_sizes(identity.family if identity else ModelFamily.UNKNOWN, self._own):
                self._quick.addItem(f"{name}: {width} × {height}", (width, height))
            self._quick.addItem("Another size", None)
        self._mark()

    def value(self) -> dict[str, int] | None:
        width, height = (side.value() for side in self._sides)
        return None if width == height == OWN else {"width": width, "height": height}

    def set_value(self, value: dict[str, Any] | None) -> None:
        """Raises TypeError, KeyError or ValueError for what is no size."""
        wanted = (OWN, OWN) if value is None else (int(value["width"]), int(value["height"]))
        self._set(wanted)

    @Slot()
    def swap(self) -> None:
        """Width becomes height. The model's own becomes a size that can be turned."""
        width, height = (side.value() for side in self._sides)
        if width == height == OWN:
            width, height = self.unchosen or (OWN, OWN)
        self._set((height, width))
        self.changed.emit()

    def _set(self, size: Pair) -> None:
        for side, number in zip(self._sides, size, strict=True):
            with QSignalBlocker(side):
                side.setValue(number)
        self._mark()

    @Slot(int)
    def _pick(self, _place: int) -> None:
        size = self._quick.currentData()
        if size is None:
            if self.value() is None:
                self._set(self.unchosen or USUAL[ModelFamily.SD1])
            self._numbers.show()
            self._sides[0].setFocus()
            self._sides[0].selectAll()
            self._quick.setCurrentIndex(self._quick.count() - 1)
        else:
            self._set((size[0], size[1]))
        self.changed.emit()

    @Slot()
    def _edited(self) -> None:
        self._mark()
        self.changed.emit()

    def _mark(self) -> None:
        """Let the list say what the boxes hold; for the model's own size that is enough."""
        size = tuple(side.value() for side in self._sides)
        known = [self._quick.itemData(place) for place in range(self._quick.count())]
        place = next((place for place, one in enumerate(known) if one is not None and tuple(one) == size), -1)
        self._quick.setCurrentIndex(place if place >= 0 else len(known) - 1)
        self._numbers.setVisible(size != (OWN, OWN))


def _side(name: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(OWN, LARGEST)
    made.setSingleStep(STEP)
    made.setSpecialValueText("own")
    made.setSuffix(" px")
    made.setAccessibleName(name)
    made.setToolTip(f"{name} in pixels, a multiple of 8. The lowest value takes the model's own.")
    calm(made)
    return made
