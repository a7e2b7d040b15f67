"""Pictures made during training, with the live weights: to see how it goes."""

from pathlib import Path

from PIL import Image

from trainer.contract import events
from trainer.contract.common import Sampling
from trainer.contract.generate import GenerateJob
from trainer.contract.run import Run
from trainer.contract.train import Samples, TrainJob
from trainer.generation.denoising import OnStep
from trainer.generation.metadata import picture_job, write_picture
from trainer.generation.pipeline import sample
from trainer.generation.vae import VAE
from trainer.models.family import Bundle


def draw(job: TrainJob, bundle: Bundle, run: Run, prompt: str, sampling: Sampling, on_step: OnStep) -> Image.Image:
    """The preview of a prompt, drawn as `sampling` says with the weights as they are."""
    latents = sample(
        bundle,
        prompts=[prompt],
        negatives=[""],
        size=bundle.default_size,
        sampling=sampling,
        seeds=[job.samples.seed],
        on_step=on_step,
    )
    (picture,) = VAE(bundle, run, job.hardware.tiles).pictures(latents)
    return picture


def make_samples(job: TrainJob, bundle: Bundle, run: Run, folder: Path, step: int) -> None:
    """One picture for each preview prompt into `folder`, named by step and place. Cancels between sampler steps."""
    run.status(f"making previews at step {step}")
    for place, prompt in enumerate(job.samples.prompts):
        picture = draw(job, bundle, run, prompt, job.samples.sampling, lambda index, clean: run.check())
        path = folder / f"step-{step:08d}-{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(path, picture, _as_job(job, job.samples, prompt, bundle), model=bundle.source.stem)
        run.emit(events.Sample(step=step, prompt=prompt, path=str(path)))


def _as_job(job: TrainJob, samples: Samples, prompt: str, bundle: Bundle) -> GenerateJob:
    """The settings stored in a preview. It can't be made again from them alone: the weights were those of its step."""
    made = GenerateJob(model=job.model, prompt=prompt, sampling=samples.sampling, seed=samples.seed)
    return picture_job(made, samples.seed, bundle.default_size)
