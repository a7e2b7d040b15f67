"""The lines on the pipes."""

import pytest
from pydantic import ValidationError

from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.contract.train import Data, TrainJob
from trainer.engine import protocol


@pytest.mark.parametrize(
    "request_",
    [
        protocol.RunJob(id=1, job=GenerateJob(prompt="Zoë\n🐈")),
        protocol.RunJob(id=2, job=TrainJob(data=Data(folder="a b")), folder="runs/x"),
        protocol.ResumeRun(id=3, folder="runs/x"),
        protocol.Cancel(id=3),
        protocol.Quit(),
    ],
    ids=lambda request: request.kind,
)
def test_a_request_is_one_line_and_comes_back_the_same(request_: protocol.Request) -> None:
    line = protocol.to_line(request_)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert protocol.request_from_line(line) == request_


@pytest.mark.parametrize(
    "message",
    [
        protocol.Hello(pid=7, torch="2", device="cuda", device_name="A", precision="bf16", memory=1),
        protocol.Heartbeat(),
        protocol.Said(id=4, event=events.Failed(title="a", fix="b", detail="c\nd", cause="bug")),
    ],
    ids=lambda message: message.kind,
)
def test_a_message_is_one_line_and_comes_back_the_same(message: protocol.Message) -> None:
    line = protocol.to_line(message)
    assert line.count(b"\n") == 1
    assert protocol.message_from_line(line) == message


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"hello", b'{"kind":"quit","more":1}', b'{"kind":"cancel","id":"x"}', b"[1]"],
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(ValidationError):
        protocol.request_from_line(line)


def test_a_message_of_another_version_is_refused() -> None:
    hello = protocol.Hello(pid=7, torch="2", device="cpu", device_name="", precision="fp32", memory=1)
    with pytest.raises(ValidationError):
        protocol.message_from_line(protocol.to_line(hello).replace(b'"version":1', b'"version":2'))
