"""What rules hide never comes back, in whichever form the server answers; everything else does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.kubernetes.contents import Contents
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.masks import Mask, WatchMask, mask_for, masked_body
from vedette.kubernetes.negotiation import accept_for_masked
from vedette.kubernetes.placeholders import REDACTED, REDACTED_BASE64, hidden, hidden_base64, placeholder
from vedette.kubernetes.request import read_request
from vedette.masking.detectors import DETECTORS, GROUPS
from vedette.masking.plan import CannotMask
from vedette.masking.tally import Tally
from vedette.model import MaskRule

KEY = b"key of the tests"
FOUND = MaskRule("p/found", entities=frozenset({"email", "credit_card", "us_ssn"}))
CARD = "4111111111111111"
PASSWORD = "hunter2-hunter2"
ENCODED = base64.b64encode(PASSWORD.encode()).decode()
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def mask(path: str, *rules: MaskRule) -> Mask:
    found = mask_for(read_request("GET", path), rules, KEY)
    assert found is not None
    return found


def masked(
    path: str, body: Any, *rules: MaskRule, media: str = "application/json"
) -> tuple[Any, dict[str, int]]:
    tally = Tally()
    raw = masked_body(media, json.dumps(body).encode(), mask(path, *rules), tally)
    return json.loads(raw), tally.counts


def secret(**more: Any) -> dict[str, Any]:
    plain = {"kind": "Secret", "apiVersion": "v1", "data": {"password": ENCODED}, "type": "Opaque"}
    metadata = {
        "name": "db",
        "annotations": {
            APPLIED: json.dumps({**plain, "stringData": {"token": PASSWORD}}) + "\n",
            "kapp.k14s.io/original": json.dumps(plain),
            "note": f"it was {PASSWORD} once",
            "coded": ENCODED,
            "plain": "what anybody may read",
        },
        "managedFields": [{"fieldsV1": {"f:data": {"f:password": {}}}}],
    }
    return {**plain, "metadata": metadata, **more}


SECRETS = "/api/v1/namespaces/prod/secrets"


@pytest.mark.parametrize(
    "rule",
    [
        FOUND,
        MaskRule("p/fields", columns=("secrets.data", "secrets.stringData")),
        MaskRule("p/fields", "hash", columns=("secrets.data.*", "secrets.stringData.*")),
        MaskRule(
            "p/fields", "partial", columns=("secrets.data.password", "secrets.stringData.token"), keep=8
        ),
    ],
)
def test_a_secret_is_hidden_with_every_copy_of_it(rule: MaskRule) -> None:
    found, counts = masked(f"{SECRETS}/db", secret(stringData={"token": PASSWORD}), rule)
    text = json.dumps(found)
    assert PASSWORD not in text
    assert ENCODED not in text
    assert found["metadata"]["annotations"]["plain"] == "what anybody may read"
    assert placeholder(base64.b64decode(found["data"]["password"]).decode())
    assert "managedFields" not in found["metadata"]  # what sets hold stands in its keys
    assert counts[rule.rule] >= 2


def test_copies_are_hidden_where_the_secret_itself_is_not_named() -> None:
    rule = MaskRule("p/one", columns=("secrets.data.password",))
    found, _ = masked(f"{SECRETS}/db", secret(), rule)
    assert ENCODED not in json.dumps(found)
    assert json.loads(found["metadata"]["annotations"][APPLIED])["data"]["password"] == REDACTED_BASE64


def test_secrets_are_hidden_in_lists_tables_and_watches() -> None:
    for body in (
        {"kind": "SecretList", "items": [secret(), {**secret(), "kind": None}]},
        {
            "kind": "Table",
            "columnDefinitions": [{"name": "Name"}],
            "rows": [{"cells": ["db"], "object": secret()}],
        },
        {"kind": "PartialObjectMetadata", "metadata": secret()["metadata"]},
    ):
        found, _ = masked(SECRETS, body, FOUND)
        assert ENCODED not in json.dumps(found)
    watch = WatchMask(mask(SECRETS, FOUND), Tally())
    line = json.dumps({"type": "ADDED", "object": secret()}).encode() + b"\n"
    heard = watch.feed(line)
    assert ENCODED.encode() not in heard
    assert json.loads(heard)["type"] == "ADDED"


def test_an_annotation_that_is_no_json_is_hidden_whole() -> None:
    found, _ = masked(
        SECRETS + "/db", {"kind": "Secret", "metadata": {"annotations": {APPLIED: '{"data": '}}}, FOUND
    )
    assert found["metadata"]["annotations"][APPLIED] == REDACTED


def test_binary_data_of_config_maps_is_hidden_where_content_is() -> None:
    body = {"kind": "ConfigMap", "data": {"a": f"card {CARD}"}, "binaryData": {"b": ENCODED}}
    found, counts = masked("/api/v1/namespaces/prod/configmaps/c", body, FOUND)
    assert found == {
        "kind": "ConfigMap",
        "data": {"a": "card [credit_card]"},
        "binaryData": {"b": REDACTED_BASE64},
    }
    assert counts == {"credit_card": 1, "p/found": 1}


def test_fields_are_hidden_by_their_path_in_lists_and_copies() -> None:
    rule = MaskRule("p/env", columns=("pods.spec.containers.env.value",))
    spec = {
        "containers": [
            {"name": "a", "env": [{"name": "TOKEN", "value": PASSWORD}, {"name": "B", "valueFrom": {}}]}
        ]
    }
    applied = json.dumps({"kind": "Pod", "spec": spec})
    body = {"kind": "PodList", "items": [{"metadata": {"annotations": {APPLIED: applied}}, "spec": spec}]}
    found, counts = masked("/api/v1/pods", body, rule)
    item = found["items"][0]
    assert item["spec"]["containers"][0]["env"] == [
        {"name": "TOKEN", "value": REDACTED}, {"name": "B", "valueFrom": {}},
    ]  # fmt: skip
    assert PASSWORD not in json.dumps(found)
    assert counts == {"p/env": 2}


def test_fields_that_are_no_texts_are_hidden_too() -> None:
    rule = MaskRule("p/spec", columns=("widgets.example.com.spec.private",))
    body = {
        "kind": "Widget",
        "spec": {"private": {"a": 5, "b": [True, "x", {"c": 1.5}], "n": None}, "open": 5},
    }
    found, _ = masked("/apis/example.com/v1/namespaces/a/widgets/w", body, rule)
    assert found["spec"] == {"private": {"a": None, "b": [None, REDACTED, {"c": None}], "n": None}, "open": 5}


def test_cells_whose_field_nobody_knows_are_hidden_where_fields_are() -> None:
    rule = MaskRule("p/spec", columns=("widgets.example.com.spec.owner",))
    table = {
        "kind": "Table",
        "columnDefinitions": [{"name": "Name"}, {"name": "Owner"}, {"name": "Age"}],
        "rows": [{"cells": ["w", "alice", "5d", "beyond"], "object": {"metadata": {"name": "w"}}}],
    }
    found, _ = masked("/apis/example.com/v1/widgets", table, rule)
    assert found["rows"][0]["cells"] == ["w", REDACTED, "5d", REDACTED]


def test_errors_do_not_quote_what_is_hidden() -> None:
    message = f'Secret "db" is invalid: data[x]: Invalid value: "{PASSWORD}": illegal base64'
    body = {
        "kind": "Status",
        "message": message,
        "details": {"causes": [{"message": f'Invalid value: "{PASSWORD}"'}]},
    }
    found, _ = masked(SECRETS, body, FOUND)
    assert PASSWORD not in json.dumps(found)
    assert found["message"].startswith('Secret "db" is invalid')


def test_content_is_hidden_in_keys_numbers_and_escapes() -> None:
    body = (
        b'{"a":{"alice@example.com":"x"},"n":4111111111111111,"short":80,'
        b'"e":"alice\\u0040example.com","q":"{\\"card\\":\\"4111111111111111\\"}","ssn":"123456789"}'
    )
    tally = Tally()
    found = json.loads(mask("/api/v1/pods", FOUND).json(body, tally))
    assert found == {
        "a": {"[email]": "x"}, "n": 0, "short": 80, "e": "[email]", "q": '{"card":"[credit_card]"}',
        "ssn": "[us_ssn]",
    }  # fmt: skip


def test_the_name_of_a_variable_says_what_its_value_is() -> None:
    body = b'{"env":[{"name":"SSN","value":"123456789"},{"name":"SIZE","value":"123456789"}]}'
    found = json.loads(mask("/api/v1/pods", FOUND).json(body, Tally()))
    assert [each["value"] for each in found["env"]] == ["[us_ssn]", "123456789"]


def test_a_key_counts_as_it_was() -> None:
    body = b'{"123-45-6789":"123456789"}'
    assert mask("/api/v1/pods", FOUND).json(body, Tally()) == b'{"[us_ssn]":"123456789"}'


def test_what_the_server_counts_stays() -> None:
    rule = MaskRule("p/phones", entities=frozenset({"phone", "us_ssn"}))
    body = b'{"metadata":{"resourceVersion":"2025550143"}}'
    assert mask("/api/v1/pods", rule).json(body, Tally()) == body


def test_nothing_found_is_nothing_changed_to_the_byte() -> None:
    body = b'{ "kind" : "PodList",\n "items": [ {"a": 1e3, "b": "\\u00e9\\/", "a": 2.50} ] }\n'
    assert mask("/api/v1/pods", FOUND).json(body, Tally()) == body


@pytest.mark.parametrize(
    "body",
    [b'{"a": "x}', b'{"a": x"y"}', b'{"a": "\x01"}', b"card 4111111111111111", b'{"a": "x"} 4111-x', b"'a'"],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(CannotMask):
        mask("/api/v1/pods", FOUND).json(body, Tally())


@pytest.mark.parametrize("media", ["application/vnd.kubernetes.protobuf", "application/cbor", "image/png"])
def test_types_that_cannot_be_masked_are_refused(media: str) -> None:
    with pytest.raises(CannotMask):
        masked_body(media, b"x", mask("/api/v1/pods", FOUND), Tally())


def test_yaml_is_answered_as_json_which_is_yaml() -> None:
    body = b"kind: ConfigMap\ndata:\n  a: alice@example.com\n"
    found = masked_body("application/yaml", body, mask("/api/v1/namespaces/a/configmaps/c", FOUND), Tally())
    assert json.loads(found) == {"kind": "ConfigMap", "data": {"a": "[email]"}}


def test_logs_are_masked_by_content() -> None:
    body = f"paid with {CARD}\n".encode() + b"\xff\n"
    found = masked_body("text/plain", body, mask("/api/v1/namespaces/a/pods/p/log", FOUND), Tally())
    assert CARD.encode() not in found
    plain = b"nothing \xff here\n"
    assert masked_body("text/plain", plain, mask("/api/v1/namespaces/a/pods/p/log", FOUND), Tally()) == plain


def test_discovery_is_not_opened_and_metrics_are() -> None:
    assert mask_for(read_request("GET", "/apis"), [FOUND], KEY) is None
    assert mask_for(read_request("GET", "/openapi/v2"), [FOUND], KEY) is None
    assert mask_for(read_request("GET", "/metrics"), [FOUND], KEY) is not None
    assert mask_for(read_request("GET", "/api/v1/pods"), [], KEY) is None
    other = MaskRule("p/fields", columns=("secrets.data",))
    assert mask_for(read_request("GET", "/api/v1/pods"), [other], KEY) is None


# --- laws ----------------------------------------------------------------------------------

EVERYTHING = MaskRule(
    "p/all", entities=frozenset({"personal", "payment", "secrets", "network"} & {*GROUPS, *DETECTORS})
)
WORDS = st.sampled_from(
    ["a", "", "alice@example.com", CARD, "123-45-6789", 'q"uote', "back\\slash", "\\u0040", "é", "ssn", "x" * 40,
     "alice\\u0040example.com", '{"ssn":"123456789"}', "\n", "name", "value", "\u2028",
     "202-555-0143", "2025550143", "phone", "aws_secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "10.1.2.3",
     "postgres://a:hunter2@db/x", "GB82 WEST 1234 5698 7654 32", "sha256:" + "0a" * 32, "123456789", "\\"]
)  # fmt: skip
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(-999, 9999),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def reference(value: Any, contents: Contents, key: str = "") -> Any:
    """The slow way: decode, hide in each string, encode."""
    scan = contents._scanner
    if isinstance(value, str):
        lead = f"{key}: ".encode() if key else b""
        hid = scan.hide(value.encode(), Tally(), lead)
        return (hid or b"").decode()
    if isinstance(value, list):
        return [reference(each, contents) for each in value]
    if isinstance(value, dict):
        pairs = [(reference(name, contents), name, inner) for name, inner in value.items()]
        return [[new, reference(inner, contents, name)] for new, name, inner in pairs]
    return value


@settings(max_examples=300)
@given(
    VALUES.filter(lambda value: "value" not in json.dumps(value)),
    st.booleans(),
    st.booleans(),
    st.sampled_from([FOUND, EVERYTHING]),
)
def test_cutting_finds_what_decoding_finds(
    value: Any, ascii_only: bool, spaced: bool, rule: MaskRule
) -> None:
    contents = Contents([rule], KEY)
    separators = (", ", ": ") if spaced else (",", ":")
    body = json.dumps([value], ensure_ascii=ascii_only, separators=separators).encode()
    new = contents.hide(body, Tally())
    found = json.loads(new, object_pairs_hook=lambda given: [[key, inner] for key, inner in given])
    assert found == reference([value], contents)


@pytest.mark.parametrize("name", DETECTORS)
@given(
    text=st.lists(WORDS | st.text(alphabet="0123456789 -.@:/+()abcAKIA", max_size=12), max_size=4).map(
        " ".join
    )
)
def test_a_hint_never_makes_a_detector_find_less(name: str, text: str) -> None:
    found = DETECTORS[name]
    assert found.finds(text.encode(), True) or not found.finds(text.encode(), False)


@settings(max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=5), st.data())
def test_where_a_watch_is_cut_does_not_matter(values: list[Any], data: st.DataObject) -> None:
    lines = b"".join(json.dumps({"type": "ADDED", "object": {"x": each}}).encode() + b"\n" for each in values)
    whole = WatchMask(mask("/api/v1/pods", FOUND), Tally())
    expected = whole.feed(lines)
    cut = WatchMask(mask("/api/v1/pods", FOUND), Tally())
    heard, at = b"", 0
    while at < len(lines):
        size = data.draw(st.integers(1, 60))
        heard += cut.feed(lines[at : at + size])
        at += size
    assert heard == expected
    assert cut.finish() == b""
    assert expected.count(b"\n") == len(values)


def test_a_watch_that_breaks_off_passes_nothing_of_its_last_event() -> None:
    watch = WatchMask(mask("/api/v1/pods", FOUND), Tally())
    assert watch.feed(b'{"type":"ADDED","object":{"x":"alice@exam') == b""
    with pytest.raises(CannotMask):
        watch.finish()


# --- placeholders -----------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["redact", "partial", "hash", "null"])
@given(value=st.text(min_size=1, max_size=40))
def test_what_stands_for_a_value_is_told_again(strategy: str, value: str) -> None:
    assert placeholder(hidden(value, strategy, 4, KEY))
    assert placeholder(hidden_base64(value, strategy, 4, KEY))


@pytest.mark.parametrize("strategy", ["redact", "partial", "hash", "null"])
@pytest.mark.parametrize("value", ["alice@example.com", CARD, "123-45-6789", "4111-1111-1111-1111"])
def test_what_stands_for_a_find_is_told_again(strategy: Any, value: str) -> None:
    rule = MaskRule("r", strategy, entities=FOUND.entities)
    found = json.loads(mask("/api/v1/pods", rule).json(json.dumps([f"it is {value}."]).encode(), Tally()))[0]
    assert value not in found
    assert placeholder(found), found


@pytest.mark.parametrize(
    "text", ["", "web", "[a-z]+", "nginx:1.2", "cGFzc3dvcmQtMTIzNDU2", "* * * *", "a ** b", "[x]"]
)
def test_ordinary_texts_are_no_placeholders(text: str) -> None:
    assert not placeholder(text)


# --- negotiation --------------------------------------------------------------------------------

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/vnd.kubernetes.protobuf,application/json", "application/json"),
        ("application/vnd.kubernetes.protobuf;q=0.9, */*", "application/json"),
        (f"{TABLE},application/json", f"{TABLE},application/json"),
        (f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
         f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"),
        ("application/yaml", "application/json"),
        ("application/json;q=0.1;charset=x", "application/json"),
    ],
)  # fmt: skip
def test_json_is_asked_for(accept: str, asked: str) -> None:
    assert accept_for_masked(accept) == asked


def test_tables_are_not_asked_for_where_they_would_show_fields() -> None:
    assert accept_for_masked(f"{TABLE},application/json", tables=False) == "application/json"


@pytest.mark.parametrize("accept", ["application/vnd.kubernetes.protobuf", "application/cbor", "image/png"])
def test_who_takes_no_json_is_refused(accept: str) -> None:
    with pytest.raises(BadRequest) as error:
        accept_for_masked(accept)
    assert error.value.status == 406
