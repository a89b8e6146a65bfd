"""What each detector finds and what it leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.masking.detectors import DETECTORS, GROUPS, expand
from vedette.masking.patterns import compile_bytes
from vedette.masking.plan import plan
from vedette.masking.scan import Sought, anchors, scanner
from vedette.masking.tally import Tally

ALL = scanner(tuple(Sought(detector, "redact", 4) for detector in DETECTORS.values()), b"key")

# A made-up key of each kind, assembled so that no scanner of repositories trips over this file.
AWS_ID = "AKIA" + "QWERTYUIOP123456"
AWS_SECRET = "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA/+"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
SLACK = "xoxb-" + "123456789012-abcdefGHIJKL"
STRIPE = "sk_live_" + "abcDEF123456ghiJKL789"
GOOGLE = "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"[:35]
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"

FOUND = [
    ("email", "write to jane.doe+news@mail.example.co.uk today", "jane.doe+news@mail.example.co.uk"),
    ("email", "<j@example.com>", "j@example.com"),
    ("email", "jörg@müller.example", "jörg@müller.example"),
    ("email", "用户@例子.公司", "用户@例子.公司"),
    ("email", '"odd name"@example.com', '"odd name"@example.com'),
    ("email", "root@[192.0.2.1]", "root@[192.0.2.1]"),
    ("email", "joe＠example．com", "joe＠example．com"),
    ("email", "jo\u200be@exam\u00adple.com", "jo\u200be@exam\u00adple.com"),
    ("email", "https://x.test/?u=joe%40example.com", "joe%40example.com"),
    ("email", r"joe\u0040example.com", r"joe\u0040example.com"),
    ("email", "joe&#64;example.com", "joe&#64;example.com"),
    ("phone", "call +49 171 2345678 now", "+49 171 2345678"),
    ("phone", "+442079460958", "+442079460958"),
    ("phone", "(202) 555-0143", "(202) 555-0143"),
    ("phone", "202-555-0143", "202-555-0143"),
    ("phone", "1.202.555.0143", "1.202.555.0143"),
    ("phone", "0049 171 2345678", "0049 171 2345678"),
    ("phone", "030 12345678", "030 12345678"),
    ("phone", "0171-2345678", "0171-2345678"),
    ("phone", "06 12 34 56 78", "06 12 34 56 78"),
    ("phone", "phone: 2025550143", "2025550143"),
    ("phone", "2024-01-15 202-555-0143", "202-555-0143"),
    ("phone", "since 2024-01-15 +49 171 2345678", "+49 171 2345678"),
    ("phone", "+49 171 2345678 000000000", "+49 171 2345678"),
    ("phone", "12 345 (+49) 171 2345678", "(+49) 171 2345678"),
    ("phone", "7 030 12345678 99999 12", "030 12345678"),
    ("phone", "12.5 202-555-0143 77 88 99 00", "202-555-0143"),
    ("phone", "06-12-34-56-78", "06-12-34-56-78"),
    ("phone", "01234 5678", "01234 5678"),
    ("credit_card", "card 4111111111111111 ok", "4111111111111111"),
    ("credit_card", "4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("credit_card", "4111-1111-1111-1111 12/27", "4111-1111-1111-1111"),
    ("credit_card", "4111.1111.1111.1111", "4111.1111.1111.1111"),
    ("credit_card", "5555 5555 5555 4444 123", "5555 5555 5555 4444"),
    ("credit_card", "3782 822463 10005", "3782 822463 10005"),
    ("credit_card", "no4111111111111111", "4111111111111111"),
    ("credit_card", "2223003122003222", "2223003122003222"),
    ("credit_card", "6011111111111117", "6011111111111117"),
    ("credit_card", "3530111333300000", "3530111333300000"),
    ("credit_card", "30569309025904", "30569309025904"),
    ("credit_card", "４１１１１１１１１１１１１１１１", "４１１１１１１１１１１１１１１１"),
    ("credit_card", "4111\u00a01111\u00a01111\u00a01111", "4111\u00a01111\u00a01111\u00a01111"),
    ("credit_card", "4111\u200b1111\u20601111\u00ad1111", "4111\u200b1111\u20601111\u00ad1111"),
    ("credit_card", "4111–1111–1111–1111", "4111–1111–1111–1111"),
    ("credit_card", "٤١١١١١١١١١١١١١١١", "٤١١١١١١١١١١١١١١١"),
    ("credit_card", "order 12 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("us_ssn", "ssn 123-45-6789", "123-45-6789"),
    ("us_ssn", "123 45 6789", "123 45 6789"),
    ("us_ssn", "123.45.6789", "123.45.6789"),
    ("us_ssn", "SSN: 123456789", "123456789"),
    ("us_ssn", "social security number 123456789", "123456789"),
    ("us_ssn", "123‑45‑6789", "123‑45‑6789"),
    ("us_ssn", "123-4\u200b5-6789", "123-4\u200b5-6789"),
    ("iban", "GB82WEST12345698765432", "GB82WEST12345698765432"),
    ("iban", "DE89 3704 0044 0532 0130 00 and more", "DE89 3704 0044 0532 0130 00"),
    ("iban", "no93 8601 1117 947", "no93 8601 1117 947"),
    ("ip_address", "from 192.168.17.4 at", "192.168.17.4"),
    ("ip_address", "2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
    ("ip_address", "2001:0db8:0000:0000:0000:ff00:0042:8329", "2001:0db8:0000:0000:0000:ff00:0042:8329"),
    ("ip_address", "::ffff:192.0.2.128", "::ffff:192.0.2.128"),
    ("aws_key", f"id {AWS_ID}.", AWS_ID),
    ("aws_key", f"aws_secret_access_key = {AWS_SECRET}", AWS_SECRET),
    ("github_token", f"token={GITHUB}", GITHUB),
    ("github_token", "github_pat_" + "1aB2" * 15, "github_pat_" + "1aB2" * 15),
    ("slack_token", f"{SLACK} in chat", SLACK),
    ("stripe_key", STRIPE, STRIPE),
    ("google_key", GOOGLE, GOOGLE),
    ("jwt", f"Bearer {JWT}", JWT),
    ("private_key", f"a {PEM} b", PEM),
    ("private_key", "-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----\nMIIE"),
    ("url_password", "postgres://app:s3cr3t@db/app", "s3cr3t"),
    ("url_password", "amqp://u:p@ss@host", "p@ss"),
]

NOT_FOUND = [
    ("email", "logo@2x.png and @mention and a@b"),
    ("email", "package@1.2.3"),
    ("phone", "2024-01-15 10:30:45.123456+00"),
    ("phone", "15.01.2024, 12/31/2023"),
    ("phone", "550e8400-e29b-41d4-a716-446655440000"),
    ("phone", "order 2025550143"),
    ("phone", "0345 6789 1234 5678 9012"),
    ("phone", "10 05 20 30 45 60 75"),
    ("phone", "SKU 038-3582-24"),
    ("phone", "+0000, +00:00, 3+12345678"),
    ("phone", "price 1234.56, 99.90, 1 234 567"),
    ("credit_card", "4111111111111112"),
    ("credit_card", "1234567890123452"),
    ("credit_card", "20240115103045123"),
    ("credit_card", "0.4111111111111111"),
    ("credit_card", "a4111111111111111bcdef0123456789"),
    ("credit_card", "4006381333931"),  # a bar code
    ("us_ssn", "000-12-3456, 666-12-3456, 912-34-5678, 123-00-4567, 123-45-0000"),
    ("us_ssn", "order 123456789"),
    ("us_ssn", "12-123-45-6789-3"),
    ("us_ssn", "123-45 6789"),
    ("iban", "GB82WEST12345698765433"),
    ("iban", "DE00 0000"),
    ("ip_address", "version 1.2.3.4, v10.0.0.1, 1.3.6.1.4.1.311"),
    ("ip_address", "10:30:45, 00:1a:2b:3c:4d:5e, std::vector, x::text, 256.1.1.1, 1.2.3"),
    ("aws_key", "da39a3ee5e6b4b0d3255bfef95601890afd80709 is a secret commit"),
    ("github_token", "ghp_short"),
    ("jwt", "eyJub3Qi.a.b"),
    ("private_key", "-----BEGIN PUBLIC KEY-----"),
    ("url_password", "https://example.com:8080/@x and http://user@host"),
]


def found(name: str, text: str, hinted: bool = False) -> list[str]:
    raw = text.encode()
    one = scanner((Sought(DETECTORS[name], "redact", 4, hinted),), b"key")
    return [raw[find.start : find.end].decode() for find in one.finds(raw)]


@pytest.mark.parametrize(("name", "text", "value"), FOUND)
def test_it_is_found(name, text, value):
    assert found(name, text) == [value]


@pytest.mark.parametrize(("name", "text"), NOT_FOUND)
def test_it_is_left_alone(name, text):
    assert found(name, text) == []


@pytest.mark.parametrize(("name", "text", "value"), FOUND)
def test_hiding_twice_is_hiding_once(name, text, value):
    for strategy in ("redact", "partial", "hash"):
        one = scanner(tuple(Sought(d, strategy, 4) for d in DETECTORS.values()), b"key")
        tally = Tally()
        once = one.hide(text.encode(), tally)

        assert value.encode() not in once
        assert one.hide(once, Tally()) is once
        assert tally.counts[name] == 1 or len(tally.counts) > 1


@pytest.mark.parametrize(("name", "text", "value"), FOUND)
def test_broken_utf8_hides_nothing(name, text, value):
    raw = text.encode()
    at = raw.index(value.encode()) + len(value.encode()) // 2
    broken = raw[:at] + b"\xff" + raw[at:]

    finds = scanner((Sought(DETECTORS[name], "redact", 4),), b"key").finds(broken)

    assert any(find.start < at < find.end or find.end == at or find.start == at + 1 for find in finds), finds


def test_a_column_name_vouches_for_bare_digits():
    assert found("us_ssn", "123456789", hinted=True) == ["123456789"]
    assert found("phone", "5550143", hinted=True) == ["5550143"]
    assert DETECTORS["us_ssn"].speaks_of("customer_ssn")
    assert DETECTORS["phone"].speaks_of("mobile_number")
    assert not DETECTORS["phone"].speaks_of("hotel")


def test_every_detector_has_examples_both_ways():
    assert {name for name, *_ in FOUND} == set(DETECTORS)
    assert set(DETECTORS) - {name for name, _ in NOT_FOUND} == {"slack_token", "stripe_key", "google_key"}


def test_groups_expand_to_detectors():
    assert expand({"secrets", "email"}) == GROUPS["secrets"] | {"email"}
    assert all(names <= set(DETECTORS) for names in GROUPS.values())
    with pytest.raises(KeyError):
        expand({"shoe_size"})


@pytest.mark.parametrize(
    "filler", ["1 ", "4 4-", "-----BEGIN PRIVATE KEY-----", "a@", "4111-", "eyJ", "\u200b1", '"', "::1"]
)
def test_no_text_takes_long(filler):
    # Not timed: a quadratic detector would not come back within the test's patience.
    text = (filler * (300_000 // len(filler))).encode()

    ALL.hide(text, Tally())


def test_nothing_asked_is_no_plan():
    assert plan([], [], b"") is None


digits_and_marks = st.text("00112345678 +-()./", min_size=6, max_size=40)
numbers = st.one_of(
    digits_and_marks, st.tuples(digits_and_marks, st.sampled_from(FOUND)).map(lambda t: t[0] + t[1][1])
)


@pytest.mark.parametrize("hinted", [False, True])
@pytest.mark.parametrize("detector", DETECTORS.values(), ids=lambda detector: detector.name)
@given(text=numbers)
def test_no_find_without_its_anchor(detector, hinted, text):
    """What lets whole runs of rows go by unopened: no anchor and no disguise, no find."""
    raw = text.encode()
    [anchor] = anchors([Sought(detector, "redact", 4, hinted)])

    if detector.finds(raw, hinted):
        assert compile_bytes(anchor).search(raw) is not None
