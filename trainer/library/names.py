"""Names under which models are installed."""

import unicodedata

from trainer.contract.errors import UserError
from trainer.contract.names import name_fault
from trainer.library.header import shown


def checked_name(name: str) -> str:
    """`name` in composed Unicode (NFC), if it can be a file's or folder's name everywhere. Raises UserError if not."""
    name = unicodedata.normalize("NFC", name)
    fault = name_fault(name)
    if fault:
        raise UserError(
            f"The name {shown(name)} can't be used for a file: it {fault}.", "Choose another name (--name)."
        )
    return name
