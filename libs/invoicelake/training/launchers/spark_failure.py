"""What a failed Spark job says of its cause, in a line."""

from __future__ import annotations


def cause_of(error: BaseException) -> str:
    """The last line of the Python traceback of the task that failed, or else the first of what Spark says."""
    # Of an error in Java, its string repeats the call that failed, and then all of the stack.
    told = str(getattr(error, "java_exception", error)).strip()
    trace = told.partition("Traceback (most recent call last)")[2].partition("\n\n")[0].strip()
    return trace.rpartition("\n")[2].strip() or told.partition("\n")[0]
