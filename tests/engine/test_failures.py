"""Exceptions to endings: plain words, numbers, proposals that name the job's own fields."""

import weakref
from pathlib import Path

import pytest

from trainer.contract import events
from trainer.contract.common import Hardware, Size
from trainer.contract.convert import ConvertJob
from trainer.contract.errors import Cancelled, UserError, ran_out_of_memory
from trainer.contract.generate import GenerateJob, SecondPass
from trainer.contract.jobfile import Job
from trainer.contract.measure import MeasureJob
from trainer.contract.run import Run
from trainer.contract.train import Data, Steps, TrainJob
from trainer.engine import deaths, execute, failures, runs
from trainer.home import Home

TRAINING = TrainJob(data=Data(folder="pictures", resolution=Size(width=512, height=512)), steps=Steps(batch_size=4))


@pytest.mark.parametrize(
    ("error", "needed"),
    [
        (MemoryError(), ""),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has ..."), "2.5 GB"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: "
                         "you tried to allocate 1073741824 bytes. Error code 12 (Cannot allocate memory)"),
            "1.0 GB",
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17.97 GB). Tried to allocate 256 bytes"), "256 bytes"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), ""),
    ],
)  # fmt: skip
def test_every_allocators_refusal_is_out_of_memory(error: Exception, needed: str) -> None:
    failed = failures.failed(error, TRAINING)
    assert failed.cause == "out_of_memory"
    assert needed in failed.title
    assert "steps.batch_size to 2 (now 4) and steps.accumulation to 2" in failed.fix
    assert "gradient_checkpointing" in failed.fix
    assert "512x512" in failed.fix
    assert failures.failed(error, MeasureJob(train=TRAINING)).fix == failed.fix


def test_torchs_own_out_of_memory_error_is_known() -> None:
    import torch

    assert ran_out_of_memory(torch.OutOfMemoryError("whatever it says"))


def test_a_lost_device_is_a_crash() -> None:
    error = RuntimeError("CUDA error: an illegal memory access was encountered")
    assert failures.failed(error, TRAINING).cause == "crash"


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        (-9, "out_of_memory", "Memory ran out"),
        (137, "out_of_memory", "Memory ran out"),
        (0xC0000017, "out_of_memory", "Memory ran out"),
        (-11, "crash", "memory that is not its own"),
        (139, "crash", "memory that is not its own"),
        (-15, "crash", "asked it to end"),
        (1, "crash", "its messages say why"),
        (0, "crash", "in the middle of its work"),
    ],
)
def test_exit_codes_in_plain_words(code: int, cause: str, words: str) -> None:
    failed = deaths.failed(code, None, "last words")
    assert failed.cause == cause
    assert words in failed.title
    assert failed.detail == "last words"


def performed(
    job: Job, home: Home, monkeypatch: pytest.MonkeyPatch, error: BaseException | None
) -> tuple[execute.Ending, list[events.Event]]:
    """The ending and the events of a job whose work raises `error`."""

    def work(job: Job, run: Run, session: execute.Session) -> tuple[Path, ...]:
        if error is not None:
            raise error
        return (Path("made"),)

    monkeypatch.setattr(execute, "execute", work)
    told: list[events.Event] = []
    return execute.execute_reporting(job, Run(told.append), execute.Session(home)), told


def test_what_a_picture_could_do_without_is_proposed() -> None:
    job = GenerateJob(second_pass=SecondPass(scale=2.5), hardware=Hardware(tiles="off"), batch_size=4)
    fix = failures.memory_proposals(job)
    for words in ("batch_size to 1 (now 4)", "hardware.tiles to auto", "second_pass.scale (now 2.5)"):
        assert words in fix


@pytest.mark.parametrize("error", [None, Cancelled(), UserError("No.", "Yes."), MemoryError(), KeyError("x")])
@pytest.mark.parametrize(
    "job", [GenerateJob(), ConvertJob(model="m"), TRAINING, MeasureJob(train=TRAINING)], ids=lambda job: job.kind
)
def test_exactly_one_ending_and_it_is_the_last(
    job: Job, error: Exception | None, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, told = performed(job, home, monkeypatch, error)
    assert told[-1] == ending
    assert [isinstance(event, events.ENDINGS) for event in told].count(True) == 1
    assert isinstance(told[0], events.Started)


def test_a_training_gets_a_run_folder_that_tells_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ending, told = performed(TRAINING, home, monkeypatch, UserError("No.", "Yes."))
    assert isinstance(told[0], events.Started)
    folder = Path(told[0].run_folder)
    assert folder.parent == home.runs
    assert list(runs.events_of(folder)) == told
    assert runs.summary(folder).state == "failed"
    assert runs.job_of(folder).data.folder == str(Path("pictures").absolute())
    assert isinstance(ending, events.Failed)


def test_a_stopped_training_says_where_to_resume_only_if_there_is_a_checkpoint(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, _ = performed(TRAINING, home, monkeypatch, Cancelled())
    assert ending == events.Stopped()
    folder = runs.create(home.runs, TRAINING)
    (folder / "checkpoints" / "step-00000003").mkdir(parents=True)
    run = Run(lambda event: None, folder=folder)
    assert execute.execute_reporting(TRAINING, run, execute.Session(home)) == events.Stopped(resume=str(folder))


def test_the_exception_and_what_it_held_are_let_go(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tensor:
        pass

    gone: list[weakref.ref[Tensor]] = []

    def work(job: Job, run: Run, session: execute.Session) -> tuple[Path, ...]:
        held = Tensor()  # kept by the frame, which the traceback keeps
        gone.append(weakref.ref(held))
        raise RuntimeError("out of memory")

    monkeypatch.setattr(execute, "execute", work)
    ending = execute.execute_reporting(GenerateJob(), Run(lambda event: None), execute.Session(home))
    assert isinstance(ending, events.Failed)
    assert gone[0]() is None


def test_a_folder_that_cannot_be_written_is_one_failure_and_no_bug(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    told: list[events.Event] = []
    home = Home(tmp_path / "file" / "home")
    ending = execute.execute_reporting(TRAINING, Run(told.append), execute.Session(home))
    assert told == [ending]
    assert isinstance(ending, events.Failed)
    assert ending.cause == "user"


def test_resuming_what_is_no_run_is_one_failure(tmp_path: Path, home: Home) -> None:
    told: list[events.Event] = []
    ending = execute.resume_reporting(Run(told.append, folder=tmp_path), execute.Session(home))
    assert told == [ending]
    assert isinstance(ending, events.Failed)
    assert "not a run folder" in ending.title
