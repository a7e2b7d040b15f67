"""What travels on the engine's two pipes: requests one way, messages the other, one JSON object a line."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from trainer.contract.events import Event
from trainer.contract.jobfile import Job

HEARTBEAT_SECONDS = 2.0


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunJob(_Line):
    """Do this job. `folder` is an empty run folder made for it; empty lets the engine make one where needed."""

    kind: Literal["run"] = "run"
    id: int
    job: Job
    folder: str = ""


class ResumeRun(_Line):
    """Go on with the training run in this folder."""

    kind: Literal["resume"] = "resume"
    id: int
    folder: str


class Cancel(_Line):
    """Stop the job of this number at its next check. Of a job that has ended it is ignored."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Quit(_Line):
    """Stop the job in progress, then end the process. Closing the pipe says the same."""

    kind: Literal["quit"] = "quit"


Request = Annotated[RunJob | ResumeRun | Cancel | Quit, Field(discriminator="kind")]


class Hello(_Line):
    """Sent once, when the engine has loaded what it needs and waits for work."""

    kind: Literal["hello"] = "hello"
    version: Literal[1] = 1
    """Of this protocol. Another one is no message: both ends are always of one Gesso."""
    pid: int
    torch: str
    device: str
    """`cpu`, `cuda` or `mps`: what `auto` means here."""
    device_name: str
    precision: str
    """`fp32`, `bf16` or `fp16`: what `auto` means here."""
    memory: int
    """Of that device, in bytes."""


class Heartbeat(_Line):
    """The process is alive, whatever its main thread does."""

    kind: Literal["heartbeat"] = "heartbeat"
    memory: int = 0
    """Bytes taken now: of a graphics card by everybody, on a processor by the engine. 0 before the hello."""


class Said(_Line):
    """An event of the job of this number."""

    kind: Literal["event"] = "event"
    id: int
    event: Event


Message = Annotated[Hello | Heartbeat | Said, Field(discriminator="kind")]

_REQUESTS: TypeAdapter[Request] = TypeAdapter(Request)
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)


def to_line(value: Request | Message) -> bytes:
    """The value as one line, newline included."""
    return value.model_dump_json(exclude_none=True).encode("utf-8") + b"\n"


def request_from_line(line: bytes) -> Request:
    """Raises pydantic.ValidationError when the line is no request."""
    return _REQUESTS.validate_json(line)


def message_from_line(line: bytes) -> Message:
    """Raises pydantic.ValidationError when the line is no message."""
    return _MESSAGES.validate_json(line)
