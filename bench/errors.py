"""The errors that are the user's to mend, apart from those that are ours."""

import contextlib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches


class UserError(ValueError):
    """Bad input of the user: one clear message; the CLI prints it and exits with code 2."""


class DataUnavailable(UserError):  # noqa: N818 - "the data is unavailable"
    """The data of a dataset cannot be had: neither found in the data folder nor downloaded."""


@contextlib.contextmanager
def as_user_error(where: object = "") -> Iterator[None]:
    """Raise a ValueError of the block as a UserError whose message begins with the place."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{where}: {error}" if where else str(error)) from error


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """The error of a name that is none of the choices, with the nearest of them."""
    choices = list(choices)
    return UserError(
        f"unknown {kind} {name!r}; choices: {', '.join(choices)}{did_you_mean(name, choices)}"
    )


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of a message about a name that is none of the choices; empty if none is near."""
    near = get_close_matches(name, list(choices), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
