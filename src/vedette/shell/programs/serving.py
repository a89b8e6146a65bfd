"""The far ends of file transfers: what rsync, scp and git start on a host. All paths are the host's own.

Sources: rsync(1) and rsync 3.2's options.c (`server_options`); OpenSSH's scp.c (``-f`` and ``-t`` stand in no
manual); git-upload-pack(1), git-receive-pack(1), git-upload-archive(1), and `enter_repo` of git's path.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import Given, spec, split
from vedette.shell.scope import ANY, HOME, Arg

# What a client sends of its options. Here -e carries what the two ends know of the protocol, and starts
# nothing; -s is left out: with it, the paths come later, where nobody reads them.
_RSYNC = spec(
    closed=True,
    flag="-v -n -l -L -k -K -W -H -o -g -D -t -U -O -N -p -E -A -X -r -c -C -I -R -x -S -z -y -b -u -d -J -m "
    "-i -q --verbose --dry-run --links --recursive --dirs --existing --ignore-existing --ignore-errors "
    "--partial --delay-updates --inplace --append --append-verify --preallocate --fsync --mkpath "
    "--numeric-ids --safe-links --copy-unsafe-links --munge-links --force --fuzzy --whole-file "
    "--open-noatime --no-relative --no-implied-dirs --no-recursive --no-r --no-W --no-whole-file "
    "--no-specials --specials --devices --no-devices --no-owner --no-group --no-perms --no-times "
    "--no-inc-recursive --prune-empty-dirs --fake-super --super --ignore-missing-args --trust-sender "
    "--old-compress --new-compress --zlibx --from0 --sparse --hard-links --stats --list-only "
    "--msgs2stderr --no-msgs2stderr",
    mark="--server --sender --delete --delete-before --delete-after --delete-during --delete-excluded "
    "--delete-delay --delete-missing-args --remove-source-files --remove-sent-files",
    text="-e -B --block-size --max-size --min-size --max-delete --max-alloc --bwlimit --suffix --timeout "
    "--modify-window --compress-level --compress-choice --checksum-choice --checksum-seed --skip-compress "
    "--usermap --groupmap --chown --chmod --copy-as --iconv --out-format --log-format --info --debug "
    "--stderr --stop-at --stop-after --protocol",
    read="--compare-dest --copy-dest --link-dest",
    write="--backup-dir --partial-dir --temp-dir --log-file",
    unknown="--daemon --config --files-from --write-batch --only-write-batch --read-batch --rsync-path "
    "--copy-devices --write-devices",
)  # fmt: skip
_DELETING = (
    *("--delete", "--delete-before", "--delete-after", "--delete-during", "--delete-excluded"),
    *("--delete-delay", "--delete-missing-args"),
)


def rsync(call: Call) -> None:
    """``rsync --server``: sends files with ``--sender``, and takes them without."""
    given = split(call, _RSYNC)
    if not given.operands or given.operands[0].text != ".":
        call.unknown("a transfer that does not begin in the folder where it is started")
    named = given.operands[1:] or [Arg(".")]
    if given.has("--sender"):
        sends(call, named)
        if given.has("--remove-source-files", "--remove-sent-files"):
            for arg in named:
                call.file(Effect.DESTROY, arg.text, tree=True)
    elif len(named) > 1 or named[0].open:
        call.unknown("what is copied where is decided at run time")
    else:
        takes(call, named[0], deletes=given.has(*_DELETING), really=not given.has("-n", "--dry-run"))


def scp(call: Call, given: Given) -> None:
    """``scp -f`` sends files, ``scp -t`` takes them: the protocol before SFTP."""
    if given.has("-f") and given.has("-t"):
        call.unknown("both ways at once")
    elif given.has("-f"):
        sends(call, given.operands)
    elif len(given.operands) != 1 or given.operands[0].open:
        call.unknown("what is copied where is decided at run time")
    else:
        takes(call, given.operands[0])


def sends(call: Call, named: list[Arg]) -> None:
    """These files, and what is below them, go to the caller."""
    for arg in named:
        call.read(arg.text, tree=True)


def takes(call: Call, target: Arg, *, deletes: bool = False, really: bool = True) -> None:
    """What the caller sends goes to *target*, or below it, by names that are not known."""
    if not really:
        call.read(target.text, tree=True)
        return
    call.write(target.text)
    call.write(f"{target.text.rstrip('/')}/*")
    if deletes:
        call.file(Effect.DESTROY, target.text, tree=True)


_PACK = spec(
    closed=True,
    flag="--strict --no-strict --stateless-rpc --advertise-refs --http-backend-info-refs -q --quiet",
    text="--timeout",
)


def _repository(call: Call, *, writes: bool) -> None:
    """One end of a fetch or a push. Hooks that stand in the repository run; a push brings none."""
    given = split(call, _PACK)
    if len(given.operands) != 1 or given.operands[0].open:
        call.unknown("which repository it is, is decided at run time")
        return
    text = given.operands[0].text
    # git looks for homes by itself, in quotes as well, and then for the name with .git behind it.
    if text.startswith("~"):
        text = HOME + text[1:] if text[1:2] in ("", "/") else ANY + text.partition("/")[2]
    for name in (text, f"{text.rstrip('/')}.git") if not text.endswith(".git") else (text,):
        call.read(name, tree=True)
        if writes:
            call.file(Effect.WRITE, name)
            call.file(Effect.WRITE, f"{name.rstrip('/')}/{ANY}")


PACKS: Mapping[str, Callable[[Call], None]] = {
    "git-upload-pack": partial(_repository, writes=False),
    "git-upload-archive": partial(_repository, writes=False),
    "git-receive-pack": partial(_repository, writes=True),
}
PROGRAMS: Mapping[str, Callable[[Call], None]] = PACKS
