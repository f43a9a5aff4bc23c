"""Settings of the benchmarks."""

from __future__ import annotations

from pydantic import Field as Setting

from invoicelake.config.section import Section


class Benchmark(Section):
    """How much the benchmarks measure; for `benchmark NAME` alone."""

    scale: int = Setting(default=1, ge=1, description="How many times the rows `benchmark ledger` ends with")
    kills: int = Setting(default=50, ge=1, description="How many runs `benchmark kills` kills")
    invoices: int = Setting(
        default=100_000, ge=1, description="How many invoices `benchmark invoice_checks` checks of each kind"
    )
    resplits: int = Setting(default=1000, ge=1, description="How often `benchmark acceptance` splits anew")
    feed_rows: int = Setting(default=3000, ge=1, description="How many examples `benchmark feed` reads")
    feed_repeats: int = Setting(default=3, ge=1, description="How often `benchmark feed` reads in each way")
    scaling_steps: int = Setting(default=16, ge=4, description="Steps of an epoch of `benchmark scaling`")
    scaling_rows: int = Setting(
        default=8, ge=1, description="Rows of 128 tokens that a rank of `benchmark scaling` has in a step"
    )
    scaling_repeats: int = Setting(
        default=5, ge=1, description="Epochs that `benchmark scaling` measures in each way"
    )
    feed_epochs: int = Setting(
        default=20, ge=2, description="Epochs over which `benchmark feed` watches memory"
    )
    launch_repeats: int = Setting(default=3, ge=1, description="Launches of each way by `benchmark launch`")
    launch_timeout_s: int = Setting(
        default=300, ge=1, description="Time that one launch of `benchmark launch` has"
    )
    launcher_documents: int = Setting(
        default=400,
        ge=20,
        description="How many documents `benchmark launchers` trains on and validates with",
    )
    launcher_epochs: int = Setting(default=6, ge=2, description="Epochs of `benchmark launchers`")
    predictions: str | None = Setting(
        default=None,
        description="File that `benchmark folds` wrote: what `benchmark acceptance` draws from, instead of "
        "what the champion read",
    )
    folds: tuple[str, ...] = Setting(
        default=(),
        description="Folds of `benchmark folds`, `ladder` and `learning_curve`: supplier_0 to supplier_4, "
        "random; default: all, for the learning curve one",
    )
    fold_workers: int = Setting(default=2, ge=1, description="Folds trained at once, each on one core")
    pretraining_documents: int = Setting(
        default=1200, ge=1, description="Generated receipts that `ladder` and `learning_curve` pretrain on"
    )
    retrain: bool = Setting(
        default=True, description="Whether `benchmark folds` trains, or reads with what it trained last"
    )
