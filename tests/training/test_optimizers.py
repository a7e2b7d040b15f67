"""Every optimizer and schedule of the tables: they build, learn, resume, and follow their closed forms."""

import math
from typing import Any, get_args

import pytest
import torch
from torch import nn

from trainer.contract import optimize
from trainer.contract.errors import UserError
from trainer.training.checkpoint import _joined, _split
from trainer.training.optimizers import BUILDERS, SHAPES, ParameterGroup, build_optimizer, learning_rate_factor

KINDS: dict[str, type[Any]] = {
    kind.model_fields["kind"].default: kind for kind in get_args(get_args(optimize.AnyOptimizer)[0])
}
ON_CPU = sorted(KINDS.keys() - {"adamw_8bit"})


def test_tables_hold_what_the_contract_names() -> None:
    assert KINDS.keys() == BUILDERS.keys()
    assert set(get_args(optimize.ScheduleName)) == SHAPES.keys()


def problem() -> tuple[nn.Parameter, torch.Tensor]:
    return nn.Parameter(torch.tensor([3.0, -2.0, 0.5])), torch.tensor([1.0, 1.0, 1.0])


def run(kind: str, steps: int, resume_at: int | None = None) -> torch.Tensor:
    weight, goal = problem()
    settings = KINDS[kind](learning_rate=1.0 if kind == "prodigy" else 0.05)
    optimizer = build_optimizer(settings, [ParameterGroup([weight])])
    for step in range(steps):
        if step == resume_at:
            tensors, tree = _split(optimizer.state_dict())
            weight = nn.Parameter(weight.detach().clone())
            optimizer = build_optimizer(settings, [ParameterGroup([weight])])
            optimizer.load_state_dict(_joined(tensors, tree))
        (weight - goal).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return weight.detach()


@pytest.mark.parametrize("kind", ON_CPU)
def test_learns(kind: str) -> None:
    start, goal = problem()
    assert (run(kind, 300) - goal).abs().max() < 0.5 * (start.detach() - goal).abs().max()


@pytest.mark.parametrize("kind", ON_CPU)
def test_state_survives_the_checkpoint_format_bit_for_bit(kind: str) -> None:
    assert torch.equal(run(kind, 20), run(kind, 20, resume_at=11))


def test_adamw_first_step_is_the_learning_rate() -> None:
    # Adam's first step is lr * sign(gradient), after the decay of lr * decay * weight (Loshchilov and Hutter, Alg. 2)
    weight, goal = problem()
    before = weight.detach().clone()
    optimizer = build_optimizer(optimize.AdamW(learning_rate=0.1, weight_decay=0.01), [ParameterGroup([weight])])
    (weight - goal).square().sum().backward()
    optimizer.step()
    expected = before * (1 - 0.1 * 0.01) - 0.1 * torch.sign(before - goal)
    assert torch.allclose(weight.detach(), expected, atol=1e-5)


def test_groups_keep_their_learning_rates() -> None:
    one, two = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = build_optimizer(optimize.AdamW(learning_rate=0.1), [ParameterGroup([one]), ParameterGroup([two], 0.01)])
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]


def test_8bit_says_what_it_needs() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine may well have it")
    with pytest.raises(UserError, match="NVIDIA"):
        build_optimizer(optimize.AdamW8bit(), [ParameterGroup([problem()[0]])])


def factor(kind: Any, step: int, total: int = 100, **settings: Any) -> float:
    return learning_rate_factor(optimize.Schedule(kind=kind, **settings), step, total)


def test_schedules_follow_their_closed_forms() -> None:
    assert factor("constant", 77) == 1
    assert factor("linear", 25) == pytest.approx(0.75)
    assert factor("cosine", 50) == pytest.approx(0.5)
    assert factor("cosine", 25) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert factor("cosine_restarts", 50, cycles=2) == pytest.approx(1)
    assert factor("cosine_restarts", 75, cycles=2) == pytest.approx(0.5)
    assert factor("cosine", 100, floor=0.1) == pytest.approx(0.1)


def test_warmup_rises_in_equal_steps_and_never_starts_at_zero() -> None:
    rates = [factor("constant", step, warmup=4) for step in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


def test_prodigy_refuses_rates_that_it_would_not_heed() -> None:
    groups = [ParameterGroup([nn.Parameter(torch.zeros(2))]), ParameterGroup([nn.Parameter(torch.zeros(2))], 0.5)]
    with pytest.raises(UserError, match="text encoder"):
        build_optimizer(optimize.Prodigy(), groups)


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
def test_weights_that_begin_at_zero_leave_it_at_the_learning_rate(kind: str) -> None:
    """As the second matrix of a LoRA does."""
    weight = nn.Parameter(torch.zeros(8, 4))
    optimizer = build_optimizer(KINDS[kind](learning_rate=1e-3), [ParameterGroup([weight])])
    for _ in range(10):
        (weight - 1).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert weight.mean().item() == pytest.approx(1e-2, rel=0.1)
