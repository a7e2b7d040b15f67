"""The starter model that ships follows its captions, as its card says: `dev.py test -m slow -k follows`."""

import pytest
from PIL import Image

import evaluate
from measure import agrees
from trainer.home import RESOURCES

PICTURES, SEED = 64, 1000
LEAST = 0.85

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_starter_follows_its_captions() -> None:
    """The measure reads colours and places from pixels; of 192 answers at least 85 in a hundred are right."""
    scenes = evaluate.scenes_to_judge(PICTURES, SEED)
    pictures: list[Image.Image] = evaluate.generate(str(RESOURCES / "models" / "starter.safetensors"), scenes)
    answers = [right for scene, one in zip(scenes, pictures, strict=True) for right in agrees(scene, one).values()]
    assert len(answers) == 3 * PICTURES
    assert sum(answers) / len(answers) >= LEAST
