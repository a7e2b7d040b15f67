"""Pictures of ComfyUI: the graph of nodes that made them, as the PNG chunk `prompt` holds it.

    {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "model": ["4", 0], ...}}, ...}

An input is a value, or the number of a node and of its output. From the last sampler before a saved picture its inputs
are followed: to the checkpoint through LoRAs, to the words of either prompt, to the empty latents with the size.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from trainer.contract.found_settings import (
    FoundSettings,
    Reading,
    Tree,
    json_object,
    real_number,
    text_of,
    whole_number,
)
from trainer.contract.names import short_name
from trainer.library.pictures.names import COMFYUI_SAMPLERS, COMFYUI_SCHEDULES, set_sampler, set_spacing

SOURCE = "ComfyUI"
SAVING = ("SaveImage", "PreviewImage", "SaveImageWebsocket", "SaveAnimatedWEBP")
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom")
CHECKPOINTS = ("CheckpointLoaderSimple", "CheckpointLoader", "unCLIPCheckpointLoader", "ImageOnlyCheckpointLoader")
LORAS = ("LoraLoader", "LoraLoaderModelOnly")
MOST_STEPS = 100
"""Nodes that one input is followed through."""
MOST_NODES = 5000

_UNDERSTOOD = (*SAVING, *SAMPLERS, *CHECKPOINTS, *LORAS, "CLIPTextEncode", "EmptyLatentImage", "VAEDecode")
_BYPASSED = ("conditioning", "conditioning_1", "conditioning_to", "positive", "model", "samples", "image", "images")
"""Inputs through which a node that we don't know is passed, in this order."""


@dataclass(frozen=True, slots=True)
class Node:
    number: str
    kind: str
    inputs: Tree


Graph = Mapping[str, Node]


def read_comfyui(text: str) -> FoundSettings | None:
    """What the graph says; None where the text holds none, or nothing in it samples."""
    graph = _graph(text)
    sampler = _last_sampler(graph)
    if sampler is None:
        return None
    reading = Reading(SOURCE)
    reading.set("sampling.emphasis", "comfyui", "Emphasis")
    _read_sampler(graph, sampler, reading)
    _read_model(graph, sampler, reading)
    for name, field in (("positive", "prompt"), ("negative", "negative")):
        _read_words(graph, sampler, name, field, reading)
    _read_latents(graph, sampler, reading)
    for node in graph.values():
        if node is not sampler and (node.kind in SAMPLERS or node.kind not in _UNDERSTOOD):
            reading.leave(f"{node.kind} {node.number}", _values(node))
    return reading.found()


def _graph(text: str) -> Graph:
    graph: dict[str, Node] = {}
    for number, tree in (json_object(text) or {}).items():
        if isinstance(tree, dict) and len(graph) < MOST_NODES:
            node = cast(Tree, tree)
            inputs = node.get("inputs")
            if isinstance(inputs, dict):
                graph[number] = Node(number, text_of(node.get("class_type")), cast(Tree, inputs))
    return graph


def _last_sampler(graph: Graph) -> Node | None:
    """The one that a saved picture comes from, the last of them; where none is saved, the last in the file."""
    saved = [_sampler_before(graph, node) for node in graph.values() if node.kind in SAVING]
    found = [node for node in saved if node is not None] or [node for node in graph.values() if node.kind in SAMPLERS]
    return found[-1] if found else None


def _sampler_before(graph: Graph, saving: Node) -> Node | None:
    return next((node for node in _upstream(graph, saving, "images") if node.kind in SAMPLERS), None)


def _upstream(graph: Graph, node: Node, name: str) -> Iterator[Node]:
    """The node that an input comes from, and then those before it, through one input of each."""
    link: Any = node.inputs.get(name)
    for _ in range(MOST_STEPS):
        before = _linked(graph, link)
        if before is None:
            return
        yield before
        through = name if name in before.inputs else next((one for one in _BYPASSED if one in before.inputs), "")
        link = before.inputs.get(through)


def _linked(graph: Graph, link: object) -> Node | None:
    """The node at the other end; None for what is no link."""
    if not isinstance(link, list):
        return None
    ends = cast("list[object]", link)
    return graph.get(str(ends[0])) if len(ends) == 2 and isinstance(ends[0], str | int) else None


