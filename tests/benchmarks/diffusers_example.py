"""The loop of diffusers' text-to-image LoRA example, written down from its documentation for CPU and fp32.

https://huggingface.co/docs/diffusers/training/text2image and /training/lora describe it: PEFT adds a LoRA to the UNet;
each step encodes the pictures by the VAE and the captions by the text encoder, adds noise, takes the mean squared error
and a step of AdamW; accelerate gathers the loss and cuts the gradients at 1. With `cached` the encodings are made once.

    python -m tests.benchmarks.diffusers_example MODEL DATASET     says `step` after the first step
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.optimization import get_scheduler
from peft import LoraConfig
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from trainer.contract.common import Hardware
from trainer.home import Home
from trainer.models.family import Bundle
from trainer.models.opening import open_model
from trainer.models.tokenizer import token_ids

ATTENTION = ("to_k", "to_q", "to_v", "to_out.0")
"""What the example adapts: the linear layers of attention in the UNet."""

RANK, BATCH, LEARNING_RATE = 8, 4, 1e-4
HARDWARE = Hardware(device="cpu", precision="fp32")


class Pictures(Dataset[dict[str, Tensor]]):
    """A folder of pictures and captions, decoded, resized and tokenised whenever one is asked for."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.paths = sorted(folder.glob("*.png"))
        self.captions = [path.with_suffix(".txt").read_text("utf-8").strip() for path in self.paths]
        self.bundle = bundle

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        with Image.open(self.paths[index]) as opened:
            picture = opened.convert("RGB").resize(self.bundle.default_size, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)
        return {"pixels": pixels, "ids": token_ids(self.bundle.tokenizer, [self.captions[index]])[0]}


class Encoded(Dataset[dict[str, Tensor]]):
    """The same pictures as latent distributions, and the captions as the text encoder's output, made beforehand."""

    def __init__(self, pictures: Pictures) -> None:
        bundle: Any = pictures.bundle
        self.items: list[dict[str, Tensor]] = []
        with torch.no_grad():
            for item in (pictures[index] for index in range(len(pictures))):
                moments = bundle.vae.encode(item["pixels"][None]).latent_dist.parameters[0]
                context = bundle.text_encoder(item["ids"][None], return_dict=False)[0][0]
                self.items.append({"moments": moments, "context": context})

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.items[index]


class Example:
    """The example's training, to be taken some steps at a time."""

    def __init__(self, model: str, folder: Path, home: Home, *, cached: bool, modules: Sequence[str]) -> None:
        self.bundle = open_model(model, home, hardware=HARDWARE)
        self.accelerator = Accelerator(cpu=True, mixed_precision="no")
        unet: Any = self.bundle.unet
        unet.add_adapter(
            LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=list(modules))
        )
        self.parameters = [parameter for parameter in unet.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(self.parameters, lr=LEARNING_RATE, betas=(0.9, 0.999), weight_decay=1e-2)
        pictures = Pictures(folder, self.bundle)
        dataset: Dataset[dict[str, Tensor]] = Encoded(pictures) if cached else pictures
        loader: Any = DataLoader(dataset, shuffle=True, batch_size=BATCH, num_workers=0)
        rates = get_scheduler("constant", optimizer=optimizer, num_warmup_steps=0, num_training_steps=100_000)
        prepare: Any = self.accelerator.prepare
        self.unet, self.optimizer, self.loader, self.rates = prepare(unet, optimizer, loader, rates)
        self.unet.train()
        self.noising = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        self.batches = self._endless()

    def _endless(self) -> Iterator[dict[str, Tensor]]:
        while True:
            yield from self.loader

    def step(self) -> float:
        """One optimizer step; its loss."""
        batch = next(self.batches)
        with self.accelerator.accumulate(self.unet):
            latents, context = self._encoded(batch)
            noise = torch.randn_like(latents)
            timesteps = torch.randint(0, self.noising.config["num_train_timesteps"], (len(latents),)).long()
            loss = self.loss(latents, noise, timesteps, context)
            gathered: Any = self.accelerator.gather(loss.repeat(BATCH))
            shown = gathered.mean().item()
            self.accelerator.backward(loss)
            if self.accelerator.sync_gradients:
                self.accelerator.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            self.rates.step()
            self.optimizer.zero_grad()
        return shown

    def loss(self, latents: Tensor, noise: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        noisy: Any = self.noising.add_noise(latents, noise, timesteps)  # pyright: ignore[reportArgumentType] - int64 it is
        predicted = self.unet(noisy, timesteps, context, return_dict=False)[0]
        predicts_v = self.bundle.prediction == "v_prediction"
        target: Any = self.noising.get_velocity(latents, noise, timesteps) if predicts_v else noise  # pyright: ignore[reportArgumentType]
        return functional.mse_loss(predicted.float(), target.float(), reduction="mean")

    def _encoded(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Scaled latents drawn from their distribution, and the text encoder's output."""
        bundle: Any = self.bundle
        with torch.no_grad():
            if "moments" in batch:
                latents = DiagonalGaussianDistribution(batch["moments"]).sample()
                return latents * bundle.latent_scale, batch["context"]
            latents = bundle.vae.encode(batch["pixels"]).latent_dist.sample()
            return latents * bundle.latent_scale, bundle.text_encoder(batch["ids"], return_dict=False)[0]


if __name__ == "__main__":
    home = Home.find()
    Example(sys.argv[1], Path(sys.argv[2]), home, cached=False, modules=ATTENTION).step()
    print("step", flush=True)
