"""What may be typed. Only the verb in use gets its arguments: those of jobs take their words from the job's fields,
and the verbs that touch no job start quicker without them."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from trainer.cli import values

if TYPE_CHECKING:
    from trainer.contract.fields import Part

PROGRAM = "main.py"

Parser = argparse.ArgumentParser

GENERATE_FLAGS = {
    "--model": "model",
    "--prompt": "prompt",
    "--negative": "negative",
    "--sampler": "sampling.sampler",
    "--eta": "sampling.eta",
    "--steps": "sampling.steps",
    "--guidance": "sampling.guidance",
    "--seed": "seed",
    "--count": "count",
    "--init": "source.path",
    "--strength": "source.strength",
    "--mask": "source.mask.path",
    "--second-pass": "second_pass.scale",
    "--clip-skip": "sampling.clip_skip",
    "--out": "output",
}
"""Flags of `generate`, and the fields of the job that they set."""

VIDEO_FLAGS = {
    "--model": "model",
    "--picture": "picture",
    "--frames": "frames",
    "--fps": "motion.fps",
    "--motion": "motion.bucket",
    "--noise": "motion.noise",
    "--guidance": "guidance.last",
    "--steps": "sampling.steps",
    "--seed": "seed",
    "--count": "count",
    "--format": "export.format",
    "--quality": "export.quality",
    "--out": "output",
}
"""Flags of `animate`, and the fields of the job that they set."""

TRAIN_FLAGS = {
    "--model": "model",
    "--dataset": "data.folder",
    "--method": "method.kind",
    "--steps": "steps.total",
    "--output": "output.name",
}
"""Flags of `train`; all of them are needed, the rest is set with --set."""

CAPTION_FLAGS = {"--mode": "mode", "--prefix": "prefix"}
"""Flags of `caption`, and the fields of the job that they set."""

CONVERT_FLAGS = {"--to": "layout", "--precision": "precision", "--weights": "weights", "--out": "output"}
"""Flags of `models convert`."""


EXPORT_FLAGS = {
    "--to": "to",
    "--pictures": "pictures",
    "--format": "format",
    "--quality": "quality",
    "--longest": "longest",
    "--prefix": "prefix",
    "--trigger": "trigger",
    "--brackets": "brackets",
    "--resolution": "resolution",
}
"""Flags of `dataset export`, and the fields of its options that they set."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, with `verb` (and `action` where the verb has actions). Leaves with exit code 2 on bad usage."""
    parser = Parser(PROGRAM, description="Gesso: fine-tune Stable Diffusion and generate pictures, offline.")
    _add_common(parser, top=True)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, (words, fill) in VERBS.items():
        one = verbs.add_parser(verb, help=words, description=f"{words}.", allow_abbrev=False)
        if verb in argv:
            fill(one, argv)
            _add_common(one, top=False, json=verb != "self-test")
    arguments = parser.parse_args(argv)
    if arguments.verb == "self-test":
        arguments.json = arguments.json or arguments.file == ""
    return arguments


def job_tree(arguments: argparse.Namespace, kind: str, flags: dict[str, str]) -> dict[str, Any]:
    """The job's tree from the flags that were given."""
    tree: dict[str, Any] = {"kind": kind}
    for path in flags.values():
        value = getattr(arguments, path, None)
        if value is not None:
            *parents, last = path.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
    return tree


def _add_common(parser: Parser, *, top: bool, json: bool = True) -> None:
    """The options that may stand before the verb or after it; what stands after it wins."""

    def default(value: object) -> Any:
        return value if top else argparse.SUPPRESS

    parser.add_argument(
        "--home",
        type=Path,
        default=default(None),
        metavar="DIR",
        help="your Gesso folder (else GESSO_HOME, else Gesso in your documents)",
    )
    if json:
        parser.add_argument(
            "--json", action="store_true", default=default(False), help="write JSON lines to stdout, and nothing else"
        )
    parser.add_argument(
        "--debug", action="store_true", default=default(False), help="show technical details when something fails"
    )


def _fill_demo(parser: Parser, _argv: Sequence[str]) -> None:
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (default: as in the demo's job file)")
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="folder for the results (demo)")


def _fill_run(parser: Parser, _argv: Sequence[str]) -> None:
    parser.add_argument("job", type=Path, metavar="JOB.toml")
    _add_set(parser)


def _fill_resume(parser: Parser, _argv: Sequence[str]) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER")


