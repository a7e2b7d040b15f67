"""What a finished file says of itself: kohya's `ss_*` keys, modelspec, and the job it was made by.

Keys and values as sd-scripts writes them (`train_network.py`, `sai_model_spec.py`), all of them text.
"""

import datetime
import json
from collections import Counter
from pathlib import Path

from trainer.contract.common import SavedPrecision
from trainer.contract.train import Lora, TrainJob
from trainer.dataset.buckets import training_size
from trainer.dataset.captions import split_tags
from trainer.dataset.pictures import Size
from trainer.models.device import mixed_precision
from trainer.models.family import LATENT_TO_RGB_KEY, Bundle
from trainer.training.examples import Examples

_BASE_VERSIONS = {
    ("sd1", "epsilon"): "sd_v1",
    ("sd1", "v_prediction"): "sd_v1_v",
    ("sd2", "epsilon"): "sd_v2",
    ("sd2", "v_prediction"): "sd_v2_v",
    ("sdxl", "epsilon"): "sdxl_base_v1-0",
    ("sdxl", "v_prediction"): "sdxl_base_v1-0",
}
_STABILITY = "https://github.com/Stability-AI/generative-models"
_OF_DIFFUSERS = ("sd1", "sd2")
"""Families whose LoRA files name layers as diffusers does; those of the others name them as this repository does."""
_ROUNDING: dict[SavedPrecision, str] = {"fp16": "fp16", "bf16": "bf16", "fp32": "float"}


def file_metadata(
    job: TrainJob, bundle: Bundle, examples: Examples, model_hash: str, steps: int, started: float, ended: float
) -> dict[str, str]:
    """The `__metadata__` of the finished file, without the sshs hashes (they are of the tensors).

    `model_hash` is the hex SHA-256 of the base model's file, empty where it is none.
    """
    common = {**_kohya(job, bundle, examples, model_hash, steps, started, ended), **_modelspec(job, bundle, ended)}
    if isinstance(job.method, Lora):
        common |= _network(job.method)
    else:
        common |= {key: bundle.metadata[key] for key in (LATENT_TO_RGB_KEY,) if key in bundle.metadata}
    return {**common, "gesso.job": without_folders(job).model_dump_json(exclude_none=True)}


def without_folders(job: TrainJob) -> TrainJob:
    """The job with paths cut down to their last part: files are passed on, and should not tell where one lives."""
    data = job.data.model_copy(update={"folder": Path(job.data.folder).name})
    if data.prior is not None:
        data = data.model_copy(update={"prior": data.prior.model_copy(update={"folder": Path(data.prior.folder).name})})
    return job.model_copy(update={"data": data, "model": Path(job.model).name})


def _kohya(
    job: TrainJob, bundle: Bundle, examples: Examples, model_hash: str, steps: int, started: float, ended: float
) -> dict[str, str]:
    width, height = training_size(job.data, Size(*bundle.default_size))
    per_epoch = len(examples.subject)
    values: dict[str, object] = {
        "ss_v2": bundle.family.name == "sd2",
        "ss_base_model_version": _BASE_VERSIONS.get((bundle.family.name, bundle.prediction), bundle.family.name),
        "ss_output_name": job.output.name,
        "ss_training_comment": job.output.description or None,
        "ss_training_started_at": started,
        "ss_training_finished_at": ended,
        "ss_learning_rate": job.optimizer.learning_rate,
        "ss_optimizer": job.optimizer.kind,
        "ss_lr_scheduler": job.schedule.kind,
        "ss_lr_warmup_steps": job.schedule.warmup,
        "ss_max_grad_norm": job.steps.max_grad_norm,
        "ss_steps": steps,
        "ss_max_train_steps": job.steps.total,
        "ss_num_train_images": per_epoch,
        "ss_num_reg_images": len(examples.prior),
        "ss_batch_size_per_device": job.steps.batch_size,
        "ss_total_batch_size": job.steps.batch_size * job.steps.accumulation,
        "ss_gradient_accumulation_steps": job.steps.accumulation,
        "ss_gradient_checkpointing": job.steps.gradient_checkpointing,
        "ss_mixed_precision": mixed_precision(bundle.dtype),
        "ss_seed": job.steps.seed,
        "ss_resolution": f"({width}, {height})",
        "ss_enable_bucket": job.data.buckets,
        "ss_flip_aug": job.data.flip,
        "ss_shuffle_caption": job.data.captions.shuffle,
        "ss_keep_tokens": job.data.captions.keep_tags,
        "ss_caption_dropout_rate": job.data.captions.dropout,
        "ss_min_snr_gamma": job.loss.min_snr_gamma or None,
        "ss_noise_offset": job.loss.noise_offset or None,
        "ss_prior_loss_weight": job.data.prior.weight if job.data.prior else None,
        "ss_sd_model_name": bundle.source.name,
        "ss_new_sd_model_hash": model_hash or None,
        "ss_tag_frequency": json.dumps(_tag_frequency(examples)),
        "ss_dataset_dirs": json.dumps(_folders(job, examples)),
    }
    return {key: str(value) for key, value in values.items() if value is not None}


def _network(method: Lora) -> dict[str, str]:
    arguments = {"conv_dim": method.rank, "conv_alpha": method.alpha} if method.convolutions else {}
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(method.rank),
        "ss_network_alpha": str(method.alpha),
        "ss_network_args": json.dumps(arguments),
    }


def _modelspec(job: TrainJob, bundle: Bundle, ended: float) -> dict[str, str]:
    of_lora = isinstance(job.method, Lora)
    width, height = training_size(job.data, Size(*bundle.default_size)) if of_lora else bundle.default_size
    values = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": bundle.architecture + ("/lora" if of_lora else ""),
        "modelspec.implementation": "diffusers" if of_lora and bundle.family.name in _OF_DIFFUSERS else _STABILITY,
        "modelspec.title": job.output.name,
        "modelspec.description": job.output.description,
        "modelspec.date": datetime.datetime.fromtimestamp(ended, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "modelspec.resolution": f"{width}x{height}",
        "modelspec.prediction_type": "v" if bundle.prediction == "v_prediction" else "epsilon",
    }
    return {key: value for key, value in values.items() if value}


def _folders(job: TrainJob, examples: Examples) -> dict[str, dict[str, int]]:
    """Each folder with its pictures, counted once, and how often each of them stands in an epoch."""
    folders: dict[str, dict[str, int]] = {}
    for one in dict.fromkeys(examples.subject):
        new = {"n_repeats": one.item.repeats * job.data.repeats, "img_count": 0}
        folders.setdefault(one.item.path.parent.name, new)["img_count"] += 1
    return folders


def _tag_frequency(examples: Examples) -> dict[str, dict[str, int]]:
    """How often each tag stands in each folder's captions; A1111 shows it, and trigger words are read from it."""
    folders: dict[str, Counter[str]] = {}
    for one in dict.fromkeys(examples.subject):
        folders.setdefault(one.item.path.parent.name, Counter()).update(split_tags(one.caption))
    return {folder: dict(tags.most_common(200)) for folder, tags in folders.items()}
