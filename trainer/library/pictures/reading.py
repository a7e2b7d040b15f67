"""A picture file to the settings that made it, whichever program that was."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from trainer.contract.a1111 import read_infotext
from trainer.contract.errors import UserError
from trainer.contract.found_settings import FoundSettings, Tree
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import GridJob
from trainer.contract.infotext import parse
from trainer.contract.jobfile import JOB_CHUNK, job_from_tree
from trainer.library.pictures.comfyui import read_comfyui
from trainer.library.pictures.fooocus import read_fooocus
from trainer.library.pictures.invokeai import read_invokeai, read_invokeai_2
from trainer.library.pictures.novelai import read_novelai
from trainer.library.pictures.stability_matrix import read_stability_matrix
from trainer.library.pictures.texts import USER_COMMENT, picture_texts

OWN = "Gesso"

_READERS: tuple[tuple[str, Callable[[str], FoundSettings | None]], ...] = (
    ("parameters-json", read_stability_matrix),
    ("parameters", read_fooocus),
    ("parameters", lambda text: _read_a1111(text)),
    ("invokeai_metadata", read_invokeai),
    ("sd-metadata", read_invokeai_2),
    ("prompt", read_comfyui),
    (USER_COMMENT, read_fooocus),
    (USER_COMMENT, lambda text: _read_a1111(text)),
)
"""Names of texts, and who reads them: the first that finds something is right."""


def read_settings(path: Path) -> FoundSettings | None:
    """What a picture remembers; None where it remembers nothing.

    Raises UserError where it holds a job of Gesso's that is damaged or of a newer version, and where it holds a graph
    of ComfyUI that says how it was drawn, but not what was run.
    """
    texts = picture_texts(path)
    if JOB_CHUNK in texts:
        found = _own_job(texts[JOB_CHUNK], path.name)
        return FoundSettings(OWN, found, model_name=found.model) if found is not None else None
    return settings_in(texts, path.name)


def settings_in(texts: Mapping[str, str], name: str) -> FoundSettings | None:
    """What the texts of another program's picture say. `name` is the picture's, for the words of a refusal."""
    found = read_novelai(texts)
    for key, reader in _READERS:
        if found is None and key in texts:
            found = reader(texts[key])
    if found is None and "workflow" in texts:
        raise UserError(
            f"{name} holds a workflow of ComfyUI, but not the settings that ran.",
            "Open it in ComfyUI, and save the picture again from there.",
        )
    return found


def _read_a1111(text: str) -> FoundSettings | None:
    """A1111's text; what has no line of settings may be anything."""
    return read_infotext(text) if parse(text).settings else None


def _own_job(text: str, name: str) -> GenerateJob | None:
    damaged = UserError(f"The settings in {name} are damaged.", "Choose another picture.")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged from error
    if not isinstance(tree, dict):
        raise damaged
    job = job_from_tree(cast(Tree, tree), f"the settings in {name}")
    if isinstance(job, GridJob):  # the sheet of a grid: what its pictures have in common
        return job.base
    return job if isinstance(job, GenerateJob) else None
