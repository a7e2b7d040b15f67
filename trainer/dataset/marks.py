"""Stars and flags of a dataset's pictures, kept in `.gesso/marks.json` within its folder.

They say nothing to training and are no part of undo.
"""

from dataclasses import asdict, dataclass, replace
from typing import Literal

from trainer.dataset.own_file import OwnFile, Saved

MOST_STARS = 5

Flag = Literal["", "pick", "reject"]
FLAGS: tuple[Flag, ...] = ("", "pick", "reject")


@dataclass(frozen=True, slots=True)
class Mark:
    """Raises ValueError if `stars` is not 0 to 5."""

    stars: int = 0
    flag: Flag = ""

    def __post_init__(self) -> None:
        if not 0 <= self.stars <= MOST_STARS:
            raise ValueError(f"{self.stars} stars")


class Marks(OwnFile[Mark]):
    """The marks of a dataset's pictures."""

    NAME, WORDS, FORMAT, NOTHING = "marks", "stars and flags", 1, Mark()

    def stars(self, relative: str) -> int:
        return self.of(relative).stars

    def flag(self, relative: str) -> Flag:
        return self.of(relative).flag

    def set_stars(self, relative: str, stars: int) -> None:
        """Raises ValueError if `stars` is not 0 to 5."""
        self.set(relative, replace(self.of(relative), stars=stars))

    def set_flag(self, relative: str, flag: Flag) -> None:
        self.set(relative, replace(self.of(relative), flag=flag))

    def _saved(self, value: Mark) -> Saved:
        return asdict(value)

    def _value(self, saved: Saved) -> Mark:
        stars, flag = saved["stars"], saved["flag"]
        if type(stars) is not int or flag not in FLAGS:
            raise ValueError("a mark is none")
        return Mark(stars, flag)
