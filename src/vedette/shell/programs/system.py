"""Programs that change the machine: power, services, accounts, packages, kernel, schedules, firewalls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import spec, split
from vedette.shell.scope import Arg


def _always(call: Call, effect: Effect, name: str) -> None:
    call.touch(effect, name)


def _power(call: Call) -> None:
    if call.name == "shutdown" and [arg.text for arg in call.args] == ["-c"]:
        call.touch(Effect.CONFIGURE, "system:power")
    else:
        call.touch(Effect.DESTROY, "system:power")


_LOOKING = frozenset(
    [
        "status",
        "show",
        "list-units",
        "list-unit-files",
        "list-timers",
        "list-sockets",
        "list-jobs",
        "list-dependencies",
        "is-active",
        "is-enabled",
        "is-failed",
        "is-system-running",
        "cat",
        "get-default",
        "show-environment",
        "help",
    ]
)
_POWER = frozenset(
    [
        "poweroff",
        "reboot",
        "halt",
        "kexec",
        "suspend",
        "hibernate",
        "hybrid-sleep",
        "rescue",
        "emergency",
        "soft-reboot",
    ]
)
_SYSTEMCTL = spec(
    closed=True,
    flag="-a --all -l --full -q --quiet --no-pager --no-legend --plain --now --failed --user "
    "--system --no-block "
    "--force -f --runtime --reverse --no-ask-password --show-transaction -r",
    text="-t --type -p --property -n --lines -o --output --state -s --signal --kill-whom "
    "--kill-who --job-mode",
    unknown="-H --host -M --machine --root --image --what",
)


def _services(call: Call) -> None:
    given = split(call, _SYSTEMCTL)
    words = [arg.text for arg in given.operands]
    verb = words[0] if words else "list-units"
    if verb in _LOOKING:
        call.touch(Effect.READ, "system:services")
        if verb == "cat":
            call.read("/etc/systemd/system/*")
    elif verb in _POWER:
        call.touch(Effect.DESTROY, "system:power")
    elif verb in ("isolate",):
        call.touch(Effect.DESTROY, "system:services")
    else:
        for word in words[1:] or [""]:
            call.touch(Effect.CONFIGURE, f"system:service/{word}" if word else "system:services")
        if verb in (
            "enable",
            "link",
            "edit",
            "set-environment",
            "import-environment",
            "add-wants",
            "set-property",
        ):
            call.touch(Effect.CONFIGURE, "system:boot")
        if verb == "edit":
            call.unknown("an editor, which can run anything")


def _service(call: Call) -> None:
    words = [arg.text for arg in call.args if not arg.text.startswith("-")]
    if "--status-all" in [arg.text for arg in call.args] or words[1:2] == ["status"]:
        call.touch(Effect.READ, "system:services")
    else:
        call.touch(Effect.CONFIGURE, f"system:service/{words[0] if words else '*'}")


def _crontab(call: Call) -> None:
    """crontab: showing, or giving commands for later."""
    given = split(call, spec(text="-u", mark="-l -r -e -i"))
    if given.has("-l"):
        call.touch(Effect.READ, "system:cron")
        return
    call.touch(Effect.CONFIGURE, "system:cron")
    call.notes.background = True
    if given.has("-r"):
        call.touch(Effect.DESTROY, "system:cron")
    else:
        for arg in given.operands:
            if arg.text != "-":
                call.read(arg.text)


def _accounts(call: Call) -> None:
    """useradd and the like: who may log in, and as what."""
    values = spec(
        text="-u -g -G -d -s -c -e -f -k -K -p -R -P -a -M -A -N -n -L -h -m -x -w -i -U -b -S "
        "--home --shell "
        "--uid --ingroup --gecos --groups --password --comment --expiredate --gid"
    )
    given = split(call, values)
    effect = Effect.DESTROY if call.name in ("userdel", "groupdel", "deluser", "delgroup") else Effect.GRANT
    names = [arg.text for arg in given.operands] or ["*"]
    for name in names:
        call.touch(effect, f"role:{name}")
    if effect is Effect.DESTROY:
        call.touch(Effect.GRANT, f"role:{names[0]}")


_LISTING = frozenset(
    [
        "list",
        "search",
        "show",
        "info",
        "policy",
        "depends",
        "rdepends",
        "showpkg",
        "madison",
        "view",
        "query",
        "-l",
        "-s",
        "-L",
        "-S",
        "-q",
        "-qa",
        "-qi",
        "-ql",
        "version",
        "provides",
        "repolist",
        "check-update",
        "freeze",
        "check",
        "config",
        "inspect",
        "outdated",
    ]
)


def _packages(call: Call) -> None:
    """apt, dnf, pip, npm: they bring programs of others, and run them."""
    words = [arg.text for arg in call.args if arg.known]
    verb = next((word for word in words if not word.startswith("-")), "")
    lists = verb in _LISTING or (bool(words) and words[0] in _LISTING)
    configured = any(word.startswith(("-c", "-o", "--config", "--option", "-e")) for word in words)
    if len(words) == len(call.args) and lists and not configured:
        call.touch(Effect.READ, "system:packages")
        return
    call.touch(Effect.CONFIGURE, "system:packages")
    if verb in ("remove", "purge", "autoremove", "erase", "uninstall", "autopurge", "del"):
        call.touch(Effect.DESTROY, "system:packages")
    call.unknown("programs of others, which may run anything when they are installed")


def _mount(call: Call) -> None:
    if not call.args or [arg.text for arg in call.args] in (["-l"], ["--version"], ["-V"]):
        call.touch(Effect.READ, "system:mounts")
        return
    call.touch(Effect.CONFIGURE, "system:mounts")
    call.unknown("what stands where afterwards is not known here")


def _kernel(call: Call) -> None:
    """sysctl: reading, and with -w or = configuring."""
    texts = [arg.text for arg in call.args]
    if any("=" in text or text in ("-p", "--system", "--load", "-w", "-f") for text in texts) or any(
        not arg.known or text.startswith(("-p", "--l", "--s", "--w"))
        for arg, text in zip(call.args, texts, strict=True)
    ):
        call.touch(Effect.CONFIGURE, "system:kernel")
    else:
        call.touch(Effect.READ, "system:kernel")


def _killers(call: Call) -> None:
    call.touch(Effect.CONFIGURE, "system:processes")


def _fuser(call: Call) -> None:
    if any(arg.text.startswith("-") and "k" in arg.text for arg in call.args) or any(
        not arg.known for arg in call.args
    ):
        call.touch(Effect.CONFIGURE, "system:processes")


def _firewall(call: Call) -> None:
    texts = [arg.text for arg in call.args]
    looking = {
        "-L",
        "-S",
        "--list",
        "status",
        "list",
        "-n",
        "-v",
        "-nL",
        "-vnL",
        "-nvL",
        "-t",
        "filter",
        "nat",
    }
    looking |= {"ruleset", "tables", "--line-numbers", "--list-all", "--state"}
    if texts and all(text in looking for text in texts):
        call.touch(Effect.READ, "system:firewall")
        return
    call.touch(Effect.CONFIGURE, "system:firewall")
    if any(text in ("-F", "--flush", "flush", "disable", "reset", "-X") for text in texts):
        call.touch(Effect.DESTROY, "system:firewall")


def _keys(call: Call) -> None:
    """ssh-keygen, ssh-add, gpg: private keys."""
    given = split(call, spec(text="-t -b -C -N -P -O -m -I -n -V -z", write="-f"))
    if call.name == "ssh-keygen" and given.has("-l", "-B", "-y"):
        for arg in given.values("-f"):
            call.read(arg.text)
    elif call.name != "ssh-keygen" or given.has("-s", "-R", "-D", "-w", "-K"):
        call.unknown("keys, and what is done with them")
    elif not given.values("-f"):
        call.write("~/.ssh/*".replace("~", "\U0010fffd"))


def _logical(call: Call) -> None:
    """Volumes, arrays and pools: showing, or losing what is on them."""
    texts = [arg.text for arg in call.args]
    verbs = {"list", "get", "status", "history", "--detail", "subvolume", "show", "filesystem", "df", "usage"}
    if (
        call.name in ("zfs", "zpool", "mdadm", "btrfs")
        and texts
        and texts[0] in verbs
        and "delete" not in texts
    ):
        call.touch(Effect.READ, "system:storage")
    else:
        call.touch(Effect.DESTROY, "system:storage")


def _default(call: Call) -> None:
    given = split(call, spec())
    call.touch(Effect.CONFIGURE, "system:configuration")
    for arg in given.operands or [Arg("")]:
        if arg.text:
            call.notes.mention(arg.text, call.scope.folders)


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    **{name: _power for name in ("reboot", "shutdown", "halt", "poweroff", "init", "telinit", "kexec")},
    "systemctl": _services,
    "service": _service,
    "rc-service": _service,
    "crontab": _crontab,
    **{
        name: _accounts
        for name in (
            *(
                "useradd",
                "usermod",
                "userdel",
                "groupadd",
                "groupmod",
                "groupdel",
                "adduser",
                "deluser",
                "addgroup",
            ),
            *(
                "delgroup",
                "passwd",
                "chpasswd",
                "chage",
                "gpasswd",
                "newusers",
                "vipw",
                "vigr",
                "chsh",
                "chfn",
            ),
            *("visudo", "pwconv", "newgrp", "sg"),
        )
    },
    **{
        name: _packages
        for name in (
            *(
                "apt",
                "apt-get",
                "apt-cache",
                "aptitude",
                "dpkg",
                "yum",
                "dnf",
                "rpm",
                "zypper",
                "pacman",
                "apk",
            ),
            *("brew", "snap", "flatpak", "pip", "pip3", "npm", "yarn", "pnpm", "gem", "cargo", "go", "npx"),
        )
    },
    **{name: _mount for name in ("mount", "umount", "losetup", "swapon", "swapoff", "pivot_root")},
    "sysctl": _kernel,
    **{
        name: partial(_always, effect=Effect.CONFIGURE, name="system:kernel")
        for name in ("modprobe", "insmod", "rmmod")
    },
    **{name: _killers for name in ("pkill", "killall", "killall5", "skill", "renice")},
    "fuser": _fuser,
    **{
        name: _firewall
        for name in ("iptables", "ip6tables", "nft", "ufw", "firewall-cmd", "iptables-restore")
    },
    **{name: _keys for name in ("ssh-keygen", "ssh-add", "gpg", "gpg2", "ssh-agent")},
    **{
        name: _logical
        for name in (
            *("lvremove", "vgremove", "pvremove", "lvreduce", "lvconvert", "mdadm", "zfs", "zpool", "btrfs"),
            *("lvcreate", "vgcreate", "pvcreate", "lvextend", "dmsetup"),
        )
    },
    **{
        name: _default
        for name in (
            *(
                "update-alternatives",
                "update-rc.d",
                "chkconfig",
                "setenforce",
                "setsebool",
                "semanage",
                "hostnamectl",
            ),
            *(
                "timedatectl",
                "localectl",
                "loginctl",
                "nmcli",
                "netplan",
                "ifconfig",
                "route",
                "ifup",
                "ifdown",
            ),
            *("update-grub", "grub-install", "efibootmgr", "ldconfig", "depmod", "udevadm", "auditctl"),
        )
    },
}
