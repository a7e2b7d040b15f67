"""Optimizers and learning-rate schedules as a job names them; trainer/training/optimizers.py builds them."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part

LearningRate = Annotated[
    float, Field(gt=0, le=10), About("Learning rate", "Size of the steps: too high destroys, too low learns nothing.")
]
WeightDecay = Annotated[float, Field(ge=0, le=10), About("Weight decay", "Pulls weights towards zero.", advanced=True)]
Beta1 = Annotated[float, Field(ge=0, lt=1), About("Beta 1", "Memory of the gradient's direction.", advanced=True)]
Beta2 = Annotated[float, Field(ge=0, lt=1), About("Beta 2", "Memory of the gradient's size.", advanced=True)]


class AdamW(Part):
    """AdamW (Loshchilov and Hutter, arXiv 1711.05101)."""

    kind: Annotated[Literal["adamw"], About("Optimizer", "The usual choice.")] = "adamw"
    learning_rate: LearningRate = 1e-4
    weight_decay: WeightDecay = 0.01
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999


class AdamW8bit(Part):
    """AdamW with its state in 8 bits (bitsandbytes): CUDA only."""

    kind: Annotated[Literal["adamw_8bit"], About("Optimizer", "AdamW in less memory; NVIDIA only.")] = "adamw_8bit"
    learning_rate: LearningRate = 1e-4
    weight_decay: WeightDecay = 0.01
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999


class Adafactor(Part):
    """Adafactor (Shazeer and Stern, arXiv 1804.04235) with a fixed learning rate."""

    kind: Annotated[Literal["adafactor"], About("Optimizer", "Very little memory.")] = "adafactor"
    learning_rate: LearningRate = 1e-4
    weight_decay: WeightDecay = 0.0


class Prodigy(Part):
    """Prodigy (Mishchenko and Defazio, arXiv 2306.06101) finds the step size by itself; keep the learning rate at 1."""

    kind: Annotated[Literal["prodigy"], About("Optimizer", "Finds the learning rate by itself.")] = "prodigy"
    learning_rate: LearningRate = 1.0
    weight_decay: WeightDecay = 0.01
    growth: Annotated[
        float,
        Field(gt=0, le=100),
        About("Growth", "Factor on the step size that it finds; below 1 is more careful.", advanced=True),
    ] = 1.0


class Lion(Part):
    """Lion (Chen et al., arXiv 2302.06675): take a learning rate 3 to 10 times below AdamW's."""

    kind: Annotated[Literal["lion"], About("Optimizer", "Half of AdamW's memory.")] = "lion"
    learning_rate: LearningRate = 2e-5
    weight_decay: WeightDecay = 0.1
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.99


class ScheduleFree(Part):
    """Schedule-free AdamW (Defazio et al., arXiv 2405.15682): needs no schedule and no end known beforehand."""

    kind: Annotated[Literal["schedule_free"], About("Optimizer", "Needs no schedule.")] = "schedule_free"
    learning_rate: LearningRate = 1e-3
    weight_decay: WeightDecay = 0.01
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999


AnyOptimizer = Annotated[AdamW | AdamW8bit | Adafactor | Prodigy | Lion | ScheduleFree, Field(discriminator="kind")]

ScheduleName = Literal["constant", "linear", "cosine", "cosine_restarts"]


class Schedule(Part):
    """The learning rate over the run, as a factor on the optimizer's own."""

    kind: Annotated[ScheduleName, About("Schedule", "How the learning rate falls; cosine is gentle at both ends.")] = (
        "constant"
    )
    warmup: Annotated[
        int, Field(ge=0, le=1_000_000), About("Warm-up", "Rise from zero over so many steps.", unit="steps")
    ] = 0
    cycles: Annotated[
        int,
        Field(ge=1, le=100),
        About("Cycles", "How often cosine_restarts starts again.", advanced=True),
    ] = 1
    floor: Annotated[
        float, Field(ge=0, le=1), About("Floor", "The rate never falls below this share.", advanced=True)
    ] = 0.0
