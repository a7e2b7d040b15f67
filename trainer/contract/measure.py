"""MeasureJob: a short dry run of a training, to know how long it takes and how much memory it needs."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part
from trainer.contract.train import TrainJob


class MeasureJob(Part):
    """Some steps of a training with everything as it will be, timed. Nothing is kept of it but the figures."""

    kind: Annotated[
        Literal["measure"], About("Kind", "Measures how long a training takes and how much memory it needs.")
    ] = "measure"
    train: Annotated[TrainJob, About("Training", "The training that is to be measured.")]
    steps: Annotated[
        int,
        Field(ge=1, le=100),
        About("Steps", "So many steps are timed, after a first one that is not; fewer where they are slow."),
    ] = 4

    @property
    def model(self) -> str:
        return self.train.model
