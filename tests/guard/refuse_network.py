"""Refuses every socket that leaves this machine, by an audit hook, so that no library can get around it.

tests/conftest.py installs it in the process of the tests. Their child processes get it through sitecustomize.py
beside this file, which Python imports at start because conftest puts this folder on PYTHONPATH.
"""

import os
import sys
from pathlib import Path

LOG_VARIABLE = "GESSO_TEST_REFUSED_LOG"
"""Names the file to which refused addresses are written, so that a refusal that was swallowed still fails its test."""

_ADDRESS_IN_ARGUMENTS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0}


class NetworkRefused(AssertionError):
    """A test reached for the network."""


def install() -> None:
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    place = _ADDRESS_IN_ARGUMENTS.get(event)
    if place is None or is_local(arguments[place]):
        return
    said = f"{event} {arguments[place]!r}"
    log = os.environ.get(LOG_VARIABLE)
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(said + "\n")
    raise NetworkRefused(f"Tests stay on this machine, but something tried {said}.")


def is_local(address: object) -> bool:
    """True for loopback hosts, for names in the file system (Unix sockets), and where no host is given."""
    if isinstance(address, tuple):
        host: object = address[0] if address else None
    elif isinstance(address, str) and address.startswith(("/", "\0", "@")):
        return True
    else:
        host = address
    if isinstance(host, bytes):
        host = host.decode("utf-8", "replace")
    if host is None or host == "":
        return True
    return isinstance(host, str) and (host in ("localhost", "::1") or host.startswith("127."))
