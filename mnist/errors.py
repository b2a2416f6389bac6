"""What the program tells a user when it cannot go on."""


import signal


class UserError(Exception):
    """A mistake of the user's, told in one line: what is wrong, where, and what to do about it."""

    exit_status = 2


class DivergenceError(UserError):
    """The loss is no number any more, told in one line."""

    exit_status = 3


class Terminated(KeyboardInterrupt):
    """SIGTERM has come, upon which all goes as after Ctrl-C, but for the exit status."""


def signal_of(interruption: KeyboardInterrupt) -> signal.Signals:
    """Return the signal behind an interruption. A command that it ends exits with 128 + its number."""
    return signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT
