"""Methods: what they add is right, what they leave alone stays the same, and detaching gives the model back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests import tiny
from trainer.contract.errors import UserError
from trainer.contract.train import Autoencoder, Data, Full, Lora, Output, Steps, TrainJob
from trainer.models.lora_file import merged, read_lora
from trainer.training.batches import Batch
from trainer.training.methods.autoencoder import AutoencoderMethod, preview_matrix, rescale_latents
from trainer.training.methods.full import FullMethod
from trainer.training.methods.lora import LoraLayer, LoraMethod
from trainer.training.methods.weights import TrainedWeights
from trainer.training.randomness import generator


def job(method: Any, **fields: Any) -> TrainJob:
    return TrainJob(data=Data(folder="unused"), method=method, output=Output(name="made", precision="fp32"), **fields)


def no_batch(number: int) -> Batch:
    raise AssertionError("this method needs no batches to save")


def prediction(bundle: Any, prompt: str = "a cat") -> torch.Tensor:
    noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        conditioning = bundle.family.encode_text(bundle, [prompt])
        return bundle.family.predict(bundle, noisy, torch.tensor([500]), conditioning)


def stir(method: LoraMethod) -> None:
    """Move the ups away from zero, as training would."""
    with torch.no_grad():
        for number, layer in enumerate(method.layers.values()):
            layer.up.normal_(std=0.1, generator=generator(0, "stir", number))


@pytest.mark.parametrize(
    "base",
    [nn.Linear(6, 5), nn.Conv2d(6, 5, 3, padding=1), nn.Conv2d(6, 5, 3, stride=2, padding=1), nn.Conv2d(6, 5, 1)],
    ids=["linear", "conv", "strided", "pointwise"],
)
def test_lora_layer_equals_the_merged_weight(base: nn.Linear | nn.Conv2d) -> None:
    layer = LoraLayer(base, rank=2, alpha=3.0, draws=generator(0, "x"))
    x = torch.randn(2, 6) if isinstance(base, nn.Linear) else torch.randn(2, 6, 8, 8)
    assert torch.equal(layer(x), base(x))  # up starts at zero: the first prediction is the model's own
    nn.init.normal_(layer.up)
    with torch.no_grad():
        after = layer(x)
        base.weight += (3.0 / 2) * (layer.up.flatten(1) @ layer.down.flatten(1)).view_as(base.weight)
        assert torch.allclose(after, base(x), atol=1e-4)


def test_lora_gradients_are_those_of_finite_differences() -> None:
    layer = LoraLayer(nn.Linear(4, 3), rank=2, alpha=1.0, draws=generator(0, "x")).double()
    nn.init.normal_(layer.up)
    x = torch.randn(5, 4, dtype=torch.float64)

    def with_parameters(down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"down": down, "up": up}, (x,)).square().sum()

    assert torch.autograd.gradcheck(with_parameters, (layer.down, layer.up))


@pytest.mark.parametrize("text_encoder", [False, True])
@pytest.mark.parametrize("convolutions", [False, True])
def test_saved_lora_gives_the_same_prediction_when_loaded(
    tmp_path: Path, text_encoder: bool, convolutions: bool
) -> None:
    bundle = tiny.bundle()
    before = prediction(bundle)
    method = LoraMethod(bundle, job(Lora(rank=3, alpha=2.0, text_encoder=text_encoder, convolutions=convolutions)))
    assert torch.equal(prediction(bundle), before)
    stir(method)
    trained = prediction(bundle)
    assert (trained - before).abs().max() > 1e-3
    path = method.save(tmp_path, {"ss_base_model_version": "sd_v1"}, no_batch)
    method.detach()
    assert torch.equal(prediction(bundle), before)
    with merged(bundle, [(read_lora(path), 1.0)]):
        assert torch.allclose(prediction(bundle), trained, atol=1e-4)
    assert torch.equal(prediction(bundle), before)


def test_lora_trains_only_its_own_weights() -> None:
    bundle = tiny.bundle()
    method = LoraMethod(bundle, job(Lora(rank=2, text_encoder=True, text_encoder_learning_rate=1e-5)))
    trained = {id(p) for group in method.groups() for p in group.parameters}
    needing = {
        id(p) for net in (bundle.unet, bundle.text_encoder, bundle.vae) for p in net.parameters() if p.requires_grad
    }
    assert trained == needing
    assert [group.learning_rate for group in method.groups()] == [None, 1e-5]


def test_lora_state_round_trip() -> None:
    one, two = tiny.bundle(), tiny.bundle()
    first, second = LoraMethod(one, job(Lora(rank=2))), LoraMethod(two, job(Lora(rank=2)))
    stir(first)
    assert not torch.equal(prediction(one), prediction(two))
    second.load_state(first.state())
    assert torch.equal(prediction(one), prediction(two))


def test_full_saves_what_it_trained_and_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    tiny.single_file(path)
    bundle = tiny.bundle()
    method = FullMethod(bundle, job(Full()))
    with torch.no_grad():
        bundle.unet.conv_in.weight += 1
    made = load_file(method.save(tmp_path, {}, no_batch))
    base = load_file(path)
    changed = {name for name in base if not torch.equal(base[name], made[name])}
    assert changed == {"model.diffusion_model.input_blocks.0.0.weight"}
    name = "model.diffusion_model.input_blocks.0.0.weight"
    assert torch.equal(made[name], base[name] + 1)
    assert made.keys() == base.keys()


def test_full_with_nothing_to_train_is_refused() -> None:
    with pytest.raises(UserError, match="Nothing would be trained"):
        FullMethod(tiny.bundle(), job(Full(unet=False)))


def test_ema_follows_its_closed_form_and_swaps_back() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    weights = TrainedWeights({"net": network}, ema=0.9)
    expected = 0.0
    for step in range(1, 30):
        with torch.no_grad():
            network.weight += 1
        weights.stepped()
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
    with weights.averaged():
        assert network.weight.item() == pytest.approx(expected, rel=1e-5)
    assert network.weight.item() == 29


def test_trained_weights_never_write_into_the_models_file(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    tiny.single_file(path)
    content = path.read_bytes()
    bundle = tiny.bundle().family.load(path, device=torch.device("cpu"), dtype=torch.float32)
    FullMethod(bundle, job(Full()))
    with torch.no_grad():
        for parameter in bundle.unet.parameters():
            parameter.add_(1)
    assert path.read_bytes() == content


def test_rescaled_latents_have_unit_variance_and_the_same_pictures() -> None:
    bundle = tiny.bundle()
    pictures = [torch.rand(2, 3, 64, 64) * 2 - 1 for _ in range(3)]
    with torch.no_grad():
        moments = bundle.family.encode_pictures(bundle, pictures[0])
        before = bundle.family.decode(bundle, bundle.family.latents(bundle, moments, None))
        spread = (0.5 * moments[:, 4:]).exp()
        rescale_latents(bundle, pictures)
        scaled = [bundle.family.encode_pictures(bundle, one) for one in pictures]
        latents = torch.cat([bundle.family.latents(bundle, one, None) for one in scaled])
        after = bundle.family.decode(bundle, bundle.family.latents(bundle, scaled[0], None))
        factor = scaled[0][:, :4].std() / moments[:, :4].std()
    assert float(latents.std()) == pytest.approx(1, rel=1e-4)
    assert torch.allclose(before, after, atol=1e-3)
    assert torch.allclose((0.5 * scaled[0][:, 4:]).exp(), spread * factor, rtol=1e-3)


def test_preview_matrix_finds_a_linear_autoencoder() -> None:
    class Linear:
        """Latents that are a known mixture of the average colours."""

        def encode_pictures(self, bundle: Any, pixels: torch.Tensor) -> torch.Tensor:
            colours = nn.functional.avg_pool2d(pixels, 8)
            latents = torch.einsum("rc,bchw->brhw", mixture, colours) + 0.25
            return torch.cat([latents, torch.zeros_like(latents)], dim=1)

        def latents(self, bundle: Any, moments: torch.Tensor, noise: None) -> torch.Tensor:
            return moments[:, :4]

    mixture = torch.tensor([[1.0, 0, 0], [0, 2, 0], [0, 0, 4], [1, 1, 1]])
    bundle = tiny.bundle()
    bundle.family = Linear()  # pyright: ignore[reportAttributeAccessIssue]
    pictures = torch.rand(4, 3, 64, 64) * 2 - 1
    matrix = preview_matrix(bundle, [pictures])
    moments = Linear().encode_pictures(bundle, pictures)[:, :4]
    rebuilt = torch.einsum("brhw,rc->bchw", moments, matrix[:4]) + matrix[4].view(1, 3, 1, 1)
    assert torch.allclose(rebuilt, nn.functional.avg_pool2d(pictures, 8), atol=1e-4)


def test_autoencoder_learns_a_flat_colour() -> None:
    bundle = tiny.bundle()
    method = AutoencoderMethod(bundle, job(Autoencoder(kl_weight=0.0), steps=Steps(seed=1)))
    optimizer = torch.optim.Adam([p for group in method.groups() for p in group.parameters], lr=3e-3)
    losses = []
    for number in range(12):
        pixels = torch.full((2, 3, 32, 32), 0.8)
        loss = method.loss(Batch(number, 1, ("a", "b"), torch.ones(2) / 2, pixels=pixels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_decoder_alone_leaves_the_latents_as_they_are() -> None:
    bundle = tiny.bundle()
    before = {name: weight.clone() for name, weight in bundle.vae.state_dict().items()}
    method = AutoencoderMethod(bundle, job(Autoencoder(decoder_only=True), steps=Steps(seed=1)))
    optimizer = torch.optim.Adam([p for group in method.groups() for p in group.parameters], lr=1e-3)
    method.loss(Batch(0, 1, ("a",), torch.ones(1), pixels=torch.rand(1, 3, 32, 32))).backward()
    optimizer.step()
    moved = {name.split(".")[0] for name, weight in bundle.vae.state_dict().items() if not weight.equal(before[name])}
    assert moved == {"post_quant_conv", "decoder"}
    with pytest.raises(ValueError, match="choose one"):
        Autoencoder(decoder_only=True, rescale=True)
