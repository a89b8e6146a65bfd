"""Programs that read files or the system and do nothing else, save by the options that are listed here.

Source: the manual pages of GNU coreutils 9, util-linux 2.38, procps 4, iproute2 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import Spec, plain, spec, split
from vedette.shell.scope import LOOSE

_SUMS = spec("read", flag="-c --check")
_ZIPPED = spec("read", unknown="-S --suffix --use-compress-program")

SPECS: Mapping[str, Spec] = {
    "cat": spec("read"),
    "tac": spec("read", text="-s --separator"),
    "nl": spec("read", text="-b -d -f -h -i -l -n -s -v -w"),
    "head": spec("read", text="-n --lines -c --bytes"),
    "tail": spec("read", text="-n --lines -c --bytes -s --sleep-interval --pid --max-unchanged-stats"),
    "wc": spec("read", unknown="--files0-from", text="--total"),
    "od": spec(
        "read",
        text="-A -j -N -S -t --address-radix --skip-bytes --read-bytes --format --endian",
        attached="-w --width --strings",
    ),
    "hexdump": spec("read", text="-e -n -s", read="-f"),
    "hd": spec("read", text="-e -n -s", read="-f"),
    "stat": spec("read", text="-c --format --printf --cached"),
    "file": spec("read", text="-F -P -e", read="-m --magic-file", unknown="-C --compile -f --files-from"),
    "cut": spec("read", text="-b -c -d -f --bytes --characters --delimiter --fields --output-delimiter"),
    "paste": spec("read", text="-d --delimiters"),
    "comm": spec("read", text="--output-delimiter"),
    "cmp": spec("read", text="-i -n"),
    "diff": spec(
        "tree",
        text="-U -C -W -x -I -F -D --label --width",
        attached="--color --unified --context",
        read="-X --from-file --to-file",
    ),
    "md5sum": _SUMS,
    "sha1sum": _SUMS,
    "sha224sum": _SUMS,
    "sha256sum": _SUMS,
    "sha384sum": _SUMS,
    "sha512sum": _SUMS,
    "b2sum": spec("read", text="-l --length"),
    "cksum": spec("read", text="-a --algorithm -l --length"),
    "sum": spec("read"),
    "base64": spec("read", text="-w --wrap"),
    "base32": spec("read", text="-w --wrap"),
    "basenc": spec("read", text="-w --wrap"),
    "fold": spec("read", text="-w --width"),
    "fmt": spec("read", text="-w -g -p"),
    "expand": spec("read", text="-t --tabs"),
    "unexpand": spec("read", text="-t --tabs"),
    "rev": spec("read"),
    "join": spec("read", text="-a -e -j -o -t -v -1 -2"),
    "column": spec("read", text="-s -o -c -N -H -R -T -O -E -W --table-columns"),
    "sort": spec(
        "read",
        text="-k --key -t --field-separator -S --buffer-size --parallel --batch-size --sort",
        read="--random-source",
        write="-o --output -T --temporary-directory",
        unknown="--compress-program --files0-from",
    ),
    "tr": spec(),
    "seq": spec(),
    "shuf": spec(
        "read",
        text="-n --head-count -i --input-range",
        flag="-e --echo",
        read="--random-source",
        write="-o --output",
    ),
    "readlink": spec("text"),
    "realpath": spec("text", text="--relative-to --relative-base"),
    "basename": spec("text", text="-s --suffix"),
    "dirname": spec("text"),
    "du": spec(
        "read",
        text="-d --max-depth -B --block-size -t --exclude",
        attached="--time",
        read="-X",
        unknown="--files0-from",
    ),
    "mktemp": spec("create", text="--suffix", create="-p --tmpdir", flag="-d -q -t -u"),
    "df": spec("text", text="-B --block-size -t -x --output"),
    "tree": spec("read", text="-L -P -I --filelimit --charset", write="-o"),
    "lsblk": spec(text="-o --output -e -I -x"),
    "lscpu": spec(),
    "lsmod": spec(),
    "lspci": spec(),
    "lsusb": spec(),
    "blkid": spec(text="-o -s -t", write="-c"),
    "findmnt": spec(text="-o -t", read="-F --tab-file"),
    "uname": spec(),
    "uptime": spec(),
    "free": spec(text="-s -c"),
    "vmstat": spec(),
    "iostat": spec(),
    "mpstat": spec(),
    "whoami": spec(),
    "id": spec(),
    "groups": spec(),
    "who": spec("read"),
    "w": spec(),
    "last": spec(read="-f --file"),
    "cal": spec(),
    "arch": spec(),
    "nproc": spec(),
    "tty": spec(),
    "locale": spec(),
    "getconf": spec(),
    "pgrep": spec(text="-u -U -g -G -P -s -t -d -c", read="-F"),
    "pstree": spec(),
    "pidof": spec(),
    "lsof": spec("text", text="-i -p -u -c -d -s -F -a"),
    "netstat": spec(),
    "which": spec(),
    "whereis": spec(),
    "locate": spec(text="-n -l", read="-d"),
    "zcat": _ZIPPED,
    "bzcat": spec("read"),
    "xzcat": spec("read"),
    "zstdcat": spec("read"),
    "yes": spec(),
    "sleep": spec(),
    "ldd": spec("unknown"),  # it may run what it looks at (ldd(1), Security)
    "lsattr": spec("read"),
    "getfacl": spec("read"),
    "namei": spec("text"),
    "factor": spec(),
    "numfmt": spec(),
    "cpio": spec("unknown"),  # what it reads and writes is named by what it is fed
}


def _listing(call: Call) -> None:
    """ls: names of files. Those of all below it (-R) are told by the folder's own."""
    given = split(call, spec("read", text="-I -w -T --ignore --hide --sort --time --format"))
    for text in [arg.text for arg in given.operands] or ["."]:
        call.read(text)


