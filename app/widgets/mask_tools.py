"""The controls of a canvas that masks are painted on. Who shows the canvas lays them out."""

from PySide6.QtCore import QObject, QSignalBlocker, QSize, Qt, Slot
from PySide6.QtWidgets import QButtonGroup, QPushButton, QSlider

from app.widgets.basics import button, calm
from app.widgets.mask_canvas import LARGEST_BRUSH, SMALLEST_BRUSH, MaskCanvas, Tool

TOOLS: tuple[tuple[Tool, str, str, str], ...] = (
    ("brush", "Brush", "Mark with a round brush", "brush"),
    ("eraser", "Eraser", "Take marks away (E)", "eraser"),
    ("rectangle", "Rectangle", "Mark a rectangle; with the right button, clear it", "rectangle"),
    ("lasso", "Lasso", "Mark what you draw a line around; with the right button, clear it", "lasso"),
)


class MaskTools(QObject):
    """They follow the canvas, and it follows them."""

    def __init__(self, canvas: MaskCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._group = QButtonGroup(self)
        self.tools: list[QPushButton] = []
        for place, (_, name, does, icon) in enumerate(TOOLS):
            made = button(name, does, canvas.setFocus, icon=icon, kind="tool")
            made.setCheckable(True)
            made.setChecked(place == 0)
            self._group.addButton(made, place)
            self.tools.append(made)
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(SMALLEST_BRUSH, LARGEST_BRUSH)
        self.size.setAccessibleName("Size of the brush")
        calm(self.size)
        self.undo = sign("Undo", "Take the last stroke back (Ctrl+Z)", canvas.undo, "reset")
        self.redo = sign("Redo", "Do it again (Ctrl+Shift+Z)", canvas.redo, "redo")
        self.clear = sign("Clear", "Mark nothing", canvas.clear, "remove")
        self.invert = sign("Invert", "Mark what is not, and the other way round", canvas.invert, "invert")
        self.fit = sign("Whole picture", "Show all of the picture", canvas.fit, "fit")
        self._show_brush(canvas.brush)
        self._show_steps()
        canvas.changed.connect(self._show_steps)
        canvas.brush_changed.connect(self._show_brush)
        canvas.tool_changed.connect(self._show_tool)
        self._group.idClicked.connect(self._pick_tool)
        self.size.valueChanged.connect(canvas.set_brush)

    def show_names(self, wanted: bool) -> None:
        """Where there is no room the tools are shown by their signs alone."""
        for made, (_, name, _, _) in zip(self.tools, TOOLS, strict=True):
            made.setText(name if wanted else "")

    @Slot()
    def _show_steps(self) -> None:
        self.undo.setEnabled(self._canvas.can_undo)
        self.redo.setEnabled(self._canvas.can_redo)

    @Slot(int)
    def _show_brush(self, size: int) -> None:
        with QSignalBlocker(self.size):
            self.size.setValue(size)
        self.size.setToolTip(f"The brush is {size} pixels of the picture across. Smaller and larger with [ and ]")

    @Slot(int)
    def _pick_tool(self, place: int) -> None:
        self._canvas.set_tool(TOOLS[place][0])

    @Slot(str)
    def _show_tool(self, tool: str) -> None:
        place = next(place for place, one in enumerate(TOOLS) if one[0] == tool)
        self._group.button(place).setChecked(True)


def sign(name: str, does: str, then: object, icon: str) -> QPushButton:
    """A button that is shown by its sign alone."""
    made = button("", does, then, icon=icon)  # pyright: ignore[reportArgumentType]
    made.setAccessibleName(name)
    made.setIconSize(QSize(16, 16))
    return made
