"""How benchmarks measure and what they leave: rounds that alternate, medians and their spread, one JSON file."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROUNDS = int(os.environ.get("GESSO_BENCHMARK_ROUNDS", "7"))


@dataclass(frozen=True)
class Timing:
    """Seconds for one unit of work (a picture, a step). `cpu` is this process's own time on all cores: on a machine
    with other work it is steadier than the clock on the wall."""

    wall: float
    cpu: float


class Stopwatch:
    """Running from when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def per(self, units: int = 1) -> Timing:
        return Timing((time.perf_counter() - self._wall) / units, (time.process_time() - self._cpu) / units)


def timed(work: Callable[[], object]) -> Timing:
    watch = Stopwatch()
    work()
    return watch.per()


@dataclass(frozen=True)
class Measured:
    """One side of a comparison. `cold` is the first call, which no median holds."""

    cold: Timing
    rounds: tuple[Timing, ...]

    @property
    def wall(self) -> float:
        return statistics.median(timing.wall for timing in self.rounds)

    @property
    def cpu(self) -> float:
        return statistics.median(timing.cpu for timing in self.rounds)

    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile of the wall time."""
        walls = [timing.wall for timing in self.rounds]
        if len(walls) < 2:
            return walls[0], walls[0]
        low, _, high = statistics.quantiles(walls, n=4, method="inclusive")
        return low, high

    def figures(self) -> dict[str, Any]:
        return {
            "median_wall": self.wall,
            "quartiles_wall": self.quartiles(),
            "median_cpu": self.cpu,
            "cold": asdict(self.cold),
            "rounds": [asdict(timing) for timing in self.rounds],
        }

    def in_words(self) -> str:
        low, high = self.quartiles()
        return f"{self.wall * 1e3:.1f} ms [{low * 1e3:.1f} to {high * 1e3:.1f}]"


def interleaved(sides: Mapping[str, Callable[[], Timing]], rounds: int = ROUNDS) -> dict[str, Measured]:
    """Each side once to warm up, then in turn, every second round in reverse: what slows the machine slows them all."""
    cold = {name: side() for name, side in sides.items()}
    found: dict[str, list[Timing]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            found[name].append(sides[name]())
    return {name: Measured(cold[name], tuple(timings)) for name, timings in found.items()}


class Record:
    """The figures of a run of the benchmarks, written anew after each case."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cases: dict[str, dict[str, Any]] = {}

    def slowdown(self, case: str, ours: Measured, theirs: Measured, target: str) -> None:
        """Our time over theirs: below 1 is quicker than they are."""
        self._compare(case, ours, theirs, "time", _ratios(ours, theirs), target)

    def speedup(self, case: str, ours: Measured, theirs: Measured, target: str) -> None:
        """Their time over ours: how many times as fast we are."""
        self._compare(case, ours, theirs, "speed", _ratios(theirs, ours), target)

    def seconds(self, case: str, figures: Mapping[str, Sequence[float]], target: str = "none") -> None:
        """Times of whole commands, each taken some times."""
        medians = {name: statistics.median(values) for name, values in figures.items()}
        words = ", ".join(f"{name} {value:.3g} s" for name, value in medians.items())
        self._add(case, f"{words}; target: {target}", {"median": medians, "all": figures, "target": target})

    def _compare(
        self, case: str, ours: Measured, theirs: Measured, what: str, ratios: tuple[float, float], target: str
    ) -> None:
        wall, cpu = ratios
        line = (
            f"{wall:.3f} of their {what} (by processor time {cpu:.3f}), target: {target}; "
            f"ours {ours.in_words()}, theirs {theirs.in_words()}"
        )
        figures = {f"{what}_ratio_wall": wall, f"{what}_ratio_cpu": cpu, "target": target}
        self._add(case, line, {**figures, "ours": ours.figures(), "theirs": theirs.figures()})

    def _add(self, case: str, line: str, figures: Mapping[str, Any]) -> None:
        print(f"\n{case}: {line}", flush=True)
        self._cases[case] = {**figures, "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else []}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"machine": _machine(), "cases": self._cases}, indent=1), encoding="utf-8")


def _ratios(upper: Measured, lower: Measured) -> tuple[float, float]:
    """By the wall's clock and by processor time: the median of the rounds' own ratios. A machine whose speed wanders
    for seconds at a time changes both sides of a round; the ratio of two medians sets different rounds side by side."""
    pairs = list(zip(upper.rounds, lower.rounds, strict=True))
    return statistics.median(a.wall / b.wall for a, b in pairs), statistics.median(a.cpu / b.cpu for a, b in pairs)


def _machine() -> dict[str, Any]:
    import torch

    packages = ("torch", "diffusers", "peft", "accelerate", "transformers")
    return {
        "system": platform.platform(),
        "processor": torch.cpu.get_capabilities().get("architecture", platform.machine()),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
