"""What a job comes to: its passes through a sampler, its seeds, sizes and folder, found out before any work."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from trainer.contract.common import Sampling
from trainer.contract.generate import GenerateJob
from trainer.generation.guidance import Asked
from trainer.generation.metadata import picture_job
from trainer.generation.picture_files import require_folder
from trainer.generation.pipeline import require_size
from trainer.generation.second_pass import enlarged_size
from trainer.generation.source import Canvas, read_canvas
from trainer.generation.start import steps_taken
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Index
from trainer.models.family import Bundle

_SEEDS = 2**63
"""Seeds are below this; counting on from the last one begins again at 0."""


@dataclass(frozen=True)
class Seeds:
    """Of one picture."""

    number: int
    """Its place in the job, from 0."""
    own: int
    variation: int
    """That of the noise it is turned to, in a variation."""


@dataclass(frozen=True)
class Pass:
    """One time through the sampler."""

    sampling: Sampling
    size: tuple[int, int]
    strength: float
    """Share of the steps that is taken."""

    @property
    def steps(self) -> int:
        return steps_taken(self.sampling.steps, self.strength)

    def texts(self, job: GenerateJob) -> list[str]:
        """All that a prompt and its negative say in these steps."""
        return Asked.of(job.prompt, job.negative, self.sampling.model_copy(update={"steps": self.steps})).all_texts


@dataclass(frozen=True)
class Plan:
    """Of a job. `picture_size` is that of the files."""

    job: GenerateJob
    index: Index
    folder: Path
    canvas: Canvas | None
    passes: tuple[Pass, ...]
    picture_size: tuple[int, int]

    @classmethod
    def of(cls, job: GenerateJob, home: Home, bundle: Bundle) -> "Plan":
        """Raises UserError where a size, a source, a second model or the folder won't do."""
        index, second = Index(home), job.second_pass
        wished = (job.size.width, job.size.height) if job.size else None
        canvas = read_canvas(job.source, wished, bundle) if job.source else None
        size = canvas.size if canvas else wished or bundle.default_size
        require_size(bundle, size)
        passes = [Pass(job.sampling, size, job.source.strength if job.source else 1.0)]
        if second is not None:
            if second.model:
                index.find(second.model, kinds=(Kind.CHECKPOINT,))
            again = job.sampling.model_copy(update={"steps": second.steps or job.sampling.steps})
            passes.append(Pass(again, enlarged_size(size, second.scale, bundle.pixels_per_latent), second.strength))
        picture_size = canvas.whole.size if canvas and canvas.mask else passes[-1].size
        folder = Path(job.output).expanduser().absolute() if job.output else home.outputs / date.today().isoformat()
        require_folder(folder, room=job.count * picture_size[0] * picture_size[1] * 3)
        return cls(job, index, folder, canvas, tuple(passes), picture_size)

    @property
    def seeds(self) -> list[Seeds]:
        """Of all pictures. In a variation the seed stays and the other counts on, as in stable-diffusion-webui."""
        job = self.job
        varied = job.variation is not None and job.variation.strength > 0
        other = job.variation.seed if job.variation else 0
        return [
            Seeds(number, (job.seed + (0 if varied else number)) % _SEEDS, (other + number) % _SEEDS)
            for number in range(job.count)
        ]

    def job_of(self, seeds: Seeds) -> GenerateJob:
        """The job that makes this picture alone again."""
        job = picture_job(self.job, seeds.own, self.passes[0].size)
        if job.variation is not None:
            job = job.model_copy(update={"variation": job.variation.model_copy(update={"seed": seeds.variation})})
        return job.model_copy(update={"source": self.canvas.source}) if self.canvas else job
