"""One job executed: the only door from a job to the parts that do the work, whoever asks for it."""

import contextlib
import dataclasses
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.contract import events
from trainer.contract.caption import CaptionJob
from trainer.contract.common import Hardware
from trainer.contract.convert import ConvertJob
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import GridJob
from trainer.contract.import_model import ImportJob
from trainer.contract.jobfile import Job
from trainer.contract.measure import MeasureJob
from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.contract.video import VideoJob
from trainer.engine import failures, runs
from trainer.files import stamp_of
from trainer.home import Home

if TYPE_CHECKING:
    from trainer.models.family import Bundle
    from trainer.models.opening import Makes

Ending = events.Finished | events.Failed | events.Stopped


class Session:
    """What the engine keeps between jobs: the model used last, so that the next picture starts at once."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._bundle: Bundle | None = None
        self._asked: tuple[str, str, str, Makes] | None = None
        self._stamp: tuple[object, ...] = ()

    def bundle(self, model: str, hardware: Hardware, run: Run, makes: "Makes" = "pictures") -> "Bundle":
        """The model, from memory if it is the one used last and its files are unchanged. Raises UserError."""
        from trainer.models.opening import open_model

        asked = (model, hardware.device, hardware.precision, makes)
        if self._bundle is not None and self._asked == asked and _stamp(self._bundle.source) == self._stamp:
            return self._bundle
        self.drop()
        bundle = open_model(model, self.home, hardware=hardware, run=run, makes=makes)
        self._bundle, self._asked, self._stamp = bundle, asked, _stamp(bundle.source)
        return bundle

    def drop(self) -> None:
        """Let the model go and give its memory back, even where somebody still holds it: it is of no use any more."""
        if self._bundle is not None:
            self._bundle.let_go()
        self._bundle, self._asked, self._stamp = None, None, ()
        free_memory()


def execute(job: Job, run: Run, session: Session) -> tuple[Path, ...]:
    """Do the job and return the files it made. Raises UserError, Cancelled, or whatever is a bug."""
    match job:
        case GenerateJob():
            from trainer.generation.text_to_image import generate

            second = job.second_pass.model if job.second_pass else ""
            bundle = session.bundle(job.model, job.hardware, run)
            return generate(job, run, session.home, bundle, lambda: session.bundle(second, job.hardware, run))
        case GridJob():
            from trainer.generation.grid import make_grid

            return make_grid(job, run, session.home, lambda model, hardware: session.bundle(model, hardware, run))
        case TrainJob():
            from trainer.training.train import train

            session.drop()
            return train(job, run, session.home)
        case ConvertJob():
            from trainer.engine.convert import convert

            session.drop()
            return convert(job, run, session.home)
        case CaptionJob():
            from trainer.captioning.run import caption

            session.drop()
            return caption(job, run, session.home)
        case ImportJob():
            from trainer.captioning.pickles import import_model

            return import_model(job, run, session.home)
        case VideoJob():
            from trainer.generation.video_job import animate

            return animate(job, run, session.home, session.bundle(job.model, job.hardware, run, "videos"))
        case MeasureJob():
            from trainer.training.measure import measure

            session.drop()
            measure(job, run, session.home)
            return ()


def execute_reporting(job: Job, run: Run, session: Session) -> Ending:
    """Do the job, and say of it `Started` and exactly one ending. A training gets a run folder unless `run` has one."""
    try:
        if isinstance(job, TrainJob):
            job = with_absolute_paths(job)
            run = dataclasses.replace(run, folder=run.folder or runs.create(session.home.runs, job))
    except UserError as error:
        ending = failures.failed(error, job)
        run.emit(ending)
        return ending
    return _reporting(lambda told: execute(job, told, session), job, run, session)


def resume_reporting(run: Run, session: Session) -> Ending:
    """Go on with the training in `run.folder`, saying `Started` and exactly one ending."""
    if run.folder is None:
        raise ValueError("a run to resume has a folder")
    try:
        job = runs.job_of(run.folder)
        _require_unfinished(run.folder, job)
    except UserError as error:
        ending = events.Failed(title=error.title, fix=error.fix, detail=error.detail)
        run.emit(ending)
        return ending
    return _reporting(lambda told: _resume(told, session), job, run, session)


def with_absolute_paths(job: TrainJob) -> TrainJob:
    """The job with its folders written out in full, so that the run can be resumed from any folder."""
    data = job.data.model_copy(update={"folder": _absolute(job.data.folder)})
    if data.prior is not None:
        prior = data.prior.model_copy(update={"folder": _absolute(data.prior.folder)})
        data = data.model_copy(update={"prior": prior})
    is_path = ("/" in job.model or "\\" in job.model) and Path(job.model).expanduser().exists()
    return job.model_copy(update={"data": data, "model": _absolute(job.model) if is_path else job.model})


def free_memory() -> None:
    """Collect what nobody holds any more, and hand cached memory of the graphics card back to the system."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _require_unfinished(folder: Path, job: TrainJob) -> None:
    """Raise UserError for a finished run, unless its job was changed to ask for more steps and it has a checkpoint."""
    summary, extensible = runs.summary(folder), runs.resumable(folder)
    if summary.state == "finished" and (summary.step >= job.steps.total or not extensible):
        more = f"raise steps.total (now {job.steps.total}) in its {runs.JOB_FILE}, and resume again"
        raise UserError(
            f"The run {folder.name} is finished already.",
            f"To go further, {more if extensible else 'start a new training: this one kept no checkpoint'}.",
        )


def _resume(run: Run, session: Session) -> tuple[Path, ...]:
    from trainer.training.train import resume

    session.drop()
    return resume(run, session.home)


def _reporting(work: Callable[[Run], tuple[Path, ...]], job: Job, run: Run, session: Session) -> Ending:
    """Started, the work, and its one ending; in a run folder all of it is recorded too."""
    started = time.monotonic()
    ending: Ending
    with contextlib.ExitStack() as stack:
        told = run
        try:
            if run.folder is not None:
                told = dataclasses.replace(run, emit=stack.enter_context(runs.recording(run.folder, run.emit)))
            told.emit(_started(job, run.folder))
            paths = work(told)
            ending = events.Finished(seconds=time.monotonic() - started, paths=tuple(str(path) for path in paths))
        except Cancelled:
            ending = events.Stopped(resume=_to_resume(run.folder))
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes the job's one ending
            ending = failures.failed(error, job)
        # The exception is gone here, and with it the tensors that its traceback held.
        if isinstance(ending, events.Failed) and ending.cause != "user":
            session.drop()
        if isinstance(job, CaptionJob):
            free_memory()  # what is trained or generated next needs the room
        # The ending has been told before it is recorded; a disk that refuses the record has nothing to add to it.
        with contextlib.suppress(UserError):
            told.emit(ending)
    return ending


def _started(job: Job, folder: Path | None) -> events.Started:
    match job:
        case TrainJob():
            name = job.output.name
        case GenerateJob():
            name = job.prompt[:80]
        case VideoJob():
            name = Path(job.picture).stem
        case GridJob():
            name = job.base.prompt[:80]
        case CaptionJob():
            name = Path(job.folder).name
        case ConvertJob() | ImportJob():
            name = job.model
        case MeasureJob():
            name = job.train.output.name
    return events.Started(job=job.kind, name=name, run_folder=str(folder or ""))


def _to_resume(folder: Path | None) -> str:
    return str(folder) if folder is not None and runs.resumable(folder) else ""


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _stamp(source: Path) -> tuple[object, ...]:
    """What changes when a model's file, or any file of its folder, is written anew."""
    files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
    return tuple((str(file), stamp_of(file)) for file in files)
