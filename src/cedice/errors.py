"""The one error that a user's input can cause; its text is the one line that the user sees."""


class CediceError(Exception):
    """What is wrong, where (file, key, slice) and what to do about it, in one line."""
