"""Settings, About: which Gesso this is, what it runs on, and under what licences."""

import importlib.metadata
import platform
import tomllib

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.engine import EngineLink
from app.widgets.basics import button, column, label, open_folder, row
from app.widgets.model_about import table
from trainer.files import human_size
from trainer.home import RESOURCES

PROGRAM = RESOURCES.parent
LIBRARIES = ("PySide6-Essentials", "diffusers", "transformers", "safetensors", "numpy")
DEVICES = {"cpu": "processor", "cuda": "NVIDIA card (CUDA)", "mps": "Apple graphics (MPS)"}


class AboutSettings(QWidget):
    """`said` is a sentence for the status bar."""

    said = Signal(str)

    def __init__(self, engine: EngineLink) -> None:
        super().__init__()
        self._engine = engine
        self._place = column()
        copy = button("Copy", "Copy all of this, to send it with a question", self._copy, icon="copy")
        licences = button("Show licences", "Open the folder with Gesso's licence", self._show_licences, icon="folder")
        promise = (
            "Gesso works offline: it asks the network for nothing unless you press a button that says download. "
            "Nothing about you or your pictures is sent anywhere."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("Gesso", "heading"),
                label("A desktop studio for Stable Diffusion.", "muted"),
                self._place,
                row(copy, licences, 0),
                8,
                label(promise, "muted"),
                0,
                spacing=12,
            )
        )
        engine.state_changed.connect(self.look)
        self.look()

    def facts(self) -> list[tuple[str, str]]:
        """Names and values, the engine's as it said them itself."""
        found = [
            ("Gesso", version()),
            ("Python", platform.python_version()),
            ("System", f"{platform.system()} {platform.release()}"),
            *((name, library) for name in LIBRARIES if (library := _installed(name))),
        ]
        hello = self._engine.hello
        if hello is None:
            return [*found, ("Engine", "still starting" if self._engine.state == "starting" else "not running")]
        return [
            *found,
            ("torch", hello.torch),
            ("Device", f"{hello.device_name}, {DEVICES.get(hello.device, hello.device)}"),
            ("Memory", human_size(hello.memory)),
            ("Precision", hello.precision),
        ]

    @Slot()
    def look(self) -> None:
        layout = self._place.layout()
        made = table(self.facts())
        if layout is not None:
            while (item := layout.takeAt(0)) is not None:
                if old := item.widget():
                    old.hide()
                    old.deleteLater()
            layout.addWidget(made)
        made.show()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(f"{name}: {value}" for name, value in self.facts()))
        self.said.emit("Copied.")

    @Slot()
    def _show_licences(self) -> None:
        open_folder(PROGRAM)


def version() -> str:
    """Of Gesso: as it was installed, or as its source says."""
    try:
        return tomllib.loads((PROGRAM / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, KeyError, ValueError):
        return _installed("gesso") or "unknown"


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
