"""Which names can be a file's or a folder's on Linux, Windows and macOS alike, and what a model is called in short."""

import json
import re
from pathlib import PureWindowsPath

MAX_NAME_BYTES = 200
"""Leaves room for endings and temporary prefixes below the 255 bytes of common file systems."""

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def name_fault(name: str) -> str:
    """What keeps `name` from being a file's name everywhere (`is reserved by Windows`), or "" if nothing does.

    Faults are whatever could leave the folder, is reserved, misleads the eye, or is too long.
    """
    if not name.strip(". "):
        return "is empty or only dots"
    if (bad := _FORBIDDEN.search(name)) is not None:
        return f"contains {json.dumps(bad[0])}"
    if name != name.strip() or name.endswith(".") or name.startswith("."):
        return "begins or ends with a dot or a space"
    if _RESERVED.fullmatch(name):
        return "is reserved by Windows"
    if len(name.encode("utf-8")) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    return ""


def short_name(source: str) -> str:
    """A model's name without folders and the ending of a model file: what other programs show."""
    name = PureWindowsPath(source).name  # splits at both kinds of slash
    return name.removesuffix(".safetensors").removesuffix(".ckpt")
