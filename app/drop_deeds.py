"""What is done with files and folders that came to the window: dropped on it, opened, or brought by another start."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.drops import Use, Zone
    from app.window import MainWindow


def do(zone: "Zone", window: "MainWindow") -> None:
    """What was offered, all of it."""
    for use in zone:
        _do(use, window)


def _do(use: "Use", window: "MainWindow") -> None:
    match use.does:
        case "settings":
            window.use_settings_of(use.path)
        case "show" | "vary" | "repaint" | "move":
            window.show_page("generate")
            window.generate.begin_from(use.path, use.does)
        case "install":
            window.show_page("models")
            window.models_page.install(use.path)
        case "dataset":
            window.show_page("dataset")
            window.dataset.open_folder(use.path)
        case "train":
            window.train_on(use.path)
        case "add":
            window.dataset.views.importing.add((use.path, *use.more))
        case "frames":
            window.dataset.views.open_clip(use.path)
        case "tags":
            window.show_page("dataset")
            window.dataset.completing.use(use.path)
        case "nothing":
            window.frame.status.say(use.hint or use.words)
