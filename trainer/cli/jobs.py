"""The verbs that are jobs. They run in this very process, so that torch is loaded once."""

from argparse import Namespace
from collections.abc import Callable

from trainer.cli.arguments import CAPTION_FLAGS, CONVERT_FLAGS, GENERATE_FLAGS, TRAIN_FLAGS, VIDEO_FLAGS, job_tree
from trainer.cli.output import Output
from trainer.contract import events
from trainer.contract.caption import BLIP_PRESETS
from trainer.contract.captioners import CAPTIONERS
from trainer.contract.errors import UserError
from trainer.contract.jobfile import Job, Tree, job_from_tree, read_tree, with_overrides
from trainer.contract.reproduce import HABITS
from trainer.contract.run import Run
from trainer.engine.execute import Ending, Session, execute_reporting, resume_reporting
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Index


def act(arguments: Namespace, home: Home, output: Output, wish: Callable[[], bool]) -> int:
    """Do the verb's job. Returns the exit code. Raises UserError when there is no job to be made of the arguments."""
    session = Session(home)
    run = Run(output.event, wish)
    if arguments.verb == "demo":
        return _demo(arguments, run, session, output)
    if arguments.verb == "resume":
        return exit_code(resume_reporting(Run(output.event, wish, arguments.folder.absolute()), session))
    return exit_code(execute_reporting(job_of(arguments), run, session))


def job_of(arguments: Namespace) -> Job:
    """The job that the arguments describe. Raises UserError naming the field that will not do."""
    match arguments.verb:
        case "run":
            return job_from_tree(with_overrides(read_tree(arguments.job), arguments.overrides), str(arguments.job))
        case "train":
            tree = job_tree(arguments, "train", TRAIN_FLAGS)
            return job_from_tree(with_overrides(tree, arguments.overrides))
        case "caption":
            return job_from_tree(with_overrides(_caption_tree(arguments), arguments.overrides))
        case "generate":
            tree = _tree(arguments, "generate", GENERATE_FLAGS)
            return job_from_tree(with_overrides(tree, arguments.overrides))
        case "animate":
            return job_from_tree(_tree(arguments, "video", VIDEO_FLAGS))
        case "grid":
            axes = [axis for axis in (arguments.x, arguments.y, arguments.z) if axis is not None]
            base = with_overrides(_tree(arguments, "generate", GENERATE_FLAGS), arguments.overrides)
            return job_from_tree({"kind": "grid", "base": base, "axes": axes})
        case "models" if arguments.action == "install":
            clash = "replace" if arguments.replace else "keep_both" if arguments.keep_both else "ask"
            source = str(arguments.source.expanduser().absolute())
            return job_from_tree({"kind": "import", "source": source, "name": arguments.name or "", "on_clash": clash})
        case _:
            return job_from_tree({**job_tree(arguments, "convert", CONVERT_FLAGS), "model": arguments.model})


def exit_code(ending: Ending) -> int:
    match ending:
        case events.Finished():
            return 0
        case events.Failed():
            return 1
        case events.Stopped():
            return 130


def _tree(arguments: Namespace, kind: str, flags: dict[str, str]) -> Tree:
    """Of a job that makes pictures or videos."""
    tree = job_tree(arguments, kind, flags)
    if arguments.size is not None:
        tree["size"] = {"width": arguments.size[0], "height": arguments.size[1]}
    if kind == "generate":
        _fill_generate_tree(tree, arguments)
    if not arguments.json:
        tree["previews"] = {"every": 0}  # nobody sees them
    return tree


def _caption_tree(arguments: Namespace) -> Tree:
    """Raises UserError if there is no such captioner, or the preset is not for it."""
    tree = job_tree(arguments, "caption", CAPTION_FLAGS)
    asked = arguments.captioner
    if "{" in asked:
        captioner: Tree = {"kind": "template", "text": asked}
    elif asked in CAPTIONERS:
        captioner = {"kind": asked}
    else:
        identity = Index(Home.find(arguments.home)).find(asked, kinds=(Kind.CAPTIONER,)).identity
        captioner = {"kind": identity.variant if identity else "", "model": asked}
    if arguments.preset is not None:
        preset = BLIP_PRESETS[arguments.preset].model_dump(exclude_none=True)
        if captioner["kind"] == "template":
            captioner["blip"] = preset
        elif captioner["kind"] == "blip":
            captioner = {**preset, **captioner}
        else:
            raise UserError(f"--preset is for BLIP, and {asked} is none.", "Leave --preset out.")
    return {**tree, "folder": arguments.folder, "captioner": captioner}


def _fill_generate_tree(tree: Tree, arguments: Namespace) -> None:
    if arguments.lora:
        tree["loras"] = [{"name": name, "weight": weight} for name, weight in arguments.lora]
    if arguments.variation is not None:
        tree["variation"] = {"seed": arguments.variation[0], "strength": arguments.variation[1]}
    if arguments.program is not None:
        tree["sampling"] = {**tree.get("sampling", {}), **HABITS[arguments.program]}


def _demo(arguments: Namespace, run: Run, session: Session, output: Output) -> int:
    from trainer.engine.demo import Comparison, demo

    made = demo(arguments.out.expanduser().absolute(), arguments.steps, run, session)
    if not isinstance(made, Comparison):
        return exit_code(made)
    output.answer(made.to_dict(), [*map(str, made.paths), made.sentence()])
    return 0
