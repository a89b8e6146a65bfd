"""Whatever is done to a journal afterwards, verifying it says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.journal.conftest import Box
from vedette.journal import Journal, JournalKeys, verify
from vedette.journal.chain import TAG_BYTES, Chain, genesis, parse
from vedette.journal.segments import segments

FILES = 3
KEYS = JournalKeys.generate()
LAST_TAG = 2 * TAG_BYTES + 3  # its hex digits, and the `"}` and line end behind them


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three segments, closed, checkpoints every 5 records, anchored in full."""
    path = tmp_path_factory.mktemp("finished")
    journal = Journal.open(
        path / "journal",
        KEYS,
        anchor=path / "anchor",
        checkpoint_every=5,
        segment_bytes=3500,
        now=lambda: 1e9,
    )
    for number in range(24):
        journal.append("action.judged", b'{"v":1,"session":"s","n":%d}' % number)
    journal.close()
    assert len(segments(path / "journal")) == FILES
    return path


def check(path: Path, *, secret: bool = False, anchors: bool = False, closed: bool = True):
    return verify(
        path / "journal", KEYS.public, key=KEYS.mac if secret else None,
        anchors=path / "anchor" if anchors else None, closed=closed,
    )  # fmt: skip


def changed(finished: Path, change) -> Path:
    """A copy of the journal after *change*(list of its files)."""
    copy = finished.parent / "changed"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(finished, copy)
    change([segment.path for segment in segments(copy / "journal")])
    return copy


def all_lines(files: list[Path]) -> list[tuple[Path, bytes]]:
    return [(path, line) for path in files for line in path.read_bytes().splitlines(keepends=True)]


def rewrite(files: list[Path], kept: list[tuple[Path, bytes]]) -> None:
    for path in files:
        path.write_bytes(b"".join(line for owner, line in kept if owner == path))


LAWFUL = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_an_untouched_journal_is_proven(finished):
    report = check(finished, secret=True, anchors=True)
    assert report.ok, report.problems
    assert report.by_session == {"s": 24}
    assert (report.closed, report.tail) == (True, 0)
    assert report.anchors == report.checkpoints
    assert verify(finished / "journal", KEYS.public_pem).ok
    assert verify(finished / "journal", KEYS.public_bytes).ok


@given(st.data(), st.integers(1, 255))
@LAWFUL
def test_any_changed_byte_is_found_with_the_public_key_alone(finished, data, bits):
    files = [segment.path for segment in segments(finished / "journal")]
    which = data.draw(st.integers(0, len(files) - 1))
    size = files[which].stat().st_size - (LAST_TAG if which == len(files) - 1 else 0)
    at = data.draw(st.integers(0, size - 1))

    def flip(copies):
        content = bytearray(copies[which].read_bytes())
        content[at] ^= bits
        copies[which].write_bytes(content)

    assert not check(changed(finished, flip)).ok


@given(st.data(), st.integers(1, 255))
@LAWFUL
def test_any_changed_byte_at_all_is_found_with_the_secret(finished, data, bits):
    files = [segment.path for segment in segments(finished / "journal")]
    which = data.draw(st.integers(0, len(files) - 1))
    at = data.draw(st.integers(0, files[which].stat().st_size - 1))

    def flip(copies):
        content = bytearray(copies[which].read_bytes())
        content[at] ^= bits
        copies[which].write_bytes(content)

    assert not check(changed(finished, flip), secret=True).ok


def test_every_single_byte_of_a_short_journal_counts(tmp_path):
    box = Box(tmp_path)
    journal = box.open()
    journal.append("action.judged", b'{"v":1,"session":"s"}')
    (path,) = box.files()
    content = path.read_bytes()
    box.release(journal)
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :])
        assert not verify(box.folder, box.keys.public, key=box.keys.mac).ok, at
    path.write_bytes(content)
    assert verify(box.folder, box.keys.public, key=box.keys.mac).ok


@given(st.data())
@LAWFUL
def test_a_record_taken_out_is_found(finished, data):
    def drop(files):
        kept = all_lines(files)
        del kept[data.draw(st.integers(0, len(kept) - 1))]
        rewrite(files, kept)

    assert not check(changed(finished, drop)).ok


@given(st.data())
@LAWFUL
def test_records_that_changed_places_are_found(finished, data):
    def swap(files):
        kept = all_lines(files)
        one, two = data.draw(st.lists(st.integers(0, len(kept) - 1), min_size=2, max_size=2, unique=True))
        kept[one], kept[two] = (kept[one][0], kept[two][1]), (kept[two][0], kept[one][1])
        rewrite(files, kept)

    assert not check(changed(finished, swap)).ok


