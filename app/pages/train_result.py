"""Result: what a training made, where it is, and what it learned."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.queue import duration
from app.widgets.basics import button, column, label, open_folder, row
from app.widgets.previews import Previews
from trainer.contract import events
from trainer.contract.train import TrainJob
from trainer.dataset.names import shown
from trainer.files import human_size


class ResultView(QWidget):
    """`try_it` and `show_model` carry the name that it has in the library; `try_it` a prompt that shows it, too."""

    try_it = Signal(str, str)
    show_model = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._paths: list[Path] = []
        self._prompt = ""
        self._is_lora = False
        self._title = label("", "title")
        self._words = label("", "muted")
        self._files = QVBoxLayout()
        self._files.setSpacing(8)
        self.try_button = button("Try it", "Open Generate with it", self.try_last, icon="generate", kind="primary")
        self._folder = button("Show in folder", "Open the folder that holds the file", self._show_folder, icon="folder")
        self.models_button = button("Show in models", "Open the page Models at it", self._show_model, icon="models")
        self.previews = Previews()
        self._before = label("Before and after", "heading")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 16)
        layout.setSpacing(12)
        layout.addWidget(self._title)
        layout.addWidget(self._words)
        layout.addLayout(self._files)
        layout.addWidget(row(self.try_button, self.models_button, self._folder, 0))
        layout.addWidget(self._before)
        layout.addWidget(self.previews, 1)
        self._title.setText("Nothing yet")
        self._words.setText("What a training makes is shown here when it is done.")
        layout.addStretch(0)
        for one in (self.try_button, self._folder, self.models_button, self._before, self.previews):
            one.hide()

    @property
    def name(self) -> str:
        """What it is called among the models: with a number where the name was taken."""
        return self._paths[-1].stem if self._paths else ""

    @property
    def title(self) -> str:
        return self._title.text()

    def show_result(self, job: TrainJob, finished: events.Finished, samples: list[events.Sample]) -> None:
        self._paths = [Path(path) for path in finished.paths]
        is_lora = self._is_lora = job.method.kind == "lora"
        self._prompt = next(iter(job.samples.prompts), "")
        self._title.setText(f"{shown(self.name or job.output.name)} is ready")
        where = "Try it opens Generate with it." if is_lora else "Choose it as the model on the page Generate."
        self._words.setText(
            f"Trained in {duration(finished.seconds)}, {job.steps.total:,} steps. It is in your models. {where}"
        )
        self._show_files()
        self.try_button.setVisible(is_lora and bool(self._paths))
        for one in (self._folder, self.models_button):
            one.setVisible(bool(self._paths))
        for one in (self._before, self.previews):
            one.setVisible(bool(samples))
        self.previews.clear()
        steps = sorted({sample.step for sample in samples})
        for sample in samples:
            if steps and sample.step in (steps[0], steps[-1]):
                self.previews.add(sample)

    def _show_files(self) -> None:
        while (item := self._files.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for path, what in zip(self._paths, ("in its run", "in your models"), strict=False):
            size = f"  ·  {human_size(path.stat().st_size)}" if path.is_file() else "  ·  not there any more"
            place = label(f"{what}{size}", "muted")
            name = label(shown(path))
            name.setToolTip(shown(path))
            self._files.addWidget(column(name, place, spacing=2))

    @Slot()
    def try_last(self) -> None:
        """Open Generate with it, if something was trained that can be laid over a model."""
        if self._paths and self._is_lora:
            self.try_it.emit(self.name, self._prompt)

    @Slot()
    def _show_model(self) -> None:
        self.show_model.emit(self.name)

    @Slot()
    def _show_folder(self) -> None:
        open_folder(self._paths[-1].parent)
