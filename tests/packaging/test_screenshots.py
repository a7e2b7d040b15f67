"""The command that takes pictures of the window: what it writes, and that something is to be seen there."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "screenshots.py"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name while the class is made
    spec.loader.exec_module(module)
    return module


def test_the_verb_hands_on_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dev = loaded("dev")
    ran: list[tuple[str, ...]] = []

    def noted(_python: Path, *arguments: str) -> int:
        ran.append(arguments)
        return 0

    monkeypatch.setenv("PYTHONPATH", os.environ["PYTHONPATH"])  # which the verb sets
    monkeypatch.setattr(dev, "set_up", lambda: Path(sys.executable))
    monkeypatch.setattr(dev, "run", noted)
    assert dev.main(["screenshots", "--out", str(tmp_path)]) == 0
    assert ran == [("packaging/screenshots.py", "--out", str(tmp_path))]
    assert os.environ["PYTHONPATH"] == str(ROOT)


def test_every_page_in_both_schemes_and_each_size_has_a_name_of_its_own() -> None:
    names = list(loaded("screenshots").names())
    assert len(names) == len(set(names)) == 14 * 2 * 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_picture_is_written_in_its_size_and_shows_something(tmp_path: Path) -> None:
    screenshots = loaded("screenshots")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=900)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(screenshots.names())
    for name in written:
        with Image.open(tmp_path / name) as picture:
            width, _, height = name.removesuffix(".png").removesuffix("-at-200").rpartition("-")[2].partition("x")
            ratio = 2 if name.endswith("-at-200.png") else 1
            assert picture.size == (int(width) * ratio, int(height) * ratio), name
            assert len(picture.convert("RGB").quantize(64).getcolors() or ()) > 8, f"{name} is empty"
