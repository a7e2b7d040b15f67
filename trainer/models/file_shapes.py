"""The architecture of a model from the names and shapes of the tensors in its file, in the original layout."""

from collections.abc import Mapping
from dataclasses import replace

from trainer.models.architecture import (
    IS_XL,
    TEXT_PLACES,
    UNET,
    VAE,
    Architecture,
    FamilyName,
    TextPlace,
    TextShape,
    UNetShape,
    VAEShape,
)
from trainer.models.family import Prediction

Shapes = Mapping[str, tuple[int, ...]]


class UnknownShape(Exception):
    """The shapes in a file are not those of a model that Gesso knows: what is wrong, before the file's name is put in
    front, and a way out."""

    def __init__(self, what: str, fix: str, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.detail = detail


def architecture_of(
    shapes: Shapes, family: FamilyName, prediction: Prediction, default_size: tuple[int, int]
) -> Architecture:
    """Worked out from the keys and shapes of a file in the original layout.

    Raises UnknownShape that names the part (UNet, VAE, text encoder) that is missing or built otherwise.
    """
    try:
        unet, vae = _unet_of(shapes, family), _vae_of(shapes)
        text = tuple(_text_of(shapes, place) for place in TEXT_PLACES[family])
    except IndexError as error:  # a shape has fewer sides than the same tensor has in any model
        raise _otherwise("model") from error
    if family == "sd2":
        # Attention of v-prediction models overflows in half precision; their published configs say so.
        unet = replace(unet, upcast_attention=prediction == "v_prediction")
    return Architecture(family, unet, vae, text, prediction, default_size)


def _unet_of(shapes: Shapes, family: FamilyName) -> UNetShape:
    first = _shape(shapes, UNET + "input_blocks.0.0.weight", "the UNet")
    last = _shape(shapes, UNET + "out.2.weight", "the UNet")
    levels: list[list[int]] = [[]]
    depths: list[list[int]] = [[]]
    index = 1
    while True:
        block = f"{UNET}input_blocks.{index}."
        if block + "0.op.weight" in shapes:
            levels.append([])
            depths.append([])
        elif block + "0.in_layers.2.weight" in shapes:
            levels[-1].append(shapes[block + "0.in_layers.2.weight"][0])
            depths[-1].append(_depth(shapes, f"{block}1."))
        else:
            break
        index += 1
    middle = _depth(shapes, f"{UNET}middle_block.1.") or max(map(max, filter(None, depths)), default=0)
    context = next((shape for key, shape in shapes.items() if _is_context(key)), None)
    projection = next((shape for key, shape in shapes.items() if _is_projection(key)), ())
    # diffusers' network has an attention layer in the middle, as deep as those of the coarsest level if it has any
    is_known = _is_even(levels) and _is_even(depths) and depths[-1][0] in (0, middle) and middle
    if context is None or not is_known:
        raise _otherwise("UNet")
    widths = tuple(channels[0] for channels in levels)
    vector = shapes.get(UNET + "label_emb.0.0.weight", (0, 0))
    return UNetShape(
        block_out_channels=widths,
        depths=tuple(level[0] for level in depths),
        middle_depth=middle,
        vector_width=vector[1] if family in IS_XL else 0,
        layers_per_block=len(levels[0]),
        heads=tuple(8 if family == "sd1" else width // 64 for width in widths),
        context_width=context[1],
        in_channels=first[1],
        out_channels=last[0],
        linear_projections=len(projection) == 2,
    )


def _depth(shapes: Shapes, layer: str) -> int:
    """How many transformer blocks an attention layer has; 0 where there is none."""
    return _count(shapes, layer + "transformer_blocks.{}.norm1.weight")


def _is_even(levels: list[list[int]]) -> bool:
    """Whether there are levels, each with as many layers as the others, and all layers of a level equally wide."""
    return len({len(level) for level in levels}) == 1 and all(len(set(level)) == 1 for level in levels)


def _is_context(key: str) -> bool:
    return key.startswith(UNET) and key.endswith(".attn2.to_k.weight")


def _is_projection(key: str) -> bool:
    return key.startswith(UNET) and key.endswith(".proj_in.weight")


def _vae_of(shapes: Shapes) -> VAEShape:
    latents = _shape(shapes, VAE + "decoder.conv_in.weight", "the VAE")
    _shape(shapes, VAE + "encoder.conv_in.weight", "the VAE's encoder")
    levels: list[list[int]] = []
    while (key := f"{VAE}encoder.down.{len(levels)}.block.0.conv1.weight") in shapes:
        levels.append([])
        while (key := f"{VAE}encoder.down.{len(levels) - 1}.block.{len(levels[-1])}.conv1.weight") in shapes:
            levels[-1].append(shapes[key][0])
    if not _is_even(levels):
        raise _otherwise("VAE")
    return VAEShape(tuple(level[0] for level in levels), len(levels[0]), latents[1])


def _text_of(shapes: Shapes, place: TextPlace) -> TextShape:
    if place.is_open_clip:
        return _open_clip_of(shapes, place)
    prefix = (
        place.prefix + "text_model." if place.prefix + "text_model.final_layer_norm.weight" in shapes else place.prefix
    )
    embedding = _shape(shapes, prefix + "embeddings.token_embedding.weight", "the text encoder")
    positions = _shape(shapes, prefix + "embeddings.position_embedding.weight", "the text encoder")
    inner = _shape(shapes, prefix + "encoder.layers.0.mlp.fc1.weight", "the text encoder")
    layers = _count(shapes, prefix + "encoder.layers.{}.mlp.fc1.weight")
    width = embedding[1]
    return TextShape(width, layers, width // 64, inner[0], "quick_gelu", width, embedding[0], positions[0])


def _open_clip_of(shapes: Shapes, place: TextPlace) -> TextShape:
    embedding = _shape(shapes, place.prefix + "token_embedding.weight", "the text encoder")
    positions = _shape(shapes, place.prefix + "positional_embedding", "the text encoder")
    inner = _shape(shapes, place.layer(0) + "mlp.c_fc.weight", "the text encoder")
    width = embedding[1]
    projection, layers = width // 2, _count(shapes, place.prefix + "transformer.resblocks.{}.mlp.c_fc.weight")
    if place.projects:
        projection = _shape(shapes, place.prefix + "text_projection", "the text encoder's projection")[1]
    else:
        layers = used_layers(layers)
    return TextShape(width, layers, width // 64, inner[0], "gelu", projection, embedding[0], positions[0])


def used_layers(stored: int) -> int:
    """Of its OpenCLIP text encoder's layers SD 2.x leaves out the last; files made by some tools lack it already."""
    return stored if stored == 23 else stored - 1


def _count(shapes: Shapes, pattern: str) -> int:
    count = 0
    while pattern.format(count) in shapes:
        count += 1
    return count


def _shape(shapes: Shapes, key: str, part: str) -> tuple[int, ...]:
    if key not in shapes:
        raise UnknownShape(
            f"lacks {part}",
            "Choose a whole model (a checkpoint); files with the UNet alone can't be used by themselves.",
            f"There is no tensor {key}.",
        )
    return shapes[key]


def _otherwise(part: str) -> UnknownShape:
    return UnknownShape(
        f"holds a {part} that is built in a way that Gesso does not know",
        "Choose a Stable Diffusion 1.x, 2.x or XL checkpoint in its original layout.",
    )
