"""Settings as stable-diffusion-webui (A1111) words them: a job to its infotext, and an infotext to a job.

What we write is read back to the very same job. What the words of A1111 can't say stands at the end, under `Gesso`,
as JSON: it is found by reading the rest back. Other programs skip a key that they don't know.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError

from trainer.contract.common import USUAL_ETA, LoraUse, Sampling
from trainer.contract.found_settings import (
    FoundSettings,
    Reading,
    Tree,
    json_object,
    real_number,
    whole_number,
)
from trainer.contract.generate import GenerateJob
from trainer.contract.infotext import Infotext, compose, parse
from trainer.contract.names import short_name

SOURCE = "A1111"
OWN_KEY = "Gesso"


@dataclass(frozen=True, slots=True)
class SamplerLabel:
    """A sampler by the name it has in A1111, and the spacing that it takes there unless another is chosen."""

    label: str
    automatic: str


SAMPLER_LABELS: Mapping[str, SamplerLabel] = {
    "ddim": SamplerLabel("DDIM", "leading"),
    "ddpm": SamplerLabel("DDPM", "linspace"),
    "pndm": SamplerLabel("PLMS", "leading"),
    "euler": SamplerLabel("Euler", "linspace"),
    "euler_a": SamplerLabel("Euler a", "linspace"),
    "heun": SamplerLabel("Heun", "linspace"),
    "dpm_2": SamplerLabel("DPM2", "karras"),
    "dpmpp_2m": SamplerLabel("DPM++ 2M", "karras"),
    "dpmpp_2m_sde": SamplerLabel("DPM++ 2M SDE", "exponential"),
    "dpmpp_sde": SamplerLabel("DPM++ SDE", "karras"),
    "dpmpp_3m_sde": SamplerLabel("DPM++ 3M SDE", "exponential"),
    "unipc": SamplerLabel("UniPC", "linspace"),
    "lcm": SamplerLabel("LCM", "linspace"),
}
"""By our names (modules/sd_samplers_kdiffusion.py and sd_samplers_timesteps.py there)."""

OWN_HABITS: Mapping[str, str] = {"ddpm": "leading", "lcm": "trailing"}
"""Where our sampler's own spacing is another than A1111's automatic one."""

SCHEDULE_TYPES: Mapping[str, str] = {
    "leading": "DDIM",
    "trailing": "SGM Uniform",
    "linspace": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "beta": "Beta",
    "ays": "Align Your Steps",
}
"""Our spacings by the names that come nearest in A1111 (modules/sd_schedulers.py)."""

_SPACINGS = {label.casefold(): ours for ours, label in SCHEDULE_TYPES.items()} | {
    "normal": "linspace",
    "simple": "trailing",
}

EMPHASES: Mapping[str, str] = {"original": "Original", "none": "None", "comfyui": "ComfyUI"}
NOISES: Mapping[str, str] = {"cpu": "CPU", "nv": "NV"}
"""Where the noise comes from. A1111's `GPU`, which goes without saying there, draws as `NV` does."""

_ETA_KEYS: Mapping[str, str] = {
    "ddim": "Eta DDIM",
    "euler_a": "Eta",
    "dpmpp_2m_sde": "Eta",
    "dpmpp_sde": "Eta",
    "dpmpp_3m_sde": "Eta",
}

_SPECIAL = ("karras", "exponential")
"""Automatic spacings that are written out, for A1111 before 1.9 took another."""

_Reader = Callable[[str], object]

PLAIN: Mapping[str, tuple[str, _Reader]] = {
    "Steps": ("sampling.steps", whole_number),
    "CFG scale": ("sampling.guidance", real_number),
    "Seed": ("seed", whole_number),
    "Eta DDIM": ("sampling.eta", real_number),
    "Eta": ("sampling.eta", real_number),
    "Clip skip": ("sampling.clip_skip", whole_number),
    "Variation seed": ("variation.seed", whole_number),
    "Variation seed strength": ("variation.strength", real_number),
    "Hires upscale": ("second_pass.scale", real_number),
    "Hires steps": ("second_pass.steps", whole_number),
}
"""Keys that say one field, and how their values are read. Whatever has no field is listed as unread."""

_DEFAULTS: Mapping[str, object] = {"Clip skip": 1, "Eta DDIM": 0.0, "Eta": 1.0}
"""Not written, and not missed where no field takes them."""

_SAID_ELSEWHERE = frozenset({"Version", "Model", "Model hash", "Lora hashes", "TI hashes", "TI", "Hashes", "User"})
"""Keys that no field takes, and that nobody misses: what they say is said by others, or decides nothing."""


