"""What dry runs of trainings found, kept by what matters to it, and the time of a whole training reckoned from it."""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

from trainer.contract import events
from trainer.contract.train import TrainJob
from trainer.files import write_text_atomically
from trainer.home import Home
from trainer.library.index import Entry

KEPT = 200
"""So many measurements are kept, the newest ones."""
_BESIDE_THE_POINT: dict[str, Any] = {
    "data": {"folder", "repeats", "captions", "prior"},
    "steps": {"total", "seed", "max_grad_norm"},
    "samples": {"prompts", "every", "seed"},
    "optimizer": {"learning_rate", "weight_decay", "beta1", "beta2", "growth"},
    "schedule": True,
    "loss": True,
    "output": True,
}
"""Fields that change neither how long a step takes nor how much memory it needs."""


class Measurements:
    """Kept in the user's cache folder. A file that can't be read is begun anew: all of it can be measured again."""

    def __init__(self, home: Home) -> None:
        self._file: Path = home.cache / "measured.json"
        self._found = self._read()

    def of(self, job: TrainJob, entry: Entry | None) -> events.Measured | None:
        """What was measured of this training, or of one that differs in nothing that matters."""
        return self._found.get(_key(job, entry))

    def keep(self, job: TrainJob, entry: Entry | None, measured: events.Measured) -> None:
        """Raises UserError when the disk refuses."""
        key = _key(job, entry)
        self._found.pop(key, None)
        self._found[key] = measured
        for oldest in list(self._found)[:-KEPT]:
            del self._found[oldest]
        tree = {key: one.model_dump(mode="json") for key, one in self._found.items()}
        write_text_atomically(self._file, json.dumps(tree, indent=1))

    def _read(self) -> dict[str, events.Measured]:
        try:
            tree = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(key): events.Measured.model_validate(one) for key, one in tree.items()}
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}


def _key(job: TrainJob, entry: Entry | None) -> str:
    """The same for trainings whose steps take the same time and memory on this machine."""
    tree = job.model_dump(mode="json", exclude=_BESIDE_THE_POINT)
    tree["keeps the class"] = job.data.prior is not None
    tree["draws previews"] = bool(job.samples.prompts and job.samples.every)
    tree["file"] = entry.size if entry is not None else 0
    tree["machine"] = platform.node()
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def seconds_of(job: TrainJob, measured: events.Measured, pictures: int) -> float:
    """How long the whole training takes. `pictures` counts those of the class as well; the ones that were encoded in
    an earlier run go quicker, so it is at most so long."""
    previews = 0
    if job.samples.every and job.samples.prompts:
        previews = len(job.samples.prompts) * (1 + job.steps.total // job.samples.every)
    return (
        measured.load_seconds
        + measured.picture_seconds * pictures * (2 if job.data.flip else 1)
        + measured.step_seconds * job.steps.total
        + (measured.sample_seconds or 0.0) * previews
    )
