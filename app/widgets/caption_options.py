"""How a captioner is asked, and how what it says is written: every field of its job, made from the contract."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.forms.editors import choice_in_words
from app.forms.part_grid import PartGrid, Tree
from app.widgets.basics import button, calm, column, label, named, row
from trainer.contract.caption import (
    BLIP_PRESETS,
    CAPTION,
    PLACES,
    AnyCaptioner,
    CaptionJob,
    DeepBooru,
    FileName,
    Florence,
    Single,
    Tagger,
    Wd,
)
from trainer.contract.captioners import CAPTIONERS, CaptionerName

TEMPLATE = "template"
"""Several captioners in one text: a kind beside those of CAPTIONERS."""
USUAL: Mapping[CaptionerName, Single] = {
    "blip": BLIP_PRESETS["kohya"],
    "florence": Florence(),
    "wd": Wd(),
    "deepbooru": DeepBooru(),
    "filename": FileName(),
}
PRESETS = {"kohya": "kohya", "kohya_sampled": "kohya, drawn by chance", "a1111": "AUTOMATIC1111"}
OF_THE_JOB = ("prefix", "extension", "batch")
PLACES_IN_WORDS = " ".join(f"{{{name}}}" for name in (*CAPTIONERS, CAPTION))
COLUMNS = 5
HIGHEST = 230
"""Pixels; more fields scroll, so that the pictures stay in sight."""
FIRST_TEMPLATE = "{blip}, {wd}"
_captioner: TypeAdapter[AnyCaptioner] = TypeAdapter(AnyCaptioner)


class CaptionOptions(QWidget):
    """What is set for each captioner is kept while another is chosen. `changed`: something is set otherwise now."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._kind = "filename"
        self._shown: CaptionerName = "filename"
        self._kept: dict[str, Tree] = {}
        self._grids: dict[CaptionerName, PartGrid] = {}
        self._models: Mapping[str, Sequence[str]] = {}
        self.text = QLineEdit(FIRST_TEMPLATE)
        self.text.setToolTip(f"{PLACES_IN_WORDS} stand for what each says; {{caption}} for what is there")
        self.text.textEdited.connect(self._retyped)
        self._text_row = named(f"Text: {PLACES_IN_WORDS} stand for what they say", self.text)
        self._fault = label("", "error")
        self._fault.hide()
        self.parts: dict[CaptionerName, QPushButton] = {}
        self._group = QButtonGroup(self)
        self.preset, self.model = QComboBox(), QComboBox()
        self._lay_out()

    # ---- What is chosen

    def set_models(self, models: Mapping[str, Sequence[str]]) -> None:
        """The names of the installed models by their kind of captioner."""
        self._models = models
        self._show_model()

    def show_kind(self, kind: str) -> None:
        """A kind of captioner, or TEMPLATE."""
        self._kind = kind
        self._draw()

    def captioner(self, model: str) -> AnyCaptioner | None:
        """As it is to be asked; None, with the faults shown, where that makes no sense."""
        try:
            if self._kind == TEMPLATE:
                named_ones = {name: self._asked(name) for name in self._named()}
                made = _captioner.validate_python({"kind": TEMPLATE, "text": self.text.text(), **named_ones})
            else:
                name = cast(CaptionerName, self._kind)
                tree = self._asked(name) | ({"model": model} if name != "filename" else {})
                made = _captioner.validate_python({"kind": name, **tree})
        except ValidationError as error:
            self._show_faults(error)
            return None
        self._show_faults(None)
        return made

    def tagger(self, name: CaptionerName) -> Tagger:
        """As a tagger is asked now, or, where that makes no sense, as it usually is."""
        part = Wd if name == "wd" else DeepBooru
        try:
            return part.model_validate(self._grid(name).value())
        except ValidationError:
            return part()

    def of_job(self) -> Tree:
        """The fields of CaptionJob that stand here."""
        return self._job.value()

    @property
    def changes(self) -> int:
        """How many fields are set otherwise than usual, of what is shown for the chosen captioner."""
        return sum(self._grid(name).changes for name in self._taking) + self._job.changes

    # ---- What is remembered

    def view(self) -> dict[str, object]:
        made = {name: grid.value() for name, grid in self._grids.items()}
        job = self._job.value() if "_job" in vars(self) else self._kept.get("job", {})
        return {**self._kept, **made, "job": job, "template": {"text": self.text.text()}}

    def set_view(self, view: Mapping[str, Any]) -> None:
        self._kept = {name: dict(tree) for name, tree in view.items() if isinstance(tree, Mapping)}
        self.text.setText(str(self._kept.get("template", {}).get("text", FIRST_TEMPLATE)))
        for name, grid in self._grids.items():
            grid.set_value(self._kept.get(name, {}))
        if "_job" in vars(self):
            self._job.set_value(self._kept.get("job", {}))
        self._draw()

    # ---- The fields

    @cached_property
    def _job(self) -> PartGrid:
        usual = CaptionJob(folder="-", captioner=FileName())
        return self._added(PartGrid(usual, OF_THE_JOB, COLUMNS), "job")

    def _grid(self, name: CaptionerName) -> PartGrid:
        """Made when it is first asked for: the page opens sooner."""
        if name not in self._grids:
            fields = tuple(field for field in type(USUAL[name]).model_fields if field not in ("kind", "model"))
            self._grids[name] = self._added(PartGrid(USUAL[name], fields, COLUMNS), name)
        return self._grids[name]

    def _added(self, grid: PartGrid, name: str) -> PartGrid:
        grid.set_value(self._kept.get(name, {}))
        grid.changed.connect(self._edited)
        self._fields.insertWidget(self._fields.count() if name == "job" else 0, grid)
        grid.hide()
        return grid

    def _asked(self, name: CaptionerName) -> Tree:
        models = self._models.get(name, ())
        model = {"model": self._models_of.get(name, models[0])} if models and self._kind == TEMPLATE else {}
        return {"kind": name, **self._grid(name).value(), **model}

    @property
    def _taking(self) -> list[CaptionerName]:
        """The captioners that take part."""
        return self._named() if self._kind == TEMPLATE else [cast(CaptionerName, self._kind)]

    def _named(self) -> list[CaptionerName]:
        """The captioners in the template, in its order."""
        found = set(PLACES.findall(self.text.text()))
        return [name for name in USUAL if name in found]

    def _show_faults(self, error: ValidationError | None) -> None:
        """pydantic names the member of the union first."""
        found = error.errors(include_url=False) if error else []
        words: list[str] = []
        for fault in found:
            _, *path = (str(place) for place in fault["loc"])
            said = str(fault["msg"]).removeprefix("Value error, ")
            name = cast(CaptionerName, path.pop(0)) if self._kind == TEMPLATE and path else self._shown
            about = f"{CAPTIONERS[name].label}: " if self._kind == TEMPLATE and name in CAPTIONERS else ""
            field = self._grids[name].rows.get(".".join(path)) if name in self._grids else None
            words.append(f"{about}{field.name}: {said}" if field else f"{about}{said}")
            if field is not None:
                field.show_fault(said)
        self._fault.setText("\n".join(words))
        self._fault.setVisible(bool(words))

    # ---- What happens

    @Slot()
    def reset(self) -> None:
        """Everything that is shown as it was at first."""
        for grid in (self._grid(self._shown), self._job):
            grid.reset()
        self._edited()

    @Slot()
    def _edited(self) -> None:
        self._fault.hide()
        self._show_preset()
        self.changed.emit()

    @Slot()
    def _retyped(self) -> None:
        self._draw()
        self._edited()

    @Slot(int)
    def _take_preset(self, place: int) -> None:
        preset = BLIP_PRESETS.get(str(self.preset.itemData(place)))
        if preset is not None:
            self._grid("blip").set_value(preset.model_dump())
            self._edited()

    @Slot(int)
    def _take_model(self, _place: int) -> None:
        self._models_of[self._shown] = self.model.currentText()
        self.changed.emit()

    def _show_part(self, name: CaptionerName) -> None:
        self._shown = name
        self._draw()

    def _draw(self) -> None:
        names = self._taking
        if self._shown not in names:
            self._shown = names[0] if names else "filename"
        shown = self._grid(self._shown) if names else None
        for grid in self._grids.values():
            grid.setVisible(grid is shown)
        self._job.show()
        self._text_row.setVisible(self._kind == TEMPLATE)
        for name, part in self.parts.items():
            part.setVisible(self._kind == TEMPLATE and name in names)
            part.setChecked(name == self._shown)
        self._heading.setVisible(self._kind != TEMPLATE)
        self._heading.setText(f"Options of {CAPTIONERS[self._shown].label}")
        self._preset_row.setVisible(self._shown == "blip" and bool(names))
        self._show_preset()
        self._show_model()

    def _show_preset(self) -> None:
        if self._shown == "blip":
            value = self._grid("blip").value()
            presets = {name: preset.model_dump(exclude={"kind", "model"}) for name, preset in BLIP_PRESETS.items()}
            found = next((name for name, tree in presets.items() if tree == value), "")
            self.preset.setCurrentIndex(max(0, self.preset.findData(found)))

    def _show_model(self) -> None:
        """Which of several models is asked, where the bar names none."""
        models = self._models.get(self._shown, ())
        self.model.clear()
        self.model.addItems(list(models))
        self.model.setCurrentIndex(max(0, self.model.findText(self._models_of.get(self._shown, ""))))
        self._model_row.setVisible(self._kind == TEMPLATE and len(models) > 1)

    def _lay_out(self) -> None:
        self._models_of: dict[CaptionerName, str] = {}
        self._heading = label("", "heading")
        self._heading.setWordWrap(False)
        for name, one in CAPTIONERS.items():
            part = button(one.label, f"How {one.label} is asked", partial(self._show_part, name), kind="tool")
            part.setCheckable(True)
            self._group.addButton(part)
            self.parts[name] = part
        self.preset.addItem("own", "")
        for name in BLIP_PRESETS:
            self.preset.addItem(PRESETS.get(name, choice_in_words(name)), name)
        self.preset.setToolTip("BLIP as other programs ask it")
        self.preset.activated.connect(self._take_preset)
        self.model.setToolTip("Which of your models of this kind")
        self.model.activated.connect(self._take_model)
        for box, name in ((self.preset, "As in"), (self.model, "Model")):
            calm(box)
            box.setAccessibleName(name)
        self._preset_row = row(label("As in", "muted"), self.preset)
        self._model_row = row(label("Model", "muted"), self.model)
        self._reset = button("Reset", "All of these options as they were at first", self.reset, icon="reset")
        head = row(self._heading, *self.parts.values(), self._model_row, 0, self._preset_row, self._reset)
        fields = QWidget()
        self._fields = QVBoxLayout(fields)
        self._fields.setContentsMargins(0, 0, 12, 4)
        self._fields.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 10, 16, 0)
        layout.addWidget(column(head, self._text_row, self._fault, _Low(fields)))


class _Low(QScrollArea):
    """Fields as high as they are, up to a limit, from which on they scroll."""

    def __init__(self, fields: QWidget) -> None:
        super().__init__()
        self._inside = fields
        self.setWidget(fields)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(0, min(HIGHEST, self._inside.sizeHint().height() + 2 * self.frameWidth()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
