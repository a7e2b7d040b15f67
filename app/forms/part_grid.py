"""All fields of a part, those of the parts in it too, side by side in columns: for forms that are wide and low."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QGridLayout, QSizePolicy, QWidget

from app.forms.editors import field_editor
from app.forms.form import faults_of
from app.forms.row import FieldRow
from trainer.contract.fields import Part, about

Tree = dict[str, Any]


class PartGrid(QWidget):
    """`value()` is the tree of these fields. What is other than `usual` is marked, and can be set back."""

    changed = Signal()

    def __init__(self, usual: Part, fields: tuple[str, ...], columns: int) -> None:
        """`fields` are those of `usual` by name; of one that is a part itself all fields stand here."""
        super().__init__()
        self._usual = leaves(usual.model_dump())
        self.rows: dict[str, FieldRow] = {}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(16)
        layout.setVerticalSpacing(8)
        for number, (path, part) in enumerate(_fields(type(usual), fields)):
            name = path.rpartition(".")[2]
            made = FieldRow(path, about(part, name), field_editor(part, name))
            made.editor.changed.connect(self._edited)
            made.reset.connect(self._reset)
            self.rows[path] = made
            is_check = isinstance(made.editor.widget, QCheckBox)  # stands on the line of the fields beside it
            where = Qt.AlignmentFlag.AlignBottom if is_check else Qt.AlignmentFlag.AlignTop
            layout.addWidget(made, number // columns, number % columns, where)
        for place in range(columns):
            layout.setColumnStretch(place, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.reset()

    def value(self) -> Tree:
        return grown({path: made.editor.value() for path, made in self.rows.items()})

    def set_value(self, tree: Mapping[str, Any]) -> None:
        """Show these values; fields that are not among them take what is usual."""
        given = leaves(tree)
        for path, made in self.rows.items():
            made.editor.set_value(given.get(path, self._usual[path]))
        self.show_faults(None)
        self._mark()

    @Slot()
    def reset(self) -> None:
        self.set_value({})

    @property
    def changes(self) -> int:
        """How many fields are other than usual."""
        return sum(made.editor.value() != self._usual[path] for path, made in self.rows.items())

    def show_faults(self, error: ValidationError | None) -> None:
        """Write each fault under its field; of those of the whole part, under the first."""
        found = faults_of(error)
        for path, made in self.rows.items():
            made.show_fault(found.pop(path, ""))
        if found:
            next(iter(self.rows.values())).show_fault(next(iter(found.values())))

    def _mark(self) -> None:
        for path, made in self.rows.items():
            made.mark(self._usual[path], made.editor.value() != self._usual[path])

    @Slot()
    def _edited(self) -> None:
        self.show_faults(None)
        self._mark()
        self.changed.emit()

    @Slot(str)
    def _reset(self, path: str) -> None:
        self.rows[path].editor.set_value(self._usual[path])
        self._edited()


def _fields(part: type[Part], names: tuple[str, ...]) -> Iterator[tuple[str, type[Part]]]:
    for name in names:
        kind = part.model_fields[name].annotation
        if isinstance(kind, type) and issubclass(kind, Part):
            yield from ((f"{name}.{path}", inner) for path, inner in _fields(kind, tuple(kind.model_fields)))
        else:
            yield name, part


def leaves(tree: Mapping[str, Any], under: str = "") -> Tree:
    """The values of a tree by their dotted paths."""
    found: Tree = {}
    for name, value in tree.items():
        path = f"{under}.{name}" if under else name
        found |= leaves(value, path) if isinstance(value, dict) else {path: value}
    return found


def grown(values: Mapping[str, Any]) -> Tree:
    """The tree of which these are the values by their dotted paths."""
    tree: Tree = {}
    for path, value in values.items():
        *parents, name = path.split(".")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[name] = value
    return tree
