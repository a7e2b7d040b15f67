"""What the window remembers: settings.json in the user's folder, written whole or not at all, with a last good copy."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from PySide6.QtCore import QByteArray

from trainer.contract.common import SamplerName, Size
from trainer.files import write_text_atomically
from trainer.home import Home

VERSION = 1


class ModelDefaults(BaseModel):
    """What Generate takes when a model is chosen; what is None, or "", stays as the form has it."""

    size: Size | None = None
    sampler: SamplerName | None = None
    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance: float | None = Field(default=None, ge=0, le=50)
    negative: str = ""


class Settings(BaseModel):
    """All of it. Unknown keys are kept, so that an older Gesso does not lose what a newer one wrote."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    version: int = VERSION
    theme: Literal["system", "dark", "light"] = "system"
    page: str = "generate"
    geometry: str = ""
    """Qt's own description of the window's place, in base64."""
    drafts: dict[str, dict[str, Any]] = {}
    """The form of each page as it was left."""
    views: dict[str, dict[str, Any]] = {}
    """What each page remembers beside its form: the size of its tiles, what was selected, where it was scrolled to."""
    shortcuts: dict[str, str] = {}
    """Keys by the name of their action, where they were changed; "" where there are none."""
    model_defaults: dict[str, ModelDefaults] = {}
    """By the name of the model."""
    model_folders: list[str] = []
    """Folders of other programs whose models are used where they lie, and never written to."""
    notify: bool = True
    """Whether the system is to say that a long job has ended while another window is in front."""
    welcomed: bool = False
    """Whether the first start is over."""
    favourites: list[str] = []
    """Pictures with a star, by their path below the user's folder where they lie in it."""

    def geometry_bytes(self) -> QByteArray:
        try:
            return QByteArray(base64.b64decode(self.geometry, validate=True))
        except ValueError:
            return QByteArray()  # Qt refuses it, and the window stands where it would

    def keep_geometry(self, geometry: QByteArray) -> None:
        self.geometry = base64.b64encode(geometry.data()).decode("ascii")


@dataclass(frozen=True)
class Loaded:
    """The settings, and what the user should hear about how they were found ("" mostly)."""

    settings: Settings
    note: str = ""


class SettingsFile:
    """settings.json and its last good copy."""

    def __init__(self, home: Home) -> None:
        self.path = home.root / "settings.json"
        self._good = home.root / "settings.last-good.json"

    def load(self) -> Loaded:
        """The settings; where the file is damaged, it is set aside and the last good copy taken."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Loaded(Settings())
        except (OSError, UnicodeDecodeError) as error:
            return self._recovered(str(error))
        try:
            settings = Settings.model_validate_json(text)
        except ValidationError as error:
            return self._recovered(f"{error.error_count()} faults")
        if settings.version > VERSION:
            return Loaded(settings, "These settings were written by a newer Gesso; what is new in them is kept.")
        return Loaded(settings)

    def save(self, settings: Settings) -> None:
        """Write both files now. Raises UserError when the disk refuses."""
        self.write(self.text(settings))

    def text(self, settings: Settings) -> str:
        return settings.model_dump_json(indent=1)

    def write(self, text: str) -> None:
        """Write what `text` gave, in any thread, but not in two at a time. Raises UserError when the disk refuses."""
        write_text_atomically(self.path, text)
        write_text_atomically(self._good, text)

    def _recovered(self, why: str) -> Loaded:
        aside = _set_aside(self.path)
        where = f"It was set aside as {aside.name}." if aside else ""
        try:
            settings = Settings.model_validate_json(self._good.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError):
            return Loaded(
                Settings(), f"The settings file was damaged ({why}), so everything stands as at first. {where}"
            )
        return Loaded(settings, f"The settings file was damaged ({why}); the last good copy is in use. {where}")


def _set_aside(path: Path) -> Path | None:
    for number in range(1, 1000):
        aside = path.with_name(f"settings.damaged-{number}.json")
        if not aside.exists():
            try:
                os.replace(path, aside)
            except OSError:
                return None
            return aside
    return None
