"""Samplers and noise schedules by the names that k-diffusion's kin share: ComfyUI, InvokeAI, NovelAI."""

from collections.abc import Mapping

from trainer.contract.a1111 import OWN_HABITS, SAMPLER_LABELS
from trainer.contract.found_settings import Reading

COMFYUI_SAMPLERS: Mapping[str, str] = {
    "euler": "euler",
    "euler_ancestral": "euler_a",
    "heun": "heun",
    "dpm_2": "dpm_2",
    "dpmpp_2m": "dpmpp_2m",
    "dpmpp_2m_sde": "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu": "dpmpp_2m_sde",
    "dpmpp_sde": "dpmpp_sde",
    "dpmpp_sde_gpu": "dpmpp_sde",
    "dpmpp_3m_sde": "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu": "dpmpp_3m_sde",
    "ddpm": "ddpm",
    "lcm": "lcm",
    "ddim": "euler",  # which is what it is there, and without fresh noise the two are the same
    "uni_pc": "unipc",
}
COMFYUI_SCHEDULES: Mapping[str, str] = {
    "normal": "linspace",
    "karras": "karras",
    "exponential": "exponential",
    "simple": "trailing",
    "sgm_uniform": "trailing",
    "ddim_uniform": "leading",
    "beta": "beta",
}
INVOKEAI_SAMPLERS: Mapping[str, tuple[str, str]] = {
    "ddim": ("ddim", ""),
    "ddpm": ("ddpm", ""),
    "pndm": ("pndm", ""),
    "plms": ("pndm", ""),
    "euler": ("euler", "linspace"),
    "euler_k": ("euler", "karras"),
    "euler_a": ("euler_a", "linspace"),
    "heun": ("heun", "linspace"),
    "heun_k": ("heun", "karras"),
    "kdpm_2": ("dpm_2", "linspace"),
    "kdpm_2_k": ("dpm_2", "karras"),
    "dpmpp_2m": ("dpmpp_2m", "linspace"),
    "dpmpp_2m_k": ("dpmpp_2m", "karras"),
    "dpmpp_2m_sde": ("dpmpp_2m_sde", "linspace"),
    "dpmpp_2m_sde_k": ("dpmpp_2m_sde", "karras"),
    "dpmpp_sde": ("dpmpp_sde", "linspace"),
    "dpmpp_sde_k": ("dpmpp_sde", "karras"),
    "dpmpp_3m": ("dpmpp_3m_sde", "linspace"),
    "unipc": ("unipc", "linspace"),
    "unipc_k": ("unipc", "karras"),
    "lcm": ("lcm", ""),
    "k_euler": ("euler", "linspace"),  # before version 3
    "k_euler_a": ("euler_a", "linspace"),
    "k_heun": ("heun", "linspace"),
    "k_dpm_2": ("dpm_2", "linspace"),
    "k_dpmpp_2": ("dpmpp_2m", "linspace"),
}
"""Sampler and spacing in one name."""
NOVELAI_SAMPLERS: Mapping[str, str] = {
    "k_euler": "euler",
    "k_euler_ancestral": "euler_a",
    "k_dpm_2": "dpm_2",
    "k_dpmpp_2m": "dpmpp_2m",
    "k_dpmpp_2m_sde": "dpmpp_2m_sde",
    "k_dpmpp_sde": "dpmpp_sde",
    "ddim": "ddim",
    "ddim_v3": "ddim",
    "plms": "pndm",
}
NOVELAI_SCHEDULES: Mapping[str, str] = {"native": "linspace", "karras": "karras", "exponential": "exponential"}


def set_sampler(reading: Reading, ours: str | None, said: str) -> bool:
    """Take our sampler of that name; whether there is one. Else it is said."""
    if ours is not None and reading.set("sampling.sampler", ours, "Sampler"):
        return True
    reading.leave("Sampler", said)
    reading.note(f"Gesso has no sampler named {said}, so the picture will differ.")
    return False


def set_spacing(reading: Reading, ours: str | None, said: str) -> None:
    """Take our spacing for the sampler that was set before."""
    sampler = reading.job.sampling.sampler
    if ours is not None and ours == OWN_HABITS.get(sampler, SAMPLER_LABELS[sampler].automatic):
        return
    if ours is None or not reading.set("sampling.spacing", ours, "Schedule"):
        reading.leave("Schedule", said)
        reading.note(f"Gesso has no schedule named {said}, so the picture will differ.")
