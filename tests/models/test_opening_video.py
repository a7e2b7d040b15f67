"""Models of one medium asked for the other: refused in one sentence, with a way out."""

from pathlib import Path

import pytest

from tests import tiny, tiny_video
from trainer.contract.common import Hardware
from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.models.opening import nan_tensors, open_model

CPU = Hardware(device="cpu", precision="fp32")


def test_a_video_model_is_opened_for_videos_and_refused_for_pictures(tmp_path: Path, home: Home) -> None:
    path = tmp_path / "moving.safetensors"
    tiny_video.single_file(path)
    bundle = open_model(str(path), home, hardware=CPU, makes="videos")
    assert (bundle.family.name, list(bundle.networks)) == ("svd", ["unet", "vae", "image_encoder"])
    assert nan_tensors(bundle) == []
    assert open_model(str(path), home, hardware=CPU, makes="either").family is bundle.family
    with pytest.raises(UserError, match="makes videos from a picture") as refused:
        open_model(str(path), home, hardware=CPU)
    assert "animate" in refused.value.fix


def test_a_picture_model_is_refused_for_videos(tmp_path: Path, home: Home) -> None:
    path = tmp_path / "still.safetensors"
    tiny.single_file(path)
    with pytest.raises(UserError, match="makes single pictures") as refused:
        open_model(str(path), home, hardware=CPU, makes="videos")
    assert "Stable Video Diffusion" in refused.value.fix
