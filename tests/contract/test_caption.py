"""Caption jobs: which captioners take part, what is refused, and that they survive a file."""

from pathlib import Path
from typing import Any

import pytest

from trainer.contract.caption import BLIP_PRESETS, Blip, CaptionJob, DeepBooru, FileName, Template, Wd
from trainer.contract.errors import UserError
from trainer.contract.jobfile import job_from_tree, job_to_toml, read_job


def job(**captioner: Any) -> CaptionJob:
    made = job_from_tree({"kind": "caption", "folder": "pictures", "captioner": captioner})
    assert isinstance(made, CaptionJob)
    return made


@pytest.mark.parametrize(
    "captioner",
    [DeepBooru(), Wd(threshold=0.3), *BLIP_PRESETS.values(), FileName(pattern="[a-z]+"), Template(text="{wd}")],
)
def test_a_job_survives_its_file(tmp_path: Path, captioner: DeepBooru | Wd | Blip | FileName | Template) -> None:
    made = CaptionJob(folder="pictures", captioner=captioner, mode="append", only=("a.png",), batch=3)
    (tmp_path / "job.toml").write_text(job_to_toml(made), encoding="utf-8")
    assert read_job(tmp_path / "job.toml") == made


def test_a_single_captioner_is_a_template_of_itself() -> None:
    made = job(kind="wd", threshold=0.2)
    assert (made.template, made.parts) == ("{wd}", {"wd": Wd(threshold=0.2)})


def test_a_template_runs_only_what_it_names() -> None:
    made = job(kind="template", text="{filename}: {blip}, {caption}", blip={"beams": 3}, wd={"threshold": 0.1})
    assert made.parts == {"blip": Blip(beams=3), "filename": FileName()}


@pytest.mark.parametrize(
    ("captioner", "named", "allowed"),
    [
        ({"kind": "template", "text": "{blib}"}, "captioner.text", "not {blib}"),
        ({"kind": "template", "text": "a cat"}, "captioner.text", "at least one captioner"),
        ({"kind": "template", "text": "{caption}"}, "captioner.text", "at least one captioner"),
        ({"kind": "blip", "min_length": 80}, "captioner", "may not be over max_length"),
        ({"kind": "filename", "pattern": "("}, "captioner.pattern", "regular expression"),
        ({"kind": "deepbooru", "threshold": 2}, "captioner.threshold", "less than or equal to 1"),
        ({"kind": "template", "text": "{wd}", "wd": {"threshold": 2}}, "captioner.wd.threshold", "equal to 1"),
    ],
)
def test_what_can_not_be_is_refused_by_the_name_of_its_field(
    captioner: dict[str, Any], named: str, allowed: str
) -> None:
    with pytest.raises(UserError) as refused:
        job(**captioner)
    assert f"{named} is" in refused.value.title
    assert allowed in refused.value.fix
