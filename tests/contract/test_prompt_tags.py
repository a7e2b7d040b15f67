"""Tags that name files, as A1111 writes them."""

import pytest

from trainer.contract.prompt_tags import tags


@pytest.mark.parametrize(
    ("prompt", "name", "text_encoder", "unet", "problem"),
    [
        ("<lora:kiki>", "kiki", 1.0, 1.0, ""),
        ("<LoRA:kiki:0.8>", "kiki", 0.8, 0.8, ""),
        ("<lora:kiki:0.8:0.5>", "kiki", 0.8, 0.5, ""),
        ("<lora:kiki:unet=0.5>", "kiki", 1.0, 0.5, ""),
        ("<lora:kiki:te=0.5>", "kiki", 0.5, 0.5, ""),
        ("<lora:kiki:unet=0.5:te=0>", "kiki", 0.0, 0.5, ""),
        ("<lyco: a b.c :-1>", "a b.c", -1.0, -1.0, ""),
        ("<lora:kiki:much>", "kiki", 1.0, 1.0, "much"),
        ("<lora:kiki:nan:0.5>", "kiki", 1.0, 0.5, "nan"),
        ("<lora:kiki:0.5:0.5:8>", "kiki", 0.5, 0.5, "8"),
        ("<lora:kiki:te=1=2>", "kiki", 1.0, 1.0, "te=1=2"),
        ("<lora:kiki:dyn=8>", "kiki", 1.0, 1.0, "dyn=8"),
    ],
)
def test_a_lora_tag(prompt: str, name: str, text_encoder: float, unet: float, problem: str) -> None:
    (tag,) = tags(f"a {prompt} b")
    assert tag.is_lora
    assert (tag.start, tag.end) == (2, 2 + len(prompt))
    assert (tag.name, tag.text_encoder, tag.unet, tag.problem) == (name, text_encoder, unet, problem)


def test_other_kinds_are_tags_too_and_comparisons_are_none() -> None:
    assert [(tag.kind, tag.name) for tag in tags("<hypernet:x:1> a<b:c <lora:> < lora:y> <3:4>")] == [
        ("hypernet", "x"),
        ("3", "4"),
    ]
