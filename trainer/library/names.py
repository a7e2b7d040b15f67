"""Names that are safe as file names on Linux, Windows and macOS alike."""

import re
import unicodedata

from trainer.contract.errors import UserError
from trainer.library.header import shown

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
MAX_NAME_BYTES = 200
"""Leaves room for endings and temporary prefixes below the 255 bytes of common file systems."""


def checked_name(name: str) -> str:
    """`name` in composed Unicode (NFC), if it can be one file's or folder's name everywhere.

    Raises UserError for anything that could leave the folder, is reserved by Windows, misleads the eye, or is too long.
    """
    name = unicodedata.normalize("NFC", name)
    if not name.strip(". "):
        fault = "is empty or only dots"
    elif (bad := _FORBIDDEN.search(name)) is not None:
        fault = f"contains {shown(bad[0])}"
    elif name != name.strip() or name.endswith(".") or name.startswith("."):
        fault = "begins or ends with a dot or a space"
    elif _RESERVED.fullmatch(name):
        fault = "is reserved by Windows"
    elif len(name.encode("utf-8")) > MAX_NAME_BYTES:
        fault = f"is longer than {MAX_NAME_BYTES} bytes"
    else:
        return name
    raise UserError(f"The name {shown(name)} can't be used for a file: it {fault}.", "Choose another name (--name).")
