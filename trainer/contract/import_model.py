"""ImportJob: a model in a format that Gesso does not use as it is, made into one that it does, and installed."""

from pathlib import PureWindowsPath
from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part


class ImportJob(Part):
    """A captioner that is published as a pickle, DeepBooru's .pt or a folder of BLIP, into the library as safetensors.

    No other pickle is ever opened.
    """

    kind: Annotated[Literal["import"], About("Kind", "Installs a captioner that is published as a pickle.")] = "import"
    source: Annotated[
        str,
        Field(min_length=1),
        About("File", "model-resnet_custom_v3.pt of DeepBooru, or the folder of a BLIP model."),
    ]
    name: Annotated[str, About("Name", "Its name in the library; empty keeps the file's own.")] = ""
    on_clash: Annotated[
        Literal["ask", "replace", "keep_both"],
        About("If the name is taken", "ask stops, replace puts it in the other's place, keep_both numbers it."),
    ] = "ask"

    @property
    def model(self) -> str:
        return PureWindowsPath(self.source).name
