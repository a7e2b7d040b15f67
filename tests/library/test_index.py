"""The list of all models: complete, quick the second time, and stopped by nothing."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.library import layouts
from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.library import header as header_module
from trainer.library import index as index_module
from trainer.library.identify import Kind, ModelFamily
from trainer.library.index import Entry, Index

LORA = layouts.kohya_lora({"unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": (1280, 768)})
ROOT = Path(__file__).parents[2]


def index_of(home: Home, *read_only: Path) -> Index:
    return Index(home, read_only)


def names(index: Index) -> list[str]:
    return [entry.name for entry in index.models().entries]


@pytest.fixture
def filled(home: Home) -> Home:
    layouts.write_header_only(home.models / "checkpoints" / "Größe Nr. 1.safetensors", layouts.sd1())
    layouts.write_header_only(home.models / "loras" / "people" / "cat.safetensors", LORA)
    layouts.write_diffusers_folder(home.models / "checkpoints" / "folder model", 1024, True, "v_prediction")
    return home


def test_all_models_are_listed_with_their_identity(filled: Home, tmp_path: Path) -> None:
    layouts.write_header_only(tmp_path / "shipped" / "starter.safetensors", layouts.sd1_reduced())
    listing = index_of(filled, tmp_path / "shipped").models()
    assert listing.notes == ()
    found = {entry.name: entry for entry in listing.entries}
    assert list(found) == ["cat", "folder model", "Größe Nr. 1", "starter"]
    families = {name: entry.identity.family for name, entry in found.items() if entry.identity}
    assert families == {
        "cat": ModelFamily.SD1,
        "folder model": ModelFamily.SD2,
        "Größe Nr. 1": ModelFamily.SD1,
        "starter": ModelFamily.SD1,
    }
    assert [name for name, entry in found.items() if entry.read_only] == ["starter"]
    assert [name for name, entry in found.items() if entry.is_folder] == ["folder model"]
    assert found["Größe Nr. 1"].size == found["Größe Nr. 1"].path.stat().st_size
    assert json.loads(json.dumps([entry.to_dict() for entry in listing.entries]))[0]["identity"]["kind"] == "lora"


def test_bad_files_are_listed_with_their_reason_and_stop_nothing(filled: Home) -> None:
    loras = filled.models / "loras"
    (loras / "broken.safetensors").write_bytes(b"1234")
    (loras / "old.ckpt").write_bytes(b"PK\x03\x04" + bytes(100))
    (loras / "notes.txt").write_text("hello")
    (loras / ".hidden.safetensors").write_bytes(b"")
    (loras / ".gesso-partial-x.safetensors").write_bytes(b"")
    (loras / "nowhere.safetensors").symlink_to(loras / "missing")
    (loras / "circle").symlink_to(filled.models)
    (filled.models / "captioners" / "tagger").mkdir(parents=True)
    (filled.models / "captioners" / "tagger" / "selected_tags.csv").write_text("name,category\nsky,0\n")
    bad = filled.models / "checkpoints" / "bad folder"
    layouts.write_diffusers_folder(bad)
    (bad / "vae" / "config.json").unlink()
    problems = {entry.name: entry.problem for entry in index_of(filled).models().entries}
    assert set(problems) == {"cat", "folder model", "Größe Nr. 1", "broken", "old", "bad folder", "tagger"}
    assert "too short" in problems["broken"]
    assert "PyTorch" in problems["old"]
    assert "vae/config.json is missing" in problems["bad folder"]
    assert "has no model.onnx" in problems["tagger"]
    assert problems["cat"] == ""


def test_a_file_that_could_not_be_read_for_a_while_is_looked_at_again(
    filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(self: Path, mode: str) -> object:
        raise PermissionError(errno.EACCES, "in use by another program")

    with monkeypatch.context() as patch:
        patch.setattr(header_module.Path, "open", locked)
        problems = {entry.name: entry.problem for entry in index_of(filled).models().entries}
    assert problems["cat"] == "cat.safetensors can't be read."
    assert problems["folder model"] == "The model folder folder model can't be read."
    assert [entry.name for entry in index_of(filled).models().entries if entry.problem or not entry.identity] == []


def test_the_second_listing_opens_no_model(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    first = index_of(filled).models()

    def opened(path: Path) -> None:
        raise AssertionError(f"{path} was opened again")

    monkeypatch.setattr(index_module, "identify_file", opened)
    monkeypatch.setattr(index_module, "read_model_folder", opened)
    assert index_of(filled).models() == first


def test_what_changed_is_looked_at_again(filled: Home) -> None:
    index_of(filled).models()
    cat = filled.models / "loras" / "people" / "cat.safetensors"
    layouts.write_header_only(cat, {"emb_params": (2, 768)})
    model = filled.models / "checkpoints" / "Größe Nr. 1.safetensors"
    model.with_suffix(".yaml").write_text("parameterization: v")
    (filled.models / "checkpoints" / "folder model" / "vae" / "config.json").unlink()
    found = {entry.name: entry for entry in index_of(filled).models().entries}
    assert (identity := found["cat"].identity) is not None
    assert identity.kind == Kind.EMBEDDING
    assert (identity := found["Größe Nr. 1"].identity) is not None
    assert identity.prediction == "v_prediction"
    assert "is missing" in found["folder model"].problem
    cat.unlink()
    assert "cat" not in names(index_of(filled))


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 100,
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "models": 3}',
        b'{"format": 1, "models": {"a": {"stamp": [1]}}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_damaged_index_is_made_anew_and_said(filled: Home, damage: bytes) -> None:
    good = index_of(filled).models()
    kept = filled.cache / "models.json"
    kept.write_bytes(damage)
    again = index_of(filled).models()
    assert again.entries == good.entries
    assert again.notes == ("The list of models was damaged and has been made anew.",)
    assert index_of(filled).models() == good


def test_an_index_of_another_format_is_made_anew_quietly(filled: Home) -> None:
    good = index_of(filled).models()
    (filled.cache / "models.json").write_text('{"format": 999, "models": {}}')
    assert index_of(filled).models() == good


def test_a_cache_that_can_not_be_written_is_only_a_note(filled: Home) -> None:
    filled.cache.write_text("a file where the folder should be")
    listing = index_of(filled).models()
    assert len(listing.entries) == 3
    assert "could not be kept" in listing.notes[0]


def test_no_folder_yet_is_an_empty_list(home: Home) -> None:
    assert index_of(home).models().entries == ()
    assert not home.root.exists() or not home.models.exists()


# --- finding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["cat", "CAT", "cat.safetensors", "Cat.SafeTensors"])
def test_models_are_found_by_name(filled: Home, asked: str) -> None:
    assert index_of(filled).find(asked).name == "cat"


def test_names_are_compared_whatever_their_unicode_form(filled: Home) -> None:
    assert index_of(filled).find("gro\u0308\u00dfe nr. 1").name == "Größe Nr. 1"


def test_models_are_found_by_path(filled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = layouts.write_header_only(tmp_path / "other place" / "x.safetensors", LORA)
    for asked in (elsewhere, str(elsewhere)):
        found = index_of(filled).find(asked)
        assert (found.name, found.read_only) == ("x", True)
    monkeypatch.chdir(elsewhere.parent)
    assert index_of(filled).find("x.safetensors").path == elsewhere
    inside = filled.models / "checkpoints" / "folder model"
    assert not index_of(filled).find(inside).read_only


def fault_of(index: Index, asked: str, *kinds: Kind) -> UserError:
    with pytest.raises(UserError) as caught:
        index.find(asked, kinds)
    return caught.value


def test_what_is_not_found_is_said_with_a_way_out(filled: Home) -> None:
    index = index_of(filled)
    assert fault_of(index, "kat").fix == "Did you mean cat?"
    assert "list of your models" in fault_of(index, "zzzzzz").fix
    assert "cat" not in fault_of(index, "kat", Kind.CHECKPOINT).fix
    assert "There is no model at" in fault_of(index, "some/where/x.safetensors").title
    assert "no model named" in fault_of(index, "x" * 5000).title


def test_a_model_of_another_kind_is_refused_by_name(filled: Home) -> None:
    error = fault_of(index_of(filled), "cat", Kind.CHECKPOINT)
    assert error.title == "cat.safetensors is a LoRA, and a whole model (checkpoint) is needed here."


def test_one_name_for_two_models(filled: Home, tmp_path: Path) -> None:
    layouts.write_header_only(filled.models / "checkpoints" / "cat.safetensors", layouts.sd1())
    index = index_of(filled)
    assert "Several models" in fault_of(index, "cat").title
    assert index.find("cat", [Kind.LORA]).path.parent.name == "people"
    shipped = layouts.write_header_only(tmp_path / "shipped" / "Größe Nr. 1.safetensors", layouts.sd1_reduced())
    assert index_of(filled, shipped.parent).find("Größe Nr. 1").path != shipped


def test_a_bad_file_that_is_asked_for_says_why(filled: Home) -> None:
    (filled.models / "loras" / "broken.safetensors").write_bytes(b"1234")
    assert "too short" in fault_of(index_of(filled), "broken").title


# --- checksums ----------------------------------------------------------------------------------------------------


def test_checksums_are_kept_as_long_as_the_file_stays(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    real = index_module.sha256

    def counted(path: Path) -> str:
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(index_module, "sha256", counted)

    def cat() -> Entry:
        return index_of(filled).find("cat")

    digest = index_of(filled).sha256(cat())
    assert index_of(filled).sha256(cat()) == digest == cat().sha256
    assert len(hashed) == 1
    path = cat().path
    data = path.read_bytes()
    os.utime(path, ns=(0, 1_000_000_000))
    assert cat().sha256 is None
    assert index_of(filled).sha256(cat()) == digest
    assert len(hashed) == 2
    twin = path.with_name("twin")  # the same bytes, size and time in another file
    twin.write_bytes(data)
    os.utime(twin, ns=(0, 1_000_000_000))
    twin.replace(path)
    index_of(filled).sha256(cat())
    assert len(hashed) == 3


def test_the_checksum_of_a_model_elsewhere_survives_a_listing(filled: Home, tmp_path: Path) -> None:
    elsewhere = layouts.write_header_only(tmp_path / "x.safetensors", LORA)
    index = index_of(filled)
    digest = index.sha256(index.find(elsewhere))
    index_of(filled).models()
    assert index_of(filled).known_sha256(index.find(elsewhere)) == digest
    elsewhere.unlink()
    index_of(filled).models()
    assert str(elsewhere) not in (filled.cache / "models.json").read_text("utf-8")


# --- several at once ----------------------------------------------------------------------------------------------


def test_two_indexes_of_one_home_keep_each_others_entries(filled: Home, tmp_path: Path) -> None:
    first, second = index_of(filled), index_of(filled)
    first.models()
    second.models()
    elsewhere = [layouts.write_header_only(tmp_path / f"{name}.safetensors", LORA) for name in ("x", "y")]
    digests = [index.sha256(index.find(path)) for index, path in zip((first, second), elsewhere, strict=True)]
    cat = first.find("cat")
    second.sha256(cat)
    first.forget(elsewhere[0])
    fresh = index_of(filled)
    assert fresh.known_sha256(cat) is not None
    assert fresh.known_sha256(fresh.find(elsewhere[0])) is None
    assert fresh.known_sha256(fresh.find(elsewhere[1])) == digests[1]


def test_a_listing_that_began_earlier_does_not_undo_a_checksum(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    cat = filled.models / "loras" / "people" / "cat.safetensors"
    real = index_module.identify_file

    def meanwhile(path: Path) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(index_module, "identify_file", real)
            index_of(filled).refresh(cat, "a" * 64)
        return real(path)

    monkeypatch.setattr(index_module, "identify_file", meanwhile)
    index_of(filled).models()
    assert index_of(filled).known_sha256(index_of(filled).find("cat")) == "a" * 64


REFRESH = """
import pathlib, sys
from trainer.home import Home
from trainer.library.index import Index
home = Home(pathlib.Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    Index(home).refresh(home.models / "loras" / f"model {number}.safetensors", f"{number:064}")
"""


def test_threads_and_processes_that_write_at_once_lose_nothing(home: Home) -> None:
    one = layouts.write_header_only(home.models / "loras" / "model 0.safetensors", LORA)
    paths = [one, *(one.with_name(f"model {number}.safetensors") for number in range(1, 60))]
    for path in paths[1:]:
        os.link(one, path)
    command = [sys.executable, "-c", REFRESH, str(home.root)]
    others = [subprocess.Popen([*command, str(start), str(start + 20)], cwd=ROOT) for start in (0, 20)]
    threads = [threading.Thread(target=index_of(home).refresh, args=(paths[n], f"{n:064}")) for n in range(40, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    listing = index_of(home).models()
    assert listing.notes == ()
    assert {entry.path: entry.sha256 for entry in listing.entries} == {
        path: f"{number:064}" for number, path in enumerate(paths)
    }


LIST = """
import json, pathlib, sys
from trainer.home import Home
from trainer.library.index import Index
print(len(json.dumps([e.to_dict() for e in Index(Home(pathlib.Path(sys.argv[1]))).models().entries])))
"""


def test_1000_models_list_within_a_second_from_a_fresh_python(home: Home) -> None:
    one = layouts.write_header_only(home.models / "loras" / "model 0.safetensors", LORA)
    for number in range(1, 1000):
        os.link(one, one.with_name(f"model {number}.safetensors"))
    index_of(home).models()
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", LIST, str(home.root)], cwd=ROOT, capture_output=True, check=True)
    assert int(done.stdout) > 100_000
    assert time.perf_counter() - start < 1
