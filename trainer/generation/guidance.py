"""The network as a sampler calls it: guided, by what each step reads of a prompt, and by prompts composed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.contract.common import Sampling
from trainer.contract.prompt_schedule import branches, negative_steps
from trainer.generation.denoising import Predict
from trainer.generation.prompts import chunks_of, padded
from trainer.models.family import Bundle, Conditioning, Framing


@dataclass(frozen=True)
class Surroundings:
    """What the network is told beside the prompt, of every picture alike."""

    size: tuple[int, int]
    """(width, height) of the picture in pixels."""
    concat: Tensor | None = None
    """[1, C', h, w] on the bundle's device: channels to lay behind the noisy latents, where the model wants them."""

    def added(self, bundle: Bundle, conditioning: Conditioning, texts: Sequence[str], negatives: int) -> Conditioning:
        """A conditioning with all this in it; it has a row for each of the texts, of which so many are negatives."""
        if self.concat is not None:
            conditioning = {**conditioning, "concat": self.concat.expand(len(texts), -1, -1, -1)}
        framings = [self._framing(row < negatives, text) for row, text in enumerate(texts)]
        return bundle.family.framed(bundle, conditioning, framings)

    def _framing(self, is_negative: bool, text: str) -> Framing:
        """A picture that was cut out of nothing larger."""
        return Framing(self.size, (0, 0), self.size, is_negative=is_negative, is_wordless=not text.strip())


@dataclass(frozen=True)
class Asked:
    """What one picture is asked to show: texts for each step of the negative prompt, and of each part of the prompt
    with its weight."""

    negative: tuple[str, ...]
    parts: tuple[tuple[float, tuple[str, ...]], ...]
    is_guided: bool
    """Whether the negative is asked for at all: guidance 1 means none, unless prompts are composed."""

    @classmethod
    def of(cls, prompt: str, negative: str, sampling: Sampling) -> "Asked":
        read = branches(prompt, sampling.steps)
        parts = tuple((branch.weight, tuple(step.text for step in branch.steps)) for branch in read)
        is_plain = len(parts) == 1 and parts[0][0] == 1.0
        against = tuple(step.text for step in negative_steps(negative, sampling.steps))
        return cls(against, parts, sampling.guidance != 1.0 or not is_plain)

    @property
    def all_texts(self) -> list[str]:
        """Each once, the negatives before the prompts, whether the negatives are asked for or not."""
        return list(dict.fromkeys([*self.negative, *(text for _, steps in self.parts for text in steps)]))

    @property
    def texts(self) -> list[str]:
        """Those of them that are asked for."""
        return (
            self.all_texts if self.is_guided else list(dict.fromkeys(text for _, steps in self.parts for text in steps))
        )


def texts_of(asked: Sequence[Asked]) -> list[str]:
    """Each different text once: the negatives before the prompts."""
    negatives = [text for one in asked if one.is_guided for text in one.negative]
    return list(dict.fromkeys([*negatives, *(text for one in asked for text in one.texts)]))


def guided_network(
    bundle: Bundle,
    asked: Sequence[Asked],
    encoded: Mapping[str, Conditioning],
    timesteps: Sequence[float],
    guidance: float,
    surroundings: Surroundings,
    *,
    rescale: float = 0.0,
) -> Predict:
    """The network with guidance, in one batched call for all pictures whose texts are equally long.

    `rescale` is the share in which guided output gets back the spread that it has without guidance, 0 to 1.
    """
    whole = all(timestep.is_integer() for timestep in timesteps)
    times = torch.tensor(timesteps, dtype=torch.int64 if whole else torch.float32, device=bundle.device)
    places: dict[tuple[int, bool], list[int]] = {}
    for place, one in enumerate(asked):
        longest = max(chunks_of(encoded[text]) for text in one.texts)
        places.setdefault((longest, one.is_guided), []).append(place)
    groups = [
        (rows, _Group(bundle, [asked[row] for row in rows], encoded, chunks, times, guidance, surroundings, rescale))
        for (chunks, _), rows in places.items()
    ]
    if len(groups) == 1:
        return groups[0][1]

    def predict(noisy: Tensor, index: int, timestep: float | None = None, /) -> Tensor:
        output = torch.empty_like(noisy)
        for rows, group in groups:
            output[rows] = group(noisy[rows], index, timestep)
        return output

    return predict


class _Group:
    """Pictures whose texts have the same number of chunks: none is padded for the sake of another picture."""

    def __init__(
        self,
        bundle: Bundle,
        asked: Sequence[Asked],
        encoded: Mapping[str, Conditioning],
        chunks: int,
        times: Tensor,
        guidance: float,
        surroundings: Surroundings,
        rescale: float,
    ) -> None:
        self._bundle = bundle
        self._asked = asked
        self._encoded = encoded
        self._chunks = chunks
        self._times = times
        self._guidance = guidance
        self._surroundings = surroundings
        self._rescale = rescale
        owners = [place for place, one in enumerate(asked) for _ in one.parts]
        weights = [weight for one in asked for weight, _ in one.parts]
        self._owners = torch.tensor(owners, device=bundle.device)
        self._weights = torch.tensor(weights, device=bundle.device)[:, None, None, None]
        self._gathered: tuple[list[str], Conditioning] = ([], {})

    def __call__(self, noisy: Tensor, index: int, timestep: float | None = None, /) -> Tensor:
        """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598, eq. 6), where as everywhere in the field 1
        means none, which is 0 in the paper; with prompts composed as in Liu et al. 2022, arXiv 2206.01714, eq. 11:
        each part pulls away from the negative by its own weight."""
        conditioning = self._conditioning(index)
        time = self._times[index] if timestep is None else torch.tensor(timestep, dtype=torch.float32).to(noisy.device)
        if not self._asked[0].is_guided:
            return self._ask(noisy, time, conditioning)
        output = self._ask(torch.cat([noisy, noisy[self._owners]]), time, conditioning)
        negative, positive = output[: len(noisy)], output[len(noisy) :]
        pulls = self._weights * (positive - negative[self._owners])
        # summed picture by picture: scattered adding would add in another order each time on a GPU
        together = torch.stack([of_one.sum(0) for of_one in pulls.split([len(one.parts) for one in self._asked])])
        guided = negative + self._guidance * together
        return rescaled(guided, negative + together, self._rescale) if self._rescale > 0.0 else guided

    def _ask(self, noisy: Tensor, time: Tensor, conditioning: Conditioning) -> Tensor:
        return self._bundle.family.predict(self._bundle, noisy, time.expand(len(noisy)), conditioning)

    def _conditioning(self, index: int) -> Conditioning:
        """The negatives first, then the parts; gathered anew only in steps that read something else."""
        guided = self._asked[0].is_guided
        texts = [one.negative[index] for one in self._asked] if guided else []
        texts += [steps[index] for one in self._asked for _, steps in one.parts]
        if texts != self._gathered[0]:
            rows = [padded(self._encoded, text, self._chunks) for text in texts]
            together = {key: torch.cat([row[key] for row in rows]) for key in rows[0]}
            negatives = len(self._asked) if guided else 0
            self._gathered = texts, self._surroundings.added(self._bundle, together, texts, negatives)
        return self._gathered[1]


def rescaled(guided: Tensor, plain: Tensor, share: float) -> Tensor:
    """Guided output [B, C, h, w] with the standard deviation, picture by picture, that it has without guidance; mixed
    with what it was by `share` (Lin et al. 2023, arXiv 2305.08891, eq. 15 and 16)."""
    spread = plain.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
    return guided * (share * spread + 1.0 - share)
