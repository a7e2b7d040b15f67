"""The exceptions that are not bugs: something the user can fix, the user's own wish to stop, memory that ran out."""

_MEMORY_MESSAGES = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cublas_status_alloc_failed",
    "cudaerrormemoryallocation",
    "cannot allocate memory",
)
"""How torch's allocators (CPU, CUDA, MPS) and cuBLAS say it, lower case."""


class UserError(Exception):
    """Something went wrong that the user can understand and mend.

    `title` says in one plain sentence what happened, `fix` what to do about it; both are shown as they are,
    so they name files, fields and numbers, never classes or tracebacks. Any other exception is a bug.
    """

    def __init__(self, title: str, fix: str, detail: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.fix = fix
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.title} {self.fix}".strip()


class Cancelled(Exception):
    """The user asked to stop. Raised at the next check of `Run.check`, and never reported as a failure."""


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator refused, on the processor or on a graphics card."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError | OSError) and any(words in message for words in _MEMORY_MESSAGES)