def _environment(call: Call) -> None:
    """printenv: everything that was given to the session, secrets included."""
    call.touch(Effect.READ, "system:environment")


# What ps(1) takes for options without a dash. It reads all its words again that way where one of the
# other form makes no sense to it, such as a user that there is none of: -auxe may be auxe.
_PS_BARE = re.compile(r"-?[acfghjlmnrsSTuvwxXZLHM]*e", re.ASCII)
_PS_COLUMNS = ("-o", "-O", "--format")


def _processes(call: Call) -> None:
    """ps: with the letter e and no dash it shows what processes were given in their environment."""
    given = split(call, spec(text="-o -O -p -q -s -t -u -U -C -g -G -k --sort --format"))
    shown = any("e" in arg.text or not arg.known for arg in given.operands)
    shown = shown or any(value is not None and value.open for _, value in given.options)
    shown = shown or any("env" in arg.text or not arg.known for arg in given.values(*_PS_COLUMNS))
    fails = given.has("-u", "-U", "-g", "-G", "-t", "-s", "-q")
    if shown or (fails and any(_PS_BARE.match(arg.text) for arg in call.args)):
        call.touch(Effect.READ, "system:environment")


def _entries(call: Call) -> None:
    """getent: a database of the system, some of them secret."""
    for arg in split(call, spec(text="-s -i")).operands[:1]:
        found = {"passwd", "group", "hosts", "services", "protocols", "networks", "ahosts", "ahostsv4"}
        if arg.text in found:
            call.read(f"/etc/{arg.text.removesuffix('v4').removeprefix('a')}")
        else:
            call.read(f"/etc/{arg.text}" if arg.known else "/etc/*")


def _unique(call: Call) -> None:
    """uniq: the second operand is written."""
    given = split(call, spec("read", text="-f -s -w --skip-fields --skip-chars --check-chars"))
    for place, arg in enumerate(given.operands):
        if arg.open:
            call.unknown("files to read and to write that are not known")
        call.file(Effect.WRITE if place else Effect.READ, arg.text)


def _hexadecimal(call: Call) -> None:
    given = split(call, spec("read", text="-c -cols -g -l -len -s -seek -o", closed=False))
    for place, arg in enumerate(given.operands):
        if arg.open or any(name == "-r" for name, _ in given.options):
            call.unknown("files to read and to write that are not known")
        call.file(Effect.WRITE if place else Effect.READ, arg.text)


def _date(call: Call) -> None:
    given = split(
        call,
        spec(
            text="-d --date --rfc-3339",
            attached="-I --iso-8601",
            read="-f --file -r --reference",
            mark="-s --set",
        ),
    )
    if given.has("-s", "--set") or any(not arg.text.startswith("+") for arg in given.operands):
        call.touch(Effect.CONFIGURE, "system:clock")


