"""The command line as a person or a script meets it: exit codes, what stands on stdout, what on stderr."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from PIL import Image

from main import main
from trainer.cli import self_test
from trainer.cli.arguments import VERBS, parse
from trainer.cli.entry import gentle_interrupt
from trainer.cli.jobs import job_of
from trainer.cli.output import Output
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob, Mask, SecondPass, SourcePicture, Variation
from trainer.contract.grid import Axis, GridJob
from trainer.contract.jobfile import job_to_toml
from trainer.contract.train import TrainJob
from trainer.home import Home

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0

posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def gesso(*arguments: str, home: Home) -> "subprocess.CompletedProcess[str]":
    """`main.py` in a process of its own, from a folder that is not the program's."""
    home.root.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        cwd=home.root,
        env={**os.environ, "GESSO_HOME": str(home.root)},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Exit code 1, one or two lines on stderr with these words, nothing on stdout, no traceback."""
    assert done.returncode == 1, done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 2
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


STAGE = """
import os, sys
sys.path[:0] = [{root!r}, {tests!r}]
import staged
from trainer.engine import execute
from trainer.cli.entry import main
execute.execute = staged.staged_execute
sys.exit(main(sys.argv[1:]))
"""


def staged(act: str, *more: str) -> list[str]:
    """A command that does `generate` with the work replaced by an act of tests/engine/staged.py."""
    code = STAGE.format(root=str(ROOT), tests=str(ROOT / "tests" / "engine"))
    return [sys.executable, "-c", code, "generate", "--model", "m", "--prompt", act, *more]


@pytest.mark.parametrize(
    "arguments",
    [
        ("caption",),
        ("models",),
        ("models", "polish"),
        ("generate", "--prompt", "no model"),
        ("generate", "--model", "m", "--prompt", "p", "--size", "big"),
        ("generate", "--model", "m", "--prompt", "p", "--steps", "many"),
        ("generate", "--model", "m", "--prompt", "p", "--sampler", "magic"),
        ("generate", "--model", "m", "--prompt", "p", "--lora", "name:strong"),
        ("generate", "--model", "m", "--prompt", "p", "--variation", "seed"),
        ("train", "--model", "m", "--dataset", "d", "--method", "guessing", "--steps", "1", "--output", "o"),
        ("run", "job.toml", "--set", "steps"),
        ("run", "job.toml", "--set", "a b=1"),
        ("run", "job.toml", "--unknown"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_code_2_and_says_so_on_stderr(
    arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as leaving:
        code = leaving.code
    assert code == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        parse([verb, "--help"])
    assert leaving.value.code == 0
    assert "--home" in capsys.readouterr().out


def test_flags_of_generate_become_the_job() -> None:
    arguments = parse(
        ["--home", "h", "generate", "--model", "m", "--prompt", "p", "--sampler", "euler_a", "--steps", "9",
         "--seed", "5", "--size", "512x768", "--lora", "cat:0.5", "--lora", "C:\\x\\dog.safetensors",
         "--count", "2", "--out", "o"]
    )  # fmt: skip
    job = job_of(arguments)
    assert isinstance(job, GenerateJob)
    assert job.sampling.sampler == "euler_a"
    assert (job.sampling.steps, job.seed, job.count, job.output) == (9, 5, 2, "o")
    assert job.size is not None
    assert (job.size.width, job.size.height) == (512, 768)
    assert [(use.name, use.weight) for use in job.loras] == [("cat", 0.5), ("C:\\x\\dog.safetensors", 1.0)]
    assert arguments.home == Path("h")


def test_flags_of_generate_name_a_picture_to_begin_from_and_what_comes_after() -> None:
    plain = ["generate", "--model", "m", "--prompt", "p"]
    more = ["--init", "a b.png", "--strength", "0.3", "--mask", "m.png", "--variation", "9:0.2", "--clip-skip", "2",
            "--set", "source.mask.feather=8"]  # fmt: skip
    job = job_of(parse([*plain, *more]))
    assert isinstance(job, GenerateJob)
    assert job.source == SourcePicture(path="a b.png", strength=0.3, mask=Mask(path="m.png", feather=8))
    assert (job.variation, job.sampling.clip_skip) == (Variation(seed=9, strength=0.2), 2)
    job = job_of(parse([*plain, "--second-pass", "1.5"]))
    assert isinstance(job, GenerateJob)
    assert job.second_pass == SecondPass(scale=1.5)
    assert job.source is None
    with pytest.raises(UserError, match=r"the field source\.path is missing"):
        job_of(parse([*plain, "--strength", "0.5"]))


def test_the_way_of_another_program_is_one_flag() -> None:
    flags = ["--model", "m", "--prompt", "p", "--steps", "9", "--as", "comfyui"]
    job = job_of(parse(["generate", *flags]))
    assert isinstance(job, GenerateJob)
    assert (job.sampling.steps, job.sampling.emphasis, job.sampling.noise) == (9, "comfyui", "cpu")


def test_axes_of_a_grid_become_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    flags = [
        "--model",
        "starter",
        "--prompt",
        "a cat",
        "--x",
        "sampling.guidance=1-5 (+2)",
        "--y",
        "prompt:cat=cat, dog",
    ]
    job = job_of(parse(["grid", *flags]))
    assert isinstance(job, GridJob)
    assert job.base.prompt == "a cat"
    assert job.axes[0] == Axis(field="sampling.guidance", values=("1", "3", "5"))
    assert job.axes[1] == Axis(field="prompt", search="cat", values=("cat", "dog"))
    for bad in ("guidance", "=3", "seed=", "seed=1-3 (0)"):
        with pytest.raises(SystemExit):
            parse(["grid", "--model", "m", "--prompt", "p", "--x", bad])
        assert "--x" in capsys.readouterr().err


def test_flags_of_train_become_the_job_and_set_reaches_the_rest() -> None:
    job = job_of(
        parse(
            ["train", "--model", "m", "--dataset", "d", "--method", "lora", "--steps", "7", "--output", "o",
             "--set", "method.rank=4", "--set", "optimizer.kind=lion", "--set", "data.captions.prefix=a, b"]
        )
    )  # fmt: skip
    assert isinstance(job, TrainJob)
    assert (job.data.folder, job.steps.total, job.output.name) == ("d", 7, "o")
    assert job.method.kind == "lora"
    assert job.method.rank == 4
    assert job.optimizer.kind == "lion"
    assert job.data.captions.prefix == "a, b"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sampling.steps=0", "sampling.steps is 0"),
        ("sampling.steps=many", "sampling.steps is 'many'"),
        ("sampling.stepz=3", "no field sampling.stepz"),
        ("prompt.text=x", "prompt holds a value"),
        ("kind=dream", "no kind of job"),
    ],
)
def test_a_bad_override_names_the_field(override: str, words: str, home: Home) -> None:
    home.root.mkdir()
    (home.root / "job.toml").write_text(job_to_toml(GenerateJob(prompt="p")), encoding="utf-8")
    refused(gesso("run", "job.toml", "--set", override, home=home), words)


def test_what_is_not_there_is_refused_in_one_sentence_and_a_fix(home: Home) -> None:
    refused(gesso("run", "none.toml", home=home), "There is no job file none.toml")
    refused(gesso("resume", "none", home=home), "There is no run folder")
    refused(gesso("models", "show", "none", home=home), 'There is no model named "none"')
    refused(gesso("models", "install", "none.safetensors", home=home), "none.safetensors")
    refused(gesso("dataset", "check", "none", home=home), "none")


def test_a_refusal_with_json_is_a_failed_event_on_stdout(home: Home) -> None:
    done = gesso("models", "show", "none", "--json", home=home)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    event = events.from_json(line)
    assert isinstance(event, events.Failed)
    assert event.title in done.stderr


def test_models_list_is_light_and_lists_a_bad_file_with_its_problem(home: Home) -> None:
    folder = home.models / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "broken ü.safetensors").write_bytes(b"\x00")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from main import main\n"
        "code = main(['models', 'list', '--json'])\n"
        "heavy = {'torch', 'numpy', 'PIL', 'diffusers', 'trainer.contract.train'} & set(sys.modules)\n"
        "sys.exit(f'{heavy} was loaded' if heavy else code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "GESSO_HOME": str(home.root)},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    (broken,) = [entry for entry in entries if entry["name"] == "broken ü"]
    assert broken["problem"]
    assert broken["identity"] is None


def test_dataset_check_reports_and_refuses_a_folder_without_one_good_picture(home: Home) -> None:
    folder = home.datasets / "bad"
    folder.mkdir(parents=True)
    (folder / "one.png").write_bytes(b"not a picture")
    done = gesso("dataset", "check", str(folder), home=home)
    assert done.returncode == 1
    assert "one.png" in done.stdout
    assert "0 of 1 pictures" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    folder = tmp_path / "captioned"
    folder.mkdir()
    for stem, data in {"1": b"cat, sofa", "2": b"blue_eyes,cat\r\n", "10": None}.items():
        (folder / f"{stem}.png").write_bytes(b"")
        if data is not None:
            (folder / f"{stem}.txt").write_bytes(data)
    return folder


def test_dataset_edit_shows_what_would_change_and_writes_only_when_told(captioned: Path, home: Home) -> None:
    before = {path: path.read_bytes() for path in captioned.rglob("*")}
    wanted = ["dataset", "edit", str(captioned), "--query", "is:captioned -sofa", "--replace", r"(\w+)_(\w+)", r"\2 \1"]
    wanted += ["--regex", "--add-tags", "kiki, x", "--at", "0", "--sort", "natural", "--keep", "2"]
    shown = gesso(*wanted, home=home)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "2.png",
        "  - blue_eyes,cat",
        "  + kiki,x,cat,eyes blue",
        "1 caption would change; --apply writes them.",
    ]
    assert {path: path.read_bytes() for path in captioned.rglob("*")} == before
    done = gesso(*wanted, "--apply", "--json", home=home)
    change = {"picture": "2.png", "before": "blue_eyes,cat", "after": "kiki,x,cat,eyes blue"}
    assert json.loads(done.stdout) == {"applied": True, "changes": [change]}
    assert (captioned / "2.txt").read_bytes() == b"kiki,x,cat,eyes blue\n"
    undone = gesso("dataset", "undo", str(captioned), home=home)
    assert "1 caption." in undone.stdout
    assert (captioned / "2.txt").read_bytes() == b"blue_eyes,cat\r\n"
    assert json.loads(gesso("dataset", "redo", str(captioned), "--json", home=home).stdout)["captions"] == 1
    assert (captioned / "2.txt").read_bytes() == b"kiki,x,cat,eyes blue\n"
    refused(gesso("dataset", "redo", str(captioned), home=home), "nothing to redo")


@pytest.mark.parametrize(
    ("flags", "after"),
    [
        (["--remove-tags", "sofa"], "cat"),
        (["--replace-tag", "cat", "dog, fox"], "dog, fox, sofa"),
        (["--replace", "CAT", "dog", "--ignore-case", "--whole-tag"], "dog, sofa"),
        (["--sort", "count"], None),
        (["--sort", "alphabet", "--add-tags", "a"], "cat, sofa, a"),
        (
            ["--add-tags", "a, cat, A_(b)", "--sort", "alphabet", "--lower", "--spaces", "--escape"],
            r"a, a \(b\), cat, sofa",
        ),
        (["--prefix", "p", "--suffix", "s", "--trigger", "t"], "t, p cat, sofa s"),
        (["--set", "a b, a b", "--deduplicate", "--underscores"], "a_b"),
        (["--set", r"\(x\)", "--unescape"], "(x)"),
    ],
)
def test_every_edit_has_a_flag(
    captioned: Path, flags: list[str], after: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "edit", str(captioned), "--query", "name:1.png", *flags, "--json"]) == 0
    changes = json.loads(capfd.readouterr().out)["changes"]
    assert [change["after"] for change in changes] == ([] if after is None else [after])


def test_dataset_tags_counts_them_and_a_bad_search_is_refused(captioned: Path, home: Home) -> None:
    done = gesso("dataset", "tags", str(captioned), home=home)
    assert done.stdout.split() == ["2", "cat", "1", "blue_eyes", "1", "sofa"]
    done = gesso("dataset", "tags", str(captioned), "--query=-sofa", "--json", home=home)
    assert json.loads(done.stdout) == {"cat": 1, "blue_eyes": 1}
    refused(gesso("dataset", "tags", str(captioned), "--query", "cat (", home=home), "letter 6")
    refused(gesso("dataset", "tags", str(captioned), "--query", "bucket:512x512", home=home), "check --json")
    refused(gesso("dataset", "edit", str(captioned), home=home), "No edit")


def test_dataset_export_writes_a_new_folder_and_refuses_an_old_one(home: Home) -> None:
    folder = home.datasets / "4_sks cat"
    folder.mkdir(parents=True)
    Image.new("RGB", (80, 60), "teal").save(folder / "one.png")
    (folder / "one.txt").write_text("a (teal) cat", encoding="utf-8")
    (folder / "two.png").write_bytes(b"not a picture")
    out = home.root / "out"
    command = ("dataset", "export", str(folder), "--to", "kohya", "--out", str(out), "--brackets", "escape")
    done = gesso(*command, "--json", home=home)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["pictures"], answer["left_out"]) == (1, [str(folder / "two.png")])
    assert (out / "4_sks cat" / "one.txt").read_text("utf-8") == "a \\(teal\\) cat\n"
    refused(gesso(*command, home=home), "exists already")
    refused(gesso(*command, "--quality", "0", home=home), "quality is 0")


@posix
def test_with_json_only_events_reach_stdout_whatever_libraries_print() -> None:
    done = subprocess.run(staged("prints", "--json"), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0
    seen = [events.from_json(line) for line in done.stdout.splitlines()]
    assert [type(event) for event in seen] == [events.Started, *[events.Step] * 5, events.Finished]
    assert b"noise from C" in done.stderr


def test_results_stand_on_stdout_and_progress_on_stderr() -> None:
    done = subprocess.run(staged("steps"), capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (0, "made.png\n")
    assert "step 1/5" in done.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_shows_its_traceback_only_with_debug(debug: bool) -> None:
    done = subprocess.run(
        staged("bug", *(["--debug"] if debug else [])),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) is debug
    assert done.stdout == ""


@posix
def test_one_interrupt_stops_gently() -> None:
    assert _interrupted("waits", 1) == 130


@posix
def test_a_second_interrupt_stops_work_that_does_not_listen() -> None:
    assert _interrupted("is deaf", 2) == 130


def _interrupted(act: str, times: int) -> int:
    """Exit code of a verb that is interrupted so often, each time when it has said that it is ready for it."""
    with subprocess.Popen(staged(act), stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stderr is not None
        _read_until(process.stderr, b"waiting")
        for number in range(times):
            if number:
                _read_until(process.stderr, b"again to stop at once")
            process.send_signal(signal.SIGINT)
        assert b"Traceback" not in process.stderr.read()
        return process.wait(PATIENCE)


def _read_until(stream: IO[bytes], words: bytes) -> None:
    while words not in (line := stream.readline()):
        assert line, "it ended too early"


@posix
def test_interrupts_are_a_wish_first_and_handlers_are_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with gentle_interrupt() as wish:
        assert not wish()
        os.kill(os.getpid(), signal.SIGINT)
        assert wish()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "again to stop at once" in capfd.readouterr().err


def test_where_stderr_is_no_terminal_progress_is_sparse(capfd: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=False, debug=False) as output:
        for step in range(1, 1001):
            output.event(events.Step(step=step, total=1000, loss=0.5, seconds_left=75))
        output.event(events.Finished(seconds=1, paths=("a.png",)))
    said = capfd.readouterr()
    assert said.out == "a.png\n"
    assert said.err == "step 1/1000  loss 0.5000  1:15 left\n"


def test_self_test_fails_if_one_check_fails_and_writes_its_report(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_home: Home) -> str:
        raise OSError("no such device")

    monkeypatch.setattr(self_test, "CHECKS", {"good": lambda _home: "fine", "broken": broken})
    arguments = parse(["self-test", "--json", str(tmp_path / "report.json")])
    with Output(as_json=arguments.json, debug=False) as output:
        assert self_test.run(arguments, home, output) == 1
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert [(check["name"], check["ok"]) for check in report["checks"]] == [("good", True), ("broken", False)]
    assert report["ok"] is False
    assert "no such device" in capfd.readouterr().out


def test_self_test_refuses_bad_files_itself(home: Home) -> None:
    home.root.mkdir()
    assert "bad é.safetensors" in self_test.CHECKS["a bad file is refused"](home)


def test_a_reader_that_leaves_early_is_no_fault_of_the_program(home: Home) -> None:
    receive, send = os.pipe()
    os.close(receive)
    with os.fdopen(send, "wb") as closed:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "models", "list", "--json", "--home", str(home.root)],
            stdout=closed,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_the_window_without_a_display_is_refused_in_words(tmp_path: Path) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, str(ROOT / "main.py"), "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "no display" in done.stderr
    assert "Traceback" not in done.stderr
