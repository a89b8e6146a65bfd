"""Programs that talk to other hosts. Source: the manual pages of curl 7.88, wget 1.21, "
"OpenSSH 9.2, rsync 3.2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import Spec, spec, split
from vedette.shell.programs import serving
from vedette.shell.scope import ANY, GLOB, HOME, LOOSE, Arg, loose

_PORTS = {
    "http": "80", "https": "443", "ftp": "21", "ftps": "990", "sftp": "22", "scp": "22", "ssh": "22",
    "git": "9418", "ldap": "389", "smtp": "25", "telnet": "23", "ws": "80", "wss": "443",
}  # fmt: skip
_URL = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(?:[^/?#@]*@)?(\[[^]]*\]|[^/?#:]*)(?::([^/?#]*))?(.*)", re.DOTALL
)


def url(call: Call, text: str, *, sends: bool, scheme: str = "http") -> None:
    """Notes the host of a URL. One that is put together at run time may carry anything."""
    if text.lower().startswith("file:"):
        inner = text[5:].lstrip("/")
        inner = inner.partition("/")[2] if inner.lower().startswith("localhost/") else inner
        call.read("/" + inner if "%" not in inner else ANY)
        return
    found = _URL.match(text)
    if found is None or loose(text.partition("://")[0]) or set("{}[]") & set(text.partition("://")[2]):
        call.host(Effect.EXPORT, "*", "*")
        return
    named, host, port, _ = found.groups()
    named = (named or scheme).lower()
    sends = sends or named not in ("http", "https", "ftp", "ftps", "git", "ssh")
    fixed = not any(char in text for char in (ANY, "\U0010fffe", HOME))
    effect = Effect.READ if fixed and not sends else Effect.EXPORT
    call.host(effect, host or "*", port or _PORTS.get(named, "*"))


_CURL = spec(
    closed=True,
    flag="-s --silent -S --show-error -f --fail --fail-with-body -L --location -k --insecure -v --verbose -i "
    "--include -I --head -g --globoff -N --no-buffer -4 -6 -# --progress-bar --compressed --http1.1 --http2 "
    "-0 --http1.0 -j -R --remote-time -G --get --create-dirs --no-progress-meter --retry-all-errors "
    "--tcp-nodelay --basic --digest --anyauth --path-as-is --tlsv1.2 --tlsv1.3 --ssl-reqd -O --remote-name "
    "-J --remote-header-name --retry-connrefused",
    text="-X --request -H --header -A --user-agent -e --referer -u --user -m --max-time --connect-timeout "
    "--retry --retry-delay --retry-max-time -w --write-out -r --range -C --continue-at --limit-rate --url "
    "--max-redirs -y -Y -d --data --data-raw --data-binary --data-urlencode --data-ascii --json -F --form "
    "--form-string -T --upload-file -b --cookie --url-query -o --output",
    read="-E --cert --cert-type --key --cacert --capath -n --netrc-file",
    write="-c --cookie-jar -D --dump-header --trace --trace-ascii --stderr --output-dir",
    unknown="-K --config -x --proxy --socks5 --socks5-hostname --preproxy --resolve --connect-to "
    "--dns-servers "
    "-Q --quote --unix-socket --abstract-unix-socket --interface --engine -:  --next -P --mail-from "
    "--mail-rcpt -t --doh-url --proto --proto-default -z --variable --expand-url --expand-data",
)
_BODIES = ("-d", "--data", "--data-binary", "--data-urlencode", "--data-ascii", "--json", "-F", "--form")
_SENDING = (*_BODIES, "--data-raw", "--form-string", "-T", "--upload-file", "-b", "--cookie", "--url-query")


def _curl(call: Call) -> None:
    given = split(call, _CURL)
    sends = given.has(*_SENDING, "-u", "--user", "-E", "--cert")
    for method in given.values("-X", "--request"):
        sends = sends or method.text not in ("GET", "HEAD", "OPTIONS")
    for arg in [*given.values("-H", "--header", "-A", "--user-agent", "-e", "--referer")]:
        sends = sends or not arg.known
        if arg.text.startswith("@"):
            call.read(arg.text[1:])
    for name in _BODIES:
        for arg in given.values(name):
            _body(call, name, arg.text)
    for arg in given.values("-T", "--upload-file"):
        if arg.text not in ("-", "."):
            call.read(arg.text)
    for arg in given.values("-b", "--cookie"):
        if "=" not in arg.text:
            call.read(arg.text)
    for arg in given.values("-w", "--write-out"):
        if arg.text.startswith("@"):
            call.read(arg.text[1:])
        if "%output{" in arg.text:
            call.unknown("a file to write that stands in a format")
    for arg in given.values("-o", "--output"):
        call.write(arg.text)
    if given.has("-O", "--remote-name", "-J"):
        call.write(ANY if given.has("-J", "--output-dir", "--remote-header-name") else f"./{GLOB}")
    for arg in [*given.operands, *given.values("--url")]:
        url(call, arg.text, sends=sends or arg.several)


def _body(call: Call, name: str, text: str) -> None:
    """``-d @file`` and ``-F name=@file``: files that are sent."""
    if name in ("-F", "--form"):
        value = text.partition("=")[2]
        if value.startswith(("@", "<")):
            call.read(value[1:].partition(";")[0])
        elif "@" in value[:2] or "=@" in text or value.startswith(LOOSE):
            call.unknown("a form that may send a file")
    elif text.startswith("@"):
        call.read(text[1:])
    elif name == "--data-urlencode" and "@" in text and "=" not in text.partition("@")[0]:
        call.read(text.partition("@")[2])
    elif text.startswith(LOOSE):
        call.read(ANY)


_WGET = spec(
    closed=True,
    flag="-q --quiet -v --verbose -c --continue -N --timestamping -S --server-response -4 -6 "
    "-nv --no-verbose "
    "--no-check-certificate --spider -nc --no-clobber --content-on-error --show-progress -np --no-parent "
    "-x --force-directories --no-cache --https-only -b --no-proxy -r -m -p -k -l -E",
    mark="--recursive --mirror --content-disposition",
    text="-U --user-agent --header -t --tries -T --timeout -w --wait --limit-rate --referer "
    "--user --password "
    "--post-data --body-data --method --connect-timeout --read-timeout --waitretry -l --level -A -R -D -I",
    read="--post-file --body-file --ca-certificate --certificate --private-key -i --input-file "
    "--load-cookies",
    write="-O --output-document -o --output-file -a --append-output --save-cookies -P --directory-prefix",
    unknown="-e --execute --config --use-askpass -B --base",
)


def _wget(call: Call) -> None:
    given = split(call, _WGET)
    sends = given.has("--post-data", "--body-data", "--post-file", "--body-file", "--method", "--user")
    sends = sends or given.has("--password", "--load-cookies", "--certificate")
    sends = sends or any(not arg.known for arg in given.values("--header", "-U", "--user-agent", "--referer"))
    if given.has("-i", "--input-file"):
        call.host(Effect.EXPORT, "*", "*")
    folders = [arg.text for arg in given.values("-P", "--directory-prefix")] or ["."]
    below = given.has("-r", "--recursive", "-m", "--mirror", "-x", "--force-directories", "-p")
    if not given.has("-O", "--output-document", "--spider"):
        for folder in folders:
            call.write(f"{folder.rstrip('/')}/{ANY if below else GLOB}")
    for arg in given.operands:
        url(call, arg.text, sends=sends or arg.several)


_SSH = spec(
    closed=True,
    first=True,
    flag="-4 -6 -A -a -C -f -K -k -n -q -T -t -v -X -x -Y -y",
    text="-c -m -p -l -e -b",
    read="-i",
    unknown="-o -F -J -L -R -D -W -w -S -O -E -I -M -N -g -G -B -s",
)


def _ssh(call: Call) -> None:
    """ssh inside ssh: the host is another one, where paths mean other files."""
    given = split(call, _SSH)
    port = given.values("-p")
    if given.operands:
        host = given.operands[0].text.removeprefix("ssh://").rpartition("@")[2]
        call.host(Effect.EXPORT, host, port[-1].text if port else "22")
    if len(given.operands) < 2:
        call.unknown("a shell on another host")
        return
    if any(arg.open for arg in given.operands):
        call.unknown("what is run is put together at run time")
        return
    call.script(" ".join(arg.text for arg in given.operands[1:]))


def _remote(text: str) -> tuple[str, str] | None:
    """Host and path of ``user@host:path``; None where it is a file here. Source: scp(1)."""
    if text.startswith(("scp://", "sftp://", "rsync://")):
        host, _, path = text.partition("://")[2].partition("/")
        return host.rpartition("@")[2].partition(":")[0], path
    before, colon, path = text.partition(":")
    if not colon or "/" in before:
        return None
    return before.rpartition("@")[2], path.lstrip(":")


_SCP = spec(
    closed=True,
    flag="-3 -4 -6 -A -B -C -O -p -q -R -r -s -T -v -d",
    mark="-f -t",
    text="-c -l -P -X",
    read="-i",
    unknown="-o -F -J -S -D",
)
_RSYNC = spec(
    closed=True,
    flag="-a --archive -v --verbose -q --quiet -r --recursive -u --update -l --links -L "
    "--copy-links -p --perms -t "
    "--times -g --group -o --owner -D -z --compress -h --human-readable -P --progress "
    "--partial -n --dry-run -c "
    "--checksum -i --itemize-changes --stats -x -H -A -X -S -R -W -k -K -O -J -m --inplace --ignore-existing "
    "--numeric-ids --safe-links --size-only --delay-updates",
    mark="--delete --delete-before --delete-after --delete-during --delete-excluded "
    "--remove-source-files --del",
    text="--exclude --include -f --filter --bwlimit --timeout --port --max-size --min-size --chmod --chown "
    "--info --suffix --out-format -B",
    read="--exclude-from --include-from --files-from --password-file --compare-dest --link-dest --copy-dest",
    write="--log-file --backup-dir --partial-dir --temp-dir -T",
    unknown="-e --rsh --rsync-path --daemon --config -M --remote-option -s",
)


def _transfer(call: Call, wanted: Spec) -> None:
    """scp and rsync: what is sent goes out, what comes in is written. Their far ends are another matter."""
    if call.name == "rsync" and call.args[:1] == (Arg("--server"),):
        serving.rsync(call)
        return
    given = split(call, wanted)
    if given.has("-f", "-t") and call.name == "scp":
        serving.scp(call, given)
        return
    if any(arg.several for arg in given.operands) or any(arg.open for arg in given.operands[-1:]):
        call.unknown("what is copied where is decided at run time")
    *sources, target = given.operands or [Arg(ANY)]
    port = given.values("-P", "--port")
    number = port[-1].text if port and call.name == "scp" else "22" if call.name == "scp" else "*"
    to = _remote(target.text)
    for source in sources:
        remote = _remote(source.text)
        if remote:
            call.host(Effect.READ if to is None else Effect.EXPORT, remote[0], number)
        elif loose(source.text.partition("/")[0]):
            call.host(Effect.EXPORT, "*", "*")
        else:
            call.read(source.text, tree=True)
            if given.has("--remove-source-files"):
                call.file(Effect.DESTROY, source.text, tree=True)
    deletes = given.has(*(name for name in ("--delete", "--del", "--delete-before", "--delete-after")))
    deletes = deletes or given.has("--delete-during", "--delete-excluded")
    if to:
        call.host(Effect.EXPORT, to[0], number)
        if deletes:
            call.touch(Effect.DESTROY, f"host:{to[0].lower()}:*" if to[0].isascii() else "host:*:*")
    elif not given.has("-n", "--dry-run"):
        call.write(target.text)
        call.write(f"{target.text.rstrip('/')}/*")
        if deletes:
            call.file(Effect.DESTROY, target.text, tree=True)


_NC = spec(
    closed=True,
    flag="-4 -6 -d -h -n -N -u -v -z -k -t -C -D -S -U -b",
    mark="-l",
    text="-w -p -s -i -q -I -O -T -V -m -W",
    unknown="-e -c -x -X -P --exec --sh-exec",
)


def _netcat(call: Call) -> None:
    given = split(call, _NC)
    if given.has("-l"):
        call.unknown("it waits for others to connect")
    operands = [arg.text for arg in given.operands]
    call.host(Effect.EXPORT, operands[0] if operands else "*", operands[1] if len(operands) > 1 else "*")


_PROBES = {
    "ping": (spec(text="-c -i -W -w -s -t -I -m -p -Q -S -l -M"), "0"),
    "ping6": (spec(text="-c -i -W -w -s -t -I -m -p -Q -S -l -M"), "0"),
    "traceroute": (spec(text="-m -q -w -p -f -i -s"), "0"),
    "tracepath": (spec(text="-m -l -p"), "0"),
    "mtr": (spec(text="-c -i -s"), "0"),
    "dig": (spec(text="-t -p -c -b -q", unknown="-f -k -x"), "53"),
    "nslookup": (spec(), "53"),
    "host": (spec(text="-t -W -R -c -N -m"), "53"),
    "telnet": (spec(text="-l -b -e", unknown="-n"), "23"),
    "whois": (spec(text="-h -p"), "43"),
}


def _probe(call: Call) -> None:
    """Names and addresses that are asked for go out, whatever they hold."""
    wanted, port = _PROBES[call.name]
    given = split(call, wanted)
    hosts = [arg for arg in given.operands if not arg.text.startswith("+")]
    for arg in hosts:
        name = arg.text.removeprefix("@")
        fixed = arg.known and call.name != "telnet"
        call.host(Effect.READ if fixed else Effect.EXPORT, name, port)


def _sends(call: Call, port: str = "*") -> None:
    """Programs that send what they are given, to wherever."""
    for arg in call.args:
        if not arg.text.startswith("-"):
            call.notes.mention(arg.text, call.scope.folders)
    call.host(Effect.EXPORT, "*", port)


def _opaque(call: Call) -> None:
    """Programs of which only this is certain: they talk to others, and can do more."""
    call.host(Effect.EXPORT, "*", "*")
    call.unknown("what it does with the network is not read here")


def _openssl(call: Call) -> None:
    words = [arg.text for arg in call.args]
    if words[:1] in (["version"], ["rand"], ["dgst"], ["passwd"], ["ciphers"]):
        if "-out" in words or "-engine" in words or "-writerand" in words:
            call.unknown("files or engines")
        for word in words[1:]:
            if not word.startswith("-"):
                call.read(word)
    elif words[:1] == ["x509"] and not set(words) & {
        "-out",
        "-engine",
        "-provider",
        "-signkey",
        "-CA",
        "-req",
    }:
        if "-in" in words[:-1]:
            call.read(words[words.index("-in") + 1])
    else:
        _opaque(call)


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    "curl": _curl,
    "wget": _wget,
    "ssh": _ssh,
    "scp": partial(_transfer, wanted=_SCP),
    "rsync": partial(_transfer, wanted=_RSYNC),
    **{name: _netcat for name in ("nc", "netcat", "ncat", "nc.openbsd", "nc.traditional")},
    **dict.fromkeys(_PROBES, _probe),
    **{name: partial(_sends, port="25") for name in ("mail", "mailx", "sendmail", "mutt", "msmtp", "swaks")},
    **{
        name: _opaque
        for name in (
            *("sftp", "ftp", "lftp", "tftp", "socat", "ssh-copy-id", "autossh", "sshpass", "mosh", "rclone"),
            *("croc", "magic-wormhole", "wormhole", "aria2c", "axel", "nmap", "ngrok", "chisel", "smbclient"),
            *(
                "s3cmd",
                "gsutil",
                "aws",
                "gcloud",
                "az",
                "restic",
                "rsh",
                "rcp",
                "rlogin",
                "http",
                "https",
                "xh",
            ),
        )
    },
    "openssl": _openssl,
}
