"""The one exception of this package: its text is a whole sentence for the person who started the command."""

import contextlib
import errno


class TrainingError(Exception):
    """Something the user can act on. The message says what happened and what to do next."""


@contextlib.contextmanager
def writing(path):
    """Turn the operating system's refusal to write `path` into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TrainingError(f"The disk is full: {path} could not be written. Free some space; nothing existing was changed.") from error
        raise TrainingError(f"{path} could not be written ({error.strerror}).") from error
