"""Pictures of every page of the window, with real content: made by the real engine on the starter model.

    python3 packaging/dev.py screenshots [--out DIR]

Each page in dark and light, at 1280 x 720 and 1920 x 1080, and at 200 %: DIR/<page>-<scheme>-<size>.png.
No display is needed. The content is made anew each time, in a folder of its own; the user's is not touched.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QEventLoop, QItemSelectionModel, QObject, QThreadPool, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from app.garbage import GarbageTimer
from app.palette import Scheme
from app.queue import Queued
from app.start import application
from app.theme import theme
from app.window import MainWindow
from trainer.contract import events
from trainer.contract.common import Sampling
from trainer.contract.generate import GenerateJob
from trainer.dataset.recipes import Recipe
from trainer.home import Home
from trainer.offline import go_offline

PAGES = (
    "welcome", "generate-forming", "generate", "train-plan", "train-live", "train-result", "dataset", "dataset-prepare",
    "dataset-change", "models", "gallery", "gallery-compare", "queue", "settings",
)  # fmt: skip
SCHEMES: tuple[Scheme, ...] = ("dark", "light")
SIZES = {"100": ((1280, 720), (1920, 1080)), "200": ((1280, 720),)}
"""In logical pixels, by the scale in per cent."""
PATIENCE, SETTLED = 300_000, 120
"""Milliseconds: for what the engine does, and for what follows a change of size or colours."""
CROPPED = 1
"""The place of a picture whose subject does not stand in the middle."""
PROMPTS = (
    "a large red cat on a mint background", "a yellow boat on a peach background", "a blue house on a cream background",
    "a small green tree on a lilac background",
)  # fmt: skip


def names() -> Iterator[str]:
    """Every file that is written."""
    for page in PAGES:
        for scheme in SCHEMES:
            for scale, sizes in SIZES.items():
                yield from (file_name(page, scheme, scale, size) for size in sizes)


def file_name(page: str, scheme: Scheme, scale: str, size: tuple[int, int]) -> str:
    width, height = size
    return f"{page}-{scheme}-{width}x{height}{'' if scale == '100' else f'-at-{scale}'}.png"


class Photographer(QObject):
    """Takes the window as it stands, and the engine's work where the picture is of something that goes on."""

    def __init__(self, window: MainWindow, out: Path, scale: str) -> None:
        super().__init__()
        self._window, self._out, self._scale = window, out, scale

    def take(self, page: str) -> None:
        for scheme in SCHEMES:
            theme().set_wish(scheme)
            for size in SIZES[self._scale]:
                self._window.resize(*size)
                wait(SETTLED)
                path = self._out / file_name(page, scheme, self._scale, size)
                if not self._window.grab().save(str(path)):
                    sys.exit(f"{path} could not be written.")
        print(f"{page} at {self._scale} %", flush=True)

    def until(self, so: Callable[[], object], what: str) -> None:
        """Let the window live until something is so."""
        for _ in range(PATIENCE // SETTLED):
            if so():
                return
            wait(SETTLED)
        sys.exit(f"This did not come: {what}.")

    def ended(self, *jobs: Queued) -> None:
        self.until(lambda: all(job.state in ("finished", "failed", "stopped") for job in jobs), "the end of a job")


def wait(milliseconds: int) -> None:
    """Let the window live for so long, and until the pool has read what it was asked for."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
    QThreadPool.globalInstance().waitForDone(5_000)
    QApplication.processEvents()


def shoot(window: MainWindow, camera: Photographer, home: Home) -> None:
    """Go through the pages as their content comes to be."""
    camera.take("welcome")
    generate(window, camera)
    train(window, camera)
    dataset(window, camera, home)
    models(window, camera, home)
    gallery(window, camera)
    window.show_page("settings")
    camera.take("settings")


def generate(window: MainWindow, camera: Photographer) -> None:
    window.show_page("generate")
    slow = GenerateJob(prompt=PROMPTS[0], seed=7, count=2, sampling=Sampling(steps=400))
    window.generate.set_draft({"job": slow.model_dump(mode="json"), "seed": "7"})
    job = window.queue.add(slow)
    seen: list[int] = []

    def on_preview(_queued: Queued, preview: events.Preview, _image: QImage) -> None:
        seen.append(preview.step)

    window.queue.preview.connect(on_preview)
    camera.until(lambda: seen and seen[-1] > slow.sampling.steps // 4, "a preview")
    camera.take("generate-forming")
    window.queue.cancel(job)
    for number, prompt in enumerate(PROMPTS):
        window.queue.add(GenerateJob(prompt=prompt, seed=number, count=2))
    camera.ended(*window.queue.jobs)
    window.generate.set_draft({"job": GenerateJob(prompt=PROMPTS[-1], seed=3).model_dump(mode="json"), "seed": "3"})
    camera.take("generate")


def train(window: MainWindow, camera: Photographer) -> None:
    """The sample pictures, with a queue behind them: a job that failed, and some that wait."""
    window.show_page("train")
    camera.ended(window.queue.add(GenerateJob(model="lost-model", prompt="a cat by a model that is not there")))
    wait(1_000)  # the pictures are looked at after a moment
    camera.take("train-plan")
    tree = window.train.form.tree()
    tree["steps"]["total"], tree["samples"]["every"] = 90, 30
    window.train.form.set_tree(tree)
    window.train.start()
    training = window.queue.jobs[-1]
    waiting = [window.queue.add(GenerateJob(prompt=prompt, seed=50)) for prompt in PROMPTS[:2]]
    camera.until(lambda: window.train.live.chart.steps[-1:] > (40,), "the training's middle")
    camera.take("train-live")
    window.show_page("queue")
    camera.take("queue")
    window.show_page("train")
    camera.ended(training, *waiting)
    if training.state != "finished":
        sys.exit(f"The training did not finish: {training.ending}")
    camera.take("train-result")


def dataset(window: MainWindow, camera: Photographer, home: Home) -> None:
    """The sample subject, larger and with tags: a picture without caption, some with stars, a cropped one; and a change
    of all captions."""
    folder = home.root / "datasets" / "kiki"
    drawing = Path(__file__).parent / "starter" / "dataset.py"
    subprocess.run((sys.executable, drawing, "mascot", folder, "--size", "768"), check=True, stdout=subprocess.DEVNULL)
    captions = sorted(folder.glob("*.txt"))
    for caption in captions:
        parts = re.split(r" (?:on|at|of) ", caption.read_text("utf-8").strip())
        caption.write_text(", ".join(re.sub("^(an?|the) ", "", part) for part in parts), encoding="utf-8")
    captions[0].unlink()
    window.show_page("dataset")
    page = window.dataset
    page.open_folder(folder)
    camera.until(lambda: page.folder.report is not None, "the dataset's health")
    page.folder.rate((1, 2, 4), 5)
    page.folder.rate((3, 6), 3)
    page.folder.preparing.change("Cropped a picture", {CROPPED: Recipe(crop=(0, 120, 560, 680))})
    page.grid.go_to(CROPPED)
    camera.take("dataset")
    page.prepare()
    camera.take("dataset-prepare")
    page.prepare()
    page.change_captions()
    kinds = page.batch.kind
    kinds.setCurrentIndex(kinds.findText("Replace text"))
    kinds.activated.emit(kinds.currentIndex())
    replace = page.batch.fields[kinds.currentData()]
    replace.first.setText("background")
    replace.second.setText("backdrop")
    page.batch.look()
    camera.until(lambda: page.batch.table.model().rowCount(), "the changes")
    camera.take("dataset-change")


def models(window: MainWindow, camera: Photographer, home: Home) -> None:
    """What shipped, what was trained, and a file that is broken."""
    broken = home.models / "checkpoints" / "half-downloaded.safetensors"
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_bytes(b"\xff" * 4096)
    window.models.refresh()
    window.show_page("models")
    camera.until(lambda: any(entry.name == "half-downloaded" for entry in window.models.entries), "the broken model")
    window.models_page.select("kiki")
    camera.take("models")


def gallery(window: MainWindow, camera: Photographer) -> None:
    window.show_page("gallery")
    grid = window.gallery.grid
    camera.until(lambda: grid.model().rowCount() > len(PROMPTS), "the pictures")
    grid.go_to(0)
    camera.take("gallery")
    grid.selectionModel().select(grid.model().index(2, 0), QItemSelectionModel.SelectionFlag.Select)
    window.gallery.compare_selected()
    camera.until(lambda: window.gallery.comparison.isVisible(), "the comparison")
    camera.take("gallery-compare")


def at_one_scale(out: Path, scale: str) -> None:
    """All of it in this process. Qt takes its platform and scale when the application is made."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QT_SCALE_FACTOR"] = str(int(scale) / 100)
    running = application()
    GarbageTimer(running).start()
    with tempfile.TemporaryDirectory(prefix="gesso-screenshots-") as folder:
        home = Home(Path(folder) / "Gesso")
        window = MainWindow(home)
        window.show()
        window.start_work()
        camera = Photographer(window, out, scale)
        camera.until(lambda: window.engine.state == "ready" and window.models.entries, "the engine")
        shoot(window, camera, home)
        window.close()
        QThreadPool.globalInstance().waitForDone()
    running.quit()


def main() -> int:
    go_offline()
    parser = argparse.ArgumentParser(prog="dev.py screenshots")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", choices=tuple(SIZES), help="only at this scale, in per cent")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.scale:
        at_one_scale(given.out, given.scale)
        return 0
    for scale in SIZES:
        command = [sys.executable, __file__, "--out", str(given.out), "--scale", scale]
        if subprocess.run(command, check=False).returncode != 0:
            return 1
    print(f"{len(list(names()))} pictures are in {given.out}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
