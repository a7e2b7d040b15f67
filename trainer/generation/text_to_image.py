"""GenerateJob: prompts to picture files, with progress, previews and a real cancel."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.contract.names import short_name
from trainer.contract.run import Run
from trainer.generation.economy import Economy
from trainer.generation.embeddings import Embeddings
from trainer.generation.inpainting import all_anew, in_latents, masked
from trainer.generation.job_prompts import ChosenLora, chosen_loras, kept_or_encoded, say_unread_names, weighed
from trainer.generation.metadata import write_picture
from trainer.generation.picture_files import free_path
from trainer.generation.pipeline import Batch, require_size, sample_batch
from trainer.generation.plan import Pass, Plan, Seeds
from trainer.generation.preview import Previews
from trainer.generation.progress import Clock, Reporter
from trainer.generation.second_pass import Handed, enlarged, gathered, require_same_latents, second_seed
from trainer.generation.source import Canvas
from trainer.generation.start import Start, Turn
from trainer.generation.vae import VAE
from trainer.home import Home
from trainer.library.index import Index
from trainer.models.family import Bundle, Conditioning
from trainer.models.lora_file import merged

Sampled = Iterator[tuple[Sequence[Seeds], Tensor]]
"""Some pictures after the other, and their latents [B, C, h, w]."""


def generate(
    job: GenerateJob, run: Run, home: Home, bundle: Bundle, open_second: Callable[[], Bundle] | None = None
) -> tuple[Path, ...]:
    """Make the pictures of a job with an opened model, save them as PNG and return their paths, in order.

    Picture number i (from 0) has seed + i and comes out the same whatever the batch size, but for rounding in the
    networks. `open_second` opens the model of the second pass where that is another one; it is called when the first
    has done its part of all pictures, and may let that one go. Raises Cancelled at the next step when the user stops,
    leaving only pictures that were complete; raises UserError before any work when the size, a source, a LoRA or the
    folder won't do, and in place of a black picture when numbers stop being finite.
    """
    run.check()
    plan = Plan.of(job, home, bundle)
    loras = chosen_loras(job, plan.index, run)
    second = job.second_pass
    files = _Files(plan, run, bundle)
    told = _Told(plan, run, bundle)
    if second is None:
        with _ready(told, bundle, plan.passes, loras) as model:
            for seeds, latents in model.first_pass():
                files.save(seeds, latents, model.vae)
    elif not second.model:
        with _ready(told, bundle, plan.passes, loras) as model:
            for seeds, latents in model.first_pass():
                handed = enlarged(model.vae, latents, second, plan.passes[1].size, bundle.pixels_per_latent)
                for again, finer in model.second_pass(seeds, handed):
                    files.save(again, finer, model.vae)
    else:
        assert open_second is not None, "whoever asks for a second model can open it"
        handed = []
        with _ready(told, bundle, plan.passes[:1], loras) as model:
            for _, latents in model.first_pass():
                handed += enlarged(model.vae, latents, second, plan.passes[1].size, bundle.pixels_per_latent)
        latent_space = bundle.latent_scale, bundle.latent_to_rgb
        other = open_second()
        require_size(other, plan.passes[1].size)
        require_same_latents(latent_space, other, second)
        with _ready(told, other, plan.passes[1:], ()) as model:
            for seeds, latents in model.second_pass(plan.seeds, handed):
                files.save(seeds, latents, model.vae)
    return tuple(files.paths)


class _Told:
    """What of a job is told while it goes on, whatever model is at work."""

    def __init__(self, plan: Plan, run: Run, bundle: Bundle) -> None:
        self.plan = plan
        self.run = run
        self._clock = Clock(plan.passes, plan.job.count)
        self._previews = Previews(run.emit, bundle.latent_to_rgb, plan.job.previews.every)

    def step_by_step(self, place: int, pictures: Sequence[Seeds]) -> Reporter:
        """Of pass number `place` of these pictures."""
        return Reporter(self.run, self._clock, self._previews, self.plan.passes, place, pictures[0].number)


@contextlib.contextmanager
def _ready(told: _Told, bundle: Bundle, passes: Sequence[Pass], loras: Sequence[ChosenLora]) -> Iterator["_Model"]:
    """Within the block, a model with its LoRA files laid over it, and the prompts encoded for these passes."""
    job = told.plan.job
    texts = list(dict.fromkeys(text for one in passes for text in one.texts(job)))
    has_words = any(text.strip() for text in texts)
    embeddings = Embeddings(bundle, told.plan.index.models().entries if has_words else ())
    say_unread_names(texts, embeddings, told.run)
    with merged(bundle, weighed(loras)):
        yield _Model(told, bundle, kept_or_encoded(bundle, texts, job.sampling, embeddings, loras))


class _Model:
    """A model that is ready for the passes of a job."""

    def __init__(self, told: _Told, bundle: Bundle, encoded: Mapping[str, Conditioning]) -> None:
        self._told = told
        self._bundle = bundle
        self._encoded = encoded
        self.vae = VAE(bundle, told.run, told.plan.job.hardware.tiles)

    def first_pass(self) -> Sampled:
        """All pictures of the job, from noise or from its source."""
        plan, variation = self._told.plan, self._told.plan.job.variation
        start = self._start(plan.canvas) if plan.canvas else None
        concat = self._concat(plan.passes[0].size, plan.canvas)

        def sample(group: Sequence[Seeds]) -> Tensor:
            turn = Turn([one.variation for one in group], variation.strength) if variation else None
            batch = self._batch(plan.passes[0], group, [one.own for one in group])
            return self._sampled(0, group, dataclasses.replace(batch, turn=turn, start=start, concat=concat))

        return Economy(self._bundle, self._told.run, plan.job.batch_size).groups(plan.seeds, sample)

    def second_pass(self, seeds: Sequence[Seeds], handed: Sequence[Handed]) -> Sampled:
        """Pictures of the first pass, once more."""
        one = self._told.plan.passes[1]
        concat = self._concat(one.size, None)

        def sample(group: Sequence[tuple[Seeds, Handed]]) -> Tensor:
            pictures = [seeds for seeds, _ in group]
            latents = gathered(self.vae, [each for _, each in group], self._bundle.device)
            batch = self._batch(one, pictures, [second_seed(each.own) for each in pictures])
            start = Start(latents, one.strength)
            return self._sampled(1, pictures, dataclasses.replace(batch, start=start, concat=concat))

        economy = Economy(self._bundle, self._told.run, self._told.plan.job.batch_size)
        for group, latents in economy.groups(list(zip(seeds, handed, strict=True)), sample):
            yield [each for each, _ in group], latents

    def _batch(self, one: Pass, group: Sequence[Seeds], seeds: Sequence[int]) -> Batch:
        job = self._told.plan.job
        return Batch([job.prompt] * len(group), [job.negative] * len(group), seeds, one.size)

    def _sampled(self, place: int, group: Sequence[Seeds], batch: Batch) -> Tensor:
        told = self._told
        return sample_batch(
            self._bundle,
            batch,
            told.plan.passes[place].sampling,
            on_step=told.step_by_step(place, group),
            encoded=self._encoded,
        )

    def _start(self, canvas: Canvas) -> Start:
        source, mask = canvas.source, canvas.masked(self._bundle.device)
        return Start(
            latents=self.vae.latents(canvas.pixels(self._bundle.device)),
            strength=source.strength,
            mask=None if mask is None else in_latents(mask, self._bundle.pixels_per_latent),
            fill=source.mask.fill if source.mask else "original",
            keeps=not self._bundle.concat_channels,
        )

    def _concat(self, size: tuple[int, int], canvas: Canvas | None) -> Tensor | None:
        """What a model that inpaints reads beside the noisy latents."""
        mask = canvas.masked(self._bundle.device) if canvas else None
        if canvas is None or mask is None or not self._bundle.concat_channels:
            return all_anew(self._bundle, size, self.vae.latents)
        return masked(canvas.pixels(self._bundle.device), mask, self._bundle.pixels_per_latent, self.vae.latents)


class _Files:
    """The pictures of a job on disk."""

    def __init__(self, plan: Plan, run: Run, bundle: Bundle) -> None:
        self.paths: list[Path] = []
        self._plan = plan
        self._run = run
        self._model_name = short_name(bundle.source.name or plan.job.model)
        self._model_hash = _known_hash(plan.index, bundle)

    def save(self, pictures: Sequence[Seeds], latents: Tensor, vae: VAE) -> None:
        """Decode and write them one by one."""
        plan, run = self._plan, self._run
        for seeds, one in zip(pictures, latents.split(1), strict=True):
            run.check()
            (image,) = vae.pictures(one)
            run.check()
            if plan.canvas is not None:
                image = plan.canvas.finished(image)
            with free_path(plan.folder, seeds.own) as path:
                write_picture(path, image, plan.job_of(seeds), model=self._model_name, model_hash=self._model_hash)
            run.emit(events.Saved(what="picture", path=str(path)))
            self.paths.append(path)
        run.progress("pictures", len(self.paths), plan.job.count)


def _known_hash(index: Index, bundle: Bundle) -> str:
    """The model's short hash (A1111's AutoV2) if it was ever taken; hashing it now would hold up the picture."""
    known = index.known_sha256(index.find(bundle.source)) if bundle.source.is_file() else None
    return known[:10] if known else ""
