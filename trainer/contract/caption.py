"""CaptionJob: a folder of pictures to captions, by models that look at them, by their file names, or by several."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from trainer.contract.captioners import CaptionerName
from trainer.contract.common import Hardware, Seed
from trainer.contract.fields import About, Part

Mode = Literal["fill", "replace", "prepend", "append"]
TagOrder = Literal["score", "alphabet"]
CAPTION = "caption"
"""Between braces in a template: the caption that is there already."""

REPLACED_BY = " = "
"""With its spaces, since there are tags with an equals sign in them."""

PLACES = re.compile(r"\{([^{}]*)\}")


class TagWords(Part):
    """How tags are written down. What the model said is kept beside, so this can be changed afterwards."""

    order: Annotated[
        TagOrder, About("Order", "score puts what is surest first, alphabet sorts by name, as A1111 does.")
    ] = "score"
    spaces: Annotated[
        bool, About("Spaces", "Write long hair, not long_hair; faces made of signs, such as ^_^, stay as they are.")
    ] = True
    escape: Annotated[
        bool,
        About(
            "Escape brackets",
            "Write \\( for (, which prompts of A1111 need. For training brackets stay as they are.",
            advanced=True,
        ),
    ] = False
    ranks: Annotated[
        bool, About("Scores", "Write each tag as (tag:0.987), with how sure the model is.", advanced=True)
    ] = False
    exclude: Annotated[str, About("Leave out", "Tags that are never written, separated by commas.")] = ""
    replace: Annotated[
        str,
        About(
            "Replace",
            "Other words for tags, separated by commas: 1girl = woman, sky = blue sky. A space on each side of =.",
            advanced=True,
        ),
    ] = ""
    limit: Annotated[
        int, Field(ge=0, le=1000), About("At most", "So many tags, the surest ones; 0 for all.", unit="tags")
    ] = 0

    @property
    def replacements(self) -> dict[str, str]:
        """What is written instead, by the tag with underscores."""
        pairs = (pair.partition(REPLACED_BY) for pair in self.replace.split(",") if pair.strip())
        return {tag.strip().replace(" ", "_"): other.strip() for tag, _, other in pairs}

    @field_validator("replace")
    @classmethod
    def _are_pairs(cls, text: str) -> str:
        for pair in text.split(","):
            tag, sign, other = pair.partition(REPLACED_BY)
            if pair.strip() and not (sign and tag.strip() and other.strip()):
                raise ValueError(f"pairs such as 1girl = woman; {pair.strip()!r} is none")
        return text


class DeepBooru(Part):
    """The tagger of AUTOMATIC1111 (DeepDanbooru): 9,176 tags of anime pictures."""

    kind: Annotated[Literal["deepbooru"], About("Captioner", "DeepBooru: tags for anime and drawings.")] = "deepbooru"
    model: Annotated[str, About("Model", "By name or path; empty takes the one in your models.")] = ""
    threshold: Annotated[
        float, Field(ge=0, le=1), About("Threshold", "Tags that the model is less sure of are left out.")
    ] = 0.5
    words: Annotated[TagWords, About("Tags", "How tags are written.")] = TagWords(order="alphabet")


class Wd(Part):
    """A WD tagger (SmilingWolf), version 2 or 3: tags and characters of anime pictures."""

    kind: Annotated[Literal["wd"], About("Captioner", "A WD tagger: tags for anime and drawings.")] = "wd"
    model: Annotated[str, About("Model", "By name or path; empty takes the one in your models.")] = ""
    threshold: Annotated[
        float | None,
        Field(ge=0, le=1),
        About("Threshold", "Tags that the model is less sure of are left out. Empty: what suits the model."),
    ] = None
    character_threshold: Annotated[
        float | None,
        Field(ge=0, le=1),
        About("For characters", "The threshold for names of characters. Empty: 0.85, since a wrong name does harm."),
    ] = None
    words: Annotated[TagWords, About("Tags", "How tags are written.")] = TagWords()


class Blip(Part):
    """BLIP (Li et al. 2022, arXiv 2201.12086), base or large: a sentence about any picture."""

    kind: Annotated[Literal["blip"], About("Captioner", "BLIP: a sentence about any picture.")] = "blip"
    model: Annotated[str, About("Model", "By name or path; empty takes the one in your models.")] = ""
    prompt: Annotated[
        str,
        About("Begins with", "Words that the sentence goes on from, such as: a picture of. They are cut off again."),
    ] = ""
    min_length: Annotated[
        int, Field(ge=1, le=400), About("At least", "With the words that it begins with.", unit="tokens")
    ] = 5
    max_length: Annotated[
        int, Field(ge=4, le=400), About("At most", "With the words that it begins with.", unit="tokens")
    ] = 75
    beams: Annotated[
        int, Field(ge=1, le=16), About("Beams", "So many sentences are followed side by side; more is slower.")
    ] = 1
    top_p: Annotated[
        float | None,
        Field(gt=0, le=1),
        About(
            "Chance",
            "Empty: always the likeliest words. Else words are drawn from those that make up this share of the "
            "likelihood; the same seed draws the same words.",
            advanced=True,
        ),
    ] = None
    repetition_penalty: Annotated[
        float,
        Field(ge=1, le=5),
        About("Against repeating", "Over 1, words that were said become less likely.", advanced=True),
    ] = 1.0
    seed: Seed = 42

    @model_validator(mode="after")
    def _lengths_fit(self) -> "Blip":
        if self.min_length > self.max_length:
            raise ValueError(f"min_length ({self.min_length}) may not be over max_length ({self.max_length})")
        return self


BLIP_PRESETS: dict[str, Blip] = {
    "kohya": Blip(prompt="a picture of", min_length=5, max_length=75),
    "kohya_sampled": Blip(prompt="a picture of", min_length=5, max_length=75, top_p=0.9, repetition_penalty=1.1),
    "a1111": Blip(min_length=24, max_length=48),
}
"""How other programs ask BLIP. kohya's window follows one beam by default, its script draws words by chance."""


