"""Programs that change files. Source: the manual pages of GNU coreutils 9, tar 1.34, util-linux 2.38."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import Given, plain, spec, split
from vedette.shell.scope import ANY, HOLES, Arg

_BACKUPS = "-S --suffix"
_FLAGS = "-f -v -i -n --force --verbose --interactive --no-clobber"


def _remove(call: Call) -> None:
    """rm: DELETE of what is named; with -r it destroys all below as well."""
    given = split(
        call,
        spec(
            "delete",
            closed=True,
            flag="-f --force -i -I -v --verbose -d --dir --one-file-system --preserve-root "
            "--interactive --no-preserve-root -r -R --recursive",
        ),
        lenient=True,
    )
    # A file called -r, found by a pattern, is the option: it can make rm no worse than recursive.
    everything = given.has("-r", "-R", "--recursive")
    ended = any(arg.text == "--" for arg in call.args)
    everything = everything or (not ended and any(arg.may_be_option for arg in given.operands))
    for arg in given.operands:
        # What find has found is many files, and nobody knows which.
        loses = everything or ANY in arg.text
        call.file(Effect.DESTROY if loses else Effect.DELETE, arg.text, tree=everything)


def _places(call: Call, given: Given) -> tuple[list[Arg], list[Arg]]:
    """Sources and targets of cp, mv, ln and install."""
    target = given.values("-t", "--target-directory")
    if any(arg.several for arg in given.operands) or any(arg.open for arg in given.operands[-1:]):
        call.unknown("which file is the target is decided at run time")
    if target:
        return given.operands, target
    return given.operands[:-1], given.operands[-1:]


def _into(call: Call, sources: list[Arg], targets: list[Arg], effect: Effect) -> None:
    """A target may be a folder, in which then stand files named like the sources."""
    for target in targets:
        call.file(effect, target.text)
        for source in sources:
            name = source.text.rstrip("/").rpartition("/")[2]
            if name not in (".", "..", ""):
                call.file(effect, f"{target.text.rstrip('/')}/{name}")


_COPY = spec(
    "read",
    closed=True,
    flag="-a --archive -b -d -f --force -i -H -l --link -L -n -P -p -R -r --recursive -s --symbolic-link -T "
    "-u --update -v -x --parents --remove-destination --strip-trailing-slashes --preserve --no-preserve "
    "--no-target-directory --one-file-system --reflink --sparse --dereference --no-dereference --backup "
    "--attributes-only --verbose",
    text=f"-t --target-directory {_BACKUPS}",
)


def _copy(call: Call) -> None:
    given = split(call, _COPY)
    sources, targets = _places(call, given)
    everything = given.has("-a", "--archive", "-R", "-r", "--recursive")
    linked = given.has("-l", "--link", "-s", "--symbolic-link")
    for source in sources:
        call.read(source.text, tree=everything)
        if linked:
            call.write(source.text)  # what is written to the link is written to it
    _into(call, sources, targets, Effect.WRITE)
    if everything:
        for target in targets:
            call.file(Effect.WRITE, f"{target.text.rstrip('/')}/*")


def _move(call: Call) -> None:
    given = split(
        call,
        spec(
            "read",
            closed=True,
            flag=f"{_FLAGS} -b -T -u --update --no-target-directory --strip-trailing-slashes --backup "
            f"--no-copy --exchange",
            text=f"-t --target-directory {_BACKUPS}",
        ),
    )
    sources, targets = _places(call, given)
    for source in sources:
        call.file(Effect.DELETE, source.text)
        call.file(Effect.DELETE, f"{source.text.rstrip('/')}/*")
        call.read(source.text, tree=True)
    _into(call, sources, targets, Effect.WRITE)


def _link(call: Call) -> None:
    """ln: a link is another name for its source, to be read and written by."""
    given = split(
        call,
        spec(
            "read",
            closed=True,
            flag=f"{_FLAGS} -s --symbolic -r --relative -T --no-target-directory -L -P -n -b --backup "
            f"--no-dereference",
            text=f"-t --target-directory {_BACKUPS}",
        ),
    )
    sources, targets = _places(call, given)
    if not sources:
        sources, targets = targets, [Arg(".")]
    for source in sources:
        call.read(source.text, tree=True)
        call.write(source.text)
    replaces = given.has("-f", "--force", "-i", "-b", "--backup")
    _into(call, sources, targets, Effect.WRITE if replaces else Effect.CREATE)


def _install(call: Call) -> None:
    given = split(
        call,
        spec(
            "read",
            closed=True,
            flag="-b -c -C -d -D -p -s -T -v --directory --compare --preserve-timestamps",
            text=f"-g -m -o --group --mode --owner -t --target-directory {_BACKUPS}",
            unknown="--strip-program",
        ),
    )
    if given.has("-d", "--directory"):
        for arg in given.operands:
            call.file(Effect.CREATE, arg.text)
        return
    sources, targets = _places(call, given)
    for source in sources:
        call.read(source.text)
    _into(call, sources, targets, Effect.WRITE)
    for target in targets:
        if given.has("-m", "-o", "-g", "--mode", "--owner", "--group"):
            call.file(Effect.GRANT, target.text)


def _permissions(call: Call) -> None:
    """chmod, chown, chgrp, chattr, setfacl, setcap: who may do what with a file."""
    recursive = {"setfacl": ("-R", "--recursive")}.get(call.name, ("-R", "--recursive"))
    given = split(
        call,
        spec(
            "grant",
            flag="-R --recursive -v -c -f -h -H -L -P",
            read="--reference -M",
            text="-m -x -p",
            unknown="--restore",
        )
        if call.name == "setfacl"
        else spec("grant", flag="-R --recursive", read="--reference", text="--from -p"),
    )
    modes = [arg.text for arg in given.operands[:1]] if call.name == "chmod" else []
    if call.name == "setcap" or any(_special(mode) for mode in modes):
        call.touch(Effect.CONFIGURE, "system:setuid")
    files = given.operands if call.name == "setfacl" or given.has("--reference") else given.operands[1:]
    if any(arg.open for arg in given.operands[:1]) or any(arg.several for arg in given.operands):
        call.unknown("which files is decided at run time")
    # A mode such as -x looks like an option to us: then the first operand is a file already.
    if call.name in ("chmod", "chattr") and len(given.operands) == len(files) + 1:
        mode = any(name[1:2] in "rwxstugoXai=+" and name not in recursive for name, _ in given.options)
        files = given.operands if mode else files
    for arg in files:
        call.file(Effect.GRANT, arg.text)
        if given.has(*recursive):
            call.file(Effect.GRANT, f"{arg.text.rstrip('/')}/*")


def _special(mode: str) -> bool:
    """Whether a mode of chmod(1) may set the bits that give a program its owner's rights."""
    if mode.isdigit():
        return len(mode.lstrip("0")) > 3 and mode.lstrip("0")[0] in "24567"
    return "s" in mode or not HOLES.isdisjoint(mode) or (mode[:1] in "+=-" and mode[1:].isdigit())


