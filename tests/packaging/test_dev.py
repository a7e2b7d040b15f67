"""The set-up command's own decisions, without installing anything."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "packaging" / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name while the class is made.
    sys.modules["dev"] = module
    spec.loader.exec_module(module)
    return module


def executable(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_driver_that_answers_means_cuda_and_is_named(dev: ModuleType) -> None:
    build = dev.choose_torch("GPU 0: NVIDIA GeForce RTX 4090", "linux")
    assert build.kind == "cuda"
    assert "RTX 4090" in build.why


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_no_driver_means_cpu_and_says_why(dev: ModuleType, platform: str) -> None:
    build = dev.choose_torch(None, platform)
    assert build.kind == "cpu"
    assert build.why


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", "GPU 0: NVIDIA H100"),
        ("echo 'the driver is not loaded'; exit 9", None),
        ("exit 0", None),
    ],
)
def test_nvidia_smi_counts_only_when_it_lists_a_card(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, answer: str | None
) -> None:
    command = executable(tmp_path / "nvidia-smi", f"#!/bin/sh\n{script}\n")
    monkeypatch.setattr(dev.shutil, "which", lambda name: command)
    monkeypatch.setattr(dev, "_ask_libcuda", lambda: None)
    assert dev.nvidia_driver() == answer


@pytest.mark.parametrize(
    ("kind", "platform", "listed", "wanted"),
    [
        ("cpu", "linux", True, "torch==2.13.0+cpu"),
        ("cpu", "linux", False, "torch==2.13.0"),
        ("cpu", "darwin", False, "torch==2.13.0"),
        ("cpu", "win32", False, "torch==2.13.0"),
        ("cuda", "linux", False, "torch==2.13.0,!=2.13.0+cpu"),
        ("cuda", "win32", False, "torch==2.13.0,!=2.13.0+cpu"),
    ],
)
def test_what_pip_is_asked_for(dev: ModuleType, kind: str, platform: str, listed: bool, wanted: str) -> None:
    build = dev.TorchBuild(kind, "why")
    assert dev.torch_requirement("torch==2.13.0", build, platform, listed) == wanted


def test_the_cuda_requirement_takes_plain_and_cuda_builds_and_no_cpu_build(dev: ModuleType) -> None:
    from packaging.requirements import Requirement

    asked = Requirement(dev.torch_requirement("torch==2.13.0", dev.TorchBuild("cuda", "why"), "linux", False))
    takes = [version for version in ("2.13.0", "2.13.0+cu130", "2.13.0+cpu", "2.13.1") if version in asked.specifier]
    assert takes == ["2.13.0", "2.13.0+cu130"]


def test_the_stamp_changes_with_anything_that_changes_the_environment(dev: ModuleType) -> None:
    told = {"torch_pin": "torch==2", "pins": ["a==1"], "constraints": "b==1", "kind": "cpu", "python": "3.11.7"}
    changed = {"torch_pin": "torch==3", "pins": ["a==2"], "constraints": "b==2", "kind": "cuda", "python": "3.12.1"}
    same = dev.stamp_text(**told)
    assert dev.stamp_text(**told) == same
    stamps = {dev.stamp_text(**{**told, name: value}) for name, value in changed.items()}
    assert len(stamps | {same}) == 6


def test_every_direct_dependency_is_pinned_exactly_and_the_same_in_the_constraints(dev: ModuleType) -> None:
    torch_pin, pins = dev.read_pins(ROOT / "pyproject.toml")
    assert re.fullmatch(r"torch==[\d.]+", torch_pin)
    listed = dev.CONSTRAINTS.read_text("utf-8").lower().replace("_", "-").splitlines()
    assert [pin for pin in pins if pin.lower().replace("_", "-") not in listed] == []


def set_up_with(dev: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, driver: str | None) -> list[str]:
    """What pip would be told to do in a `.venv` at `folder`, with `driver` answering."""
    told: list[str] = []
    monkeypatch.setattr(dev, "VENV", folder)
    monkeypatch.setattr(dev, "STAMP", folder / "stamp.txt")
    monkeypatch.setattr(dev, "make_venv", lambda: None)
    monkeypatch.setattr(dev, "nvidia_driver", lambda: driver)
    monkeypatch.setattr(dev, "pip_finds", lambda requirement: True)
    monkeypatch.setattr(dev, "pip", lambda *arguments, doing: told.append(arguments[0]))
    dev.set_up()
    return told


def test_setting_up_twice_installs_once_and_a_new_card_changes_torch(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set_up_with(dev, tmp_path, monkeypatch, driver=None) == ["install"]
    assert set_up_with(dev, tmp_path, monkeypatch, driver=None) == []
    assert set_up_with(dev, tmp_path, monkeypatch, driver="GPU 0: new") == ["uninstall", "install"]


def test_an_installation_that_failed_is_not_stamped(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: str, doing: str) -> None:
        raise dev.SetupError("pip failed")

    set_up_with(dev, tmp_path, monkeypatch, driver=None)
    monkeypatch.setattr(dev, "nvidia_driver", lambda: "GPU 0: new")
    monkeypatch.setattr(dev, "pip", refuse)
    assert dev.main(["bench"]) == 1
    said = capsys.readouterr()
    assert said.err == "pip failed\n"
    assert not (tmp_path / "stamp.txt").exists()


@pytest.mark.parametrize("version", ["cuda: Optional[str] = '13.0'", "cuda = '13.0'"])
def test_a_cuda_build_is_told_by_its_version_file(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    file = tmp_path / "lib" / "python3" / "site-packages" / "torch" / "version.py"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(dev, "VENV", tmp_path)
    file.write_text("debug = False\ncuda: Optional[str] = None\nhip = 'x'\n", "utf-8")
    assert not dev._torch_has_cuda()
    file.write_text(f"{version}\n", "utf-8")
    assert dev._torch_has_cuda()


def test_failed_checks_are_all_named_and_stop_before_the_tests(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def run(python: Path, *arguments: str) -> int:
        ran.append(" ".join(arguments))
        return 1 if "ruff" in arguments else 0

    monkeypatch.setattr(dev, "set_up", lambda: Path("python"))
    monkeypatch.setattr(dev, "run", run)
    assert dev.main(["test"]) == 1
    assert "Not in order: ruff check, ruff format." in capsys.readouterr().out
    assert len(ran) == 4
    assert not any("pytest" in command for command in ran)


def test_what_stands_behind_test_goes_to_pytest_and_its_status_comes_back(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []

    def run(python: Path, *arguments: str) -> int:
        ran.append(arguments)
        return 3 if "pytest" in arguments else 0

    monkeypatch.setattr(dev, "set_up", lambda: Path("python"))
    monkeypatch.setattr(dev, "run", run)
    assert dev.main(["test", "-x", "tests/contract", "-m", "slow"]) == 3
    assert ran[-1] == ("-m", "pytest", "-x", "tests/contract", "-m", "slow")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["start", "--fast"]])
def test_wrong_usage_is_exit_code_2_and_no_traceback(arguments: list[str]) -> None:
    command = [sys.executable, str(ROOT / "packaging" / "dev.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
