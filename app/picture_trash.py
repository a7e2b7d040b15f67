"""Pictures moved to the trash of the system."""

from pathlib import Path

from app.errand import Errand
from trainer.contract.errors import UserError


def move_to_trash(paths: list[str], _errand: Errand) -> tuple[list[str], str]:
    """Which went, and a sentence about the first that did not."""
    from send2trash import send2trash  # imported here: on some desktops it loads their libraries

    gone: list[str] = []
    for path in paths:
        try:
            send2trash(path)
        except OSError as error:
            if Path(path).exists():
                name, fix = Path(path).name, "Delete it with your file manager."
                trouble = UserError(f"{name} could not be moved to the trash.", fix, str(error))
                return gone, str(trouble)
        gone.append(path)
    return gone, ""
