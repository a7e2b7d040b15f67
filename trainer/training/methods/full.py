"""Full: every weight of the UNet, and of the text encoder where asked for. From a blank model it is pretraining."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from torch import Tensor

from trainer.contract.errors import UserError
from trainer.contract.train import Full, TrainJob
from trainer.models.device import SAVED
from trainer.models.family import Bundle
from trainer.training.batches import Batch
from trainer.training.losses import denoising_loss
from trainer.training.methods.weights import TrainedWeights
from trainer.training.optimizers import ParameterGroup


class FullMethod:
    """A whole model in training; the finished file is a checkpoint in the original layout."""

    wants_pixels = False

    def __init__(self, bundle: Bundle, job: TrainJob) -> None:
        assert isinstance(job.method, Full)
        self.bundle = bundle
        self.job = job
        self.trains_text = job.method.text_encoder
        networks = {"unet": bundle.unet} if job.method.unet else {}
        if job.method.text_encoder:
            networks |= bundle.text_encoders
        if not networks:
            raise UserError("Nothing would be trained.", "Set method.unet or method.text_encoder to true.")
        self.weights = TrainedWeights(networks, job.method.ema)

    def groups(self) -> Sequence[ParameterGroup]:
        return [ParameterGroup(self.weights.parameters())]

    def loss(self, batch: Batch) -> Tensor:
        return denoising_loss(self.bundle, batch, self.job.loss)

    def stepped(self) -> None:
        self.weights.stepped()

    def averaged(self) -> AbstractContextManager[None]:
        return self.weights.averaged()

    def state(self) -> dict[str, Tensor]:
        return self.weights.state()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.weights.load_state(state)

    def save(self, folder: Path, metadata: Mapping[str, str], batch: Callable[[int], Batch]) -> Path:
        path = folder / f"{self.job.output.name}.safetensors"
        with self.averaged():
            self.bundle.family.save(self.bundle, path, dtype=SAVED[self.job.output.precision], metadata=metadata)
        return path

    def detach(self) -> None:
        self.weights.release()
