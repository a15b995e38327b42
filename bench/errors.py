"""The errors that are the user's to mend, apart from those that are ours."""


class UserError(ValueError):
    """Bad input of the user: one clear message; the CLI prints it and exits with code 2."""


class DataUnavailable(UserError):  # noqa: N818 - reads as what it says: the data is unavailable
    """The data of a dataset cannot be had: neither found in the data folder nor downloaded."""
