"""TrainJob: pictures and a model to a LoRA, a whole model or an autoencoder."""

import unicodedata
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from trainer.contract.common import Hardware, Sampling, SavedPrecision, Seed, Size
from trainer.contract.fields import About, Part
from trainer.contract.names import name_fault
from trainer.contract.optimize import AdamW, AnyOptimizer, Schedule


class Prior(Part):
    """Keeping what the model knows of the class: pictures of it train beside the subject's (DreamBooth, eq. 2)."""

    folder: Annotated[str, Field(min_length=1), About("Class pictures", "A folder of pictures of the class.")]
    weight: Annotated[
        float, Field(ge=0, le=10), About("Weight", "Weight of the class pictures in the loss; 1 is usual.")
    ] = 1.0
    caption: Annotated[
        str, About("Caption", "Caption of class pictures that have no caption file, for example: a cat.")
    ] = ""


class Captions(Part):
    """What is done to a caption each time it is used. Files on disk are never changed by it."""

    prefix: Annotated[str, About("Prefix", "Set before every caption, for example a trigger word.")] = ""
    shuffle: Annotated[bool, About("Shuffle", "Put comma-separated tags in a new order each time.", advanced=True)] = (
        False
    )
    keep_tags: Annotated[
        int,
        Field(ge=0, le=64),
        About("Keep first", "This many tags at the front stay in place when shuffling.", unit="tags", advanced=True),
    ] = 1
    dropout: Annotated[
        float,
        Field(ge=0, le=1),
        About("Dropout", "Share of steps that train without the caption; keeps guidance working.", advanced=True),
    ] = 0.0


class Data(Part):
    """The pictures, and how they are brought to the sizes the model trains at."""

    folder: Annotated[str, Field(min_length=1), About("Pictures", "A folder of pictures with caption files.")]
    resolution: Annotated[
        Size | None, About("Resolution", "Area that pictures are brought to; empty takes the model's own.")
    ] = None
    buckets: Annotated[
        bool, About("Buckets", "Keep each picture's shape by training at several sizes of about the same area.")
    ] = True
    bucket_step: Annotated[
        int | None,
        Field(ge=8, le=256, multiple_of=8),
        About(
            "Bucket step", "Sides of buckets are multiples of this; empty takes the model's own.", "px", advanced=True
        ),
    ] = None
    enlarge: Annotated[
        bool, About("Enlarge", "Enlarge pictures that are smaller than the resolution.", advanced=True)
    ] = True
    crop: Annotated[
        Literal["fit", "piece"],
        About(
            "Crop",
            "fit brings each picture to its bucket; piece cuts a random part at the picture's own scale, never cached.",
            advanced=True,
        ),
    ] = "fit"
    repeats: Annotated[int, Field(ge=1, le=10_000), About("Repeats", "How often each picture stands in an epoch.")] = 1
    flip: Annotated[
        bool, About("Mirror", "Mirror pictures at random; not for text, faces or anything with a left and right.")
    ] = False
    masks: Annotated[
        bool,
        About("Masks", "Learn only what is white in a picture's mask (NAME-masklabel.png), where there is one."),
    ] = True
    captions: Annotated[Captions, About("Captions", "How captions are used.")] = Captions()
    prior: Annotated[Prior | None, About("Keep the class", "Class pictures that keep the model's knowledge.")] = None
    cache: Annotated[
        bool,
        About("Cache", "Encode pictures and captions once and keep them on disk; quicker.", advanced=True),
    ] = True


