"""Settings of documents, and of the models that read them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting, model_validator

from invoicelake.config.section import Section

InputFormat = Literal["generated", "sroie", "cord"]
LauncherName = Literal[
    "horovod", "horovod_elastic", "elephas", "elephas_asynchronous", "elephas_hogwild", "inprocess"
]
UpdateFrequency = Literal["batch", "epoch"]
DeviceName = Literal["auto", "cpu", "gpu"]
FieldKind = Literal["text", "date", "amount", "currency", "percentage", "identifier"]


class Input(Section):
    """What documents come in."""

    format: InputFormat = Setting(default="generated", description="Which source the documents come from")
    path: str | None = Setting(default=None, description="Folder of the documents; not used by 'generated'")
    max_rejected_share: float = Setting(
        default=0.2, ge=0, le=1, description="The job fails when a larger share of the documents is rejected"
    )
    max_lines: int = Setting(default=5000, ge=1, description="A document with more text lines is rejected")


class Generator(Section):
    """The embedded default input: documents made from a seed."""

    documents: int = Setting(default=1200, ge=1, description="How many documents are generated")
    suppliers: int = Setting(default=160, ge=1, description="How many suppliers they come from")
    invoice_share: float = Setting(
        default=0.5, ge=0, le=1, description="Share of invoices; the rest are receipts"
    )
    poor_scan_share: float = Setting(
        default=0.06, ge=0, le=1, description="Share of documents with reading faults"
    )
    fault_share: float = Setting(
        default=0.01, ge=0, le=1, description="Share of characters misread on a poor scan"
    )


class Field(Section):
    """A field to extract."""

    name: str = Setting(pattern=r"^[a-z][a-z0-9_]*$", description="Name of the field, as in the labels")
    kind: FieldKind = Setting(description="How its value is found in the text")


class LineItems(Section):
    """The positions of a receipt or invoice."""

    read: bool = Setting(default=False, description="Whether the extractor reads them, beside the fields")


class Split(Section):
    """How suppliers are divided; a supplier is on one side only."""

    validation_share: float = Setting(
        default=0.1, gt=0, lt=1, description="Share of suppliers for choosing weights"
    )
    test_share: float = Setting(
        default=0.15, gt=0, lt=1, description="Share of suppliers that training never sees"
    )

    @model_validator(mode="after")
    def _leaves_some(self) -> Split:
        if self.validation_share + self.test_share >= 1:
            raise ValueError(
                "validation_share and test_share leave nothing to train on; keep their sum below 1"
            )
        return self


class Encoding(Section):
    """How text lines become tensors."""

    max_tokens: int = Setting(
        default=256, ge=8, description="Tokens of one example; longer documents give several"
    )
    max_characters: int = Setting(default=16, ge=4, description="Characters of a token that the model sees")
    vocabulary_size: int = Setting(
        default=4000, ge=1, description="Words that have an embedding of their own"
    )
    min_documents: int = Setting(
        default=3, ge=1, description="Documents a word must occur in to be in the vocabulary"
    )


class Model(Section):
    """The extractor: its shape, what it is held to in training, and how it reads."""

    name: str = Setting(default="field_tagger", description="Function in invoicelake.models that builds it")
    width: int = Setting(default=96, ge=8, description="Units of the token representation")
    depth: int = Setting(default=3, ge=1, description="Layers over the tokens")
    dropout: float = Setting(default=0.3, ge=0, lt=1, description="Share of units dropped in training")
    choice_weight: float = Setting(
        default=0.25,
        ge=0,
        description="How much the choice of a field's place among all tokens counts in the loss, beside that "
        "of each token by itself",
    )
    best_guess: bool = Setting(
        default=True,
        description="Whether a field that nearly all training documents have is given its likeliest value "
        "where none is likely",
    )
    known_values: bool = Setting(
        default=True,
        description="Whether text is read as training documents had it, where it is nearly the same",
    )


class Training(Section):
    """How the extractor is trained.

    The learning rate falls to 0 over `epochs`, so stopping early wastes its end; the best epoch's weights are
    kept in any case. Hence the long patience.
    """

    launcher: LauncherName = Setting(default="horovod", description="Where the ranks run")
    processes: int = Setting(default=2, ge=1, description="Number of ranks")
    epochs: int = Setting(default=14, ge=1, description="Passes over the training split at most")
    patience: int = Setting(
        default=100, ge=1, description="Epochs without a better validation score before stopping"
    )
    batch_size: int = Setting(default=16, ge=1, description="Examples of one optimizer step, over all ranks")
    feed_memory_mb: int = Setting(
        default=256,
        ge=1,
        description="Memory of a rank for rows: a table that fits is held, a larger one streamed through it",
    )
    learning_rate: float = Setting(default=2e-3, gt=0, description="Peak learning rate of one optimizer step")
    begin_from: str | None = Setting(
        default=None,
        pattern=r"^[^/@]+$",
        description="Registered model whose champion's weights the extractor begins from, such as "
        "extractor_generated; default: drawn ones",
    )
    start_timeout_s: int = Setting(default=600, ge=1, description="Time for all ranks to come up")
    device: DeviceName = Setting(
        default="auto",
        description="What ranks compute on: auto takes a GPU where Spark or CUDA_VISIBLE_DEVICES gave one, "
        "gpu fails where none was given",
    )
    mixed_precision: bool = Setting(
        default=False, description="Compute in float16 with loss scaling; weights stay float32. For GPUs"
    )
    xla: bool = Setting(
        default=False,
        description="Compile the model with XLA, once for each length of batch; lengths are rounded up to 64",
    )
    elephas_update: UpdateFrequency = Setting(
        default="batch",
        description="After what a worker of elephas_asynchronous or elephas_hogwild exchanges weights",
    )
    elephas_unencrypted: bool = Setting(
        default=False, description="Whether those workers may do so over a network, in plain HTTP"
    )
    sparse_as_dense: bool = Setting(
        default=True,
        description="Whether Horovod exchanges gradients of embeddings as dense tensors, together with all "
        "others: faster unless vocabularies are large; clipping then counts repeated words together",
    )
    cycle_time_ms: float = Setting(
        default=5,
        gt=0,
        description="Time between Horovod's looks for gradients to exchange: each look costs processor time, "
        "and a step may wait for the next one",
    )
    checkpoint_every_s: float = Setting(
        default=30, gt=0, description="Time between checkpoints within an epoch; they take 5% of it at most"
    )
    max_restarts: int = Setting(
        default=3,
        ge=0,
        description="How often ranks are started again after one was lost or hung, within an epoch",
    )
    stall_timeout_s: int = Setting(
        default=40, ge=5, description="Time without a step after which ranks are taken for hung and ended"
    )
    min_processes: int = Setting(
        default=1, ge=1, description="Ranks that launcher horovod_elastic goes on with at least"
    )
    deterministic: bool = Setting(
        default=False,
        description="Whether a step computes the same to the last bit each time; slower on some devices",
    )

    @model_validator(mode="after")
    def _has_as_many_ranks_as_the_launcher(self) -> Training:
        if self.launcher == "inprocess" and self.processes > 1:
            raise ValueError("launcher inprocess has one rank; set training.processes=1, or another launcher")
        if self.launcher.startswith("elephas") and self.device == "gpu":
            raise ValueError(
                f"launcher {self.launcher} cannot pin ranks to GPUs; set training.launcher=horovod"
            )
        if self.min_processes > self.processes:
            raise ValueError(
                f"min_processes is {self.min_processes}, more than processes, {self.processes}; lower it"
            )
        return self


class Evaluation(Section):
    """How the extractor is scored."""

    report_pages: int = Setting(default=12, ge=0, description="Pages drawn in the report")


class Tracking(Section):
    """Where runs and models are recorded."""

    uri: str | None = Setting(
        default=None, description="MLflow tracking store; default: SQLite in the lake's folder"
    )
    experiment: str = Setting(default="/invoicelake/extractor", description="MLflow experiment")
    model_name: str = Setting(description="Registered model")
    timeout_s: int = Setting(default=10, ge=1, description="Time a tracking server has to answer")
    patience_s: int = Setting(
        default=60, ge=0, description="Time a tracking server has to come back that was lost during training"
    )


class Publish(Section):
    """How values become typed columns."""

    currency: str = Setting(
        default="EUR", pattern=r"^[A-Z]{3}$", description="Currency where the document names none"
    )
    day_first: bool = Setting(default=True, description="Whether 03/04/2024 is the 3rd of April")
