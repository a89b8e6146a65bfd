"""The generated certificate: trusted by who has the authority, renewed in time, private."""

from __future__ import annotations

import datetime as dt
import socket

import pytest
from cryptography import x509

from tests.identity.forge import NOW
from vedette.identity.certificates import CertificateError, ca_pem, generated_certificate

DAY = 86_400.0


def leaf(files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def names(certificate: x509.Certificate) -> set[str]:
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in held}


def test_it_is_made_once_and_found_again(tmp_path):
    first = generated_certificate(tmp_path / "tls", now=NOW)
    content = first.certificate.read_bytes()

    assert generated_certificate(tmp_path / "tls", now=NOW + DAY).certificate.read_bytes() == content


def test_it_is_good_for_this_machine_and_the_names_configured(tmp_path):
    held = names(
        leaf(generated_certificate(tmp_path, ["gw.example.com", "10.1.2.3", "bücher.example"], now=NOW))
    )

    assert held >= {"localhost", "127.0.0.1", "::1", socket.gethostname()}
    assert held >= {"gw.example.com", "10.1.2.3", "xn--bcher-kva.example"}


def test_its_authority_signs_it_and_can_sign_servers_only(tmp_path):
    files = generated_certificate(tmp_path, now=NOW)
    authority = x509.load_pem_x509_certificate(ca_pem(files).encode())
    certificate = leaf(files)

    certificate.verify_directly_issued_by(authority)
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert (limits.value.ca, limits.value.path_length) == (True, 0)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


def test_it_is_renewed_before_its_end_under_the_same_authority(tmp_path):
    first = leaf(generated_certificate(tmp_path, now=NOW))
    authority = (tmp_path / "ca.pem").read_bytes()

    second = leaf(generated_certificate(tmp_path, now=NOW + 61 * DAY))

    assert second.serial_number != first.serial_number
    assert second.not_valid_after_utc - dt.datetime.fromtimestamp(NOW + 61 * DAY, dt.UTC) == dt.timedelta(90)
    assert (tmp_path / "ca.pem").read_bytes() == authority


def test_other_names_or_a_lost_key_make_it_anew(tmp_path):
    first = leaf(generated_certificate(tmp_path, now=NOW))
    second = leaf(generated_certificate(tmp_path, ["gw.example.com"], now=NOW))
    (tmp_path / "server.key").unlink()
    third = leaf(generated_certificate(tmp_path, ["gw.example.com"], now=NOW))

    assert len({one.serial_number for one in (first, second, third)}) == 3


def test_an_authority_near_its_end_is_made_anew_and_the_certificate_with_it(tmp_path):
    files = generated_certificate(tmp_path, now=NOW)
    before = ca_pem(files)

    files = generated_certificate(tmp_path, now=NOW + 3650 * DAY)

    assert ca_pem(files) != before
    leaf(files).verify_directly_issued_by(x509.load_pem_x509_certificate(ca_pem(files).encode()))


def test_a_certificate_of_another_authority_is_not_kept(tmp_path):
    generated_certificate(tmp_path / "a", now=NOW)
    other = generated_certificate(tmp_path / "b", now=NOW)
    for name in ("server.pem", "server.key"):
        (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())

    kept = leaf(generated_certificate(tmp_path / "a", now=NOW))

    assert kept.serial_number != leaf(other).serial_number


def test_only_the_owner_can_read_it(tmp_path):
    generated_certificate(tmp_path / "tls", now=NOW)

    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()} == {0o600}


def test_a_key_that_others_may_read_is_refused_with_the_fix(tmp_path):
    generated_certificate(tmp_path, now=NOW)
    (tmp_path / "ca.key").chmod(0o644)

    with pytest.raises(CertificateError, match=r"chmod 600 .*ca\.key"):
        generated_certificate(tmp_path, now=NOW)


def test_a_file_that_is_no_certificate_is_refused_and_stays(tmp_path):
    generated_certificate(tmp_path, now=NOW)
    (tmp_path / "server.pem").write_text("not PEM")

    with pytest.raises(CertificateError, match=r"server\.pem"):
        generated_certificate(tmp_path, now=NOW)
    assert (tmp_path / "server.pem").read_text() == "not PEM"


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".example"])
def test_a_name_that_cannot_stand_in_a_certificate_is_refused(tmp_path, name):
    with pytest.raises(CertificateError, match="host name"):
        generated_certificate(tmp_path, [name], now=NOW)
