"""Plan: what a training will do, in words; what is the matter with its pictures; and runs that can go on."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QSizePolicy, QWidget

from app.pages.train_advice import Advice, Change, Offer, Pick, Show
from app.pages.train_disk import Earlier, Looked
from app.pages.train_estimate import Estimate, estimate
from app.theme import theme
from app.widgets.basics import button, column, label, row, surface
from app.widgets.lines import Lines
from trainer.contract import events
from trainer.contract.train import TrainJob
from trainer.dataset.check import Report
from trainer.dataset.findings import Finding, Severity
from trainer.dataset.names import shown

NAMED = 4
"""So many files are named of each kind of remark."""
LISTED = 8
"""So many runs that can go on are listed."""
WIDTH = 720
SIGNS = {"bad": "error", "warning": "warning", "note": "done"}
ADVISED = ("It is small,", "It has no caption file; an empty caption")
"""How the check begins what is said above already, with buttons that help."""
ROLES = {"bad": "error", "warning": "warn", "note": "muted"}


class PlanView(QScrollArea):
    """`resumed` carries the folder of a run that is to go on; `changing` fields to be set, by path; `showing` pictures
    to be shown and what they are; `picking` asks for a folder of class pictures; `measuring` for a dry run."""

    resumed = Signal(str)
    changing = Signal(object)
    showing = Signal(object, str)
    picking = Signal()
    measuring = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setAccessibleName("What will happen")
        self.setToolTip("What the settings come to, and what there is to say about them.")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._remarked: Looked | None = None
        self._advised: list[Advice] = []
        self._heading = label("", "title")
        self._estimate = Estimate()
        self._estimate.asked.connect(self.measuring)
        self._estimate.changing.connect(self.changing)
        self._arithmetic = Lines(spacing=6)
        self._advice = Lines()
        self._remarks = Lines()
        self._runs = Lines()
        content = column(
            self._heading,
            surface(self._estimate, "raised"),
            self._advice,
            surface(column(self._arithmetic, margins=(16, 12, 16, 12)), "raised"),
            self._remarks,
            self._runs,
            0,
            margins=(24, 20, 24, 24),
            spacing=16,
        )
        content.setMaximumWidth(WIDTH)
        self._content = content
        self.setWidget(content)
        self.show_plan(None, None, ())

    @property
    def estimate(self) -> "Estimate":
        return self._estimate

    def show_plan(
        self,
        job: TrainJob | None,
        looked: Looked | None,
        earlier: tuple[Earlier, ...],
        measured: events.Measured | None = None,
    ) -> None:
        self._heading.setText(heading(job, looked) if job else "What will happen")
        self._estimate.show_words(*(estimate(job, looked, earlier, measured) if job else ("", "")))
        self._arithmetic.clear()
        for sentence in arithmetic(job, looked) if job else ["A setting on the left makes no sense yet."]:
            self._arithmetic.add(label(sentence))

    def show_advice(self, found: Sequence[Advice], *, anew: bool = False) -> None:
        if list(found) == self._advised and not anew:
            return
        self._advised = list(found)
        self._advice.clear()
        for one in found:
            buttons = [self._offered(offer) for offer in one.offers]
            self._advice.add(_remark(one.severity, one.words, one.fix, buttons))

    def offers(self) -> dict[str, QPushButton]:
        """The buttons that help, by their words."""
        found = (*self._advice.findChildren(QPushButton), *self._remarks.findChildren(QPushButton))
        return {one.text(): one for one in found}

    def _offered(self, offer: Offer) -> QPushButton:
        match offer:
            case Change():
                return button(offer.words, offer.does, partial(self.changing.emit, offer.fields))
            case Show():
                does = "Look at the picture" if len(offer.paths) == 1 else "Look at the pictures"
                return button("Show", does, partial(self.showing.emit, offer.paths, offer.what))
            case Pick():
                return button(offer.words, offer.does, self.picking.emit, icon="folder")

    def said(self) -> list[str]:
        """Every sentence that stands there."""
        return [one.text() for one in self._content.findChildren(QLabel) if one.text()]

    def show_remarks(self, looked: Looked | None, *, anew: bool = False) -> None:
        """What the check found; `anew` where it is there already, in other colours."""
        if looked is self._remarked and not anew:
            return
        self._remarked = looked
        self._remarks.clear()
        if looked is None:
            return
        for report, whose in ((looked.report, "The pictures"), (looked.prior, "The class pictures")):
            remarks = remarks_of(report) if report is not None else []
            if not remarks:
                continue
            self._remarks.add(label(whose, "heading"))
            for one in remarks:
                buttons = [self._offered(offer) for offer in one.offers]
                self._remarks.add(_remark(one.severity, one.words, one.fix, buttons))

    def show_earlier(self, earlier: Iterable[Earlier]) -> None:
        self._runs.clear()
        waiting = [run for run in earlier if run.can_go_on]
        if waiting:
            self._runs.add(label("Trainings that can go on", "heading"))
        for run in waiting[:LISTED]:
            self._runs.add(self._run_row(run))

    def _run_row(self, run: Earlier) -> QWidget:
        became = "stopped" if run.state == "stopped" else "broken off"
        name = label(run.job.output.name)
        name.setToolTip(shown(run.folder))
        words = label(f"{became} at step {run.step:,} of {run.total:,}  ·  {shown(run.folder.name)}", "muted")
        go_on = button(
            "Resume", f"Go on with {run.job.output.name} from its last checkpoint",
            partial(self.resumed.emit, str(run.folder)), icon="play",
        )  # fmt: skip
        go_on.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return surface(row(column(name, words, spacing=2), go_on, margins=(16, 10, 12, 10)), "raised")


def heading(job: TrainJob, looked: Looked | None) -> str:
    epochs = f", {_number(job.steps.total / per_epoch(job, looked))} epochs" if looked and looked.report.usable else ""
    return f"{_count(job.steps.total, 'step')}{epochs}"


def per_epoch(job: TrainJob, looked: Looked) -> float:
    """Steps that show each picture once (and as often as it is repeated): batches hold pictures of one size only."""
    shapes: Counter[object] = Counter()
    for one in looked.report.examined:
        shapes[one.placement.bucket_size] += one.item.repeats * job.data.repeats
    batches = sum(math.ceil(count / job.steps.batch_size) for count in shapes.values())
    return batches / job.steps.accumulation


def arithmetic(job: TrainJob, looked: Looked | None) -> list[str]:
    """The plan in sentences."""
    said: list[str] = []
    if looked is not None and looked.report.usable:
        said += _about_pictures(job, looked)
    if job.samples.every and job.samples.prompts:
        times = 1 + math.ceil(job.steps.total / job.samples.every)  # the last step has one too
        each, all_of_them = _count(len(job.samples.prompts), "preview"), times * len(job.samples.prompts)
        said.append(f"{each} before it begins and every {job.samples.every:,} steps: {_count(all_of_them, 'picture')}.")
    else:
        said.append("No previews: give prompts, and how often, to watch it learn.")
    what = "a whole model" if job.method.kind == "full" else "a LoRA"
    said.append(f"It makes {what} named {shown(job.output.name)}, and puts it into your models.")
    return said


def _about_pictures(job: TrainJob, looked: Looked) -> list[str]:
    report, steps = looked.report, job.steps
    in_epoch = sum(one.item.repeats for one in report.examined) * job.data.repeats
    each = per_epoch(job, looked)
    sizes = Counter(one.placement.bucket_size for one in report.examined)
    (width, height), _ = sizes.most_common(1)[0]
    count = len(report.usable)
    repeated = f" × {job.data.repeats} repeats = {in_epoch:,} pictures" if job.data.repeats > 1 else ""
    passes = f" and {steps.accumulation} passes a step" if steps.accumulation > 1 else ""
    why = ", as a batch holds pictures of one shape only" if len(sizes) > 1 and steps.batch_size > 1 else ""
    more = f", and {_count(len(sizes) - 1, 'other shape')} of that area" if len(sizes) > 1 else ""
    seen = max(1.0, steps.total / each * in_epoch / count)
    said = [
        f"{_count(count, 'picture')}{repeated} in an epoch.",
        f"In batches of {steps.batch_size}{passes} that is {_count(each, 'step')}{why}.",
        f"{_count(steps.total, 'step')} / {_number(each)} = {_count(steps.total / each, 'epoch')}: "
        f"each picture is seen about {_number(seen)} times.",
        f"They are trained at {width} × {height} pixels{more}.",
    ]
    if looked.prior is not None and looked.prior.usable:
        said.append(f"Beside each of them stands one of {_count(len(looked.prior.usable), 'class picture')}.")
    return said


def remarks_of(report: Report) -> list[Advice]:
    """What the check found, with the names of the files, the gravest first; like remarks are one. Pictures
    that are small or have no caption are not among them: of those there is advice."""
    pictures = {one.item.path for one in report.examined}
    alike: defaultdict[tuple[Severity, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if not finding.reason.startswith(ADVISED):
            alike[finding.severity, finding.reason].append(finding)
    remarks: list[Advice] = []
    for (severity, reason), found in alike.items():
        paths = tuple(finding.path for finding in found if finding.path in pictures)
        show = (Show(paths, reason),) if paths else ()
        remarks.append(Advice(severity, _named(reason, found), _mended(found), show))
    return sorted(remarks, key=lambda remark: list(SIGNS).index(remark.severity))


def _named(reason: str, found: list[Finding]) -> str:
    names = [shown(finding.path.name) for finding in found[:NAMED]]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{', '.join(names)}{more}: {reason}"


def _mended(found: list[Finding]) -> str:
    """What to do; where it names a file, said of the first one."""
    first = found[0]
    same = all(finding.fix == first.fix for finding in found)
    return first.fix if same else f"For {shown(first.path.name)}: {first.fix[:1].lower()}{first.fix[1:]}"


def _remark(severity: str, words: str, fix: str, buttons: Sequence[QPushButton]) -> QFrame:
    sign = QLabel()
    sign.setPixmap(theme().icon(SIGNS[severity], ROLES[severity]).pixmap(18, 18))
    sign.setAccessibleName(severity)
    sign.setAlignment(Qt.AlignmentFlag.AlignTop)
    sign.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
    text = column(label(words), label(fix, "muted"), spacing=2)
    if buttons:
        text = column(text, row(*buttons, 0), spacing=8)
    return surface(row(sign, text, margins=(16, 10, 16, 10), spacing=12), "raised")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _count(count: float, what: str) -> str:
    return f"{_number(count)} {what}{'' if count == 1 else 's'}"
