"""The two exceptions that are not bugs: something the user can fix, and the user's own wish to stop."""


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
