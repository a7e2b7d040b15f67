"""How the pictures of the open dataset are prepared: their recipes and masks, changed in the pool."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image
from PySide6.QtGui import QImage

from app.errand import Errand
from app.masks import marks_anything
from app.pictures import read_image
from app.prepared import from_grey, laid_back, oriented, to_grey
from trainer.contract.errors import UserError
from trainer.dataset.book import CaptionBook
from trainer.dataset.masks import mask_file, mask_stamp, read_mask
from trainer.dataset.pictures import Size, measure
from trainer.dataset.query import Row
from trainer.dataset.recipes import AS_IT_IS, Recipe, Recipes
from trainer.files import Stamp

Mode = Literal["crop", "mask"]
SIDES: dict[Mode, int] = {"crop": 1600, "mask": 4096}
"""Pixels of the longer side of the picture as it is shown. A mask of a larger picture is coarser than the picture."""
Work = Callable[..., "Prepared"]
"""Called in the pool with its errand."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a piece of work did: the pictures at these places are prepared in another way now, or have another mask."""

    places: tuple[int, ...]
    are_masks: bool = False
    painted: "Painted | None" = None
    """What was painted here, if the mask was; None where the mask is another for any other reason."""
    trouble: str = ""
    """Why the disk refused it; the pictures are prepared as before then."""