def _fill_generate(parser: Parser, _argv: Sequence[str]) -> None:
    from trainer.contract.generate import GenerateJob
    from trainer.contract.reproduce import HABITS

    _add_fields(parser, GenerateJob, GENERATE_FLAGS, required=("--model", "--prompt"))
    parser.add_argument("--size", type=values.size, metavar="WxH", help="size in pixels (default: the model's own)")
    parser.add_argument(
        "--lora",
        type=values.lora,
        action="append",
        default=[],
        metavar="NAME:WEIGHT",
        help="a LoRA by name or path, and how strongly it acts; may be given several times",
    )
    parser.add_argument(
        "--variation",
        type=values.variation,
        metavar="SEED:STRENGTH",
        help="turn the noise towards that of another seed, so far: 0 not at all, 1 is the other seed's picture",
    )
    parser.add_argument(
        "--as", dest="program", choices=tuple(HABITS), help="reproduce how another program goes about a picture"
    )
    _add_set(parser)


def _fill_animate(parser: Parser, _argv: Sequence[str]) -> None:
    from trainer.contract.video import VideoJob

    _add_fields(parser, VideoJob, VIDEO_FLAGS, required=("--model", "--picture"))
    parser.add_argument("--size", type=values.size, metavar="WxH", help="size in pixels (default: the model's own)")


def _fill_grid(parser: Parser, argv: Sequence[str]) -> None:
    _fill_generate(parser, argv)
    for axis, words in (("x", "across"), ("y", "down"), ("z", "one sheet after the other")):
        parser.add_argument(
            f"--{axis}",
            type=values.axis,
            required=axis == "x",
            metavar="FIELD=VALUES",
            help=f"what changes {words}: sampling.guidance=3,5,7 or seed=1-5; prompt:cat=cat,dog replaces a word",
        )


def _fill_train(parser: Parser, _argv: Sequence[str]) -> None:
    from trainer.contract.train import TrainJob

    _add_fields(parser, TrainJob, TRAIN_FLAGS, required=tuple(TRAIN_FLAGS))
    _add_set(parser)


def _fill_caption(parser: Parser, _argv: Sequence[str]) -> None:
    from trainer.contract.caption import BLIP_PRESETS, CaptionJob

    parser.add_argument("folder", metavar="DIR", help="a folder of pictures")
    parser.add_argument(
        "--with",
        dest="captioner",
        required=True,
        metavar="CAPTIONER",
        help="a captioner by name or path; or blip, florence, wd or deepbooru where you have one of it; or filename; "
        "or a text with several between braces, such as '{blip}, {wd}'",
    )
    _add_fields(parser, CaptionJob, CAPTION_FLAGS, required=())
    parser.add_argument("--preset", choices=tuple(BLIP_PRESETS), help="ask BLIP as another program does")
    _add_set(parser)


def _fill_models(parser: Parser, argv: Sequence[str]) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, words in MODEL_ACTIONS.items():
        one = actions.add_parser(action, help=words, description=f"{words}.", allow_abbrev=False)
        _add_common(one, top=False)
        if action == "install":
            one.add_argument("source", type=Path, metavar="SOURCE", help="a model file or the folder of a model")
            one.add_argument("--name", help="name it so in the library (default: the file's own name)")
            clash = one.add_mutually_exclusive_group()
            clash.add_argument("--replace", action="store_true", help="put it in the place of a model of the same name")
            clash.add_argument("--keep-both", action="store_true", help="number it if there is one of the same name")
            one.add_argument("--link", action="store_true", help="link it instead of copying: it needs no second room")
        elif action != "list":
            one.add_argument("model", metavar="M", help="a model by name, or a path")
        if action == "convert" and action in argv:
            from trainer.contract.convert import ConvertJob

            _add_fields(one, ConvertJob, CONVERT_FLAGS, required=("--to",))


def _fill_dataset(parser: Parser, argv: Sequence[str]) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, words in DATASET_ACTIONS.items():
        one = actions.add_parser(action, help=words, description=f"{words}.", allow_abbrev=False)
        _add_common(one, top=False)
        one.add_argument("folder", type=Path, metavar="DIR")
        if action == "check":
            one.add_argument(
                "--resolution",
                type=values.side,
                default=512,
                metavar="N",
                help="of the training, in pixels (default: 512)",
            )
            one.add_argument("--trigger", default="", metavar="WORD", help="the word that every caption should have")
        if action == "export":
            one.add_argument("--out", type=Path, required=True, metavar="DIR2", help="the folder to be made")
        if action == "export" and action in argv:
            from trainer.contract.export import Export

            _add_fields(one, Export, EXPORT_FLAGS, required=("--to",))
        if action in ("edit", "retag", "tags", "prepare"):
            one.add_argument(
                "--query",
                default="",
                metavar="Q",
                help='only pictures that it finds: cat -sofa tag:"long hair" stars:>=3',
            )
        if action == "edit" and action in argv:
            from trainer.cli.caption_edits import add_edits

            add_edits(one)
        if action == "prepare" and action in argv:
            from trainer.cli.dataset_prepare import add_preparing

            add_preparing(one)
        if action == "retag" and action in argv:
            from trainer.cli.dataset_retag import add_flags

            add_flags(one)
            _add_set(one)
        if action in ("undo", "redo"):
            one.add_argument(
                "--leave-changed", action="store_true", help="leave captions that were changed by others since"
            )