def _value(graph: Graph, node: Node, name: str) -> object:
    """An input's value, fetched from the node that gives it where it is a link to one that only holds a value."""
    value: object = node.inputs.get(name)
    for _ in range(MOST_STEPS):
        before = _linked(graph, value)
        if before is None:
            break
        held = [before.inputs[key] for key in ("value", "seed", "noise_seed", "text", "string", "int", "float", name)
                if key in before.inputs]  # fmt: skip
        value = held[0] if held else None
    return value


def _read_sampler(graph: Graph, node: Node, reading: Reading) -> None:
    seed = _value(graph, node, "seed" if "seed" in node.inputs else "noise_seed")
    for field, key, value in (
        ("seed", "seed", whole_number(seed)),
        ("sampling.steps", "steps", whole_number(_steps(graph, node))),
        ("sampling.guidance", "cfg", real_number(_value(graph, node, "cfg"))),
    ):
        reading.set(field, value, key)
    selected = _linked(graph, node.inputs.get("sampler")) or node
    said = text_of(_value(graph, selected, "sampler_name")).removeprefix("sample_")
    scheduled = _linked(graph, node.inputs.get("sigmas")) or node
    if set_sampler(reading, COMFYUI_SAMPLERS.get(said), said):
        schedule = text_of(_value(graph, scheduled, "scheduler")) or _named_schedule(scheduled)
        set_spacing(reading, COMFYUI_SCHEDULES.get(schedule), schedule)
    denoise = _value(graph, node, "denoise")
    if real_number(denoise) not in (None, 1.0):
        reading.leave("denoise", denoise)
    for name in ("start_at_step", "end_at_step", "return_with_leftover_noise", "add_noise"):
        if name in node.inputs and node.inputs[name] not in (0, 10_000, "disable", "enable", True):
            reading.leave(name, node.inputs[name])


def _steps(graph: Graph, node: Node) -> object:
    return _value(graph, _linked(graph, node.inputs.get("sigmas")) or node, "steps")


def _named_schedule(node: Node) -> str:
    """Of nodes such as KarrasScheduler."""
    return node.kind.removesuffix("Scheduler").lower()


def _read_model(graph: Graph, sampler: Node, reading: Reading) -> None:
    loras: list[Tree] = []
    for node in _upstream(graph, sampler, "model"):
        if node.kind in LORAS:
            name, weight = short_name(text_of(node.inputs.get("lora_name"))), _value(graph, node, "strength_model")
            loras.insert(0, {"name": name, "weight": real_number(weight)})
            clip = node.inputs.get("strength_clip", weight)
            if clip != weight:
                reading.leave(f"strength_clip of {name}", clip)
        elif node.kind in CHECKPOINTS:
            reading.set_model(short_name(text_of(node.inputs.get("ckpt_name"))))
    if loras:
        reading.set("loras", loras, "LoRA")


def _read_words(graph: Graph, sampler: Node, name: str, field: str, reading: Reading) -> None:
    for node in _upstream(graph, sampler, name):
        if node.kind == "CLIPTextEncode" or isinstance(node.inputs.get("text"), str):
            words = text_of(_value(graph, node, "text"))
            reading.set(field, words, name)
            return
        reading.note(f"The {name} prompt went through {node.kind}, which Gesso does not have.")


def _read_latents(graph: Graph, sampler: Node, reading: Reading) -> None:
    name = "latent_image"
    for node in _upstream(graph, sampler, name):
        width, height = (whole_number(_value(graph, node, side)) for side in ("width", "height"))
        if width is not None and height is not None:
            reading.set_size(width, height, f"{width}x{height}")
        if node.kind in ("VAEEncode", "VAEEncodeForInpaint", "LoadImage"):
            reading.note("It was made from another picture, which is not stored in it.")
        if node.kind == "EmptyLatentImage":
            if whole_number(node.inputs.get("batch_size")) not in (None, 1):
                reading.note("It may be a later picture of a batch: there the seed says only what the first one was.")
            return
        if node.kind in SAMPLERS:
            reading.note("It was made in several passes; these are the settings of the last one.")
            return


def _values(node: Node) -> Tree:
    """Its inputs that are no links."""
    return {name: value for name, value in node.inputs.items() if not isinstance(value, list)}
