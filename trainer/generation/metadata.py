"""What a picture remembers of how it was made: its own job, and the text that A1111 and its kin read.

A PNG carries the job as JSON in the iTXt chunk `gesso` (with the format number of job files), and the `parameters`
text in the grammar of stable-diffusion-webui (modules/infotext_utils.py there). Where both stand, the job is right.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainer.contract.common import LoraUse, Sampling, Size
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import FORMAT, job_from_tree
from trainer.files import write_atomically
from trainer.generation.samplers import SAMPLERS

JOB_CHUNK = "gesso"
PARAMETERS_CHUNK = "parameters"

COMPRESSION = 4
"""Of PNG files: within a few percent of the default's size in about half of its time."""

_SCHEDULE_TYPES = {"karras": "Karras", "linspace": "Uniform", "trailing": "SGM Uniform", "leading": "DDIM"}
"""Our spacings by the names that come nearest in A1111."""

_EMPHASIS = {"none": "None", "comfyui": "ComfyUI"}
"""Ways of weighing other than A1111's usual one, which goes without saying."""


@dataclass(frozen=True)
class PictureInfo:
    """What was found in a picture file."""

    job: GenerateJob | None = None
    """The job that makes this picture again."""
    parameters: str | None = None
    """The text that A1111 and its kin write, as it stands."""
    problem: str = ""
    """Why there is a job but it couldn't be read."""


def picture_job(job: GenerateJob, seed: int, size: tuple[int, int]) -> GenerateJob:
    """The job of one picture out of many: its own seed, count 1, its size said, and no output folder."""
    width, height = size
    return job.model_copy(
        update={"seed": seed, "count": 1, "batch_size": 1, "output": "", "size": Size(width=width, height=height)}
    )


def write_picture(path: Path, image: Image.Image, job: GenerateJob, *, model: str, model_hash: str = "") -> None:
    """Write a PNG atomically, with the job of this one picture inside. Raises UserError if the disk refuses."""
    chunks = PngInfo()
    chunks.add_itxt(JOB_CHUNK, json.dumps({"format": FORMAT, **job.model_dump(mode="json")}, ensure_ascii=False))
    parameters = infotext(job, image.size, model=model, model_hash=model_hash)
    chunks.add_text(PARAMETERS_CHUNK, parameters.replace("\0", ""))
    write_atomically(path, lambda partial: image.save(partial, "PNG", pnginfo=chunks, compress_level=COMPRESSION))


def read_metadata(path: Path) -> PictureInfo:
    """What is stored in a picture file; empty for a picture that carries nothing. Raises UserError if it is none."""
    try:
        with Image.open(path) as image:
            stored = dict(image.info)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; a picture's faults have no number
            raise UserError(f"{path} could not be opened.", "Check the path.", str(error)) from error
        raise UserError(f"{path} is not a picture that can be read.", "Give a PNG file.", str(error)) from error
    parameters = stored.get(PARAMETERS_CHUNK)
    job, problem = _stored_job(stored.get(JOB_CHUNK), path)
    return PictureInfo(job, str(parameters) if parameters is not None else None, problem)


def _stored_job(text: object, path: Path) -> tuple[GenerateJob | None, str]:
    if text is None:
        return None, ""
    try:
        tree = json.loads(str(text))
        if not isinstance(tree, dict):
            return None, f"The job inside {path} is not readable."
        job = job_from_tree(tree, f"the job inside {path}")
    except (ValueError, RecursionError):
        return None, f"The job inside {path} is not readable."
    except UserError as error:
        return None, str(error)
    if isinstance(job, GenerateJob):
        return job, ""
    return None, f"The job inside {path} does not make pictures."


def infotext(job: GenerateJob, size: tuple[int, int], *, model: str, model_hash: str = "") -> str:
    """The `parameters` text: prompt, negative prompt, and last the line of settings in A1111's order.

    LoRAs stand in the prompt as `<lora:name:weight>`, which is where A1111 looks for them: those of the job's list
    behind what was typed.
    """
    sampling = job.sampling
    settings: list[tuple[str, object]] = [
        ("Steps", sampling.steps),
        ("Sampler", SAMPLERS[sampling.sampler].label),
        ("Schedule type", _schedule_type(sampling)),
        ("CFG scale", sampling.guidance),
        ("Seed", job.seed),
        ("Size", f"{size[0]}x{size[1]}"),
    ]
    if model_hash:
        settings.append(("Model hash", model_hash))
    settings += [("Model", model), ("RNG", "CPU")]
    if sampling.eta and SAMPLERS[sampling.sampler].takes_eta:
        settings.append(("Eta DDIM", sampling.eta))
    if sampling.emphasis != "original" and any(mark in job.prompt + job.negative for mark in "(["):
        settings.append(("Emphasis", _EMPHASIS[sampling.emphasis]))
    settings.append(("Version", "Gesso"))
    lines = [" ".join([job.prompt, *_lora_tags(job.loras)]).strip()]
    if job.negative:
        lines.append(f"Negative prompt: {job.negative}")
    lines.append(", ".join(f"{key}: {quoted(value)}" for key, value in settings))
    return "\n".join(lines)


def quoted(value: object) -> str:
    """A value as A1111 writes it: as JSON where it holds a comma, a colon or a newline, else as it is."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


def _lora_tags(uses: Sequence[LoraUse]) -> list[str]:
    return [f"<lora:{short_name(use.name)}:{use.weight:g}>" for use in uses]


def short_name(source: str) -> str:
    """A model's name without folders and the ending of a model file: what other programs show."""
    name = PureWindowsPath(source).name  # splits at both kinds of slash
    return name.removesuffix(".safetensors").removesuffix(".ckpt")


def _schedule_type(sampling: Sampling) -> str:
    if sampling.sampler == "dpmpp_2m" and sampling.spacing == "auto":
        return "Karras"
    if sampling.spacing in ("auto", SAMPLERS[sampling.sampler].default_spacing) and sampling.sampler != "dpmpp_2m":
        return "Automatic"
    return _SCHEDULE_TYPES[sampling.spacing]