def _fill_self_test(parser: Parser, _argv: Sequence[str]) -> None:
    parser.add_argument(
        "--json",
        dest="file",
        nargs="?",
        const="",
        metavar="FILE",
        help="write the report as JSON to FILE, or without FILE to stdout",
    )


VERBS: dict[str, tuple[str, Callable[[Parser, Sequence[str]], None]]] = {
    "demo": ("The main job on the starter model and the sample dataset", _fill_demo),
    "run": ("Do the job in a file", _fill_run),
    "resume": ("Go on with a training run", _fill_resume),
    "generate": ("Make pictures from a prompt", _fill_generate),
    "animate": ("Make a video from a picture", _fill_animate),
    "grid": ("Make a grid of pictures that differ in some fields", _fill_grid),
    "train": ("Train on a folder of pictures", _fill_train),
    "caption": ("Write captions for a folder of pictures", _fill_caption),
    "models": ("Look after model files", _fill_models),
    "dataset": ("Look after pictures and captions", _fill_dataset),
    "self-test": ("Try out whether everything works on this machine", _fill_self_test),
}

DATASET_ACTIONS = {
    "check": "Look at every picture and caption",
    "export": "Write the dataset as another program reads it",
    "edit": "Change captions, after showing them before and after",
    "prepare": "Turn, mirror and crop pictures for training, whose files stay as they are",
    "retag": "Move a tagger's thresholds after it ran, without running it again",
    "undo": "Take back the last change of captions, of masks, or of how pictures are prepared",
    "redo": "Do again what was taken back",
    "tags": "Count the tags of the captions",
}

MODEL_ACTIONS = {
    "list": "List all models",
    "show": "Tell what a model is, and why it is taken for that",
    "install": "Put a model file or folder into the library",
    "verify": "Read a model from end to end and compare its checksum",
    "convert": "Write a model in another layout or precision",
    "remove": "Move a model to the wastebasket",
}


def _add_set(parser: Parser) -> None:
    parser.add_argument(
        "--set",
        dest="overrides",
        type=values.override,
        action="append",
        default=[],
        metavar="a.b=value",
        help="set any field of the job; may be given several times",
    )


def _add_fields(parser: Parser, job: "type[Part]", flags: dict[str, str], required: tuple[str, ...]) -> None:
    """A flag for each field, with its type, choices, default and words taken from the field."""
    for flag, path in flags.items():
        kind, choices, words, default = _field(job, path)
        shown = f"{words} (default: {default})" if flag not in required and default not in ("", None) else words
        parser.add_argument(
            flag,
            dest=path,
            type=kind,
            choices=choices,
            required=flag in required,
            metavar=None
            if choices
            else "N"
            if kind in (int, float)
            else "FILE"
            if path.endswith(".path")
            else flag[2:].upper(),
            help=shown.replace("%", "%%"),
        )


def _field(job: "type[Part]", path: str) -> tuple[type, tuple[str, ...] | None, str, object]:
    """(type of the value, allowed words or None, help, default) of the field at a dotted path.

    Of a union of parts (`method.kind`) the choices are those of all members, and the help is the union's own. In a part
    that may be left out (`source.strength`) nothing is the default.
    """
    from trainer.contract.fields import about

    *parents, last = path.split(".")
    parts, words, is_optional = [job], "", False
    for parent in parents:
        words = about(parts[0], parent).help
        annotation = parts[0].model_fields[parent].annotation
        is_optional = is_optional or NoneType in get_args(annotation)
        parts = [part for part in get_args(annotation) if part is not NoneType] or [annotation]
    words = about(parts[0], last).help if len(parts) == 1 else words
    field = parts[0].model_fields[last]
    choices: tuple[str, ...] = ()
    for part in parts:
        if get_origin(part.model_fields[last].annotation) is Literal:
            choices += get_args(part.model_fields[last].annotation)
    of_field = (field.annotation, *get_args(field.annotation))  # the latter for `int | None`
    kind = next((number for number in (int, float) if number in of_field), str)
    return kind, choices or None, words, None if is_optional else field.get_default()
