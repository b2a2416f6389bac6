"""What the program tells a user when it cannot go on."""


class UserError(Exception):
    """A mistake of the user's, told in one line: what is wrong, where, and what to do about it."""

    exit_status = 2


class DivergenceError(UserError):
    """The loss is no number any more, told in one line."""

    exit_status = 3
