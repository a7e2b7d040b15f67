"""Which settings are proposed for a model by what it is called, and by what its file says."""

from pathlib import Path

import pytest

from tests.library import layouts
from trainer.library.identify import identify_file
from trainer.library.suggested import Suggestion, suggested


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sdxl_lightning_8step", Suggestion(8, 1.0, "euler", "trailing")),
        ("Juggernaut XL Lightning", Suggestion(4, 1.0, "euler", "trailing")),
        ("sd_xl_turbo_1.0_fp16", Suggestion(4, 1.0, "euler_a", "trailing")),
        ("Hyper-SDXL-1step", Suggestion(1, 1.0, "ddim", "trailing")),
        ("dreamshaper_8LCM", Suggestion(6, 1.5, None, "trailing")),
        ("hyperrealism 5", None),
        ("falcmere", None),
        ("dreamshaper_8", None),
    ],
)
def test_distilled_models_are_known_by_their_names(name: str, wanted: Suggestion | None) -> None:
    assert suggested(name, None) == wanted


def test_a_schedule_that_ends_in_pure_noise_asks_for_its_last_timestep(tmp_path: Path) -> None:
    shapes = {**layouts.sdxl(), "v_pred": (0,), "ztsnr": (0,)}
    identity = identify_file(layouts.write_header_only(tmp_path / "one.safetensors", shapes))
    found = suggested("one", identity)
    assert found is not None
    assert found.fields() == {"spacing": "trailing"}
