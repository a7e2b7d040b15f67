"""LoRA files: read in kohya's and diffusers' naming, written in kohya's, and laid over a model.

A LoRA adds to a weight W the product of two thin matrices: W' = W + weight * (alpha / rank) * up @ down
(Hu et al. 2021, arXiv 2106.09685; file format of kohya-ss/sd-scripts, networks/lora.py).
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from trainer.contract.errors import UserError
from trainer.models import lora_names
from trainer.models.family import Bundle
from trainer.models.lora_names import Alphas, LoraName
from trainer.models.lora_targets import original_paths
from trainer.models.tensors import TensorFile, write_tensors

CPU = torch.device("cpu")


@dataclass(frozen=True)
class LoraPair:
    """`down` [rank, in] and `up` [out, rank]; of a convolution [rank, in, kh, kw] and [out, rank, 1, 1]."""

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    def delta(self, device: torch.device) -> Tensor:
        """[out, in * kh * kw] in float32: what is added to the flattened weight at weight 1."""
        down = self.down.to(device, torch.float32).flatten(1)
        up = self.up.to(device, torch.float32).flatten(1)
        return (self.alpha / self.rank) * (up @ down)


@dataclass(frozen=True)
class LoraFile:
    """A LoRA in memory: pairs by kohya name, whatever naming the file has. The first text encoder is `lora_te_`
    whatever the family; the paths of XL's UNet may be those of diffusers or of the original."""

    name: str
    pairs: dict[str, LoraPair]
    metadata: dict[str, str] = field(default_factory=dict)


def read_lora(path: Path) -> LoraFile:
    """Read the LoRA file `path`.

    Raises UserError when it is no LoRA or one of a method not supported yet (which it names), when tensors are unknown,
    missing or don't fit together, and when a number in it is not finite. A missing alpha means the rank.
    """
    file = TensorFile(path)
    stored = list(file.header.tensors)
    method = lora_names.other_method(stored)
    if method:
        raise UserError(
            f"{path.name} is a {method} file, which Gesso does not support yet.", "Choose an ordinary LoRA."
        )
    parsed = {name: lora_names.parse(name) for name in stored}
    found = {meaning: name for name, meaning in parsed.items() if meaning is not None}
    unknown = [name for name, meaning in parsed.items() if meaning is None]
    if not found:
        raise UserError(f"{path.name} is not a LoRA.", "Choose a LoRA for Stable Diffusion 1.x, 2.x or XL.")
    if unknown or len(found) < len(stored):
        count = len(stored) - len(found)
        raise UserError(
            f"{count} of the {len(stored)} tensors in {path.name} are unknown to Gesso or stand there twice.",
            "It may be a LoRA for another kind of model; choose one for Stable Diffusion 1.x, 2.x or XL.",
            f"The first is {unknown[0]}." if unknown else "",
        )
    alphas = Alphas(file.header.metadata)
    modules = dict.fromkeys(meaning.module for meaning in found)
    pairs = {module: _pair(file, module, found, alphas) for module in modules}
    return LoraFile(path.stem, pairs, dict(file.header.metadata))


def write_lora(path: Path, pairs: Mapping[str, LoraPair], metadata: Mapping[str, str]) -> None:
    """Write a LoRA in kohya naming, atomically, with the two hashes of its tensors that A1111 shows and searches by.

    The hashes are sd-scripts' (library/train_util.py, precalculate_safetensors_hashes).
    """
    tensors: dict[str, Tensor] = {}
    for module, pair in pairs.items():
        tensors[f"{module}.lora_down.weight"] = pair.down.detach().to(CPU).contiguous()
        tensors[f"{module}.lora_up.weight"] = pair.up.detach().to(CPU).contiguous()
        tensors[f"{module}.alpha"] = torch.tensor(pair.alpha)
    serialised = safetensors.torch.save(tensors, {k: v for k, v in metadata.items() if k.startswith("ss_")})
    start = 8 + int.from_bytes(serialised[:8], "little")
    hashes = {
        "sshs_model_hash": hashlib.sha256(memoryview(serialised)[start:]).hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(serialised[0x100000:0x110000]).hexdigest()[:8],
    }
    fetches = {name: tensor.clone for name, tensor in tensors.items()}
    write_tensors(path, fetches, dtype=None, metadata={**metadata, **hashes})


