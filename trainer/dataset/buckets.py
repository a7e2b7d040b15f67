"""Aspect buckets: which size each picture is trained at, by sd-scripts' rule, so that datasets behave as people know.

The rule is that of kohya-ss/sd-scripts' BucketManager: the bucket of the nearest aspect ratio (absolute error of
width/height), the picture scaled to cover it, the rest cropped evenly from both sides.
"""

import math
import random
from dataclasses import dataclass

from PIL import Image

from trainer.contract.errors import UserError
from trainer.contract.train import Data
from trainer.dataset.pictures import Size


@dataclass(frozen=True, slots=True)
class Placement:
    """How one picture fills its bucket: scale it to `resized_size`, then cut out `crop_box`, of size `bucket_size`.

    All in pixels; the box is (left, top, right, bottom) in the resized picture.
    """

    bucket_size: Size
    resized_size: Size
    crop_box: tuple[int, int, int, int]

    @property
    def kept(self) -> float:
        """The share of the picture's area that training sees, 0 to 1."""
        return math.prod(self.bucket_size) / math.prod(self.resized_size)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The sizes a training may use. `step` divides every side of every bucket.

    With `no_upscale` small pictures are not enlarged, and `sizes` plays no part: each picture keeps its own size,
    down to whole steps, or is shrunk to `max_area` pixels.
    """

    sizes: tuple[Size, ...]
    step: int
    max_area: int
    no_upscale: bool = False

    @classmethod
    def around(
        cls,
        resolution: int,
        *,
        step: int = 64,
        min_side: int | None = None,
        max_side: int | None = None,
        no_upscale: bool = False,
    ) -> "Buckets":
        """Buckets of about resolution x resolution pixels.

        Sides go from half to twice the resolution unless given, which at 512 is sd-scripts' default of 256 to 1024.
        Raises UserError if no bucket is possible.
        """
        low, high = min_side or resolution // 2, max_side or resolution * 2
        if step < 1 or resolution < step:
            raise _too_small(str(resolution), step)
        if not low <= resolution <= high:
            raise UserError(
                f"The bucket sides {low} to {high} leave out the resolution {resolution} itself.",
                f"Let them begin at {resolution} or less and end at {resolution} or more.",
            )
        sizes = make_bucket_resolutions(Size(resolution, resolution), low, high, step)
        return cls(sizes, step, resolution * resolution, no_upscale)

    @classmethod
    def square(cls, resolution: int) -> "Buckets":
        """One bucket: every picture is cropped to a square."""
        return cls((Size(resolution, resolution),), resolution, resolution * resolution)

    def place(self, size: Size) -> Placement:
        """Where a picture of this size goes."""
        if self.no_upscale:
            return place_without_upscaling(size, self.max_area, self.step)
        return place(size, self.sizes)


def _too_small(resolution: str, step: int) -> UserError:
    return UserError(
        f"A resolution of {resolution} is too small: sides must be multiples of {step} pixels.",
        f"Choose a resolution of at least {max(step, 1)}.",
    )


def training_size(data: Data, own: Size) -> Size:
    """The size whose area pictures are brought to: the job's resolution, or the model's own."""
    return Size(data.resolution.width, data.resolution.height) if data.resolution else own


def buckets_for(data: Data, own: Size, step: int) -> Buckets:
    """The buckets of a job: those around its resolution, or that one size. `own` and `step` are the model's, and hold
    where the job names none. Raises UserError if no bucket is possible."""
    width, height = size = training_size(data, own)
    step = data.bucket_step or step
    if not data.buckets or data.crop == "piece":
        return Buckets((size,), step, width * height)
    if min(size) < step:
        raise _too_small(f"{width} x {height}", step)
    sizes = make_bucket_resolutions(size, min(size) // 2, max(size) * 2, step)
    return Buckets(sizes, step, width * height, no_upscale=not data.enlarge)


def make_bucket_resolutions(resolution: Size, min_side: int, max_side: int, step: int = 64) -> tuple[Size, ...]:
    """All buckets of at most the resolution's area with sides from `min_side` to `max_side`, sorted.

    `min_side` is rounded up to a whole step where it is none.
    """
    area = resolution.width * resolution.height
    first = max(1, math.ceil(min_side / step)) * step
    middle = math.isqrt(area) // step * step
    sizes = {Size(middle, middle)}
    for width in range(first, max_side + 1, step):
        height = min(max_side, area // width) // step * step
        if height >= first:
            sizes |= {Size(width, height), Size(height, width)}
    return tuple(sorted(sizes))


def place(size: Size, sizes: tuple[Size, ...]) -> Placement:
    """A picture of `size` in the nearest of the buckets `sizes`, enlarged if it is smaller."""
    ratio = size.width / size.height
    nearest = min(sizes, key=lambda bucket: abs(bucket.width / bucket.height - ratio))
    return _cover(size, size if size in sizes else nearest)


def place_without_upscaling(size: Size, max_area: int, step: int = 64) -> Placement:
    """A picture of `size` in a bucket of its own, never larger than itself (`bucket_no_upscale` of sd-scripts).

    Above `max_area` pixels it is shrunk, by width or by height, whichever keeps its shape better; the rule's rounding
    lets very long pictures exceed that area by up to a step's worth. A side below one
    step, on which sd-scripts fails, is the one thing that is enlarged, and the other side then cropped to the area.
    """
    resized = _shrunk(size, max_area, step) if size.width * size.height > max_area else size
    if min(resized) >= step:
        return _centred(Size(_whole(resized.width, step), _whole(resized.height, step)), resized)
    longest = _whole(max_area // step, step)
    width, height = (max(step, min(longest, _whole(side, step))) for side in resized)
    return _cover(size, Size(width, height))


def _shrunk(size: Size, max_area: int, step: int) -> Size:
    ratio = size.width / size.height
    ideal_width = math.sqrt(max_area * ratio)
    width = _whole(_rounded(ideal_width), step)
    height = _whole(_rounded(max_area / ideal_width), step)
    height_for_width = _whole(_rounded(width / ratio), step)
    width_for_height = _whole(_rounded(height * ratio), step)
    if not (width and height and height_for_width and width_for_height):
        return Size(max(1, _rounded(ideal_width)), max(1, _rounded(max_area / ideal_width)))
    if abs(width / height_for_width - ratio) < abs(width_for_height / height - ratio):
        return Size(width, _rounded(width / ratio))
    return Size(_rounded(height * ratio), height)


def _cover(size: Size, bucket: Size) -> Placement:
    if size.width / size.height > bucket.width / bucket.height:
        scale = bucket.height / size.height
    else:
        scale = bucket.width / size.width
    # The side that decides the scale meets the bucket exactly; max() guards the other against a float's last bit.
    width = max(bucket.width, _rounded(size.width * scale))
    return _centred(bucket, Size(width, max(bucket.height, _rounded(size.height * scale))))


def _centred(bucket: Size, resized: Size) -> Placement:
    left, top = (resized.width - bucket.width) // 2, (resized.height - bucket.height) // 2
    return Placement(bucket, resized, (left, top, left + bucket.width, top + bucket.height))


def _whole(side: int, step: int) -> int:
    return side - side % step


def _rounded(side: float) -> int:
    return int(side + 0.5)


def piece_of(size: Size, placement: Placement, chance: random.Random) -> Placement:
    """Where a random part of a picture of `size` lies at its own scale, of the size of `placement`'s bucket; pictures
    that are too small are enlarged to fit."""
    (width, height), bucket = size, placement.bucket_size
    if width < bucket.width or height < bucket.height:
        return placement
    left = chance.randint(0, width - bucket.width)
    top = chance.randint(0, height - bucket.height)
    return Placement(bucket, size, (left, top, left + bucket.width, top + bucket.height))


def fit(picture: Image.Image, placement: Placement) -> Image.Image:
    """The picture as it fills its bucket, resampled by LANCZOS, which filters by area when it shrinks.

    Scaling and cropping are one operation on the part that is kept, so that a picture one pixel wide does not
    become a giant on its way.
    """
    if picture.size == placement.resized_size:
        return picture.crop(placement.crop_box)
    across = picture.width / placement.resized_size.width
    down = picture.height / placement.resized_size.height
    left, top, right, bottom = placement.crop_box
    box = (left * across, top * down, min(right * across, picture.width), min(bottom * down, picture.height))
    return picture.resize(placement.bucket_size, Image.Resampling.LANCZOS, box=box)
