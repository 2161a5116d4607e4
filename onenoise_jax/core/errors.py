"""The one exception for input from outside that cannot be used."""


class UserError(Exception):
    """A config, file, checkpoint or command line that cannot be used.

    The message names the thing, its value, what was expected and what to do. Command
    lines print it alone, without a traceback, and exit with status 2; every other
    exception is a defect of the program and keeps its traceback.
    """
