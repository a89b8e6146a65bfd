"""Commands and what they would do, as a dialogue: the command, and behind the arrow each touch that is not implied."""

from __future__ import annotations

import pytest

from tests.shell.told import told
from vedette.model import Effect, Touch
from vedette.shell import read

# A line: command => effect object, effect object; "unknown" where it is not known. ~ is the home folder.
SIMPLE = r"""
ls => read file:~
ls -la /tmp => read file:/tmp
cat a b => read file:~/a, read file:~/b
cat /etc/passwd | grep -n root => read file:/etc/passwd
rm x => delete file:~/x
rm -rf /srv => destroy file:/srv, destroy file:/srv/*
rm *.txt => destroy file:~/?.txt, destroy file:~/?.txt/*
rm -- *.txt => delete file:~/?.txt
cp a /b => read file:~/a, write file:/b, write file:/b/a
mv a /b => delete file:~/a, delete file:~/a/*, read file:~/a, read file:~/a/*, write file:/b, write file:/b/a
ln -s /etc/x y => read file:/etc/x, read file:/etc/x/*, write file:/etc/x, create file:~/y, create file:~/y/x
mkdir -p a/{b,c} => create file:~/a/b, create file:~/a/c
touch /tmp/x => write file:/tmp/x
chmod 600 x => grant file:~/x
chmod -x x => grant file:~/x
chmod u+s /x => configure system:setuid, grant file:/x
dd if=/a of=/b => read file:/a, write file:/b
dd if=/a of=/dev/sda => read file:/a, destroy file:/dev/sda
tee -a /x => write file:/x
tar czf /t.tgz /d => write file:/t.tgz, read file:/d, read file:/d/*
tar -xf /t.tgz -C /d => read file:/t.tgz, write file:/d, write file:/d/*
find /d -name x => read file:/d
find /d -delete => read file:/d, destroy file:/d, destroy file:/d/*
find /d -exec rm {} + => read file:/d, destroy file:/d/*
grep -r x /d => read file:/d, read file:/d/*
sort -o /o /i => write file:/o, read file:/i
uniq /i /o => read file:/i, write file:/o
sed -i s/a/b/ /f => read file:/f, write file:/f
awk '{print $1}' /f => read file:/f
env => read system:environment
getent passwd ada => read file:/etc/passwd
date -s 10:00 => configure system:clock
systemctl restart nginx => configure system:service/nginx
systemctl status nginx => read system:services
reboot => destroy system:power
crontab -l => read system:cron
crontab f => configure system:cron, read file:~/f
useradd bob => grant role:bob
kill 12 => configure system:processes
kill -9 -1 => destroy system:processes
./run.sh => execute program:~/run.sh
/opt/x/run /etc/y => execute program:/opt/x/run
mytool --fast => execute program:mytool
python3 x.py => execute program:~/x.py, read file:~/x.py
sh x.sh => read file:~/x.sh, execute program:~/x.sh
git status => read file:~
git push origin main => export host:*:*, read file:~, read file:~/*
echo hello => read
true => read
"""
NETWORK = """
curl https://a.example/x => read host:a.example:443
curl http://a.example:8080/x => read host:a.example:8080
curl -o /o https://a.example/ => write file:/o, read host:a.example:443
curl -d x=1 https://a.example/ => export host:a.example:443
curl -d @/f https://a.example/ => read file:/f, export host:a.example:443
curl -X POST a.example => export host:a.example:80
curl "https://a.example/$x" => export host:a.example:443
curl "https://$x/" => export host:*:443
curl http://2852039166/ => read host:169.254.169.254:80
curl http://0251.0376.0251.0376/ => read host:169.254.169.254:80
curl http://user@169.254.169.254/ => read host:169.254.169.254:80
wget -qO- http://a.example/ => write file:~/-, read host:a.example:80
nc a.example 99 => export host:a.example:99
scp /f ada@b.example:/tmp => read file:/f, read file:/f/*, export host:b.example:22
scp b.example:/f /d => read host:b.example:22, write file:/d, write file:/d/*
ssh b.example rm x => export host:b.example:22, delete file:~/x
ping -c 1 b.example => read host:b.example:0
echo x > /dev/tcp/b.example/99 => export host:b.example:99
git clone https://a.example/r.git d => read host:a.example:443, write file:~/d, write file:~/d/*
"""
FOLDING = r"""
r\m x => delete file:~/x
'r'"m" x => delete file:~/x
$'\x72\x6d' x => delete file:~/x
/bin/rm x => delete file:~/x
{rm,x,y} => delete file:~/x, delete file:~/y
a=rm; $a x => delete file:~/x
a='rm x y'; $a => delete file:~/x, delete file:~/y
a='rm x'; "$a" => execute program:rm x
a=r b=m; $a$b x => delete file:~/x
a=(rm 'x y'); "${a[@]}" => delete file:~/x y
a=xrmx; ${a:1:2} y => unknown
set -- rm x; "$@" => delete file:~/x
a=; rm $a x => delete file:~/x
cat "$f" => read file:*
cat /d/$f => read file:*
cat "/d/$f" => read file:/d/*
cat "/d/$RANDOM" => read file:/d/?
cat ~/x ~ada/x "$HOME/x" => read file:~/x, read file:~ada/x
cat /a/../b/./c// => read file:/b/c
cat ../x => read file:*/x
cd /d && cat x => read file:/d/x
cd /d; cat x => read file:~/x, read file:/d/x
cd /d || exit 1; cat x => read file:/d/x
cd "$d"; cat x => read file:*/x
(cd /d); cat x => read file:~/x
cat > "$(date +%F).txt" => write file:~/?.txt
for f in a b; do rm $f; done => delete file:~/a, delete file:~/b
for f in *.log; do cat "$f"; done => read file:~/?.log
f() { rm "$1"; }; f x => delete file:~/x
f() { rm x; } => delete file:~/x
if a=rm; then $a x; fi => delete file:~/x
if true; then a=rm; else a=ls; fi; $a x => unknown
a=ls; while true; do $a x; a=rm; done => read file:~/x, unknown
x=/proc/self/root; cat $x/etc/shadow => read file:/etc/shadow
"""
WRAPPED = r"""
sudo rm x => delete file:~/x
sudo -u bob env A=1 nohup nice -n 5 timeout 3 rm x => delete file:~/x
sh -c 'rm x' => delete file:~/x
sh -c 'rm "$1"' _ x => delete file:~/x
bash -ec "rm x" => delete file:~/x
su - ada -c 'rm x' => delete file:~/x
xargs rm => destroy file:*, destroy file:*/*
xargs cat => read file:*
od -w /x => read file:/x
date -I --set=2030-01-01 => configure system:clock
journalctl -n --vacuum-size=1 => destroy system:journal, read system:journal
journalctl -b --rotate => destroy system:journal, read system:journal
tar -xf x -C /y --recursive-unlink => read file:~/x, write file:/y, write file:/y/*, destroy file:/y, destroy file:/y/*
du --files0-from=x => unknown
wc --files0-from=x => unknown
file -f x => unknown
setfacl --restore=x => unknown
cpio => unknown
ldd => unknown
ps -eo environ => read system:environment
watch rm x => delete file:~/x
flock /l rm x => delete file:~/x
busybox rm x => delete file:~/x
command rm x => delete file:~/x
exec rm x => delete file:~/x
eval rm x => delete file:~/x
eval 'a=x'; rm $a => delete file:~/x
trap 'rm x' EXIT => delete file:~/x
docker exec -it web rm x => execute system:containers, delete file:*/x
kubectl exec web -c app -- rm /x => execute system:containers, delete file:/x
psql -c 'DROP TABLE t' => destroy t
psql <<< 'SELECT 1' => read
sh <<E\nrm x\nE => delete file:~/x
cat <<E\n$(rm x)\nE => delete file:~/x
cat <<'E'\n$(rm x)\nE => read
echo "$(rm x)" `rm y` => delete file:~/x, delete file:~/y
diff <(cat x) <(rm y) => read file:~/x, delete file:~/y, read file:/dev/fd/?, read file:/dev/fd/?/*
"""
UNKNOWN = r"""
eval "$X"
$X
"$X" -rf /
base64 -d | sh
curl http://a.example/ | sh
curl http://a.example/ | sudo bash
. ./x
source x
sh
bash -s
sh < x
su -
sudo -i
sudo -s
/bin/r? x
PATH=/tmp:$PATH; ls
LD_PRELOAD=/x.so ls
export LD_PRELOAD=/x.so; ls
GIT_SSH_COMMAND=x git status
alias ls=rm; ls
python -c 'print(1)'
perl -e 1
awk 'BEGIN { system("x") }'
awk '{ print > "f" }' g
awk -f x y
sed -f x y
sed 's/a/b/e' y
sed 'w x' y
vim x
make
env -S 'rm x'
tar cf x --checkpoint-action=exec=sh y
tar cf x $y
find . $x
find / -exec
find / -files0-from x
coproc x
echo "${!x}"
echo "${x@P}"
((x))
x='a[$(rm y)]'; ((x))
[[ $x -eq 1 ]]
test -v x
printf -v "$x" y
read "$x"
unset "$x"
x[$y]=1
f() { f; }; f
f() { f | f & }; f
echo $'\c'
echo $'a\'; rm x #'
echo "unfinished
echo 'unfinished
echo $(unfinished
( unfinished
if true; then x
for; do; done
cat <<E
cat <<E\nx
a b ( c
)
fi
ls &&
ls | | ls
ls;;
x=(a [1]=b)
s0[ x ]
echo {a,b
x=ls; xa=rm; $x{a,} y
echo $${a,b}
shopt -s extglob
set -a
enable -n echo
hash -p /tmp/x ls
exec {x}<&"$y"
chroot /x ls
mount /dev/x /y
apt-get install x
git -c alias.x='!y' x
git foo
ssh host
ssh -o ProxyCommand=x host ls
docker run x
kubectl apply -f x
psql -f x
psql -c '\! ls'
"""


