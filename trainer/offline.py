"""Offline is a promise: nothing touches the network unless the user asked for a download."""

import os

_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_XET": "1",
    "DO_NOT_TRACK": "1",
    # Not about the network, but read at the same early moment: a tokenizer's thread pool would warn after a fork.
    "TOKENIZERS_PARALLELISM": "false",
}


def go_offline() -> None:
    """Tell the model libraries to stay off the network: in this process, and in those it starts.

    They read these variables while they are imported, so this has to run before any of them is;
    a value that the user had set is replaced.
    """
    os.environ.update(_SETTINGS)
