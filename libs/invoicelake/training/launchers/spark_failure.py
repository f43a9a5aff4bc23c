"""What a failed Spark job says of its cause."""

from __future__ import annotations

# What Spark calls the loss of an executor, or of the Python process that a task ran in.
_LOSSES = ("ExecutorLostFailure", "Python worker exited unexpectedly")


def cause_of(error: BaseException) -> str:
    """What the task that failed has raised, or else the first line of what Spark says."""
    return raised(error) or _told(error).partition("\n")[0]


def raised(error: BaseException) -> str:
    """The last line of the Python traceback of the task that failed; empty where none has raised anything."""
    trace = _told(error).partition("Traceback (most recent call last)")[2].partition("\n\n")[0].strip()
    return trace.rpartition("\n")[2].strip()


def is_loss(error: BaseException | None) -> bool:
    """Whether a job failed because something was lost, and not by what its tasks do."""
    return error is not None and any(sign in _told(error) for sign in _LOSSES)


def _told(error: BaseException) -> str:
    # Of an error in Java, its string repeats the call that failed, and then all of the stack.
    return str(getattr(error, "java_exception", error)).strip()
