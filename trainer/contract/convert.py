"""ConvertJob: the same model in another file layout or precision."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part


class ConvertJob(Part):
    """A model file rewritten; the source is never changed."""

    kind: Annotated[Literal["convert"], About("Kind", "Writes a model in another layout or precision.")] = "convert"
    model: Annotated[str, Field(min_length=1), About("Model", "A model in the library by name, or a path.")]
    layout: Annotated[
        Literal["single_file", "diffusers"],
        About("Layout", "One .safetensors file as A1111 and ComfyUI use it, or a diffusers folder."),
    ] = "single_file"
    precision: Annotated[
        Literal["keep", "fp16", "bf16", "fp32"], About("Precision", "Number format of the written weights.")
    ] = "keep"
    weights: Annotated[
        Literal["plain", "ema"],
        About("Weights", "Which weights to take from a file that also carries averaged (EMA) ones.", advanced=True),
    ] = "plain"
    output: Annotated[str, About("Output", "Path of the new file or folder; empty puts it beside the source.")] = ""