def write_infotext(job: GenerateJob, size: tuple[int, int], *, model: str, model_hash: str = "") -> str:
    """The text of one picture: prompt, negative prompt, and last the line of settings in A1111's order.

    LoRAs stand in the prompt as `<lora:name:weight>`, which is where A1111 looks for them: those of the job's list
    behind what was typed. `size` is (width, height) in pixels, `model` the name that is shown.
    """
    tree = job.model_dump(mode="json")
    spacing = job.sampling.spacing
    settings: list[tuple[str, object]] = [
        ("Steps", job.sampling.steps),
        ("Sampler", SAMPLER_LABELS[job.sampling.sampler].label),
        ("Schedule type", _schedule_type(job.sampling.sampler, spacing)),
        ("CFG scale", job.sampling.guidance),
        ("Seed", job.seed),
        ("Size", f"{size[0]}x{size[1]}"),
        ("Model hash", model_hash),
        ("Model", _without_nul(model)),
        *((key, _value_at(tree, PLAIN[key][0])) for key in ("Variation seed", "Variation seed strength")),
        ("Denoising strength", _value_at(tree, "second_pass.strength") or _value_at(tree, "source.strength")),
        ("Clip skip", _value_at(tree, "sampling.clip_skip")),
        ("RNG", NOISES.get(str(_value_at(tree, "sampling.noise")), "CPU")),
        *((key, _value_at(tree, PLAIN[key][0])) for key in ("Hires upscale", "Hires steps")),
        (_ETA_KEYS.get(job.sampling.sampler, ""), _unusual_eta(job.sampling)),
        ("Emphasis", EMPHASES[job.sampling.emphasis] if job.sampling.emphasis != "original" else None),
        ("Version", "Gesso"),
    ]
    said = [(key, value) for key, value in settings if key and value not in (None, "") and value != _DEFAULTS.get(key)]
    prompt = _without_nul(" ".join([job.prompt, *_lora_tags(job.loras)])).strip()
    negative = _without_nul(job.negative)
    text = compose(prompt, negative, said)
    rest = _difference(read_infotext(text).job.model_dump(mode="json"), tree)
    return text if not rest else compose(prompt, negative, [*said, (OWN_KEY, json.dumps(rest, ensure_ascii=False))])


def _unusual_eta(sampling: Sampling) -> float | None:
    """None where it goes without saying."""
    return sampling.eta if sampling.eta_or_usual != USUAL_ETA.get(sampling.sampler, 0.0) else None


def read_infotext(text: str, source: str = SOURCE) -> FoundSettings:
    """What the text says. Never raises: whatever can't be taken is listed."""
    parts = parse(text)
    settings = dict(parts.settings)
    reading = Reading(source)
    reading.set("prompt", parts.prompt, "Prompt")
    reading.set("negative", parts.negative, "Negative prompt")
    reading.set_model(settings.get("Model", ""), settings.get("Model hash", ""))
    reading.lora_hashes.update(_lora_hashes(settings.get("Lora hashes", "")))
    for key, value in settings.items():
        if key in PLAIN:
            path, reader = PLAIN[key]
            read = reader(value)
            if read != _DEFAULTS.get(key) or read is None:
                reading.set(path, value if read is None else read, key)
        elif key not in _READ_TOGETHER and key not in _SAID_ELSEWHERE and key != OWN_KEY:
            reading.leave(key, value)
    if settings:
        _read_sampler(settings, reading)
        _read_size(settings, reading)
        _read_noise(settings, reading)
        _read_emphasis(settings, reading)
        _read_strength(settings, reading)
    if parts.after:
        reading.leave("Lines below the settings", parts.after)
    return _with_rest(settings, parts, reading)


_READ_TOGETHER = frozenset({"Sampler", "Schedule type", "Size", "RNG", "Emphasis", "Denoising strength"})


def spacing_of(schedule: str, sampler: str) -> str | None:
    """Our spacing by A1111's name of it (any case); None for one that Gesso does not have."""
    known = SAMPLER_LABELS[sampler]
    name = schedule.casefold()
    spacing = known.automatic if name == "automatic" else _SPACINGS.get(name)
    return "auto" if spacing == OWN_HABITS.get(sampler, known.automatic) else spacing


def sampler_of(label: str) -> tuple[str, str] | None:
    """(our sampler, A1111's schedule type) of a name like `DPM++ 2M` or, as before 1.9, `DPM++ 2M Karras`.

    A name without a schedule gives "" for it. None for a sampler that Gesso does not have.
    """
    names = {known.label.casefold(): ours for ours, known in SAMPLER_LABELS.items()}
    wanted = label.strip().casefold()
    if wanted in names:
        return names[wanted], ""
    for schedule in SCHEDULE_TYPES.values():
        stem = wanted.removesuffix(f" {schedule.casefold()}")
        if stem != wanted and stem in names:
            return names[stem], schedule
    return None


def _read_sampler(settings: Mapping[str, str], reading: Reading) -> None:
    label, schedule = settings.get("Sampler", ""), settings.get("Schedule type", "")
    found = sampler_of(label)
    if found is None or not reading.set("sampling.sampler", found[0], "Sampler"):
        if label:
            reading.leave("Sampler", label)
            reading.note(f"Gesso has no sampler named {label}, so the picture will differ.")
        return
    sampler, in_name = found
    # before 1.9 a name without a schedule meant the even one, whatever `Automatic` came to mean
    spacing = spacing_of(schedule or in_name or _before_schedules(sampler), sampler)
    if spacing is None or (spacing != "auto" and not reading.set("sampling.spacing", spacing, "Schedule type")):
        reading.leave("Schedule type", schedule or in_name)
        reading.note(f"Gesso has no schedule named {schedule or in_name}, so the picture will differ.")


