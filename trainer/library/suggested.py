"""Settings that a model is known to want though nothing in its weights says so: those distilled to few steps.

Their files have the names and shapes of the model that they were made from, so only what people call them tells. It is
a proposal, which the user's own defaults and every field go before.
"""

import re
from dataclasses import dataclass

from trainer.contract.common import SamplerName, SpacingName
from trainer.library.identity import Identity


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Fields of trainer.contract.common.Sampling; what is None stays as it is."""

    steps: int | None = None
    guidance: float | None = None
    sampler: SamplerName | None = None
    spacing: SpacingName | None = None

    def fields(self) -> dict[str, object]:
        """Those that are suggested."""
        named = {"steps": self.steps, "guidance": self.guidance, "sampler": self.sampler, "spacing": self.spacing}
        return {name: value for name, value in named.items() if value is not None}


_DISTILLED: tuple[tuple[re.Pattern[str], Suggestion], ...] = (
    # Lin et al. 2024, arXiv 2402.13929: SDXL-Lightning, made for Euler from the very last timestep on
    (re.compile(r"lightning"), Suggestion(4, 1.0, "euler", "trailing")),
    # Ren et al. 2024, arXiv 2404.13686: Hyper-SD, for DDIM
    (re.compile(r"hyper[-_ ]?(?:sd|\d+[-_ ]?steps?)"), Suggestion(4, 1.0, "ddim", "trailing")),
    # Luo et al. 2023, arXiv 2310.04378: latent consistency models
    (re.compile(r"(?<![a-z])lcm(?![a-z])"), Suggestion(6, 1.5, None, "trailing")),
    # Sauer et al. 2023, arXiv 2311.17042: SD-Turbo and SDXL-Turbo
    (re.compile(r"turbo"), Suggestion(4, 1.0, "euler_a", "trailing")),
)
_STEPS = re.compile(r"(?<!\d)([1-9]|1[0-6])[-_ ]?steps?")


def suggested(name: str, identity: Identity | None) -> Suggestion | None:
    """What suits the model called `name`; None where the usual settings do.

    A number of steps in the name goes before the kind's own. A model whose noise schedule ends in pure noise has to
    begin there (Lin et al. 2023, arXiv 2305.08891, section 3.3), which trailing spacing does.
    """
    told = name.lower()
    for pattern, usual in _DISTILLED:
        if pattern.search(told):
            steps = _STEPS.search(told)
            return Suggestion(int(steps[1]) if steps else usual.steps, usual.guidance, usual.sampler, usual.spacing)
    if identity is not None and identity.zero_terminal_snr and identity.prediction == "v_prediction":
        return Suggestion(spacing="trailing")
    return None
