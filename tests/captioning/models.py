"""Captioners of every kind with a few thousand weights, made as their files are on disk."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import BlipConfig, BlipForConditionalGeneration

from trainer.captioning.deepbooru_network import DeepBooruNetwork
from trainer.models.tensors import write_tensors

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "picture", "of", "cat", "dog", "on", "the", "sofa", "##s")


def drawing(width: int, height: int) -> Image.Image:
    """A picture by rule, the one that all stored numbers of preparation were taken from."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [(x * 7 + y * 13 + channel * 61 + x * y // 5) % 256 for channel in range(3)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def fill_by_rule(network: DeepBooruNetwork) -> None:
    """Weights by rule, the ones that the stored numbers of the network were taken from."""
    with torch.no_grad():
        for number in range(179):
            convolution = network.get_submodule(f"n_Conv_{number}")
            assert isinstance(convolution, torch.nn.Conv2d)
            weight, bias = convolution.weight, convolution.bias
            places = torch.arange(weight.numel(), dtype=torch.float64)
            scale = math.sqrt(1 / weight[0].numel()) * (2 if number == 178 else 1)
            weight.copy_((torch.cos(0.37 * places + number) * scale).reshape(weight.shape))
            if bias is not None:
                bias.copy_(0.1 * torch.sin(torch.arange(bias.numel(), dtype=torch.float64) + number))


def write_deepbooru(path: Path, tags: Sequence[str], width: int = 4) -> DeepBooruNetwork:
    """A checkpoint as Gesso writes it when it installs the published one. Returns the network in it."""
    network = DeepBooruNetwork(len(tags), width)
    fill_by_rule(network)
    weights = {name: (lambda weight=weight: weight) for name, weight in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, weights, dtype=None, metadata={"tags": json.dumps(list(tags))})
    return network


TAG_ROWS = (("general", 9), ("explicit", 9), ("red_sky", 0), ("blue_(sea)", 0), ("^_^", 0), ("kiki", 4))
WD_WEIGHTS = np.array([[0, 0, 0, 0.02, 0.01, 0.03], [0, 0, 0, 0, 0.01, 0], [0, 0, 0.02, 0, 0.01, 0]], np.float32)
"""From the means of blue, green and red to a logit of each tag."""
WD_BIAS = np.array([3, -9, -2, -2, -4, -3], np.float32)


def write_wd(folder: Path, size: int = 16, labels: int = len(TAG_ROWS)) -> Path:
    """A WD tagger that looks at the mean colour alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(_onnx(size, WD_WEIGHTS[:, :labels], WD_BIAS[:labels]))
    lines = [f"{number},{name},{category},1" for number, (name, category) in enumerate(TAG_ROWS)]
    (folder / "selected_tags.csv").write_text("\n".join(("tag_id,name,category,count", *lines)) + "\n", "utf-8")
    return folder


def write_blip(folder: Path) -> BlipForConditionalGeneration:
    """BLIP with random weights and a vocabulary of some words. Returns the model in it."""
    torch.manual_seed(3)
    words = len(WORDS)
    tokens = {"pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3, "bos_token_id": words}
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BlipConfig(
        text_config={
            **sizes, **tokens, "vocab_size": words + 2, "encoder_hidden_size": 16, "max_position_embeddings": 80,
            "initializer_range": 0.8,
        },
        vision_config={**sizes, "image_size": 16, "patch_size": 8, "initializer_range": 0.5},
        initializer_range=0.8,
    )  # fmt: skip
    model = BlipForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return model


# --- ONNX by hand: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto -------------------------------------------


def _onnx(size: int, weights: "np.ndarray[tuple[int, int], np.dtype[np.float32]]", bias: object) -> bytes:
    labels = weights.shape[1]
    graph = b"".join(
        (
            _node("ReduceMean", ("picture",), "means", _ints("axes", 1, 2) + _int("keepdims", 0)),
            _node("MatMul", ("means", "weights"), "products"),
            _node("Add", ("products", "bias"), "logits"),
            _node("Sigmoid", ("logits",), "scores"),
            _part(2, b"tagger"),
            _part(5, _tensor("weights", weights)),
            _part(5, _tensor("bias", np.asarray(bias, np.float32))),
            _part(11, _value("picture", (None, size, size, 3))),
            _part(12, _value("scores", (None, labels))),
        )
    )
    return _number(1, 8) + _part(8, _part(1, b"") + _number(2, 13)) + _part(7, graph)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(operation: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    named = b"".join(_part(1, name.encode()) for name in inputs)
    return _part(1, named + _part(2, output.encode()) + _part(4, operation.encode()) + attributes)


def _int(name: str, value: int) -> bytes:
    return _part(5, _part(1, name.encode()) + _number(3, value) + _number(20, 2))


def _ints(name: str, *values: int) -> bytes:
    return _part(5, _part(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7))


def _tensor(name: str, values: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> bytes:
    dims = b"".join(_number(1, length) for length in values.shape)
    return dims + _number(2, 1) + _part(8, name.encode()) + _part(9, values.tobytes())


def _value(name: str, shape: Sequence[int | None]) -> bytes:
    dims = b"".join(_part(1, _part(2, b"N") if length is None else _number(1, length)) for length in shape)
    return _part(1, name.encode()) + _part(2, _part(1, _number(1, 1) + _part(2, dims)))
