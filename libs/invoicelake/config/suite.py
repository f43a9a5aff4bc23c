"""All settings of a run, and how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field as Setting, ValidationError, model_validator
from yaml import YAMLError

from invoicelake.config.analysts import Maintenance, Views
from invoicelake.config.benchmarks import Benchmark
from invoicelake.config.data import (
    Analytics,
    Annotations,
    Cleaning,
    Ledger,
    Master,
    Matching,
    Quality,
    Rates,
    Receivables,
    Trade,
)
from invoicelake.config.documents import (
    Encoding,
    Evaluation,
    Field,
    FieldKind,
    Generator,
    Input,
    LineItems,
    Model,
    Publish,
    Split,
    Tracking,
    Training,
)
from invoicelake.config.payment_delay import DelayModel, PaymentDelay
from invoicelake.config.section import Section
from invoicelake.config.trust import Accept, InvoiceChecks


class SettingsError(ValueError):
    """Settings that cannot be used; the message names the key, what came and what was expected."""


class Lake(Section):
    """Where the Delta tables lie."""

    path: str = Setting(default="./lake", description="Folder or URL of the Delta tables")


class Suite(Section):
    """All settings of a run."""

    lake: Lake = Lake()
    input: Input = Input()
    generator: Generator = Generator()
    fields: tuple[Field, ...] = Setting(min_length=1)
    line_items: LineItems = LineItems()
    split: Split = Split()
    encoding: Encoding = Encoding()
    model: Model = Model()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking
    publish: Publish = Publish()
    accept: Accept = Accept()
    invoice_checks: InvoiceChecks = InvoiceChecks()
    trade: Trade = Trade()
    ledger: Ledger = Ledger()
    cleaning: Cleaning = Cleaning()
    receivables: Receivables = Receivables()
    master: Master = Master()
    rates: Rates = Rates()
    annotations: Annotations = Annotations()
    matching: Matching = Matching()
    analytics: Analytics = Analytics()
    payment_delay: PaymentDelay = PaymentDelay()
    delay_model: DelayModel = DelayModel()
    quality: Quality = Quality()
    views: Views = Views()
    maintenance: Maintenance = Maintenance()
    benchmark: Benchmark = Benchmark()
    seed: int = Setting(default=0, ge=0, description="Seed of every draw")

    @model_validator(mode="after")
    def _has_a_name_for_each_book(self) -> Suite:
        if self.ledger.source_name == self.receivables.source_name:
            raise ValueError(
                f"ledger.source and receivables.source are both {self.ledger.source_name!r}, and both write "
                "silver.ledger_entry by that name; give them two names"
            )
        return self

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, in the order of the settings."""
        return tuple(field.name for field in self.fields)

    def kind_of(self, field: str) -> FieldKind:
        """The kind of a field; text for one that only an older model and its tables still know."""
        return next((each.kind for each in self.fields if each.name == field), "text")

    @property
    def delay_tracking(self) -> Tracking:
        """Where runs and models of payment delay are recorded."""
        name = self.delay_model.model_name or f"payment_delay_{self.receivables.source_name}"
        return self.tracking.model_copy(
            update={"experiment": self.delay_model.experiment, "model_name": name}
        )

    @property
    def delay_training(self) -> Training:
        """How the model of payment delay is trained."""
        own = ("epochs", "patience", "batch_size", "learning_rate", "cycle_time_ms")
        return self.training.model_copy(update={name: getattr(self.delay_model, name) for name in own})


def load(conf: Path, env: str = "local", files: Sequence[Path] = (), overrides: Iterable[str] = ()) -> Suite:
    """Merge `base.yaml`, the input's file, the environment's, `files` and `a.b=c` overrides; later ones win.

    Raises:
        SettingsError: a file is missing, an override is no `key=value`, or a key or value is not known.
    """
    given = list(overrides)
    malformed = [item for item in given if "=" not in item]
    if malformed:
        raise SettingsError(f"expected key=value, got {malformed[0]!r}; for example training.processes=2")
    try:
        changes = [_read(file) for file in files] + [OmegaConf.from_dotlist(given)]
        base = _read(conf / "base.yaml")
        input_format = OmegaConf.select(OmegaConf.merge(base, *changes), "input.format")
        of_input = conf / "input" / f"{input_format}.yaml"
        layers = [
            base,
            *([_read(of_input)] if of_input.is_file() else []),
            _read(conf / "env" / f"{env}.yaml"),
        ]
        merged = OmegaConf.merge(*layers, *changes)
        return Suite.model_validate(OmegaConf.to_container(merged, resolve=True))
    except ValidationError as error:
        raise SettingsError(_explained(error)) from error
    except (OmegaConfBaseException, YAMLError) as error:
        raise SettingsError(
            f"cannot read {' '.join(given) or 'the settings'}: {str(error).splitlines()[0]}"
        ) from error


def _read(file: Path) -> DictConfig:
    if not file.is_file():
        raise SettingsError(f"no settings file {file}")
    try:
        found = OmegaConf.load(file)
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read settings file {file}: {str(error).splitlines()[0]}") from error
    if not isinstance(found, DictConfig):
        raise SettingsError(
            f"settings file {file} should hold keys and values, it holds a {type(found).__name__}"
        )
    return found


def _explained(error: ValidationError) -> str:
    problems = []
    for found in error.errors():
        key = ".".join(str(part) for part in found["loc"])
        if found["type"] == "extra_forbidden":
            problems.append(f"unknown setting {key!r}")
        elif not key:
            # Of the settings as a whole: to show them all would hide what is wrong.
            problems.append(found["msg"])
        else:
            problems.append(f"{key}: {found['msg']}; got {found['input']!r}")
    return "; ".join(problems)
