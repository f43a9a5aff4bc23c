"""What a user is told without a stack trace."""


class JobError(Exception):
    """A job cannot go on; the message says what came, what was expected and what to do."""
