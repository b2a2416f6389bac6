"""What the program tells a user who made a mistake."""


class UserError(Exception):
    """A mistake of the user's, told in one line: what is wrong, where, and what to do about it."""
