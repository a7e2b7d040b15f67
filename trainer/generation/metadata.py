"""What a picture remembers of how it was made: its own job, and the text that A1111 and its kin read.

A PNG carries the job as JSON in the iTXt chunk `gesso` (with the format number of job files), and the `parameters`
text in the words of stable-diffusion-webui (trainer/contract/a1111.py). Where both stand, the job is right.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trainer.contract.a1111 import write_infotext
from trainer.contract.common import Size
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.contract.jobfile import FORMAT, JOB_CHUNK, job_from_tree
from trainer.files import write_atomically

PARAMETERS_CHUNK = "parameters"

COMPRESSION = 4
"""Of PNG files: within a few percent of the default's size in about half of its time."""


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
    chunks.add_text(PARAMETERS_CHUNK, write_infotext(job, image.size, model=model, model_hash=model_hash))
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