@dataclass(frozen=True)
class Painted:
    """A mask as it was painted over a picture of that upright size, shown turned and mirrored by its recipe: what is
    white in `left_out` is not trained on."""

    left_out: QImage
    recipe: Recipe
    size: Size

    def upright(self) -> QImage:
        return laid_back(self.left_out, self.recipe)

    def file(self) -> bytes | None:
        """As it is written: white is trained on. None: all of it is."""
        if not marks_anything(self.left_out):
            return None
        mask = self.upright().copy()
        mask.invertPixels()
        grey = to_grey(mask)
        return mask_file(grey if grey.size == self.size else grey.resize(self.size, Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class Shown:
    """A picture as it was read: turned and mirrored, its own upright size, and what is left out of it."""

    picture: QImage
    size: Size
    left_out: QImage


class Opened(Protocol):
    """What of a folder matters here. `places` are those of the paths, `sizes` those of the upright pictures that
    are known, `masked` the places with a mask."""

    @property
    def book(self) -> CaptionBook: ...
    @property
    def recipes(self) -> Recipes: ...
    @property
    def rows(self) -> Sequence[Row]: ...
    @property
    def places(self) -> Mapping[str, int]: ...
    @property
    def sizes(self) -> Mapping[int, Size]: ...
    @property
    def masked(self) -> dict[int, Stamp]: ...


class Preparing:
    """Of one folder, as long as it is open. `put` lets work be done in the pool, one piece after the other; `told` is
    called in the GUI thread with the places whose recipe is another now.

    `recipe_of` may be called in any thread.
    """

    def __init__(self, opened: Opened, put: Callable[[Work], None], told: Callable[[tuple[int, ...]], None]) -> None:
        self._book, self._stored, self._rows = opened.book, opened.recipes, opened.rows
        self._places, self._sizes, self.masked = opened.places, opened.sizes, opened.masked
        self._put, self._told = put, told
        self._asked: dict[int, list[Recipe]] = {}
        """What was asked for and is not written yet, by place; the last of each holds."""

    def recipe(self, place: int) -> Recipe:
        asked = self._asked.get(place)
        return asked[-1] if asked else self._stored.of(self._rows[place].relative)

    def recipe_of(self, path: Path) -> Recipe:
        """Of the picture of that path; of one that is not in the folder, to leave it as it is."""
        place = self._places.get(str(path), -1)
        return AS_IT_IS if place < 0 else self.recipe(place)

    def size(self, place: int) -> Size:
        """Of the prepared picture; (0, 0) while its own size is not known."""
        own = self.own_size(place)
        return self.recipe(place).size(own) if all(own) else own

    def own_size(self, place: int) -> Size:
        """Of the upright picture, before its recipe; (0, 0) while it is not known."""
        return self._sizes.get(place, Size(0, 0))

    # ---- Changing

    def change(self, title: str, recipes: Mapping[int, Recipe]) -> None:
        """Give the places these recipes, as one step. They hold at once, and are written in the pool."""
        wanted = {place: recipe for place, recipe in recipes.items() if recipe != self.recipe(place)}
        if wanted:
            for place, recipe in wanted.items():
                self._asked[place] = [*self._asked.get(place, ()), recipe]
            self._told(tuple(wanted))
            self._put(partial(self._written, title, wanted))

    def turn(self, places: Sequence[int], turns: int) -> None:
        """Quarter turns clockwise of what is seen now."""
        way = "right" if turns > 0 else "left"
        self.change(
            _titled(f"Turned {way}", places),
            {place: self.recipe(place).then_turned(self.own_size(place), turns) for place in self._known(places)},
        )

    def mirror(self, places: Sequence[int]) -> None:
        self.change(
            _titled("Mirrored", places),
            {place: self.recipe(place).then_mirrored(self.own_size(place)) for place in self._known(places)},
        )

    def write_mask(self, place: int, painted: Painted, merge: str) -> None:
        """With nothing left out there is no mask. With the same `merge` as the mask before it, it is a part of its
        step."""
        self._put(partial(self._masked, place, painted, merge))

    def _known(self, places: Sequence[int]) -> list[int]:
        """Those whose crop can follow a turn: it needs their size."""
        return [place for place in places if self.recipe(place).crop is None or all(self.own_size(place))]

    # ---- In the pool

    def _written(self, title: str, recipes: Mapping[int, Recipe], _errand: Errand) -> Prepared:
        trouble = ""
        try:
            if any(self._stored.of(self._rows[place].relative) != recipe for place, recipe in recipes.items()):
                self._book.prepare(title, recipes)
                self.reread()
        except (UserError, OSError) as error:
            trouble = str(error)
        for place in recipes:
            self._asked[place] = self._asked[place][1:]
        return Prepared(tuple(recipes), trouble=trouble)

    def reread(self) -> tuple[int, ...]:
        """Take in what the disk says now; the places whose recipe was another."""
        before, self._stored = self._stored, Recipes(self._book.dataset.folder)
        names = enumerate(row.relative for row in self._rows)
        return tuple(place for place, name in names if before.of(name) != self._stored.of(name))

    def _masked(self, place: int, painted: Painted, merge: str, _errand: Errand) -> Prepared:
        name = self._book.dataset.items[place].name
        step = self._book.mask(f"Painted the mask of {name}", {place: painted.file()}, merge=merge)
        return replace(self.look_at_masks(step.masked if step else (place,)), painted=painted)

    def look_at_masks(self, places: Sequence[int]) -> Prepared:
        """These have another mask now, or have one no more."""
        for place in places:
            if stamp := mask_stamp(self._book.dataset.items[place]):
                self.masked[place] = stamp
            else:
                self.masked.pop(place, None)
        return Prepared(tuple(places), are_masks=True)

    def masks_again(self, places: Sequence[int], _errand: Errand) -> Prepared:
        """Those of these whose mask others changed, and not Gesso meanwhile."""
        items = self._book.dataset.items
        return self.look_at_masks([one for one in places if mask_stamp(items[one]) != self.masked.get(one)])

    def words(self, place: int) -> str:
        """What was done to a picture: `cropped, masked`; "" for nothing."""
        recipe = self.recipe(place)
        done = {
            "cropped": recipe.crop is not None,
            "turned": recipe.turns != 0,
            "mirrored": recipe.mirrored,
            "masked": place in self.masked,
        }
        return ", ".join(word for word, holds in done.items() if holds)


def read_shown(path: Path, recipe: Recipe, mode: Mode, painted: Painted | None, errand: Errand) -> Shown:
    """The picture large, with its mask for that mode: what was `painted` and is not on the disk yet, or else its file.

    Raises UserError if it can't be opened.
    """
    picture = read_image(path, SIDES[mode])
    errand.check()
    if picture.isNull():
        raise UserError(f"{path.name} can't be opened.", "Look at it in the list of problems.")
    size = measure(path)
    left_out = QImage()
    if mode == "mask" and painted is not None:
        left_out = painted.upright()
    elif mode == "mask":
        mask = read_mask(path, Size(picture.width(), picture.height()))
        if mask is not None:
            left_out = from_grey(mask)
            left_out.invertPixels()
    errand.check()
    if left_out.size() != picture.size() and not left_out.isNull():
        left_out = left_out.scaled(picture.size())
    return Shown(oriented(picture, recipe), size, oriented(left_out, recipe))


def _titled(what: str, places: Sequence[int]) -> str:
    return f"{what} a picture" if len(places) == 1 else f"{what} {len(places):,} pictures"
