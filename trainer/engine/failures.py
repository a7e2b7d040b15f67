"""What ended a job, as the one event that says so: plain words, what to do, and no exception kept alive."""

import re
import sys
import traceback

from trainer.contract import events
from trainer.contract.caption import CaptionJob
from trainer.contract.errors import UserError, ran_out_of_memory
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import GridJob
from trainer.contract.jobfile import Job
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob
from trainer.contract.video import VideoJob
from trainer.files import human_size

MEMORY_TITLE = "Memory ran out"


def failed(error: Exception, job: Job) -> events.Failed:
    """The event for an exception that ended `job`. The traceback is turned to text here, so that it can be let go."""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, UserError):
        return events.Failed(title=error.title, fix=error.fix, detail=error.detail, cause="user")
    if ran_out_of_memory(error):
        return events.Failed(
            title=_memory_title(str(error)), fix=memory_proposals(job), detail=detail, cause="out_of_memory"
        )
    if _device_lost(error):
        return events.Failed(
            title="The graphics card stopped working in the middle of the job.",
            fix="Start the job again. If it happens again, restart the computer and update the graphics driver.",
            detail=detail,
            cause="crash",
        )
    return events.Failed(
        title=f"Something went wrong inside Gesso: {_one_line(error)}.",
        fix="This is a fault of the program. Please report it with the details below.",
        detail=detail,
        cause="bug",
    )


def memory_proposals(job: Job | None) -> str:
    """What in this job to change so that it needs less memory, most telling first, as one sentence."""
    match job:
        case TrainJob():
            proposals = _training_proposals(job)
        case MeasureJob():
            proposals = _training_proposals(job.train)
        case GenerateJob():
            proposals = _generation_proposals(job)
        case VideoJob():
            proposals = _video_proposals(job)
        case GridJob():
            proposals = _generation_proposals(job.base)
        case CaptionJob():
            proposals = ["set hardware.device to cpu"] if job.hardware.device != "cpu" else []
        case _:
            proposals = []
    proposals.append("close other programs that use much memory")
    text = ", or ".join(proposals)
    return f"{text[0].upper()}{text[1:]}."


def _training_proposals(job: TrainJob) -> list[str]:
    steps, size = job.steps, job.data.resolution
    proposals: list[str] = []
    if steps.batch_size > 1:
        half = steps.batch_size // 2
        same = f" and steps.accumulation to {steps.accumulation * 2}" if steps.batch_size % 2 == 0 else ""
        proposals.append(f"set steps.batch_size to {half} (now {steps.batch_size}){same}")
    if not steps.gradient_checkpointing:
        proposals.append("switch steps.gradient_checkpointing on")
    if size is not None and min(size.width, size.height) > 256:
        proposals.append(f"lower data.resolution (now {size.width}x{size.height})")
    if job.method.kind == "full":
        proposals.append("train a LoRA instead of the whole model")
    return proposals


def _generation_proposals(job: GenerateJob) -> list[str]:
    proposals: list[str] = []
    if job.batch_size > 1:
        proposals.append(f"set batch_size to 1 (now {job.batch_size})")
    if job.size is None:
        proposals.append("choose a smaller size")
    elif min(job.size.width, job.size.height) > 64:
        proposals.append(f"choose a smaller size (now {job.size.width}x{job.size.height})")
    if job.hardware.precision == "fp32":
        proposals.append("set hardware.precision to auto")
    if job.hardware.tiles == "off":
        proposals.append("set hardware.tiles to auto")
    if job.second_pass is not None:
        proposals.append(f"lower second_pass.scale (now {job.second_pass.scale:g})")
    return proposals


def _video_proposals(job: VideoJob) -> list[str]:
    proposals: list[str] = []
    if job.sampling.decode_at_once > 1:
        proposals.append(f"set sampling.decode_at_once to 1 (now {job.sampling.decode_at_once})")
    now = f" (now {job.size.width}x{job.size.height})" if job.size is not None else ""
    proposals.append(f"choose a smaller size{now}")
    if job.hardware.precision == "fp32":
        proposals.append("set hardware.precision to auto")
    return proposals


def _memory_title(message: str) -> str:
    asked = _bytes_asked(message)
    wanted = f": {human_size(asked)} more were needed" if asked else ""
    free = _free_on_card()
    left = f", and the graphics card has {free} free" if free else ""
    return f"{MEMORY_TITLE}{wanted}{left}."


def _bytes_asked(message: str) -> int:
    """The size that was refused, from torch's message: `Tried to allocate 2.00 GiB`, `tried to allocate 123 bytes`."""
    found = re.search(r"tried to allocate ([\d.]+) ?(bytes|KiB|MiB|GiB|KB|MB|GB)", message, re.IGNORECASE)
    if found is None:
        return 0
    power = "bkmg".index(found.group(2)[0].lower())
    return int(float(found.group(1)) * 1024**power)


def _free_on_card() -> str:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return ""
    free, total = torch.cuda.mem_get_info()
    return f"{human_size(free)} of {human_size(total)}"


def _device_lost(error: BaseException) -> bool:
    """Whether the driver gave up: nothing more can be computed on the device in this process."""
    if type(error).__name__ == "AcceleratorError":
        return True
    message = str(error)
    return isinstance(error, RuntimeError) and ("CUDA error" in message or "device-side assert" in message)


def _one_line(error: BaseException) -> str:
    message = " ".join(str(error).split())[:200].rstrip(". ")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
