"""What the health check knows of one picture after reading it once, and the cache that keeps it from the next time."""

import contextlib
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from trainer.contract.errors import UserError
from trainer.dataset.items import Item
from trainer.dataset.phash import coarsened, phash, thumbnail
from trainer.dataset.pictures import PictureError, Size, glance, read_bytes
from trainer.dataset.sharpness import SIDE, sharpness
from trainer.files import Stamp, stamp_of, write_text_atomically

CACHE_FORMAT = 5
"""Grows when what is measured changes, so that older caches are measured anew."""

_THREADS = 2
_IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class Look:
    """One picture. Where it can't be read, `problem` and `fix` say so and the rest is empty.

    `width` and `height` are those of the upright picture, `colours` its thumbnail (hex), `content` the hex SHA-256 of
    the file, `length` its bytes; `sharp` is None where the picture is too plain to tell.
    """

    problem: str = ""
    fix: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    remarks: tuple[str, ...] = ()
    content: str = ""
    length: int = 0
    shape: int = 0
    colours: str = ""
    sharp: float | None = None

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)


def look_at(path: Path) -> Look:
    """Read the picture and measure it."""
    try:
        data = read_bytes(path)
        seen = glance(data, path, SIDE)
    except PictureError as error:
        return Look(error.reason, error.fix)
    share = max(seen.picture.size) // SIDE
    small = seen.picture.reduce(share) if share > 1 else seen.picture
    coarse = coarsened(small)
    return Look(
        width=seen.size.width,
        height=seen.size.height,
        format=seen.format,
        remarks=seen.remarks,
        content=hashlib.sha256(data).hexdigest(),
        length=len(data),
        shape=phash(coarse),
        colours=thumbnail(coarse).hex(),
        sharp=sharpness(small),
    )


class LookCache:
    """The looks at the pictures of one folder, in a file below the user's cache folder. It may be deleted at any time;
    a damaged one is as good as none."""

    def __init__(self, caches: Path, folder: Path) -> None:
        name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:32]
        self._path = caches / "health" / f"{name}.json"

    def read(self) -> dict[str, tuple[Stamp, Look]]:
        try:
            saved = cast("dict[str, object]", json.loads(self._path.read_bytes()))
            if saved["format"] != CACHE_FORMAT:
                return {}
            pictures = cast("dict[str, tuple[int, int, dict[str, object]]]", saved["pictures"])
            return {name: ((changed, size), _look(told)) for name, (changed, size, told) in pictures.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}

    def write(self, looks: Mapping[str, tuple[Stamp, Look]]) -> None:
        """Where the disk refuses, the next check takes as long as this one."""
        pictures = {name: (*stamp, asdict(look)) for name, (stamp, look) in looks.items()}
        text = json.dumps({"format": CACHE_FORMAT, "pictures": pictures}, separators=(",", ":"))
        with contextlib.suppress(UserError, OSError):
            write_text_atomically(self._path, text)


def look_at_all(
    items: Sequence[Item], cache: LookCache | None, watch: Callable[[int, int], None] | None
) -> tuple[Look, ...]:
    """A look for each item, in their order. What was read is kept in the cache, also when `watch` raises to stop.

    Pictures that can't be read are not kept: another program may only have held them for a moment.
    """
    known = cache.read() if cache else {}
    looks: dict[str, tuple[Stamp, Look]] = {}
    all_looks: list[Look] = []
    try:
        with ThreadPoolExecutor(_THREADS, "dataset-health") as executor:
            waiting: deque[Future[tuple[Stamp | None, Look]]] = deque()
            following = iter(items)
            for item in items:
                while len(waiting) < _IN_FLIGHT and (later := next(following, None)) is not None:
                    waiting.append(executor.submit(_looked, later, known.get(later.relative)))
                stamp, look = waiting.popleft().result()
                if stamp is not None:
                    looks[item.relative] = stamp, look
                all_looks.append(look)
                if watch is not None:
                    watch(len(all_looks), len(items))
    finally:
        now = looks if len(all_looks) == len(items) else known | looks
        if cache and now != known:
            cache.write(now)
    return tuple(all_looks)


def _looked(item: Item, known: tuple[Stamp, Look] | None) -> tuple[Stamp | None, Look]:
    """The stamp is taken before the file is read: changed meanwhile, it is read again the next time."""
    stamp = stamp_of(item.path)
    if known is not None and known[0] == stamp:
        return known
    look = look_at(item.path)
    return None if look.problem else stamp, look


def _look(told: Mapping[str, object]) -> Look:
    """What `asdict` made of a look. Raises KeyError, TypeError or ValueError where it is anything else."""
    sharp = told["sharp"]
    return Look(
        width=int(cast(int, told["width"])),
        height=int(cast(int, told["height"])),
        format=str(told["format"]),
        remarks=tuple(map(str, cast("list[str]", told["remarks"]))),
        content=str(told["content"]),
        length=int(cast(int, told["length"])),
        shape=int(cast(int, told["shape"])),
        colours=bytes.fromhex(cast(str, told["colours"])).hex(),
        sharp=None if sharp is None else float(cast(float, sharp)),
    )
