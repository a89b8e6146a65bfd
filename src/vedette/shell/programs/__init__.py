"""What programs do with their arguments: one line or one function each, in the tables of these modules.

A program in no table does who knows what: it is EXECUTE of itself, and needs a rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vedette.shell.call import Call
from vedette.shell.programs.builtins import PROGRAMS as BUILTINS
from vedette.shell.programs.containers import PROGRAMS as CONTAINERS
from vedette.shell.programs.database import PROGRAMS as DATABASE
from vedette.shell.programs.files import PROGRAMS as FILES
from vedette.shell.programs.interpreters import PROGRAMS as INTERPRETERS
from vedette.shell.programs.jq import PROGRAMS as JQ
from vedette.shell.programs.network import PROGRAMS as NETWORK
from vedette.shell.programs.reading import PROGRAMS as READING
from vedette.shell.programs.searching import PROGRAMS as SEARCHING
from vedette.shell.programs.serving import PROGRAMS as SERVING
from vedette.shell.programs.system import PROGRAMS as SYSTEM
from vedette.shell.programs.versions import PROGRAMS as VERSIONS
from vedette.shell.programs.wrappers import PROGRAMS as WRAPPERS

# Who can change these can do anything. Source: hier(7).
STANDARD = frozenset({"/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"})

PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **READING,
    **JQ,
    **FILES,
    **SEARCHING,
    **BUILTINS,
    **WRAPPERS,
    **INTERPRETERS,
    **NETWORK,
    **SERVING,
    **SYSTEM,
    **CONTAINERS,
    **DATABASE,
    **VERSIONS,
}