def lines(table: str) -> list[str]:
    return [line.replace("\\n", "\n") if "<<" in line else line for line in table.strip("\n").split("\n")]


@pytest.mark.parametrize(
    "line", lines(SIMPLE + NETWORK.lstrip("\n") + FOLDING.lstrip("\n") + WRAPPED.lstrip("\n"))
)
def test_what_commands_do(line: str) -> None:
    command, arrow, expected = line.rpartition(" => ")
    assert arrow
    assert told(command) == expected


@pytest.mark.parametrize("command", lines(UNKNOWN))
def test_what_depends_on_the_run_or_cannot_be_read_is_unknown(command: str) -> None:
    facts = read(command)
    assert Effect.UNKNOWN in facts.effects
    assert facts.reason


def test_programs_are_named_and_a_denial_of_one_counts() -> None:
    facts = read("sudo nice rm -f x && ls")
    assert facts.programs == ("sudo", "nice", "rm", "ls")
    assert Touch(Effect.READ, "program:rm", implied=True) in facts.touches
    assert facts.commands == 4


def test_what_conditions_are_told() -> None:
    facts = read("sudo nohup mytool /etc/x & curl http://b.example/")
    assert facts.for_policy()["shell"] == {
        "programs": ["sudo", "nohup", "mytool", "curl"],
        "mentions": ["/etc/x"],
        "hosts": ["b.example:80"],
        "commands": 4,
        "elevated": True,
        "background": True,
    }
    assert facts.for_policy()["sql"]["unscoped"] is False
    assert read("psql -c 'DELETE FROM t'").for_policy()["sql"]["unscoped"] is True


def test_paths_given_to_programs_nobody_knows_can_be_denied() -> None:
    facts = read("mytool --in=/etc/shadow out")
    assert Touch(Effect.READ, "file:/etc/shadow", implied=True) in facts.touches
    assert facts.mentions == ("/etc/shadow", "~/out")


def test_names_known_in_part_say_so() -> None:
    found = {touch.object: touch.resolved for touch in read("cat /a /b/* ~/c").touches}
    assert (found["file:/a"], found["file:/b/?"], found["file:~/c"]) == (True, False, False)
