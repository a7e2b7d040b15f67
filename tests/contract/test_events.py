"""Events travel as lines of JSON and come back as what they were."""

from typing import get_args

import pytest
from pydantic import ValidationError

from trainer.contract import events
from trainer.contract.errors import Cancelled
from trainer.contract.run import Run

EXAMPLES: list[events.Event] = [
    events.Started(job="train", name="kiki", run_folder="/r"),
    events.Status(text="läuft\nweiter"),
    events.Progress(what="pictures", done=1, total=2),
    events.Step(step=1, total=9, loss=0.1 + 0.2, learning_rate=1e-4),
    events.Preview(index=0, step=1, total=2, width=8, height=8, data="aGk="),
    events.Sample(step=3, prompt="a cat", path="x.png"),
    events.Saved(what="output", path="x.safetensors"),
    events.Captioned(picture="a/1.png", text="a cat", before="", scores=(("cat", 0.9),)),
    events.Measured(
        load_seconds=0.5,
        picture_seconds=0.1,
        step_seconds=0.3,
        steps=4,
        memory=6 * 1024**3,
        memory_total=24 * 1024**3,
        checkpoint=5_000_000,
        device="cuda",
        device_name="a card",
    ),
    events.Warning(title="Odd.", fix="Look."),
    events.Finished(seconds=1.5, paths=("a", "b")),
    events.Failed(title="No.", fix="Do.", detail="Traceback\n ...", cause="bug"),
    events.Stopped(resume="/r"),
]


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EXAMPLES} == set(get_args(get_args(events.Event)[0]))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.kind)
def test_round_trip_in_one_line(event: events.Event) -> None:
    line = events.to_json(event)
    assert "\n" not in line
    assert events.from_json(line) == event


@pytest.mark.parametrize(
    "line", ["", "{}", '{"kind": "step"}', '{"kind": "unheard"}', '{"kind": "status", "text": "a", "b": 1}']
)
def test_other_lines_are_no_events(line: str) -> None:
    with pytest.raises(ValidationError):
        events.from_json(line)


def test_run_says_and_asks() -> None:
    said: list[events.Event] = []
    stop = False
    run = Run(said.append, cancelled=lambda: stop)
    run.status("a")
    run.warn("b", "c")
    run.progress("d", 1, 2)
    run.check()
    assert [event.kind for event in said] == ["status", "warning", "progress"]
    stop = True
    with pytest.raises(Cancelled):
        run.check()


def test_paths_that_are_no_text_still_travel() -> None:
    event = events.Finished(seconds=1, paths=("/tmp/caf\udce9",))
    assert events.from_json(events.to_json(event)) == event
    assert event.paths == ("/tmp/caf\\udce9",)