def _hostname(call: Call) -> None:
    given = split(call, spec(read="-F --file", mark="-b"))
    if given.operands or given.has("-b", "-F", "--file"):
        call.touch(Effect.CONFIGURE, "system:hostname")


def _messages(call: Call) -> None:
    given = split(call, spec(text="-l -f -n -s --level --facility --time-format", read="-F --file"))
    if given.has("-C", "--clear", "-c", "--read-clear", "-n", "-D", "-E"):
        call.touch(Effect.DESTROY, "system:kernel-log")
    call.touch(Effect.READ, "system:kernel-log")


def _journal(call: Call) -> None:
    marks = "--vacuum-size --vacuum-time --vacuum-files --rotate --flush --relinquish-var --setup-keys"
    given = split(
        call,
        spec(
            text=f"-u --unit -S --since -U --until -p --priority -o --output -t -g --grep -F "
            f"--identifier --user-unit {marks}",
            attached="-n --lines -b --boot",  # a number behind them is an operand here, which says nothing
            read="--file -D --directory --root",
            write="--cursor-file",
        ),
    )
    if given.has(*marks.split()):
        call.touch(Effect.DESTROY, "system:journal")
    call.touch(Effect.READ, "system:journal")


def _sockets(call: Call) -> None:
    """ss: showing connections; -K ends those that it shows."""
    given = split(call, spec(text="-f -A -N --net", write="-D --diag", mark="-K --kill", read="-F --filter"))
    if given.has("-K", "--kill"):
        call.touch(Effect.DESTROY, "system:connections")


_BINARIES: Mapping[str, Spec] = {
    "strings": spec("read", text="-n -t -e -s", read="-T"),
    "nm": spec("read", unknown="--plugin"),
    "size": spec("read", unknown="--plugin"),
    "objdump": spec("read", text="-j -M", flag="-d -h", unknown="--plugin"),
    "readelf": spec("read", text="-x -p"),
}


def _binary(call: Call) -> None:
    """GNU binutils: ``@file`` stands for the options and names in that file, which errors then show."""
    if any(arg.text.startswith(("@", *LOOSE)) for arg in call.args):
        call.unknown("options and names that stand in a file")
    plain(call, _BINARIES[call.name])


# Those of ip that are looked at, whole or cut short; it takes the first that fits, so -br is no batch.
_IP_LOOKS = (
    "-4 -6 -0 -s -st -stat -stats -statistics -d -de -det -detail -details -o -oneline -j -js -json -p -pr "
    "-pretty -c -col -color -r -resolve -h -human -iec -br -bri -brie -brief -t -timestamp -ts -N -V -Version"
)
_IP_FLAGS = frozenset(_IP_LOOKS.split())


def _address(call: Call) -> None:
    """ip: showing is reading, the rest is configuring; some of it runs programs. Source: ip(8)."""
    args = list(call.args)
    while args and args[0].text.startswith("-"):
        option = args.pop(0).text
        if option in ("-f", "-family"):
            args[:1] = []
        elif option.partition("=")[0] not in _IP_FLAGS:
            call.unknown(f"the option {option}")
    words = [arg.text for arg in args]
    if any(arg.several or arg.text.startswith(LOOSE) for arg in call.args):
        call.unknown("words that are made at run time")
    showing = len(words) < 2 or words[1] in ("show", "list", "ls", "sh", "s", "get", "help", "lst")
    # What ip is asked for may be cut short as well: net for netns, x for xfrm.
    about = words[0] if words else ""
    if about and ("xfrm".startswith(about) or (not showing and about[0] in "nv")):
        call.unknown("keys of the network, or programs in other networks")
    if not showing:
        call.touch(Effect.CONFIGURE, "system:network")


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **{name: partial(plain, wanted=wanted) for name, wanted in SPECS.items()},
    "ls": _listing,
    "dir": _listing,
    "vdir": _listing,
    "printenv": _environment,
    "ps": _processes,
    "getent": _entries,
    "uniq": _unique,
    "xxd": _hexadecimal,
    "date": _date,
    "hostname": _hostname,
    "dmesg": _messages,
    "journalctl": _journal,
    "ip": _address,
    "ss": _sockets,
    **dict.fromkeys(_BINARIES, _binary),
}
