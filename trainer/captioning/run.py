"""The job: a folder of pictures, each read once, turned, mirrored and cropped as for training, looked at by every
captioner that takes part, and captioned.

What is said belongs to its picture from beginning to end: path and text travel together. Everything that was said is
kept in the dataset's folder before a caption is written, so a run that was stopped goes on where it was.
"""

import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from trainer.captioning.captioner import Prepared, Said
from trainer.captioning.file_name import words_of
from trainer.captioning.opening import Opened, open_captioner
from trainer.captioning.writing import CaptionWriter
from trainer.contract.caption import CaptionJob, FileName
from trainer.contract.captioners import CaptionerName
from trainer.contract.errors import UserError, ran_out_of_memory
from trainer.contract.run import Run
from trainer.dataset.book import CaptionBook
from trainer.dataset.captions import read_caption
from trainer.dataset.items import Dataset, Item, scan
from trainer.dataset.names import shown
from trainer.dataset.pictures import PictureError, decode, read_bytes
from trainer.dataset.readings import Readings
from trainer.dataset.recipes import Recipe, Recipes
from trainer.dataset.tag_scores import Reading
from trainer.home import Home

READERS = 2
"""Threads that read pictures ahead of the captioners."""
AHEAD = 2
"""So many batches are read ahead."""


def caption(job: CaptionJob, run: Run, home: Home) -> tuple[Path, ...]:
    """Caption the pictures. Returns no paths: each caption is told of by an event. Raises UserError or Cancelled.

    A picture or a caption that can't be read is warned of, and left as it is.
    """
    folder = Path(job.folder).expanduser().absolute()
    dataset = scan(folder)
    items = chosen(job, dataset, run)
    if not items:
        run.status("every picture has a caption already")
        return ()
    with _captioners(job, folder, run, home) as captioners:
        batch = job.batch or max((one.opened.captioner.batch for one in captioners.values()), default=64)
        writer = CaptionWriter(job, CaptionBook(dataset, extension=job.extension), run, len(items))
        recipes = Recipes(folder)
        if recipes.note:
            run.warn(recipes.note, "Crop and turn the pictures again, and caption them after that.")
        with contextlib.closing(_looked_at(items, recipes, captioners, batch, run)) as looked:
            while chunk := tuple(islice(looked, batch)):
                said = _read(chunk, captioners, job, run)
                run.check()
                writer.take([(one.item, readings) for one, readings in zip(chunk, said, strict=True)])
    run.status(writer.summary())
    return ()


def chosen(job: CaptionJob, dataset: Dataset, run: Run) -> list[Item]:
    """The pictures to caption, each caption file once. Raises UserError if there are none, or not those asked for."""
    items, folder = dataset.items, shown(dataset.folder)
    if not items:
        raise UserError(f"There are no pictures in {folder}.", "Choose a folder with pictures.")
    if job.only:
        by_path = {item.relative: item for item in items}
        missing = [path for path in job.only if path not in by_path]
        if missing:
            raise UserError(f"There is no picture {shown(missing[0])} in {folder}.", "Look at the folder again.")
        items = tuple(by_path[path] for path in dict.fromkeys(job.only))
    taken: dict[Path, Item] = {}
    for item in items:
        first = taken.setdefault(item.caption_path or item.path.with_suffix(""), item)
        if first is not item:
            run.warn(
                f"{shown(item.relative)} shares its caption with {shown(first.relative)} and is not looked at.",
                "Give the pictures different names, each with a caption of its own.",
            )
    return [item for item in taken.values() if job.mode != "fill" or not _has_caption(item)]


def _has_caption(item: Item) -> bool:
    """Anything but blank space counts, and so does what can't be read: it is not ours to write over."""
    if item.caption_path is None:
        return False
    try:
        there = read_caption(item.caption_path)
    except UserError:
        return True
    return not there.complete or bool(there.text.strip())


@dataclass(frozen=True, slots=True)
class _Taking:
    """A captioner that takes part, and where what it says is kept."""

    opened: Opened
    kept: Readings


@contextlib.contextmanager
def _captioners(job: CaptionJob, folder: Path, run: Run, home: Home) -> Generator[dict[CaptionerName, _Taking]]:
    """Those that need a model. They are let go at the end, even where an error's traceback still holds the block."""
    with contextlib.ExitStack() as stack:
        taking: dict[CaptionerName, _Taking] = {}
        stack.callback(taking.clear)
        for name, options in job.parts.items():
            if not isinstance(options, FileName):
                opened = open_captioner(options, home, job.hardware, run)
                taking[name] = _Taking(opened, stack.enter_context(Readings(folder, name, opened.model)))
        yield taking