def _dd(call: Call) -> None:
    """dd: ``if=`` and ``of=``; writing to a device or over a file loses what was there."""
    for arg in call.args:
        key, _, value = arg.text.partition("=")
        if arg.several or not key.isalpha():
            call.unknown("an operand that is made at run time")
        elif key == "if":
            call.read(value)
        elif key == "of":
            call.file(Effect.DESTROY if value.startswith("/dev/") else Effect.WRITE, value)


def _tee(call: Call) -> None:
    for arg in split(call, spec("write", attached="--output-error")).operands:
        call.write(arg.text)


def _split(call: Call) -> None:
    given = split(
        call,
        spec(
            "read",
            closed=True,
            flag="-d -x -e -u --elide-empty-files --unbuffered --verbose",
            attached="--numeric-suffixes --hex-suffixes",
            text="-a -b -C -l -n -t --suffix-length --bytes --line-bytes --lines --number --separator "
            "--additional-suffix",
            script="--filter",
        ),
    )
    for arg in given.operands[:1]:
        call.read(arg.text)
    prefix = given.operands[1].text if len(given.operands) > 1 else "x"
    call.write(f"{prefix}\U0010ffff")


def _sections(call: Call) -> None:
    """csplit: a file, then patterns; what it writes begins with xx, or as -f says."""
    given = split(
        call,
        spec(
            "read",
            closed=True,
            flag="-k -s -q -z --keep-files --quiet --silent --elide-empty-files --suppress-matched",
            text="-n --digits -f --prefix",
            unknown="-b --suffix-format",
        ),
    )
    for arg in given.operands[:1]:
        call.read(arg.text)
        if arg.open:
            call.unknown("which file is read is decided at run time")
    for prefix in [arg.text for arg in given.values("-f", "--prefix")] or ["xx"]:
        call.write(f"{prefix}{ANY}")


_TAR = spec(
    "read",
    closed=True,
    flag="-v --verbose -z --gzip -j --bzip2 -J --xz --zstd -a --auto-compress -p "
    "--preserve-permissions -k -m -h "
    "-S -l -w -W -o -O --to-stdout --same-owner --no-same-owner --numeric-owner --overwrite --keep-old-files "
    "--wildcards --no-recursion --anchored --null --dereference --totals --one-file-system --warning",
    mark="-c --create -x --extract --get -t --list -r --append -u --update -A --concatenate -d --diff "
    "--compare --delete --remove-files --unlink-first --recursive-unlink",
    text="-f --file -C --directory -b --strip-components --exclude --transform --xform --owner "
    "--group --mode "
    "--mtime --format --sort -H --newer -N",
    read="-X --exclude-from",
    # A list of files may hold options as well (tar(1)).
    unknown="-T --files-from -I --use-compress-program --to-command --checkpoint-action --rsh-command "
    "--rmt-command -F "
    "--info-script --new-volume-script -g --listed-incremental -P --absolute-names",
)


