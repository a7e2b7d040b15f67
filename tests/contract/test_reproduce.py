"""The ways of other programs are settings of ours, and a picture that one of them made is read in its way."""

import json

import pytest

from trainer.contract.a1111 import read_infotext
from trainer.contract.common import Sampling
from trainer.contract.reproduce import HABITS
from trainer.library.pictures.comfyui import read_comfyui


@pytest.mark.parametrize("program", HABITS)
def test_the_ways_are_values_that_their_fields_allow(program: str) -> None:
    sampling = Sampling.model_validate(HABITS[program])
    assert HABITS[program] == {name: getattr(sampling, name) for name in HABITS[program]}


def test_pictures_of_a_program_are_read_in_its_way() -> None:
    theirs = read_infotext("x\nSteps: 7, Sampler: Euler a, CFG scale: 7, Seed: 1").job.sampling
    assert theirs == theirs.model_copy(update=dict(HABITS["a1111"]))
    graph = {"3": {"class_type": "KSampler", "inputs": {"seed": 1, "sampler_name": "euler", "scheduler": "normal"}}}
    found = read_comfyui(json.dumps(graph))
    assert found is not None
    assert found.job.sampling == found.job.sampling.model_copy(update=dict(HABITS["comfyui"]))