def _before_schedules(sampler: str) -> str:
    return "Uniform" if SAMPLER_LABELS[sampler].automatic in _SPECIAL else "Automatic"


def _read_size(settings: Mapping[str, str], reading: Reading) -> None:
    if "Size" in settings:
        width, _, height = settings["Size"].partition("x")
        reading.set_size(whole_number(width), whole_number(height), settings["Size"])


def _read_noise(settings: Mapping[str, str], reading: Reading) -> None:
    said = settings.get("RNG", "GPU")
    source = {"CPU": "cpu", "NV": "nv", "GPU": "nv"}.get(said.upper())
    if source == "nv":
        reading.set("sampling.noise", "nv", "RNG")
    elif source is None:
        reading.leave("RNG", said)


def _read_emphasis(settings: Mapping[str, str], reading: Reading) -> None:
    said = settings.get("Emphasis", "Original")
    ours = next((name for name, label in EMPHASES.items() if label == said), None)
    if ours is None:
        reading.leave("Emphasis", said)
    elif ours != "original":
        reading.set("sampling.emphasis", ours, "Emphasis")


def _read_strength(settings: Mapping[str, str], reading: Reading) -> None:
    """Denoising strength: of the second pass where there is one, else of a picture that was begun from."""
    said = settings.get("Denoising strength")
    if said is None:
        return
    if "Hires upscale" in settings or "Hires resize" in settings:
        reading.set("second_pass.strength", real_number(said), "Denoising strength")
    elif OWN_KEY not in settings:
        reading.leave("Denoising strength", said)
        reading.note("It was made from another picture, which is not stored in it.")


def _lora_hashes(said: str) -> dict[str, str]:
    """`name: 12 hex digits, name2: ...` by name."""
    found = (part.rpartition(":") for part in said.split(","))
    return {name.strip(): value.strip().lower() for name, colon, value in found if colon and name.strip()}


def _with_rest(settings: Mapping[str, str], parts: Infotext, reading: Reading) -> FoundSettings:
    """Lay over it what Gesso wrote for itself. Where that can't be read, A1111's words alone hold."""
    if OWN_KEY not in settings:
        return reading.found()
    rest = json_object(settings[OWN_KEY])
    prompt = parts.prompt
    if rest is not None and isinstance(rest.get("loras"), list):
        prompt = _without_tags(prompt, cast("list[object]", rest["loras"]))
    values = {"prompt": prompt, **_laid_over_job(reading.job, rest)} if rest is not None else {}
    if not values or not reading.set_all(values, OWN_KEY, settings[OWN_KEY]):
        reading.note("What Gesso wrote beside A1111's settings is damaged, or of a newer version.")
    return reading.found()


def _laid_over_job(job: GenerateJob, rest: Tree) -> Tree:
    """The fields that `rest` names, each as it is when `rest` is laid over it."""
    now = job.model_dump(mode="json")
    return {name: _laid_over(now.get(name), value) for name, value in rest.items()}


def _laid_over(before: object, value: object) -> object:
    if isinstance(before, dict) and isinstance(value, dict):
        old, new = cast(Tree, before), cast(Tree, value)
        return {**old, **{name: _laid_over(old.get(name), inner) for name, inner in new.items()}}
    return value


def _difference(read: Tree, wanted: Tree) -> Tree:
    """What has to be laid over `read` to make it `wanted`. Tags of the list at the prompt's end don't count."""
    found: Tree = {}
    for name, value in wanted.items():
        before = read.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            inner = _difference(cast(Tree, before), cast(Tree, value))
            if inner:
                found[name] = inner
        elif before != value:
            found[name] = value
    if "loras" in found and "prompt" in found and _without_tags(str(read["prompt"]), found["loras"]) == found["prompt"]:
        del found["prompt"]
    return found


def _without_tags(prompt: str, loras: Sequence[object]) -> str:
    """The prompt without the tags of the job's list at its end."""
    return prompt.removesuffix(" ".join(_lora_tags(_uses(loras)))).removesuffix(" ")


def _uses(loras: Sequence[object]) -> list[LoraUse]:
    try:
        return [LoraUse.model_validate(use) for use in loras]
    except ValidationError:
        return []


def _lora_tags(uses: Sequence[LoraUse]) -> list[str]:
    return [f"<lora:{short_name(use.name)}:{use.weight:g}>" for use in uses]


def _schedule_type(sampler: str, spacing: str) -> str:
    automatic = SAMPLER_LABELS[sampler].automatic
    taken = OWN_HABITS.get(sampler, automatic) if spacing == "auto" else spacing
    return "Automatic" if taken == automatic and taken not in _SPECIAL else SCHEDULE_TYPES[taken]


def _value_at(tree: Tree, path: str) -> object:
    """The value at a dotted path; None where there is none."""
    node, (*parents, last) = tree, path.split(".")
    for name in parents:
        inner = node.get(name)
        node = cast(Tree, inner) if isinstance(inner, dict) else {}
    return node.get(last)


def _without_nul(text: str) -> str:
    return text.replace("\0", "")