def _tar(call: Call) -> None:
    args = call.args
    if args and not args[0].text.startswith("-") and args[0].known and args[0].text.isalpha():
        args = _old_style(args)
    given = split(Call(call.name, args, call.scope, call.runs, call.stdin), _TAR)
    # A dash is what it is fed, or writes to whoever reads it.
    archives = [arg.text for arg in given.values("-f", "--file") if arg.text != "-"]
    folder = given.values("-C", "--directory")
    for text in archives:
        if ":" in text:
            call.unknown("an archive on another host")
    if given.has("-x", "--extract", "--get"):
        for text in archives:
            call.read(text)
        for text in [arg.text for arg in folder] or ["."]:
            call.write(text)
            call.write(f"{text.rstrip('/')}/*")
            if given.has("--recursive-unlink"):
                call.file(Effect.DESTROY, text, tree=True)
        return
    if given.has("-t", "--list", "-d", "--diff", "--compare"):
        for text in archives:
            call.read(text)
        return
    if not given.has("-c", "--create", "-r", "--append", "-u", "--update"):
        call.unknown("what it does with its archive")
    for text in archives:
        call.write(text)
    base = folder[0].text + "/" if len(folder) == 1 else ""
    for arg in given.operands:
        text = arg.text if arg.text.startswith(("/", "\U0010fffd")) or not base else base + arg.text
        call.read(text if len(folder) < 2 else "\U0010ffff", tree=True)
        if given.has("--remove-files"):
            call.file(Effect.DESTROY, text, tree=True)


def _old_style(args: tuple[Arg, ...]) -> tuple[Arg, ...]:
    """``tar czf x y`` with a dash before each letter, values behind the letters that take one."""
    rest, found = list(args[1:]), list[Arg]()
    for letter in args[0].text:
        found.append(Arg(f"-{letter}"))
        if _TAR.options.get(f"-{letter}") not in ("flag", "mark", None) and rest:
            found.append(rest.pop(0))
    return (*found, *rest)


def _compress(call: Call) -> None:
    """gzip and its kin: the file is replaced by its compressed form."""
    given = split(
        call,
        spec(
            "write",
            closed=True,
            flag="-c --stdout --to-stdout -d --decompress --uncompress -f -k --keep -l --list "
            "-n -N -q -r -t -v "
            "-1 -2 -3 -4 -5 -6 -7 -8 -9 --best --fast --force --verbose --quiet --test -z -e -s --recursive",
            text="-T --threads",
        ),
    )
    for arg in given.operands:
        call.read(arg.text, tree=given.has("-r", "--recursive"))
        if not given.has("-c", "--stdout", "--to-stdout", "-l", "--list", "-t", "--test"):
            call.file(Effect.WRITE, arg.text)
            call.file(Effect.WRITE, f"{arg.text}.*")


def _unzip(call: Call) -> None:
    given = split(call, spec("read", flag="-l -o -q -n -v -t -p -j -u", text="-d -x -P"))
    for arg in given.operands[:1]:
        call.read(arg.text)
    if not given.has("-l", "-t", "-v", "-p", "-z"):
        for text in [arg.text for arg in given.values("-d")] or ["."]:
            call.write(text)
            call.write(f"{text.rstrip('/')}/*")


_SIMPLE = {
    "rmdir": spec("delete", closed=True, flag="-p -v --parents --verbose --ignore-fail-on-non-empty"),
    "unlink": spec("delete"),
    "mkdir": spec("create", text="-m --mode"),
    "mkfifo": spec("create", text="-m --mode"),
    "mknod": spec("create", text="-m --mode"),
    "touch": spec("write", text="-d --date -t", read="-r --reference"),
    "shred": spec("destroy", text="-n --iterations -s --size", read="--random-source"),
    "wipe": spec("destroy"),
    "srm": spec("destroy"),
    "truncate": spec("destroy", text="-s --size", read="-r --reference"),
    "fallocate": spec("destroy", text="-l -o --length --offset"),
    "wipefs": spec("destroy", text="-o -t --types", write="-J"),
    "mkswap": spec("destroy", text="-L -U -p"),
    "blkdiscard": spec("destroy", text="-o -l -p"),
    "sgdisk": spec("destroy"),
    "fdisk": spec("destroy", text="-b -c -u"),
    "sfdisk": spec("destroy"),
    "parted": spec("destroy"),
    "cryptsetup": spec("destroy"),
    "debugfs": spec("destroy"),
    "hdparm": spec("destroy"),
    "sync": spec("text"),
}

PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **{name: partial(plain, wanted=wanted) for name, wanted in _SIMPLE.items()},
    **{
        f"mkfs{kind}": partial(plain, wanted=spec("destroy", text="-t -L -U -b -m -N -O -E -I"))
        for kind in ("", ".ext2", ".ext3", ".ext4", ".xfs", ".btrfs", ".vfat", ".fat", ".ntfs", ".f2fs")
    },
    "rm": _remove,
    "cp": _copy,
    "mv": _move,
    "ln": _link,
    "install": _install,
    **{name: _permissions for name in ("chmod", "chown", "chgrp", "chattr", "setfacl", "setcap")},
    "dd": _dd,
    "tee": _tee,
    "split": _split,
    "csplit": _sections,
    "tar": _tar,
    **{name: _compress for name in ("gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd")},
    "unzip": _unzip,
}
