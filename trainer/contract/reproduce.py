"""How other programs go about a picture, so that theirs can be made again here: one switch for several settings."""

from collections.abc import Mapping

HABITS: Mapping[str, Mapping[str, str]] = {
    "a1111": {"noise": "nv", "emphasis": "original", "compatibility": "gesso"},
    "comfyui": {"noise": "cpu", "emphasis": "comfyui", "compatibility": "gesso"},
    "diffusers": {"noise": "cpu", "emphasis": "none", "compatibility": "diffusers"},
}
"""By the program, fields of the sampling: where its noise comes from, what weights in a prompt do, how it counts
timesteps. A1111's is that of its usual settings on an NVIDIA card, diffusers' that of a generator on the CPU."""
