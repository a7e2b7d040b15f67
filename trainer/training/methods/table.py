"""The table of methods, read by the loop and by tests."""

from collections.abc import Callable, Mapping

from trainer.contract.train import TrainJob
from trainer.models.family import Bundle
from trainer.training.methods.autoencoder import AutoencoderMethod
from trainer.training.methods.full import FullMethod
from trainer.training.methods.lora import LoraMethod
from trainer.training.methods.method import Method

METHODS: Mapping[str, Callable[[Bundle, TrainJob], Method]] = {
    "lora": LoraMethod,
    "full": FullMethod,
    "autoencoder": AutoencoderMethod,
}