@dataclass(frozen=True, slots=True)
class _Looked:
    """A picture as each captioner takes it; in its place what the captioner said of the same picture before."""

    item: Item
    content: str
    told: Mapping[CaptionerName, Prepared | Reading]


def _looked_at(
    items: Sequence[Item], recipes: Recipes, captioners: Mapping[CaptionerName, _Taking], batch: int, run: Run
) -> Generator[_Looked]:
    """The pictures that can be read, in order, some of them read ahead in threads."""
    if not captioners:
        yield from (_Looked(item, "", {}) for item in items)
        return
    waiting = iter(items)
    with _Ahead(recipes, captioners) as pool:
        for item in islice(waiting, AHEAD * batch):
            pool.add(item)
        while pool.futures:
            run.check()
            looked = pool.futures.popleft().result()
            for item in islice(waiting, 1):
                pool.add(item)
            if isinstance(looked, PictureError):
                run.warn(looked.title, looked.fix)
            else:
                yield looked


class _Ahead:
    """Pictures in order, read by threads. Leaving drops what was not begun, and waits for the rest."""

    def __init__(self, recipes: Recipes, captioners: Mapping[CaptionerName, _Taking]) -> None:
        self.futures: deque[Future[_Looked | PictureError]] = deque()
        self._recipes, self._captioners = recipes, captioners
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="read-pictures")

    def __enter__(self) -> "_Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def add(self, item: Item) -> None:
        self.futures.append(self._threads.submit(_look, item, self._recipes.of(item.relative), self._captioners))


def _look(item: Item, recipe: Recipe, captioners: Mapping[CaptionerName, _Taking]) -> _Looked | PictureError:
    """Read a picture once for all captioners; decoded only if one of them doesn't know it as it is prepared now."""
    try:
        data = read_bytes(item.path)
        content = _content(data, recipe)
        told: dict[CaptionerName, Prepared | Reading] = {}
        for name, taking in captioners.items():
            known = taking.kept.known(item.relative, content, taking.opened.key)
            if known is not None:
                told[name] = known
        unknown: list[CaptionerName] = [name for name in captioners if name not in told]
        if unknown:
            picture = recipe(decode(data, item.path).picture)
            for name in unknown:
                told[name] = captioners[name].opened.captioner.prepare(picture)
    except PictureError as error:
        return error
    return _Looked(item, content, told)


def _content(data: bytes, recipe: Recipe) -> str:
    """What a captioner sees, as a hex SHA-256: of the file alone where nothing is done to its picture."""
    digest = hashlib.sha256(data)
    if not recipe.changes_nothing:
        digest.update(json.dumps(asdict(recipe)).encode())
    return digest.hexdigest()


def _read(
    chunk: Sequence[_Looked], captioners: Mapping[CaptionerName, _Taking], job: CaptionJob, run: Run
) -> list[list[Reading]]:
    """What all captioners say of each picture, in the order of the pictures; kept before it is used."""
    readings: list[list[Reading]] = [[] for _ in chunk]
    for name, taking in captioners.items():
        said = _said(chunk, name, taking, run)
        taking.kept.keep(said)
        for of_picture, reading in zip(readings, said, strict=True):
            of_picture.append(reading)
    options = job.parts.get("filename")
    if isinstance(options, FileName):
        for of_picture, one in zip(readings, chunk, strict=True):
            text = words_of(one.item.path, options)
            of_picture.append(Reading("filename", "", one.item.relative, "", "", text=text))
    return readings


def _said(chunk: Sequence[_Looked], name: CaptionerName, taking: _Taking, run: Run) -> list[Reading]:
    """What one captioner says of each, what it said before included."""
    found: dict[int, Reading] = {}
    fresh: list[tuple[int, _Looked, Prepared]] = []
    for place, one in enumerate(chunk):
        told = one.told[name]
        if isinstance(told, Reading):
            found[place] = told
        else:
            fresh.append((place, one, told))
    for (place, one, _), said in zip(fresh, _asked(taking, [told for *_, told in fresh], run), strict=True):
        opened = taking.opened
        found[place] = Reading(
            name, opened.model, one.item.relative, one.content, opened.key, text=said.text, scores=said.scores
        )
    return [found[place] for place in range(len(chunk))]


def _asked(taking: _Taking, pictures: list[Prepared], run: Run) -> list[Said]:
    """Ask in batches; where memory runs out, in smaller ones."""
    said: list[Said] = []
    size = max(len(pictures), 1)
    while len(said) < len(pictures):
        try:
            said += taking.opened.captioner.say(pictures[len(said) : len(said) + size], run.check)
        except Exception as error:
            if not ran_out_of_memory(error) or size == 1:
                raise
            size //= 2
            run.warn(f"Memory ran out, so {size} pictures are looked at at a time.")
    return said
