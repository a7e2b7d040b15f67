"""From a name or a path to a model, and the choice of device and number format."""

from pathlib import Path

import pytest
import torch

from tests import tiny
from trainer.contract import events
from trainer.contract.common import Hardware
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.run import Run
from trainer.home import Home
from trainer.models.architecture import FamilyName
from trainer.models.device import choose
from trainer.models.family import Prediction
from trainer.models.opening import nan_tensors, open_model

EXACT = Hardware(device="cpu", precision="fp32")


def test_a_model_is_opened_by_name_by_path_and_blank(home: Home, tmp_path: Path) -> None:
    made = tiny.single_file(home.models / "checkpoints" / "my model.safetensors", "sd2")
    seen: list[events.Event] = []
    by_name = open_model("my model", home, hardware=EXACT, run=Run(emit=seen.append))
    by_path = open_model(str(by_name.source), home, hardware=EXACT)
    for bundle in (by_name, by_path):
        assert bundle.family.name == "sd2"
        assert bundle.prediction == "v_prediction"
        assert torch.equal(bundle.unet.get_parameter("conv_in.weight"), made.unet.get_parameter("conv_in.weight"))
    assert events.Status(text="loading my model") in seen
    last = [event for event in seen if isinstance(event, events.Progress)][-1]
    assert last.done == last.total
    made.family.save_folder(made, tmp_path / "folder", dtype=None)
    assert open_model(str(tmp_path / "folder"), home, hardware=EXACT).family.name == "sd2"
    assert open_model("blank:starter", home, hardware=EXACT).default_size == (128, 128)
    with pytest.raises(UserError, match="nothing like it"):
        open_model("blank:nothing like it", home, hardware=EXACT)
    with pytest.raises(Cancelled):
        open_model("my model", home, hardware=EXACT, run=Run(emit=seen.append, cancelled=lambda: True))


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl_refiner"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_every_family_is_opened_by_what_its_files_hold(
    home: Home, tmp_path: Path, family: FamilyName, prediction: Prediction
) -> None:
    made = tiny.single_file(
        home.models / "checkpoints" / "one.safetensors",
        family,
        prediction=prediction,
        zero_terminal_snr=prediction == "v_prediction",
    )
    made.family.save_folder(made, tmp_path / "folder", dtype=None)
    for source in ("one", str(tmp_path / "folder")):
        bundle = open_model(source, home, hardware=EXACT)
        assert (bundle.family.name, bundle.prediction) == (family, prediction)
        assert (bundle.alphas_cumprod[-1] == 0.0) == (prediction == "v_prediction")
        assert bundle.latent_scale == (0.13025 if "xl" in family else 0.18215)
    assert list(bundle.networks) == ["unet", "vae", *bundle.text_encoders]


def test_damaged_weights_are_found_by_name() -> None:
    bundle = tiny.bundle()
    assert nan_tensors(bundle) == []
    bundle.vae.get_parameter("decoder.conv_out.bias").data[0] = torch.nan
    bundle.unet.get_parameter("conv_in.weight").data[0, 0] = torch.inf
    assert nan_tensors(bundle) == ["unet.conv_in.weight", "vae.decoder.conv_out.bias"]


def test_a_processor_never_computes_in_fp16() -> None:
    seen: list[events.Event] = []
    device, dtype = choose(Hardware(device="cpu", precision="fp16"), Run(emit=seen.append))
    assert device.type == "cpu"
    assert dtype in (torch.bfloat16, torch.float32)
    assert isinstance(seen[0], events.Warning)
    assert choose(Hardware(device="cpu", precision="auto")) == (device, dtype)
    assert choose(Hardware(device="cpu", precision="bf16"))[1] == torch.bfloat16
    assert choose(EXACT)[1] == torch.float32


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has the device")
def test_a_device_that_is_missing_is_named() -> None:
    with pytest.raises(UserError, match="Apple"):
        choose(Hardware(device="mps"))


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_an_inpainting_model_loads_and_says_why_it_makes_no_picture_from_words_alone(
    home: Home, family: FamilyName
) -> None:
    made = tiny.bundle(family, in_channels=9)
    made.family.save(made, home.models / "checkpoints" / "paint.safetensors", dtype=None, metadata={})
    bundle = open_model("paint", home, hardware=EXACT)
    conditioning = bundle.family.encode_text(bundle, ["a cat"])
    with pytest.raises(UserError, match=r"paint.safetensors is made for inpainting"):
        bundle.family.predict(bundle, torch.zeros(1, 4, 8, 8), torch.tensor([1]), conditioning)