FlorenceTask = Literal["caption", "detailed_caption", "more_detailed_caption"]


class Florence(Part):
    """Florence-2 (Xiao et al. 2023, arXiv 2311.06242), base or large: a sentence or a paragraph about any picture."""

    kind: Annotated[
        Literal["florence"], About("Captioner", "Florence-2: a sentence or a paragraph about any picture.")
    ] = "florence"
    model: Annotated[str, About("Model", "By name or path; empty takes the one in your models.")] = ""
    task: Annotated[
        FlorenceTask,
        About("Task", "How much it says: a sentence, some sentences, or a paragraph; training reads 75 tokens of it."),
    ] = "detailed_caption"
    max_length: Annotated[
        int, Field(ge=4, le=1024), About("At most", "What would be longer is cut off.", unit="tokens")
    ] = 256
    beams: Annotated[
        int, Field(ge=1, le=16), About("Beams", "So many texts are followed side by side; more is slower.")
    ] = 3


class FileName(Part):
    """The name of the file, without numbers in front: as A1111 reads captions out of names."""

    kind: Annotated[Literal["filename"], About("Captioner", "The file's name, without any model.")] = "filename"
    pattern: Annotated[
        str,
        About(
            "Words",
            "A regular expression that finds the words in the name; empty takes the name as it is.",
            advanced=True,
        ),
    ] = ""
    separator: Annotated[str, About("Between words", "What stands between the words found.", advanced=True)] = " "

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"a regular expression; this one is not: {error}") from None
        return pattern


class Template(Part):
    """Several captioners in one pass: each picture is read once, and what each says is put in its place."""

    kind: Annotated[Literal["template"], About("Captioner", "Several captioners in one text.")] = "template"
    text: Annotated[
        str,
        Field(min_length=1),
        About(
            "Text",
            "{blip}, {florence}, {wd}, {deepbooru}, {filename} and {caption} (what is there) stand for what they say.",
        ),
    ]
    blip: Annotated[Blip, About("BLIP", "How BLIP is asked.")] = Blip()
    florence: Annotated[Florence, About("Florence-2", "How Florence-2 is asked.")] = Florence()
    wd: Annotated[Wd, About("WD", "How the WD tagger is asked.")] = Wd()
    deepbooru: Annotated[DeepBooru, About("DeepBooru", "How DeepBooru is asked.")] = DeepBooru()
    filename: Annotated[FileName, About("File name", "How the name is read.")] = FileName()

    @field_validator("text")
    @classmethod
    def _names_captioners(cls, text: str) -> str:
        allowed = {"blip", "florence", "wd", "deepbooru", "filename", CAPTION}
        found = PLACES.findall(text)
        strange = next((name for name in found if name not in allowed), None)
        if strange is not None:
            raise ValueError(
                f"{{blip}}, {{florence}}, {{wd}}, {{deepbooru}}, {{filename}} and {{caption}}, not {{{strange}}}"
            )
        if not set(found) - {CAPTION}:
            raise ValueError("a text with at least one captioner between braces, such as {blip}")
        return text


AnyCaptioner = Annotated[DeepBooru | Wd | Blip | Florence | FileName | Template, Field(discriminator="kind")]
Single = DeepBooru | Wd | Blip | Florence | FileName
Tagger = DeepBooru | Wd


class CaptionJob(Part):
    """Captions for the pictures of a folder. What is there already is left alone unless `mode` says otherwise."""

    kind: Annotated[Literal["caption"], About("Kind", "Writes captions for the pictures of a folder.")] = "caption"
    folder: Annotated[str, Field(min_length=1), About("Pictures", "A folder of pictures.")]
    captioner: Annotated[AnyCaptioner, About("Captioner", "What looks at the pictures.")]
    mode: Annotated[
        Mode,
        About(
            "Captions that are there",
            "fill leaves them alone, replace writes over them, prepend and append add to them.",
        ),
    ] = "fill"
    prefix: Annotated[str, About("Prefix", "Set before what the captioner says, such as a trigger word.")] = ""
    extension: Annotated[
        Literal["txt", "caption"], About("Ending", "Of new caption files; others keep theirs.", advanced=True)
    ] = "txt"
    only: Annotated[
        tuple[str, ...],
        About("Only these", "Pictures by their path within the folder; empty for all.", advanced=True),
    ] = ()
    batch: Annotated[
        int | None,
        Field(ge=1, le=64),
        About("At once", "Pictures that the model sees at a time; empty takes what suits the device.", advanced=True),
    ] = None
    hardware: Annotated[Hardware, About("Hardware", "Where the work is done.")] = Hardware()

    @property
    def parts(self) -> dict[CaptionerName, Single]:
        """The captioners that take part, by their names in a template."""
        match self.captioner:
            case Template() as template:
                named = set(PLACES.findall(template.text))
                every: dict[CaptionerName, Single] = {
                    "blip": template.blip,
                    "florence": template.florence,
                    "wd": template.wd,
                    "deepbooru": template.deepbooru,
                    "filename": template.filename,
                }
                return {name: part for name, part in every.items() if name in named}
            case single:
                return {single.kind: single}

    @property
    def template(self) -> str:
        return self.captioner.text if isinstance(self.captioner, Template) else f"{{{self.captioner.kind}}}"

    @property
    def model(self) -> str:
        """What captions, in short: the models by name, or the kinds of captioners."""
        return ", ".join(getattr(part, "model", "") or kind for kind, part in self.parts.items())
