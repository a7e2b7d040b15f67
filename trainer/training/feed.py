"""Feed: the batches of a run, each a function of its number, with everything encoded once and kept by content."""

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from trainer.contract.run import Run
from trainer.contract.train import TrainJob
from trainer.dataset.buckets import Placement, place
from trainer.dataset.captions import caption_for_step
from trainer.dataset.check import Examined
from trainer.models.family import Bundle
from trainer.training.batches import Batch
from trainer.training.examples import Examples, captions_of, framing, mask_of, piece, pixels
from trainer.training.methods.method import Method
from trainer.training.order import Order, Rotation
from trainer.training.randomness import python_random
from trainer.training.store import TensorStore

AT_ONCE = 8
"""How many pictures or captions a graphics card encodes together. A processor takes one at a time: it gains nothing
from more, and the last bits of a result depend on its neighbours, which would make resuming inexact."""

T = TypeVar("T")
_Picture = tuple[Examined, Placement, bool]
"""A picture, how it fills its bucket, and whether it is mirrored."""


@dataclass(frozen=True)
class _Place:
    """One picture in one batch."""

    picture: Examined
    placement: Placement
    flip: bool
    caption: str
    weight: float


class Feed:
    """Makes batches. `prepare` encodes what can be encoded beforehand; what is missing later is encoded when met."""

    def __init__(self, job: TrainJob, bundle: Bundle, method: Method, examples: Examples, store: TensorStore) -> None:
        self.job = job
        self.bundle = bundle
        self.method = method
        self.examples = examples
        self.store = store
        sizes = sorted({one.placement.bucket_size for one in examples.subject})
        buckets = tuple(sizes.index(one.placement.bucket_size) for one in examples.subject)
        self.order = Order(buckets, job.steps.batch_size, job.steps.seed)
        self.rotation = Rotation(len(examples.prior), job.steps.seed) if examples.prior else None
        self._vae = "" if method.wants_pixels else _weights_hash(bundle.vae, bundle.dtype)
        encoders = () if self._live_text else bundle.text_encoders.values()
        self._text = "\n".join(_weights_hash(encoder, bundle.dtype) for encoder in encoders)

    @property
    def _live_text(self) -> bool:
        return self.method.wants_pixels or self.method.trains_text

    @property
    def _caches_pictures(self) -> bool:
        return self.job.data.cache and not self.method.wants_pixels and self.job.data.crop == "fit"

    @property
    def _caches_captions(self) -> bool:
        """Shuffled tags seldom come again in the same order: keeping them would only fill the disk."""
        return self.job.data.cache and not self._live_text and not self.job.data.captions.shuffle

    @property
    def _at_once(self) -> int:
        return 1 if self.bundle.device.type == "cpu" else AT_ONCE

    def prepare(self, run: Run) -> None:
        """Encode every picture and caption that is not in the store yet. Cancelling keeps what was encoded so far."""
        known = tuple(dict.fromkeys((*self.examples.subject, *self.examples.prior)))
        if self._caches_pictures:
            flips = (False, True) if self.job.data.flip else (False,)
            self._encode_absent_pictures([(one, one.placement, flip) for one in known for flip in flips], run)
        if self._caches_captions:
            prefix = self.job.data.captions.prefix
            captions = {words for one in self.examples.subject for words in captions_of(one, prefix)} | {""}
            captions |= {words for one in self.examples.prior for words in captions_of(one, "")}
            self._encode_absent_captions(captions, run)

    def prepare_batches(self, numbers: Iterable[int], run: Run) -> int:
        """As `prepare`, for these forward passes alone. Returns how many pictures were encoded."""
        places = [place for number in numbers for place in self._places(number)]
        encoded = 0
        if self._caches_pictures:
            encoded = self._encode_absent_pictures([(one.picture, one.placement, one.flip) for one in places], run)
        if self._caches_captions:
            self._encode_absent_captions({one.caption for one in places}, run)
        return encoded

    def batch(self, number: int) -> Batch:
        """The run's forward pass number `number`."""
        places = self._places(number)
        shared = {
            "number": number,
            "seed": self.job.steps.seed,
            "names": tuple(place.picture.item.relative for place in places),
            "weights": torch.tensor([place.weight for place in places]),
        }
        if self.method.wants_pixels:
            pictures = [pixels(place.picture, place.placement, place.flip) for place in places]
            return Batch(**shared, pixels=torch.stack(pictures))
        moments = torch.stack([self._moments(place) for place in places])
        framings = [framing(place.picture, place.placement, place.flip) for place in places]
        conditioning = self.bundle.family.framed(self.bundle, self._conditioning(places), framings)
        return Batch(**shared, moments=moments, mask=self._masks(places, moments), conditioning=conditioning)

    def _places(self, number: int) -> list[_Place]:
        subject = [self.examples.subject[index] for index in self.order.examples(number)]
        prior: list[Examined] = []
        if self.rotation is not None:
            first = number * self.job.steps.batch_size
            prior = [self.examples.prior[index] for index in self.rotation.take(first, len(subject))]
        bucket = subject[0].placement.bucket_size
        prior_weight = self.job.data.prior.weight if self.job.data.prior else 0.0
        places = []
        for index, one in enumerate((*subject, *prior)):
            chance = python_random(self.job.steps.seed, "example", number, index)
            of_class = index >= len(subject)
            # a class picture joins whatever bucket the batch has
            placement = place(one.size, (bucket,)) if of_class else one.placement
            if self.job.data.crop == "piece":
                placement = piece(one, placement, python_random(self.job.steps.seed, "piece", number, index))
            weight = (prior_weight if of_class else 1.0) / len(subject)
            flip = self.job.data.flip and chance.random() < 0.5
            places.append(_Place(one, placement, flip, self._caption(one, of_class, chance), weight))
        return places

    def _caption(self, one: Examined, of_class: bool, chance: random.Random) -> str:
        options = self.job.data.captions
        return caption_for_step(
            one.caption,
            chance,
            prefix="" if of_class else options.prefix,
            shuffle_tags=options.shuffle,
            keep_tokens=options.keep_tags,
            dropout=options.dropout,
        )

    def _moments(self, place: _Place) -> Tensor:
        if not self._caches_pictures:
            return self._encoded([pixels(place.picture, place.placement, place.flip)])[0]
        key = self._picture_key(place.picture, place.placement, place.flip)
        if key not in self.store:
            self._encode_pictures([(place.picture, place.placement, place.flip)])
        return self.store.get(key)["moments"]

    def _masks(self, places: Sequence[_Place], moments: Tensor) -> Tensor:
        """[B, 1, h, w], white for pictures without a mask; empty if none has one."""
        if not any(place.picture.mask_hash for place in places):
            return torch.empty(0)
        size = moments.shape[-2], moments.shape[-1]
        white = torch.ones(1, *size)
        return torch.stack([self._mask(place, size) if place.picture.mask_hash else white for place in places])

    def _mask(self, place: _Place, size: tuple[int, int]) -> Tensor:
        one, key = place.picture, ""
        if self._caches_pictures:
            where = repr(place.placement), str(place.flip), str(size)
            key = _key("mask", one.mask_hash, repr(one.original), repr(one.recipe), *where)
            if key in self.store:
                return self.store.get(key)["mask"]
        mask = mask_of(one, place.placement, place.flip, size)
        if key:
            self.store.put(key, {"mask": mask})
        return mask

    def _conditioning(self, places: Sequence[_Place]) -> Mapping[str, Tensor]:
        captions = [place.caption for place in places]
        if not self._caches_captions:
            with torch.set_grad_enabled(self._live_text):
                return self.bundle.family.encode_text(self.bundle, captions)
        absent = [words for words in dict.fromkeys(captions) if self._caption_key(words) not in self.store]
        if absent:
            self._encode_captions(absent)
        found = [self.store.get(self._caption_key(words)) for words in captions]
        return {
            name: torch.stack([tensors[name] for tensors in found]).to(self.bundle.device, self.bundle.dtype)
            for name in found[0]
        }

    def _encode_absent_pictures(self, pictures: Iterable[_Picture], run: Run) -> int:
        missing = [one for one in dict.fromkeys(pictures) if self._picture_key(*one) not in self.store]
        missing.sort(key=lambda one: one[1].bucket_size)
        _in_groups(missing, self._at_once, run, "encoding pictures", self._encode_pictures)
        return len(missing)

    def _encode_absent_captions(self, captions: Iterable[str], run: Run) -> None:
        absent = sorted({words for words in captions if self._caption_key(words) not in self.store})
        _in_groups(absent, self._at_once, run, "encoding captions", self._encode_captions)

    def _encode_pictures(self, places: Sequence[_Picture]) -> None:
        encoded = self._encoded([pixels(one, placement, flip) for one, placement, flip in places])
        for (one, placement, flip), moments in zip(places, encoded, strict=True):
            self.store.put(self._picture_key(one, placement, flip), {"moments": moments})

    @torch.no_grad()
    def _encoded(self, pictures: Sequence[Tensor]) -> list[Tensor]:
        """[2C, h, w] float32 moments of each."""
        tensors = [picture.to(self.bundle.device) for picture in pictures]
        together = self._at_once > 1 and len({tensor.shape for tensor in tensors}) == 1
        groups = [torch.stack(tensors)] if together else [tensor[None] for tensor in tensors]
        encode = self.bundle.family.encode_pictures
        return [moments for group in groups for moments in encode(self.bundle, group).float()]

    @torch.no_grad()
    def _encode_captions(self, captions: Sequence[str]) -> None:
        for start in range(0, len(captions), self._at_once):
            group = captions[start : start + self._at_once]
            encoded = self.bundle.family.encode_text(self.bundle, group)
            for index, words in enumerate(group):
                self.store.put(self._caption_key(words), {name: tensor[index] for name, tensor in encoded.items()})

    def _picture_key(self, one: Examined, placement: Placement, flip: bool) -> str:
        recipe = () if one.recipe.changes_nothing else (repr(one.recipe),)
        return _key("picture", self._vae, one.content_hash, repr(placement), str(flip), *recipe)

    def _caption_key(self, words: str) -> str:
        return _key("caption", self._text, words)


def store_folder(cache: Path) -> Path:
    """Where encoded pictures and captions are kept below the user's cache folder."""
    return cache / "encoded"


def _in_groups(items: Sequence[T], size: int, run: Run, what: str, work: Callable[[Sequence[T]], None]) -> None:
    for start in range(0, len(items), size):
        run.check()
        work(items[start : start + size])
        run.progress(what, min(start + size, len(items)), len(items))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _weights_hash(network: nn.Module, dtype: torch.dtype) -> str:
    """A hash of a network's weights and of what it computes in: another encoder makes other latents."""
    digest = hashlib.sha256(str(dtype).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
