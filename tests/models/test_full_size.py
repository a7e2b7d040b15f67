"""A full-size SD 1.5 file: loaded and run within the memory that a user's machine has."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.full_size import write_sd15

CHILD = """
import sys
from pathlib import Path
from trainer.offline import go_offline

go_offline()
import resource
import torch
from trainer.models.sd import SD1

bundle = SD1.load(Path(sys.argv[1]), device=torch.device("cpu"), dtype=torch.bfloat16)
with torch.no_grad():
    conditioning = SD1.encode_text(bundle, ["", "a cat"])
    latents = torch.randn(2, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = SD1.predict(bundle, latents, torch.tensor([500, 500]), conditioning)
    assert torch.isfinite(SD1.decode(bundle, latents[:1])).all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is asked for in Linux's way")
def test_peak_memory_stays_near_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "full.safetensors"
    write_sd15(path)
    size = path.stat().st_size
    assert size > 2.1e9
    ran = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=False)
    path.unlink()
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout.split()[-1]) < 2 * size
