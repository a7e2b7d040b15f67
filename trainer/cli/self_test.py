"""The verb `self-test`: whether the parts that everything stands on work on this machine, on the starter model."""

import importlib
import importlib.metadata
import json
import platform
import tempfile
import time
import traceback
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from trainer.cli.output import Output
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.contract.jobfile import Job
from trainer.files import write_text_atomically
from trainer.home import Home

PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "peft",
    "accelerate",
    "safetensors",
    "pydantic",
    "pillow",
    "av",
    "numpy",
)
MODEL = "starter"


def run(arguments: Namespace, home: Home, output: Output) -> int:
    """Do every check, say of each how it went, and write the report. Exit code 0 if all went well, else 1."""
    target = Path(arguments.file) if arguments.file else None
    checks: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="gesso self-test ") as folder:
        place = Home(Path(folder))
        for name, check in CHECKS.items():
            output.progress(name, force=False)
            checks.append(_tried(name, check, place))
    report = {
        "ok": all(check["ok"] for check in checks),
        "python": platform.python_version(),
        "system": platform.platform(),
        "home": str(home.root),
        "checks": checks,
    }
    lines = [f"{'ok' if check['ok'] else 'FAILED':7} {check['name']}: {check['detail']}" for check in checks]
    output.answer(report, lines)
    if target is not None:
        write_text_atomically(target, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return 0 if report["ok"] else 1


def _tried(name: str, check: Callable[[Home], str], home: Home) -> dict[str, object]:
    started = time.monotonic()
    try:
        ok, detail = True, check(home)
    except UserError as error:
        ok, detail = False, str(error)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is this check's result
        ok, detail = False, "".join(traceback.format_exception(error))
    return {"name": name, "ok": ok, "seconds": round(time.monotonic() - started, 2), "detail": detail}


def _versions(_home: Home) -> str:
    for package in PACKAGES:
        importlib.import_module({"pillow": "PIL"}.get(package, package))
    return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)


def _device(_home: Home) -> str:
    from trainer.contract.common import Hardware
    from trainer.models.device import choose

    device, dtype = choose(Hardware())
    return f"{device.type}, {str(dtype).removeprefix('torch.')}"


def _bad_file_is_refused(home: Home) -> str:
    from trainer.library.identify import identify_file

    path = home.root / "bad é.safetensors"
    path.write_bytes(b"\xff" * 7 + b"\x7f" + b"{}")
    try:
        identify_file(path)
    except UserError as error:
        return str(error)
    raise AssertionError("a file that is no model was taken for one")


def _generates(home: Home) -> str:
    from trainer.contract.common import Sampling
    from trainer.contract.generate import GenerateJob

    job = GenerateJob(model=MODEL, prompt="a cat", sampling=Sampling(steps=2), output=str(home.outputs))
    return _done(job, home)


def _trains(home: Home) -> str:
    from PIL import Image

    from trainer.contract.train import Data, Lora, Output, Steps, TrainJob

    home.datasets.mkdir()
    for number, colour in enumerate(("#c33", "#36c")):
        Image.new("RGB", (128, 128), colour).save(home.datasets / f"{number}.png")
        (home.datasets / f"{number}.txt").write_text("a plain colour", encoding="utf-8")
    job = TrainJob(
        model=MODEL,
        data=Data(folder=str(home.datasets)),
        method=Lora(rank=2, alpha=2),
        steps=Steps(total=1),
        output=Output(name="self-test"),
    )
    return _done(job, home)


CHECKS: dict[str, Callable[[Home], str]] = {
    "imports and versions": _versions,
    "device": _device,
    "a bad file is refused": _bad_file_is_refused,
    "a picture in two DDIM steps": _generates,
    "one step of LoRA training": _trains,
}


def _done(job: Job, home: Home) -> str:
    from trainer.contract.run import Run
    from trainer.engine.execute import Session, execute_reporting

    ending = execute_reporting(job, Run(lambda event: None), Session(home))
    match ending:
        case events.Finished():
            return f"{len(ending.paths)} files in {ending.seconds:.1f} s"
        case events.Failed():
            raise UserError(ending.title, ending.fix, ending.detail)
        case events.Stopped():
            raise AssertionError("nobody asked it to stop")