class Lora(Part):
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): a small file laid over the model."""

    kind: Annotated[Literal["lora"], About("Method", "A LoRA: small, quick, can be combined.")] = "lora"
    rank: Annotated[int, Field(ge=1, le=1024), About("Rank", "Room for what is learned; 8 to 32 are usual.")] = 16
    alpha: Annotated[
        float,
        Field(gt=0, le=4096),
        About("Alpha", "Strength of the LoRA is alpha / rank; equal to rank is a safe choice."),
    ] = 16.0
    convolutions: Annotated[
        bool, About("Convolutions", "Also adapt the 3x3 convolutions: more room for style.", advanced=True)
    ] = False
    text_encoder: Annotated[
        bool, About("Text encoder", "Also adapt how words are understood; helps with new words.")
    ] = False
    text_encoder_learning_rate: Annotated[
        float | None,
        Field(gt=0, le=1),
        About("Text encoder learning rate", "Empty: the same as the rest.", advanced=True),
    ] = None


class Full(Part):
    """Every weight of the chosen parts is trained. With `blank` architecture it is pretraining from scratch."""

    kind: Annotated[Literal["full"], About("Method", "The whole model: most power, most memory.")] = "full"
    unet: Annotated[bool, About("UNet", "Train the UNet.")] = True
    text_encoder: Annotated[bool, About("Text encoder", "Train the text encoder.")] = False
    ema: Annotated[
        float,
        Field(ge=0, lt=1),
        About("EMA", "Keep a running average of the weights and use it; 0 switches it off.", advanced=True),
    ] = 0.0


class Autoencoder(Part):
    """The VAE alone: pictures to latents and back (Rombach et al. 2022, section 3.1, without the adversarial term)."""

    kind: Annotated[Literal["autoencoder"], About("Method", "The VAE: how pictures become latents.")] = "autoencoder"
    kl_weight: Annotated[
        float, Field(ge=0, le=1), About("KL weight", "Keeps latents near a normal distribution.", advanced=True)
    ] = 1e-6
    edge_weight: Annotated[
        float, Field(ge=0, le=100), About("Edge weight", "Weight of differences between neighbours.", advanced=True)
    ] = 1.0
    rescale: Annotated[
        bool,
        About("Rescale", "Bring latents to the spread that the UNet expects: only for a new model.", advanced=True),
    ] = False
    decoder_only: Annotated[
        bool,
        About(
            "Decoder only",
            "Train the way back alone: latents, and so every UNet and LoRA made for this VAE, stay as they are.",
        ),
    ] = False
    ema: Annotated[
        float, Field(ge=0, lt=1), About("EMA", "Keep a running average of the weights and use it.", advanced=True)
    ] = 0.0

    @model_validator(mode="after")
    def _keeps_latents(self) -> "Autoencoder":
        if self.decoder_only and self.rescale:
            raise ValueError("decoder_only keeps the latents as they are, and rescale changes them: choose one")
        return self


AnyMethod = Annotated[Lora | Full | Autoencoder, Field(discriminator="kind")]


class Loss(Part):
    """What is minimised."""

    min_snr_gamma: Annotated[
        float,
        Field(ge=0, le=100),
        About("min-SNR gamma", "Balances timesteps (Hang et al. 2023); 5 is usual, 0 switches it off."),
    ] = 0.0
    noise_offset: Annotated[
        float,
        Field(ge=0, le=1),
        About("Noise offset", "Lets very dark and very bright pictures be learned; 0.05 is usual.", advanced=True),
    ] = 0.0
    min_timestep: Annotated[
        int, Field(ge=0, le=999), About("From timestep", "Lowest timestep that is trained.", advanced=True)
    ] = 0
    max_timestep: Annotated[
        int, Field(ge=0, le=999), About("To timestep", "Highest timestep that is trained.", advanced=True)
    ] = 999

    unmasked_weight: Annotated[
        float,
        Field(ge=0, le=1),
        About(
            "Outside masks",
            "Weight of what a mask leaves out: 0.1 keeps the surroundings from going astray, 0 ignores them.",
            advanced=True,
        ),
    ] = 0.1

    @model_validator(mode="after")
    def _ordered(self) -> "Loss":
        if self.min_timestep > self.max_timestep:
            raise ValueError("min_timestep must not be above max_timestep")
        return self


class Steps(Part):
    """How long, in what portions, and from which seed."""

    total: Annotated[int, Field(ge=1, le=10_000_000), About("Steps", "Optimizer steps in all.")] = 500
    batch_size: Annotated[
        int, Field(ge=1, le=1024), About("Batch size", "Pictures in one forward pass: memory against steadiness.")
    ] = 1
    accumulation: Annotated[
        int,
        Field(ge=1, le=1024),
        About("Accumulation", "Forward passes whose gradients make one step: a large batch in little memory."),
    ] = 1
    max_grad_norm: Annotated[
        float, Field(ge=0, le=1000), About("Gradient limit", "Gradients longer than this are cut; 0: never.")
    ] = 1.0
    gradient_checkpointing: Annotated[
        bool, About("Gradient checkpointing", "Less memory, a third slower.", advanced=True)
    ] = False
    seed: Seed = 0


class Samples(Part):
    """Pictures made during training, to see how it goes."""

    prompts: Annotated[tuple[str, ...], About("Prompts", "One preview picture for each prompt.")] = ()
    every: Annotated[
        int, Field(ge=0, le=1_000_000), About("Every", "Make them each so many steps; 0: never.", unit="steps")
    ] = 0
    sampling: Annotated[Sampling, About("Sampling", "How the previews are made.")] = Sampling()
    seed: Seed = 0


class Output(Part):
    """What is written, and how often."""

    name: Annotated[str, Field(min_length=1, max_length=100), About("Name", "Name of the finished file.")] = "my-lora"
    precision: Annotated[SavedPrecision, About("Precision", "Number format of the finished file.")] = "fp16"
    checkpoint_every: Annotated[
        int,
        Field(ge=0, le=1_000_000),
        About(
            "Checkpoint every", "Save a point to resume from each so many steps; 0: only when stopped.", unit="steps"
        ),
    ] = 200
    keep_checkpoints: Annotated[
        int, Field(ge=1, le=1000), About("Keep", "How many checkpoints to keep; older ones go.", advanced=True)
    ] = 2
    description: Annotated[str, Field(max_length=10_000), About("Description", "Stored inside the file.")] = ""

    @field_validator("name")
    @classmethod
    def _is_file_name(cls, name: str) -> str:
        """Known before the training: after it a name that no file can have would cost all of it."""
        name = unicodedata.normalize("NFC", name)
        if fault := name_fault(name):
            raise ValueError(f"a name that a file can have on every system; this one {fault}")
        return name


class TrainJob(Part):
    """Everything that decides what is learned; nothing else may."""

    kind: Annotated[Literal["train"], About("Kind", "Trains on a folder of pictures.")] = "train"
    model: Annotated[
        str,
        Field(min_length=1),
        About("Start from", "A model by name or path; `blank:NAME` starts a named architecture from random weights."),
    ] = "starter"
    data: Annotated[Data, About("Data", "The pictures.")]
    method: Annotated[AnyMethod, About("Method", "What is trained, and what file comes out.")] = Lora()
    optimizer: Annotated[AnyOptimizer, About("Optimizer", "How weights are moved.")] = AdamW()
    schedule: Annotated[Schedule, About("Schedule", "How the learning rate changes.")] = Schedule()
    loss: Annotated[Loss, About("Loss", "What is minimised.")] = Loss()
    steps: Annotated[Steps, About("Steps", "How long, in what portions.")] = Steps()
    samples: Annotated[Samples, About("Previews", "Pictures made during training.")] = Samples()
    hardware: Annotated[Hardware, About("Hardware", "Device and precision.")] = Hardware()
    output: Annotated[Output, About("Output", "What is written.")] = Output()
