"""The engine's own pair of pipes. Not stdin and stdout: libraries print there, which must not break the protocol."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO


@dataclass
class Pipes:
    """Two open file descriptors, one to read from and one to write to. Plain descriptors, because a thread that waits
    in `os.read` holds no lock that would keep the process from ending."""

    receive: int
    send: int

    @classmethod
    def inherited(cls, names: str) -> "Pipes":
        """The child's ends, from what `start` put on its command line. Its own children do not inherit them."""
        receive, send = (int(name) for name in names.split(","))
        if os.name == "nt":
            import msvcrt

            receive = msvcrt.open_osfhandle(receive, os.O_RDONLY)
            send = msvcrt.open_osfhandle(send, os.O_WRONLY)
        os.set_inheritable(receive, False)
        os.set_inheritable(send, False)
        return cls(receive, send)

    def lines(self) -> Iterator[bytes]:
        """Whole lines without their newline, as they come, until the other side closes. A torn last line is dropped."""
        rest = b""
        while True:
            try:
                data = os.read(self.receive, 1 << 16)
            except OSError:  # Windows says a closed pipe so
                return
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            yield from lines

    def write(self, data: bytes) -> None:
        """Write all of it. Raises OSError (BrokenPipeError) when nobody listens any more."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.send, view) :]

    def close(self) -> None:
        """Close both. A write after this is refused, rather than reaching whatever file has got the number since."""
        descriptors = (self.receive, self.send)
        self.receive = self.send = -1
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def start(
    command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | int | None
) -> tuple["subprocess.Popen[bytes]", Pipes]:
    """Start the engine with `--pipes` added to its command; its stdout and stderr go to `output`, or where ours go.

    The engine gets a process group of its own: Ctrl+C in a terminal is answered by us, who then tell the engine.
    """
    child_receive, our_send = os.pipe()
    our_receive, child_send = os.pipe()
    try:
        if os.name == "nt":
            process = _start_windows(command, environment, output, (child_receive, child_send))
        else:
            process = subprocess.Popen(
                [*command, f"--pipes={child_receive},{child_send}"],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(child_receive, child_send),
                start_new_session=True,
            )
    except BaseException:
        Pipes(our_receive, our_send).close()
        raise
    finally:
        Pipes(child_receive, child_send).close()
    return process, Pipes(our_receive, our_send)


def _start_windows(
    command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | int | None, ends: tuple[int, int]
) -> "subprocess.Popen[bytes]":
    """Windows hands on handles, not descriptors, and only those listed."""
    if os.name != "nt":
        raise OSError("this is how Windows does it")
    import msvcrt

    handles = [msvcrt.get_osfhandle(end) for end in ends]
    for handle in handles:
        os.set_handle_inheritable(handle, True)
    return subprocess.Popen(
        [*command, f"--pipes={handles[0]},{handles[1]}"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        startupinfo=subprocess.STARTUPINFO(lpAttributeList={"handle_list": handles}),
        creationflags=subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP,
    )
