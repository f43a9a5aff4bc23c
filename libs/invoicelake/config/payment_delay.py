"""Settings of payment delay: its examples, and the model that is learnt from them."""

from __future__ import annotations

from datetime import date

from pydantic import Field as Setting, model_validator

from invoicelake.config.section import Section


class PaymentDelay(Section):
    """How examples of payment delay are built, and divided by time."""

    train_share: float = Setting(
        default=0.7, gt=0, lt=1, description="Share of receivables, the earliest, to train on"
    )
    validation_share: float = Setting(
        default=0.15, gt=0, lt=1, description="Share of receivables, the next, for choosing a model"
    )
    validation_from: date | None = Setting(
        default=None, description="First invoice date of the validation split; default: by train_share"
    )
    test_from: date | None = Setting(
        default=None, description="First invoice date of the test split; default: by the shares"
    )

    @model_validator(mode="after")
    def _leaves_some(self) -> PaymentDelay:
        if self.train_share + self.validation_share >= 1:
            raise ValueError(
                "train_share and validation_share leave nothing to test on; keep their sum below 1"
            )
        if self.validation_from and self.test_from and self.validation_from > self.test_from:
            raise ValueError(
                f"validation_from ({self.validation_from}) is after test_from ({self.test_from}); "
                "exchange them"
            )
        return self


class DelayModel(Section):
    """The model of payment delay, how it is trained, and what it is compared with.

    Launcher, ranks and the memory of the feed are those of `training`.
    """

    model_name: str | None = Setting(
        default=None,
        description="Registered model; default: payment_delay_ and the source of the receivables",
    )
    experiment: str = Setting(default="/invoicelake/payment_delay", description="MLflow experiment")
    bins: int = Setting(default=8, ge=2, le=100, description="Bins of each number, as equally full as can be")
    min_receivables: int = Setting(
        default=3, ge=1, description="Receivables from which on a customer or a country is known by name"
    )
    embedding_width: int = Setting(default=4, ge=1, description="Numbers that stand for a bin")
    customer_width: int = Setting(default=8, ge=1, description="Numbers that stand for a customer")
    width: int = Setting(default=32, ge=1, description="Units of a layer of the deep part")
    depth: int = Setting(default=2, ge=1, description="Layers of the deep part")
    dropout: float = Setting(default=0.3, ge=0, lt=1, description="Share of units dropped in training")
    decay: float = Setting(default=1e-4, ge=0, description="Weight of the squares of weights in the loss")
    days_weight: float = Setting(
        default=1.0, ge=0, description="Weight of 10 days of error against the log loss of being late"
    )
    epochs: int = Setting(default=20, ge=1, description="Passes over the training split at most")
    patience: int = Setting(
        default=100, ge=1, description="Epochs without a better validation loss before stopping"
    )
    batch_size: int = Setting(default=64, ge=1, description="Examples of one optimizer step, over all ranks")
    learning_rate: float = Setting(default=3e-3, gt=0, description="Peak learning rate of one optimizer step")
    cycle_time_ms: float = Setting(
        default=1, gt=0, description="As of `training`; steps of this model are short"
    )
    trees: int = Setting(default=40, ge=1, description="Boosted trees that the model is compared with")
    tree_depths: tuple[int, ...] = Setting(
        default=(2, 4), min_length=1, description="Depths of these, of which validation chooses"
    )
