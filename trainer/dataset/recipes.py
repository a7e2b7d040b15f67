"""How pictures are prepared for training: turned, mirrored and cropped, while their files stay as they are.

The recipes of a dataset lie in `.gesso/recipes.json` within its folder, by relative path. The trainer, the checks and
the export apply them; whoever moves the folder takes them along.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from PIL import Image

from trainer.dataset.own_file import OWN_FOLDER, OwnFile, Saved
from trainer.dataset.pictures import Size, load

RECIPES_PATH = f"{OWN_FOLDER}/recipes.json"
"""Within the dataset's folder."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom lie just outside."""

_CLOCKWISE = {1: Image.Transpose.ROTATE_270, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_90}
"""Pillow turns the other way round."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to an upright picture, and to its mask, in the order of the fields.

    `turns` are quarter turns clockwise, 0 to 3. `mirrored` swaps left and right. `crop` is the part that is kept, in
    pixels of the turned, mirrored picture. Raises ValueError for other turns, and for a crop without a pixel.
    """

    turns: int = 0
    mirrored: bool = False
    crop: Box | None = None

    def __post_init__(self) -> None:
        if self.turns not in range(4):
            raise ValueError(f"{self.turns} quarter turns")
        if self.crop is not None:
            left, top, right, bottom = self.crop
            if not (0 <= left < right and 0 <= top < bottom):
                raise ValueError(f"a crop of {self.crop}")

    @property
    def changes_nothing(self) -> bool:
        return self == AS_IT_IS

    def __call__(self, picture: Image.Image) -> Image.Image:
        """The prepared picture, in the same mode; the very picture where nothing is to be done. `size` is its size."""
        if self.turns:
            picture = picture.transpose(_CLOCKWISE[self.turns])
        if self.mirrored:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return picture if self.crop is None else picture.crop(_within(Size(*picture.size), self.crop))

    def size(self, original: Size) -> Size:
        """The prepared size of an upright picture of size `original`.

        A crop that does not fit (the file became a smaller one) is cut to the picture, of which at least the pixel at
        its edge is left.
        """
        left, top, right, bottom = self.box(original)
        return Size(right - left, bottom - top)

    def box(self, original: Size) -> Box:
        """What is kept of the turned, mirrored picture: the crop as far as it fits, or all of it."""
        whole = self._turned_size(original)
        return (0, 0, whole.width, whole.height) if self.crop is None else _within(whole, self.crop)

    def then_turned(self, original: Size, turns: int) -> "Recipe":
        """The recipe for what this one makes of a picture of size `original`, turned further clockwise."""
        recipe = self
        for _ in range(turns % 4):
            # what is mirrored afterwards turns the other way round before
            following = (recipe.turns + (-1 if recipe.mirrored else 1)) % 4
            height = recipe._turned_size(original).height
            left, top, right, bottom = recipe.box(original)
            crop = None if recipe.crop is None else (height - bottom, left, height - top, right)
            recipe = Recipe(following, recipe.mirrored, crop)
        return recipe

    def then_mirrored(self, original: Size) -> "Recipe":
        """The recipe for what this one makes of a picture of size `original`, with left and right swapped."""
        if self.crop is None:
            return replace(self, mirrored=not self.mirrored)
        width = self._turned_size(original).width
        left, top, right, bottom = self.box(original)
        return Recipe(self.turns, not self.mirrored, (width - right, top, width - left, bottom))

    def _turned_size(self, original: Size) -> Size:
        return Size(original.height, original.width) if self.turns % 2 else original


AS_IT_IS = Recipe()


class Recipes(OwnFile[Recipe]):
    """The recipes of a dataset's pictures."""

    NAME, WORDS, FORMAT, NOTHING = "recipes", "crops and turns", 1, AS_IT_IS

    def _saved(self, value: Recipe) -> Saved:
        return asdict(value)

    def _value(self, saved: Saved) -> Recipe:
        turns, mirrored, crop = saved["turns"], saved["mirrored"], saved["crop"]
        if type(turns) is not int or not isinstance(mirrored, bool):
            raise TypeError("a recipe is none")
        if crop is None:
            return Recipe(turns, mirrored)
        left, top, right, bottom = map(_pixels, cast("list[object]", crop))
        return Recipe(turns, mirrored, (left, top, right, bottom))


def prepared(path: Path, recipe: Recipe) -> Image.Image:
    """The picture as training sees it, after its recipe. Raises PictureError if it can't be used."""
    return recipe(load(path))


def _within(size: Size, crop: Box) -> Box:
    left, top = min(crop[0], size.width - 1), min(crop[1], size.height - 1)
    return left, top, min(crop[2], size.width), min(crop[3], size.height)


def _pixels(saved: object) -> int:
    if type(saved) is not int:
        raise TypeError("a crop has no whole pixels")
    return saved
