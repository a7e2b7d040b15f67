"""The guards of the suite itself: what they refuse, and what they let pass."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import refuse_network

ELSEWHERE = ("192.0.2.1", 9)  # an address reserved for documentation (RFC 5737)


@pytest.mark.parametrize(
    "address", [("127.0.0.1", 80), ("::1", 80, 0, 0), "localhost", b"localhost", None, "/tmp/x.sock", "\0abstract"]
)
def test_this_machine_is_local(address: object) -> None:
    assert refuse_network.is_local(address)


@pytest.mark.parametrize(
    "address", [ELSEWHERE, ("2001:db8::1", 80, 0, 0), "example.org", b"example.org", ("0.0.0.1", 1)]
)
def test_other_machines_are_not(address: object) -> None:
    assert not refuse_network.is_local(address)


def test_connecting_elsewhere_is_refused_and_noted(guarded_children: Path) -> None:
    with socket.socket() as probe, pytest.raises(refuse_network.NetworkRefused, match=r"192\.0\.2\.1"):
        probe.connect(ELSEWHERE)
    with pytest.raises(refuse_network.NetworkRefused, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)
    assert "192.0.2.1" in guarded_children.read_text("utf-8")
    guarded_children.unlink()  # meant, so it shall not fail this test


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"here")
            assert accepted.recv(4) == b"here"


def test_child_processes_are_refused_too(guarded_children: Path) -> None:
    asks = "import socket; socket.getaddrinfo('example.org', 443)"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NetworkRefused" in done.stderr
    assert "example.org" in guarded_children.read_text("utf-8")
    guarded_children.unlink()
