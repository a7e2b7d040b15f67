"""How a job's field explains itself: the words from which forms, command-line help and documentation are made."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, field_validator


@dataclass(frozen=True)
class About:
    """What a person needs to know of a field. Stands in the field's `Annotated[...]` beside pydantic's bounds.

    `help` is one or two plain sentences: what it does and when to change it. `advanced` fields are folded away.
    """

    label: str
    help: str
    unit: str = ""
    group: str = ""
    advanced: bool = False


class Part(BaseModel):
    """A node of a job: immutable, validated, and without room for fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=False)

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: object) -> object:
        """A job is stored as text. Paths may hold bytes that are none (Python makes lone surrogates of them)."""
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("text; this holds bytes that are none, so rename the file or folder")
        return value


def about(part: type[Part], field: str) -> About:
    """The `About` of a field. Raises LookupError when there is none: every field has one, and a test sees to it."""
    for note in part.model_fields[field].metadata:
        if isinstance(note, About):
            return note
    raise LookupError(f"{part.__name__}.{field} has no About")