@contextlib.contextmanager
def merged(bundle: Bundle, uses: Sequence[tuple[LoraFile, float]]) -> Iterator[None]:
    """Within the block, `bundle` computes with every LoRA added at its weight; afterwards it is exactly as before.

    The adapted weights are replaced by sums, computed in float32, and the original tensors put back. Raises UserError,
    with the model unchanged, when a LoRA does not fit the model.
    """
    modules = _modules(bundle) if uses else {}
    for lora, _ in uses:
        _require_fit(lora, modules, bundle)
    # by module: two files may call the same one by different names
    additions: dict[nn.Module, list[tuple[LoraPair, float]]] = {}
    for lora, weight in uses:
        for name, pair in lora.pairs.items():
            additions.setdefault(modules[name], []).append((pair, weight))
    originals: dict[Any, nn.Parameter] = {}
    try:
        for module, added in additions.items():
            original: Any = module.weight
            originals[module] = original
            total = original.detach().to(torch.float32)
            for pair, weight in added:
                total = total + weight * pair.delta(total.device).reshape(total.shape)
            module.weight = nn.Parameter(total.to(original.dtype), requires_grad=False)
        yield
    finally:
        for module, original in originals.items():
            module.weight = original


def _pair(file: TensorFile, module: str, found: Mapping[LoraName, str], alphas: Alphas) -> LoraPair:
    names = [found.get(LoraName(module, "down")), found.get(LoraName(module, "up"))]
    down_name, up_name = names
    if down_name is None or up_name is None:
        raise UserError(f"{file.path.name} is incomplete: half of {module} is missing.", "Get the LoRA again.")
    down, up = file.load(down_name, CPU, None), file.load(up_name, CPU, None)
    if down.ndim not in (2, 4) or up.ndim not in (2, 4) or up.flatten(1).shape[1] != down.shape[0] or 0 in down.shape:
        raise UserError(f"{file.path.name} is damaged: the halves of {module} don't fit together.", "Get it again.")
    alpha_name = found.get(LoraName(module, "alpha"))
    if alpha_name is not None:
        stored = file.load(alpha_name, CPU, None)
        alpha = float(stored.item()) if stored.numel() == 1 else 0.0
    else:
        alpha = alphas.of(down_name, down.shape[0]) or 0.0
    if not (torch.isfinite(down).all() and torch.isfinite(up).all() and abs(alpha) < float("inf")):
        raise UserError(f"{file.path.name} is damaged: {module} holds values that are not numbers.", "Get it again.")
    return LoraPair(down, up, alpha or float(down.shape[0]))


def _modules(bundle: Bundle) -> dict[str, Any]:
    """Every linear layer and convolution, by kohya name: more than Gesso adapts itself, as other tools adapt more.

    Those of the UNet stand there twice, by their paths in diffusers and in the original layout.
    """
    modules: dict[str, Any] = {}
    for part, network in {"unet": bundle.unet, **bundle.text_encoders}.items():
        for path, module in network.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                modules[lora_names.kohya_name(part, path)] = module
    for path, original in original_paths(bundle.unet).items():
        modules[lora_names.kohya_name("unet", original)] = bundle.unet.get_submodule(path)
    return modules


def _require_fit(lora: LoraFile, modules: Mapping[str, Any], bundle: Bundle) -> None:
    model = bundle.source.stem or "the model"
    fix = "Choose a LoRA that was made for this family of models, or another model."
    unknown = [name for name in lora.pairs if name not in modules]
    if unknown:
        raise UserError(
            f"The LoRA {lora.name} does not fit {model}: {len(unknown)} of the {len(lora.pairs)} layers it adapts "
            "are not in the model.",
            fix,
            f"The first is {unknown[0]}.",
        )
    wrong = [name for name, pair in lora.pairs.items() if not _fits(pair, modules[name].weight)]
    if wrong:
        widths = "; ".join(_widths(name, lora.pairs[name], modules[name].weight) for name in wrong[:3])
        raise UserError(
            f"The LoRA {lora.name} was made for another kind of model than {model}: "
            f"{len(wrong)} of its {len(lora.pairs)} layers have other widths ({widths}).",
            fix,
        )


def _fits(pair: LoraPair, weight: Tensor) -> bool:
    return pair.down[0].numel() == weight[0].numel() and pair.up.shape[0] == weight.shape[0]


def _widths(name: str, pair: LoraPair, weight: Tensor) -> str:
    own = f"{pair.down.flatten(1).shape[1]} to {pair.up.shape[0]}"
    return f"{name}: {own} instead of {weight.flatten(1).shape[1]} to {weight.shape[0]}"