@given(st.data())
@LAWFUL
def test_a_record_said_twice_is_found(finished, data):
    def repeat(files):
        kept = all_lines(files)
        at = data.draw(st.integers(0, len(kept) - 1))
        kept.insert(data.draw(st.integers(0, len(kept))), kept[at])
        rewrite(files, kept)

    assert not check(changed(finished, repeat)).ok


@given(st.data())
@LAWFUL
def test_a_journal_cut_anywhere_is_found(finished, data):
    files = [segment.path for segment in segments(finished / "journal")]
    which = data.draw(st.integers(0, len(files) - 1))
    at = data.draw(st.integers(0, files[which].stat().st_size - 1))

    def cut(copies):
        copies[which].write_bytes(copies[which].read_bytes()[:at])
        for later in copies[which + 1 :]:
            later.unlink()

    copy = changed(finished, cut)
    assert not check(copy, closed=True).ok
    assert not check(copy, closed=False, anchors=True).ok


def test_a_last_checkpoint_that_only_the_anchor_knows_is_missed(finished):
    def cut(files):
        rewrite(files, all_lines(files)[:-1])

    report = check(changed(finished, cut), closed=False, anchors=True)
    assert any("knows a checkpoint behind" in problem.what for problem in report.problems)


def test_a_missing_segment_is_found(finished):
    for which in range(FILES):
        assert not check(changed(finished, lambda files, which=which: files[which].unlink())).ok


def test_an_empty_folder_proves_nothing(finished):
    assert not check(changed(finished, lambda files: [path.unlink() for path in files]), closed=False).ok


def test_rolling_the_folder_back_and_going_on_is_found_by_the_anchor(box, fill):
    journal = box.open()
    fill(journal, 7)
    journal.checkpoint()
    early = {path.name: path.read_bytes() for path in box.files()}
    fill(journal, 20)
    journal.close()
    for path in box.files():
        path.unlink()
    for name, content in early.items():
        (box.folder / name).write_bytes(content)
    assert not verify(box.folder, box.keys.public, anchors=box.anchor).ok

    again = box.open()
    fill(again, 60)
    again.close()

    report = verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor, closed=True)
    assert not report.ok
    assert any("the anchor knows another record" in problem.what for problem in report.problems)
    assert any("anchored" in line.decode() for _, line in all_lines(box.files()))


def forged(finished: Path, keep: int, public: bytes) -> bytes:
    """A writer without the secrets replaces all after record *keep* by a chain of its own."""
    files = [segment.path for segment in segments(finished / "journal")]
    kept = [line for _, line in all_lines(files)][:keep]
    state = parse(kept[-1]).state if kept else genesis(public)
    chain = Chain(keep, state, b"not the key")
    return b"".join(kept + [chain.line(1e9, b"action.judged", b'{"v":1,"session":"x"}') for _ in range(9)])


def test_an_end_made_up_without_keys_is_longer_than_the_tail_may_be(finished):
    for keep in range(31):

        def replace(files, keep=keep):
            content = forged(finished, keep, KEYS.public_bytes)
            for path in files[1:]:
                path.unlink()
            files[0].write_bytes(content)

        assert not check(changed(finished, replace), closed=False).ok, keep


def test_a_short_made_up_end_is_found_with_the_secret(box, fill):
    journal = box.open(checkpoint_every=50)
    fill(journal, 3)
    (path,) = box.files()
    kept = path.read_bytes().splitlines(keepends=True)[:-1]
    state = parse(kept[-1]).state
    path.write_bytes(b"".join(kept) + Chain(3, state, b"x").line(1e9, b"action.judged", b'{"v":1}'))

    # What the public key cannot show, and the page says so: the tail is not signed yet.
    report = verify(box.folder, box.keys.public)
    assert report.ok
    assert report.tail == 3
    assert not verify(box.folder, box.keys.public, key=box.keys.mac).ok


def test_another_key_proves_nothing(finished):
    other = JournalKeys.generate()
    assert not verify(finished / "journal", other.public).ok
    assert not verify(finished / "journal", KEYS.public, key=other.mac).ok


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n"])
def test_an_anchor_that_was_tampered_with_is_found(finished, line):
    copy = changed(finished, lambda files: None)
    (copy / "anchor").write_bytes((copy / "anchor").read_bytes() + line)
    assert not check(copy, anchors=True).ok


def test_an_anchor_signed_by_somebody_else_is_found(finished):
    copy = changed(finished, lambda files: None)
    content = (copy / "anchor").read_bytes().replace(b'"seq":6', b'"seq":7', 1)
    (copy / "anchor").write_bytes(content)
    assert not check(copy, anchors=True).ok


def test_a_journal_in_use_can_be_verified(box, fill):
    journal = box.open()
    fill(journal, 8)
    report = verify(box.folder, box.keys.public, key=box.keys.mac, anchors=box.anchor)
    assert report.ok
    assert (report.closed, report.tail) == (False, 3)
