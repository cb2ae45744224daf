"""The gateway of `tests.support.stack`, for the stories of this folder."""

from tests.support.stack import archivist, box, clerk, stranger

__all__ = ["archivist", "box", "clerk", "stranger"]
