"""What the engine says while it works: one frozen class for each kind of fact, in a closed union.

Events are values without behaviour. They travel as one JSON object a line; `kind` tells them apart.
"""

from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: object) -> object:
        """Names of files may hold bytes that are no text, which JSON can't carry: they are shown as `\\udce9`."""
        if isinstance(value, tuple):
            return tuple(_shown(one) for one in cast(tuple[object, ...], value))
        return _shown(value)


def _shown(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


class Started(_Event):
    """A job has begun. `run_folder` is empty for jobs that keep none."""

    kind: Literal["started"] = "started"
    job: str
    name: str = ""
    run_folder: str = ""


class Status(_Event):
    """What is going on now, in plain words: `loading the model`."""

    kind: Literal["status"] = "status"
    text: str


class Progress(_Event):
    """`done` of `total` units of `what`."""

    kind: Literal["progress"] = "progress"
    what: str
    done: int
    total: int


class Step(_Event):
    """An optimizer step was taken (training), or a sampler step (generation: no loss)."""

    kind: Literal["step"] = "step"
    step: int
    total: int
    loss: float | None = None
    learning_rate: float | None = None
    pictures_per_second: float | None = None
    seconds_left: float | None = None
    memory: int | None = None
    """The most that the device has held so far, in bytes; on a processor, the process."""


class Preview(_Event):
    """The picture as far as it has formed: the predicted clean picture, encoded, at most 512 px on the long side.

    Of a video it is all frames in one picture, equal parts from top to bottom, and the bound is on each of them.
    """

    kind: Literal["preview"] = "preview"
    index: int
    step: int
    total: int
    width: int
    height: int
    frames: int = 1
    format: Literal["png", "jpeg"] = "png"
    data: str
    """The encoded picture in base64."""


class Sample(_Event):
    """A picture made during training."""

    kind: Literal["sample"] = "sample"
    step: int
    prompt: str
    path: str


class Saved(_Event):
    """A file or folder is complete on disk."""

    kind: Literal["saved"] = "saved"
    what: Literal["picture", "video", "checkpoint", "output", "model"]
    path: str


class Captioned(_Event):
    """A picture of a dataset has been looked at. `picture` is its path within the folder.

    `text` is what stands in its caption now, `before` what stood there (None: no caption). `outcome` is `nothing` where
    the captioner had nothing to say, so that nothing was written; what `scores` hold are the surest tags.
    """

    kind: Literal["captioned"] = "captioned"
    picture: str
    text: str
    before: str | None = None
    outcome: Literal["written", "same", "nothing"] = "written"
    scores: tuple[tuple[str, float], ...] = ()


class Measured(_Event):
    """What a dry run of a training found. Seconds are of the wall clock; sizes are in bytes."""

    kind: Literal["measured"] = "measured"
    load_seconds: float
    """From the beginning until the model was in memory."""
    picture_seconds: float
    """To check one picture and to encode it, where encoded pictures are kept."""
    step_seconds: float
    steps: int
    """How many steps were timed."""
    sample_seconds: float | None = None
    """For one preview picture; None where none are asked for."""
    memory: int
    """The most that was held at a time: by the graphics card's tensors, or by the process on a processor."""
    memory_total: int
    """What the device has."""
    checkpoint: int
    """Size of one checkpoint on disk, without what describes it."""
    device: str
    device_name: str


class Warning(_Event):
    """Something the user should know; the work goes on."""

    kind: Literal["warning"] = "warning"
    title: str
    fix: str = ""
    cause: Literal["job", "silence"] = "job"
    """`silence`: the engine has not been heard of for a while."""


class Finished(_Event):
    """The job is done. `paths` are what it made."""

    kind: Literal["finished"] = "finished"
    seconds: float
    paths: tuple[str, ...] = ()


class Failed(_Event):
    """The job failed: what happened in plain words, what to do; the traceback (if any) is folded into `detail`."""

    kind: Literal["failed"] = "failed"
    title: str
    fix: str
    detail: str = ""
    cause: Literal["user", "out_of_memory", "crash", "bug"] = "user"


class Stopped(_Event):
    """The job ended because the user wished it. `resume` names the run folder it can go on from, if any."""

    kind: Literal["stopped"] = "stopped"
    resume: str = ""


Event = Annotated[
    Started
    | Status
    | Progress
    | Step
    | Preview
    | Sample
    | Saved
    | Captioned
    | Measured
    | Warning
    | Finished
    | Failed
    | Stopped,
    Field(discriminator="kind"),
]

ENDINGS = (Finished, Failed, Stopped)
"""Exactly one of these is the last event of every job."""

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def to_json(event: Event) -> str:
    """One line, without the newline."""
    return event.model_dump_json(exclude_none=True)


def from_json(line: str | bytes) -> Event:
    """The event of one line. Raises pydantic.ValidationError when it is none."""
    return _ADAPTER.validate_json(line)
