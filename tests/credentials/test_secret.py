"""A secret shows itself to who asks for it by name, and to nothing else."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import msgspec
import pytest

from vedette.credentials import Login, Secret

VALUE = "hunter2-canary"
SECRET = Secret(VALUE)


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r}".format,
        "%s".__mod__,
        lambda secret: f"{secret}",
        lambda secret: repr([secret, {"a": secret}]),
        lambda secret: repr(Login("app_rw", secret, key=secret)),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_no_way_of_showing_shows_it(show):
    assert VALUE not in show(SECRET)
    assert "***" in show(SECRET)


@pytest.mark.parametrize(
    "take",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        msgspec.json.encode,
        hash,
        vars,
        iter,
        len,
        bytes,
        lambda secret: secret.__getstate__(),
    ],
)
def test_no_way_of_taking_it_along_takes_it(take):
    with pytest.raises(TypeError) as caught:
        take(SECRET)
    assert VALUE not in str(caught.value)


def test_a_log_line_and_a_traceback_do_not_hold_it(caplog):
    logging.getLogger("test").warning("dialling with %s", SECRET)
    try:
        raise RuntimeError(SECRET)
    except RuntimeError:
        assert VALUE not in traceback.format_exc()
    assert VALUE not in caplog.text


def test_it_is_revealed_by_name_and_compared_without_revealing():
    assert SECRET.reveal() == VALUE
    assert SECRET.reveal_bytes() == VALUE.encode()
    assert SECRET.matches(VALUE)
    assert SECRET.matches(VALUE.encode())
    assert not SECRET.matches("other")
    assert Secret(VALUE) == SECRET != Secret("other")
    assert SECRET != VALUE
    assert not Secret("")


def test_bytes_that_are_no_text_are_not_shown_by_the_error():
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        Secret(b"\xffcanary").reveal()
    assert caught.value.__context__ is None
