"""What of a request must be refused before it can even be judged."""

from __future__ import annotations


class BadRequest(Exception):
    """
    The request is not of a form that can be judged and then forwarded to the letter.

    *code* is stable (``kubernetes.path``, ``kubernetes.query``, ...); *status* is the HTTP status to answer
    with. The message is for the caller, and repeats nothing of the request.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
