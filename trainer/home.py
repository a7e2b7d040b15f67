"""The user's folder: where models, datasets, runs and pictures are kept."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
"""What ships with Gesso: model configs, tokenizer, starter model, sample dataset, presets."""


@dataclass(frozen=True)
class Home:
    """Paths below the user's folder. Nothing is created before something is written into it."""

    root: Path

    @classmethod
    def find(cls, given: Path | None = None) -> "Home":
        """`--home`, else GESSO_HOME, else `Gesso` in the user's documents folder."""
        named = given or os.environ.get("GESSO_HOME")
        root = Path(named).expanduser() if named else Path(platformdirs.user_documents_dir()) / "Gesso"
        return cls(root.absolute())

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def cache(self) -> Path:
        """Latents, text embeddings and the model index: all of it can be made again."""
        return self.root / "cache"
