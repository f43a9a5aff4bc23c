"""What a user is told without a stack trace."""


class JobError(Exception):
    """A job cannot go on; the message says what came, what was expected and what to do.

    Args:
        message: for the user, one line.
        details: for who must look deeper; kept in a file that the user is told of.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
