"""The one exception that every reader of files raises."""


class Unreadable(Exception):
    """This file holds no spectrum we can read; the message says why, for the person who sent it."""
