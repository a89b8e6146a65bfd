"""A throw-away machine: namespaces of its own, a root in memory, the host's programs read-only, no network.

Nothing that runs in it can reach the host's files: they are not there.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Root in the cage is nobody outside, so that it may not even change who may read a device.
_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []

# Run as root of a new user namespace. $1: what to run inside, by bash, from /root with the names below.
_BUILD = r"""
set -e
root=$1; shift
mount -t tmpfs -o size=64m none "$root"
cd "$root"
mkdir -p usr etc home/ada/.ssh root/.ssh tmp var/log var/spool/cron srv/app/build dev proc old opt
mount --rbind /usr usr
mount -o remount,bind,ro usr
for each in bin sbin lib lib64; do
  if [ -L "/$each" ]; then ln -s "$(readlink "/$each")" "$each"
  elif [ -d "/$each" ]; then mkdir "$each"; mount --rbind "/$each" "$each"; mount -o remount,bind,ro "$each"; fi
done
mkdir -p etc/alternatives etc/cron.d etc/systemd/system etc/ssh etc/profile.d etc/ld.so.conf.d
for each in /etc/alternatives/awk /etc/alternatives/nc /etc/ld.so.cache; do
  [ ! -e "$each" ] || cp -P "$each" "etc/${each#/etc/}"
done
printf 'root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n' > etc/passwd
printf 'root:x:0:\nada:x:1000:\n' > etc/group
printf 'root:SECRET-HASH:1:0:::::\nada:SECRET-HASH:1:0:::::\n' > etc/shadow
printf '127.0.0.1 localhost\n' > etc/hosts
printf 'PRIVATE-KEY\n' | tee root/.ssh/id_rsa > home/ada/.ssh/id_rsa
printf 'ssh-ed25519 AAAA ada\n' | tee root/.ssh/authorized_keys > home/ada/.ssh/authorized_keys
printf 'line one\nline two\n' | tee root/notes root/a.txt root/b.txt srv/app/main.py srv/app/build/out > var/log/app.log
truncate -s 8M dev/sda; mkswap dev/sda > old/mkswap 2>&1; rm old/mkswap
for each in null zero urandom; do
  : > "dev/$each"; mount --bind "/dev/$each" "dev/$each"; mount -o remount,bind,ro,nosuid,noexec "dev/$each"
done
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mount -t proc -o ro,nosuid,nodev,noexec none proc
pivot_root . old
umount -l /old
rmdir /old
cd /root
ulimit -t 5 -u 400 -f 100000
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  SECRET=ENVIRONMENT-SECRET "$@"
"""


@functools.cache
def why_not() -> str:
    """Why there can be no cage here; empty where there can."""
    if not all(map(shutil.which, ("unshare", "bash", "pivot_root"))):
        return "no unshare, bash or pivot_root"
    tried = caged(["bash", "-c", "test -e /etc/shadow && test ! -e /work && echo in"])
    return "" if tried.stdout == b"in\n" else f"no namespaces: {tried.stderr.decode()[-200:]}"


def caged(
    args: Sequence[str], *, feed: bytes = b"", patience: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """Runs *args* in a new cage and waits until all of it has ended."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o777)
        build = [*_NOBODY, "unshare", "-rmpniuf", "--kill-child", "bash", "-c", _BUILD, "cage", root, *args]
        return subprocess.run(
            build,
            input=feed,
            capture_output=True,
            timeout=patience,
            check=False,
            cwd="/",
            env={"PATH": _PATH},
        )
