"""Every action of the window in one table: its words, what it does, its keys; the menus are made from the same table.

An action's name says who does it: `generate.vary` is the method `vary` of the page `generate`, `window.quit` is one of
the window's own, and `go.train` brings a page to the front.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Deed:
    """One row of the table. `keys` are the usual ones, in Qt's portable text; `icon` a name of app.theme.ICONS.

    `yields`: in a text field that knows these keys itself they are the field's own: always, or unless what lies on the
    clipboard is a picture.
    """

    name: str
    words: str
    does: str
    keys: str = ""
    icon: str = ""
    yields: Literal["", "always", "unless picture"] = ""

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]


TABLE = (
    Deed("window.find_action", "Find an action or model…", "Every action and model by its name", "Ctrl+K", "search"),
    Deed("window.open_menu", "The menu", "Everything that Gesso can do", "F10", "settings"),
    Deed("window.open_file", "Open a file…", "Install a model, or take the settings of a picture", "Ctrl+O", "install"),
    Deed("window.open_folder", "Open a folder of pictures…", "Look through and caption them", "Ctrl+Shift+O", "folder"),
    Deed("window.change_scheme", "Light or dark", "Change between the dark and the light colours", "", "settings"),
    Deed("window.stop_job", "Stop the running job", "What it has done is kept", "Ctrl+.", "stop"),
    Deed("window.show_home", "Show my Gesso folder", "Open the folder of models, runs and pictures", "", "folder"),
    Deed("window.welcome", "Welcome", "The three offers of the first start", "", "starred"),
    Deed("window.quit", "Quit", "Close Gesso; a running training saves a checkpoint first", "Ctrl+Q", "close"),
    Deed("go.generate", "Generate", "Make pictures", "Ctrl+1", "generate"),
    Deed("go.train", "Train", "Teach a model something new", "Ctrl+2", "train"),
    Deed("go.dataset", "Dataset", "Look through pictures, write captions", "Ctrl+3", "dataset"),
    Deed("go.models", "Models", "Install models and look after them", "Ctrl+4", "models"),
    Deed("go.gallery", "Gallery", "All pictures that were made", "Ctrl+5", "gallery"),
    Deed("go.queue", "Queue", "Jobs that wait, run and have ended", "Ctrl+6", "queue"),
    Deed("go.settings", "Settings", "Colours, folders, shortcuts", "Ctrl+7", "settings"),
    Deed("generate.generate", "Generate", "Make pictures with these settings", "Ctrl+Return", "generate"),
    Deed("generate.stop", "Stop", "Stop the picture in progress", "Esc", "stop"),
    Deed("generate.vary", "New seed", "The same again with another seed", "Ctrl+R", "again"),
    Deed("generate.start_from", "Vary it", "Begin from this picture: new ones near it", "Ctrl+G", "vary"),
    Deed("generate.repaint_part", "Repaint a part", "Mark a part that is made anew", "Ctrl+M", "repaint"),
    Deed("generate.enlarge", "Enlarge", "Make this picture again, larger and finer", "Ctrl+Shift+E", "enlarge"),
    Deed("generate.animate", "Make it move", "A short video that begins with this picture", "Ctrl+Shift+M", "video"),
    Deed("generate.grid", "Grid…", "One picture for each of some values, side by side", "Ctrl+Shift+G", "grid"),
    Deed("generate.choose_picture", "Begin from a picture…", "Choose the picture to begin from", "", "picture"),
    Deed("generate.reuse", "Use these settings", "Fill the form with this picture's settings", "Ctrl+U", "reuse"),
    Deed("generate.keep", "Keep", "Give the picture a star, or take it away", "Ctrl+D", "star"),
    Deed("generate.compare", "Compare", "Lay the picture over another one", "Ctrl+B", "compare"),
    Deed("generate.copy", "Copy the picture", "Put the picture on the clipboard", "Ctrl+Shift+C", "copy"),
    Deed("generate.to_trash", "Move the picture to the trash", "It can be brought back from there", "", "remove"),
    Deed("generate.show_folder", "Show in folder", "Open the folder that holds this picture", "", "folder"),
    Deed("generate.swap_size", "Turn the size", "Width becomes height, and height width", "", "reuse"),
    Deed("generate.draw_seed", "Draw a seed", "Write a new random seed into the form", "", "dice"),
    Deed("generate.more_weight", "More weight", "Make the words under the cursor matter more", "Ctrl+Up", "up"),
    Deed("generate.less_weight", "Less weight", "Make the words under the cursor matter less", "Ctrl+Down", "unfolded"),
    Deed("train.start", "Start training", "Train with these settings", "Ctrl+Return", "train"),
    Deed("train.pause", "Pause the training", "Save a checkpoint and free the machine", "", "pause"),
    Deed("train.resume_shown", "Resume the training", "Go on from its last checkpoint", "", "play"),
    Deed("train.stop", "Stop the training", "Save a checkpoint and stop", "", "stop"),
    Deed("train.try_result", "Try it", "Open Generate with what was trained", "Ctrl+T", "generate"),
    Deed("train.choose_folder", "Choose the pictures…", "Choose the folder of pictures to learn from", "", "folder"),
    Deed("train.measure", "Measure", "Find out by a short run how long it takes and how much memory", "", "verify"),
    Deed("train.find_field", "Find a setting", "Search the settings of the training", "Ctrl+F", "search"),
    Deed("dataset.choose_folder", "Open a folder…", "Choose a folder of pictures", "", "folder"),
    Deed("dataset.add_pictures", "Add pictures…", "Copy pictures into the folder, or open a clip", "", "add"),
    Deed("dataset.look_again", "Look again", "Take in what other programs did to the folder", "F5", "retry"),
    Deed("dataset.paste", "Paste a picture", "What lies on the clipboard becomes a picture here", "Ctrl+V", "copy",
         yields="unless picture"),
    Deed("dataset.search", "Find pictures", "Search captions, tags, names, sizes, stars", "Ctrl+F", "search"),
    Deed("dataset.edit_caption", "Edit the caption", "Write what training reads of this picture", "F2", "tag"),
    Deed("dataset.next_uncaptioned", "Next without caption", "On to the next that has none", "Ctrl+J", "next"),
    Deed("dataset.change_captions", "Change captions…", "In many at once, with a look before", "Ctrl+H", "tag"),
    Deed("dataset.caption", "Caption the pictures", "With the captioner below the grid", "Ctrl+Return", "generate",
         yields="always"),
    Deed("dataset.move_thresholds", "Move thresholds…", "Of a tagger that ran, without running it again", "", "tag"),
    Deed("dataset.choose_tag_list", "Choose a tag list…", "Complete tags from a booru's list too", "", "tag"),
    Deed("dataset.undo", "Undo", "Take the last change back", "Ctrl+Z", "reset", yields="always"),
    Deed("dataset.redo", "Redo", "Make the change again", "Ctrl+Shift+Z", "redo", yields="always"),
    Deed("dataset.export", "Export…", "A copy as other programs read it", "", "save"),
    Deed("dataset.compare", "Compare two", "The two selected pictures side by side", "Ctrl+B", "compare"),
    Deed("dataset.buckets", "Buckets", "How many pictures lie in each bucket of a training", "", "grid"),
    Deed("dataset.full_view", "Full view", "Show the picture alone", "F11", "dataset"),
    Deed("dataset.prepare", "Crop, turn, mask…", "Prepare the picture; its file stays as it is", "Ctrl+E", "crop"),
    Deed("dataset.turn_left", "Turn left", "The selected pictures, by a quarter", "Ctrl+L", "turn_left"),
    Deed("dataset.turn_right", "Turn right", "The selected pictures, by a quarter", "Ctrl+R", "turn_right"),
    Deed("dataset.mirror", "Mirror", "The selected pictures, left and right swapped", "", "mirror"),
    Deed("dataset.take_out", "Take out of the folder", "The selected pictures; it can be undone", "", "remove"),
    Deed("dataset.take_out_rejects", "Take the rejects out", "All that X flagged; it can be undone", "", "remove"),
    Deed("dataset.train", "Train on these", "Open Train with this folder", "", "train"),
    Deed("models_page.install_file", "Install a file…", "Copy a model file into your models", "Ctrl+I", "install"),
    Deed("models_page.install_folder", "Install a folder…", "Copy a model in diffusers' folder layout", "", "folder"),
    Deed("models_page.verify_selected", "Verify", "Read the whole file and compare its checksum", "", "verify"),
    Deed("models_page.show_selected_in_folder", "Show in folder", "Open the folder that holds the model", "", "folder"),
    Deed("models_page.remove_selected", "Move to the trash", "It can be brought back from there", "", "remove"),
    Deed("models_page.search", "Find a model", "Search the list of models", "Ctrl+F", "search"),
    Deed("gallery.search", "Find a picture", "Search in prompts and settings", "Ctrl+F", "search"),
    Deed("gallery.star_selected", "Star", "Give the pictures a star, or take it away", "Ctrl+D", "star"),
    Deed("gallery.use_selected", "Use these settings", "Open Generate with this picture's settings", "Ctrl+U", "reuse"),
    Deed("gallery.compare_selected", "Compare", "Lay two pictures over one another", "Ctrl+B", "compare"),
    Deed("gallery.full_view", "Full view", "Show the picture alone", "F11", "generate"),
    Deed("gallery.trash_selected", "Move to the trash", "They can be brought back from there", "", "remove"),
)  # fmt: skip
"""In the order of the menus."""
