"""The verb `models`: list, show, install, verify, remove. Loads no torch."""

from argparse import Namespace
from collections.abc import Callable, Iterator

from trainer.cli.output import Output
from trainer.contract.captioners import LICENCES, label
from trainer.contract.errors import Cancelled
from trainer.files import human_size
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Entry, Index


def act(arguments: Namespace, home: Home, output: Output, wish: Callable[[], bool]) -> int:
    """Do the action. Returns the exit code; raises UserError."""
    index = Index(home)
    match arguments.action:
        case "list":
            _list(index, output)
        case "show":
            entry = index.find(arguments.model)
            output.answer(entry.to_dict(), _description(entry))
        case "install":
            _install(arguments, home, output, wish)
        case "verify":
            _verify(index.find(arguments.model), home, output, wish)
        case _:
            _remove(index.find(arguments.model), home, output)
    return 0


def _list(index: Index, output: Output) -> None:
    listing = index.models()
    width = max((len(entry.name) for entry in listing.entries), default=0)
    for entry in listing.entries:
        output.answer(entry.to_dict(), [f"{entry.name:{width}}  {_size_and_kind(entry)}"])
    if not listing.entries:
        output.note("There are no models yet; `models install FILE` brings one in.")
    for note in listing.notes:
        output.note(note)


def _size_and_kind(entry: Entry) -> str:
    identity = entry.identity
    if identity is None:
        return f"{human_size(entry.size):>8}  {entry.problem}"
    of = label(identity.variant) if identity.kind is Kind.CAPTIONER else identity.family.label
    what = f"{identity.kind.label}, {of}"
    return f"{human_size(entry.size):>8}  {what}"


def _description(entry: Entry) -> Iterator[str]:
    yield f"name          {entry.name}"
    yield f"path          {entry.path}"
    yield f"size          {human_size(entry.size)}"
    identity = entry.identity
    if identity is None:
        return
    yield f"kind          {identity.kind.label} ({identity.variant})"
    yield f"family        {identity.family.label} ({identity.certainty})"
    yield f"layout        {identity.layout or 'none'}"
    yield f"prediction    {identity.prediction}"
    yield f"parts         {', '.join(identity.parts) or 'none'}"
    if identity.parameters:
        yield f"parameters    {identity.parameters:,}"
    if identity.kind is Kind.CAPTIONER:
        yield f"licence       {LICENCES[identity.variant]}, as its makers published it"
    yield f"precision     {', '.join(f'{count} tensors {name}' for name, count in identity.precision.items())}"
    for number, reason in enumerate(identity.reasons):
        yield f"{'why' if number == 0 else '':14}{reason}"
    if entry.sha256 is not None:
        yield f"SHA-256       {entry.sha256}"


def _install(arguments: Namespace, home: Home, output: Output, wish: Callable[[], bool]) -> None:
    from trainer.library.install import install

    progress, check = _told("copying and comparing", output, wish)
    entry = install(
        arguments.source,
        home,
        name=arguments.name,
        how="link" if arguments.link else "copy",
        on_clash="replace" if arguments.replace else "keep_both" if arguments.keep_both else "ask",
        progress=progress,
        check=check,
    )
    output.answer(entry.to_dict(), [str(entry.path)])


def _verify(entry: Entry, home: Home, output: Output, wish: Callable[[], bool]) -> None:
    from trainer.library.verify import verify

    progress, check = _told("reading", output, wish)
    found = verify(entry, home, progress=progress, check=check)
    output.answer({"name": entry.name, "path": str(entry.path), **found.to_dict()}, [f"{entry.name}: {found.text}"])


def _told(
    doing: str, output: Output, wish: Callable[[], bool]
) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    """How far it is, as a line on the terminal; and the check that ends it when the user wishes."""

    def progress(done: int, total: int) -> None:
        output.progress(f"{doing}: {human_size(done)} of {human_size(total)}", force=False)

    def check() -> None:
        if wish():
            raise Cancelled

    return progress, check


def _remove(entry: Entry, home: Home, output: Output) -> None:
    from trainer.library.install import remove

    remove(entry, home)
    output.answer({"removed": str(entry.path)}, [f"{entry.path} was moved to the wastebasket."])
