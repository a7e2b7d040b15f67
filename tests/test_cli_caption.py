"""The verb `caption`, and captioners under `models`, as a person meets them; all of it offline."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from main import main
from tests.captioning.models import write_blip, write_wd
from tests.captioning.test_deepbooru import published
from trainer.cli.arguments import parse
from trainer.cli.jobs import job_of
from trainer.contract.caption import BLIP_PRESETS, Blip, CaptionJob, DeepBooru, FileName, Single, Template, Wd
from trainer.contract.errors import UserError
from trainer.home import Home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (12, 8), (250, 0, 0)).save(folder / "a.png")
    Image.new("RGB", (12, 8), (0, 0, 250)).save(folder / "b.png")
    return folder


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--with", "filename"], FileName()),
        (["--with", "deepbooru", "--set", "captioner.words.escape=true"], {"words.escape": True}),
        (["--with", "wd", "--set", "captioner.threshold=0.2"], Wd(threshold=0.2)),
        (["--with", "blip", "--preset", "a1111"], BLIP_PRESETS["a1111"]),
        (["--with", "blip", "--preset", "kohya", "--set", "captioner.beams=4"], {"beams": 4, "max_length": 75}),
        (["--with", "{blip}, {wd}", "--preset", "kohya"], Template(text="{blip}, {wd}", blip=BLIP_PRESETS["kohya"])),
    ],
)
def test_flags_become_the_job(flags: list[str], expected: Single | Template | dict[str, object]) -> None:
    job = job_of(parse(["caption", "pictures", "--mode", "append", "--prefix", "sks", *flags]))
    assert isinstance(job, CaptionJob)
    assert (job.folder, job.mode, job.prefix) == ("pictures", "append", "sks")
    if isinstance(expected, dict):
        for path, value in expected.items():
            found: object = job.captioner
            for name in path.split("."):
                found = getattr(found, name)
            assert found == value
    else:
        assert job.captioner == expected
    assert isinstance(job.captioner, Blip | Wd | DeepBooru | FileName | Template)


def test_a_model_says_itself_which_captioner_it_is(home: Home, tmp_path: Path) -> None:
    write_wd(home.models / "captioners" / "my tagger")
    by_name = job_of(parse(["--home", str(home.root), "caption", "x", "--with", "my tagger"]))
    assert isinstance(by_name, CaptionJob)
    assert by_name.captioner == Wd(model="my tagger")
    path = str(write_wd(tmp_path / "elsewhere"))
    by_path = job_of(parse(["--home", str(home.root), "caption", "x", "--with", path]))
    assert isinstance(by_path, CaptionJob)
    assert by_path.captioner == Wd(model=path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--with", "nothing"], "no model named"), (["--with", "wd", "--preset", "kohya"], "--preset is for BLIP")],
)
def test_other_captioners_are_refused(home: Home, flags: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        job_of(parse(["--home", str(home.root), "caption", "x", *flags]))


def test_captions_are_written_and_told_of(folder: Path, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    write_wd(home.models / "captioners" / "my tagger")
    asked = ["--home", str(home.root), "caption", str(folder), "--with", "my tagger", "--set", "captioner.threshold=.9"]
    assert main(asked) == 0
    assert capsys.readouterr().out.splitlines() == ["a.png: red sky", "b.png: kiki, blue (sea)"]
    assert (folder / "a.txt").read_bytes() == b"red sky\n"
    assert main([*asked, "--mode", "replace"]) == 0
    assert capsys.readouterr().out.splitlines() == ["a.png: (as it was)", "b.png: (as it was)"]
    assert main(asked) == 0
    assert "has a caption already" in capsys.readouterr().err


def test_events_come_as_json_lines(folder: Path, home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    write_wd(home.models / "captioners" / "my tagger")
    assert main(["--home", str(home.root), "--json", "caption", str(folder), "--with", "wd"]) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    captioned = [event for event in told if event["kind"] == "captioned"]
    assert [event["picture"] for event in captioned] == ["a.png", "b.png"]
    assert captioned[0]["scores"][0][0] == "red_sky"
    assert told[-1]["kind"] == "finished"


def test_captioners_are_installed_listed_verified_and_used(
    folder: Path, tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [tmp_path / "blip-tiny", tmp_path / "wd-tiny", tmp_path / "booru.pt"]
    write_blip(sources[0])
    write_wd(sources[1])
    published(sources[2])
    for source in sources:
        assert main(["--home", str(home.root), "models", "install", str(source)]) == 0
    capsys.readouterr()
    assert main(["--home", str(home.root), "models", "list"]) == 0
    listed = capsys.readouterr().out
    for name, kind in (("blip-tiny", "BLIP"), ("wd-tiny", "WD tagger"), ("booru", "DeepBooru")):
        assert any(line.startswith(name) and f"a captioner, {kind}" in line for line in listed.splitlines())
        assert main(["--home", str(home.root), "models", "verify", name]) == 0
        assert main(["--home", str(home.root), "models", "show", name]) == 0
    told = capsys.readouterr().out
    assert "every byte is as it was installed" in told
    assert "Apache-2.0, as its makers published it" in told
    names = [path.name for path in (home.models / "captioners").iterdir()]
    assert sorted(names) == ["blip-tiny", "booru.safetensors", "wd-tiny"]
    for name in ("blip", "wd", "deepbooru"):
        assert main(["--home", str(home.root), "caption", str(folder), "--with", name, "--mode", "append"]) == 0


@pytest.mark.parametrize("name", ["some.pt", "some.ckpt", "some.safetensors"])
def test_another_pickle_is_refused_as_before(
    tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / name)
    assert main(["--home", str(home.root), "models", "install", str(tmp_path / name)]) == 1
    assert "zip archive" in capsys.readouterr().err
