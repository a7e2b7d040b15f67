"""The walls of the house at run time: what gets loaded, where import-linter reads what is written."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIGHT = ("trainer.contract", "trainer.library", "trainer.dataset", "trainer.files", "trainer.home", "trainer.offline")
HEAVY = {"torch", "diffusers", "transformers", "peft", "accelerate", "PySide6"}

IMPORT_AND_TELL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def modules_below(package: str) -> list[str]:
    """Every module of a package at the top of the repository, itself included; none where it does not exist."""
    files = sorted((ROOT / package).rglob("*.py"))
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]


def loaded_by_importing(modules: list[str]) -> set[str]:
    """The top-level packages that a fresh Python holds after importing `modules`."""
    command = [sys.executable, "-c", IMPORT_AND_TELL, json.dumps(modules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_light_rooms_and_the_window_load_no_torch() -> None:
    light = [name for name in modules_below("trainer") if name.startswith(LIGHT)]
    assert {room for room in LIGHT if room in light} == set(LIGHT)
    loaded = loaded_by_importing(light)
    assert loaded & HEAVY == set()
    window = modules_below("app")
    assert loaded_by_importing(window) & (HEAVY - {"PySide6"}) == set()


def test_reading_jobs_and_model_files_loads_no_numpy_and_no_pillow() -> None:
    rooms = ("trainer.contract", "trainer.library")
    loaded = loaded_by_importing([name for name in modules_below("trainer") if name.startswith(rooms)])
    assert loaded & {"numpy", "PIL"} == set()


def test_the_command_line_answers_before_torch_is_loaded() -> None:
    verbs = [name for name in modules_below("trainer") if name.startswith("trainer.cli")]
    assert loaded_by_importing(["main", *verbs]) & HEAVY == set()


def test_the_engine_and_everything_it_needs_load_no_qt() -> None:
    loaded = loaded_by_importing(modules_below("trainer"))
    assert "torch" in loaded
    assert "PySide6" not in loaded


def test_every_package_of_the_house_stands_behind_the_written_walls() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {folder.parent.name for folder in ROOT.glob("*/__init__.py")}
    assert packages == set(config["tool"]["importlinter"]["root_packages"])


@pytest.mark.parametrize("folder", ["packaging", "resources", "tests"])
def test_folders_that_are_no_packages_stay_none(folder: str) -> None:
    """An __init__.py in packaging/ would shadow the library of that name for everything that runs from here."""
    assert not (ROOT / folder / "__init__.py").exists()
