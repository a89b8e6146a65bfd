"""Variables that change what programs do: their paths, what they load, what they start."""

from __future__ import annotations

import re

# What the shell itself goes by (the Bash manual, "Shell Variables"), and the dynamic linker (ld.so(8)).
_SHELL = re.compile(
    r"(?:PATH|IFS|HOME|CDPATH|ENV|PS[0-4]|PROMPT_COMMAND|GLOBIGNORE|EXECIGNORE|FIGNORE|SHELLOPTS|BASHOPTS"
    r"|PWD|OLDPWD|POSIXLY_CORRECT|FUNCNAME|(?:BASH|LD|DYLD|COMP|HIST)_?.*)\Z",
    re.ASCII,
)
_HARMLESS = re.compile(
    r"(?:LANG|LANGUAGE|LC_.*|TZ|TERM|COLUMNS|LINES|NO_COLOR|CLICOLOR|FORCE_COLOR|DEBIAN_FRONTEND|NODE_ENV|CI"
    r"|PYTHON(?:UNBUFFERED|DONTWRITEBYTECODE|IOENCODING|HASHSEED|UTF8)"
    r"|PG(?:USER|PASSWORD|DATABASE|APPNAME|TZ|CLIENTENCODING|CONNECT_TIMEOUT|SSLMODE)"
    r"|GIT_(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|GIT_TERMINAL_PROMPT)\Z",
    re.ASCII,
)
# Families of programs that are configured by their environment, and words that say so themselves.
_EXPORTED = re.compile(
    r"(?:SHELL|EDITOR|VISUAL|PAGER|BROWSER|TERMCAP|HOSTALIASES|LOCALDOMAIN|CC|CXX|TMPDIR|DISPLAY"
    r"|(?:PYTHON|PERL|RUBY|NODE|GIT|SSH|JAVA|_JAVA|JDK|LUA|GCONV|NLS|MAN|LESS|GREP|RSYNC|CVS|SVN|DOCKER|KUBE"
    r"|AWS|PG|PSQL|MYSQL|CURL|WGET|TAR|GZIP|ZIP|XZ|MAKE|NPM|PIP|GEM|BUNDLE|CARGO|RUST|GO|COMPOSER|PHP|MALLOC"
    r"|GLIBC|OPENSSL|SSL|QT|GTK|XDG|DBUS|SYSTEMD|SUDO|ANSIBLE|TERMINFO|RES|TMUX|SCREEN|VIM|EX|NM).*"
    r"|.*(?:PATH|OPTIONS|OPTS?|FLAGS|COMMAND|CMD|HOOK|PAGER|EDITOR|SHELL|RC|CONFIG|PRELOAD|PROXY|HOME|DIR))\Z",
    re.ASCII | re.IGNORECASE,
)


def meddles(name: str, *, exported: bool) -> bool:
    """Whether giving *name* a value may change what programs do that are started afterwards.

    *exported*: programs see it. One that is not exported may be in the environment already, which
    matters for what the shell goes by.
    """
    if _HARMLESS.match(name):
        return False
    return bool(_SHELL.match(name) or (exported and _EXPORTED.match(name)))
