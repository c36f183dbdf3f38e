#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The part of check-deb.sh that runs inside the temporary root. Changed files are in /tmp/upper.
# The pattern matches one path; the two sides of each pipe use different files.
# shellcheck disable=SC2202,SC2094
set -euo pipefail
cd /tmp
PACKAGES=/tmp/packages
NAMES=(rudp librudp0 librudpmsg0 librudp-dev rudpmsg apollonion converse)
export DEBIAN_FRONTEND=noninteractive

fail() {
	echo "check-deb: $*" >&2
	exit 1
}

ok() {
	echo "ok: $*"
}

# wait_for WHAT COMMAND...: repeats the command until it succeeds.
wait_for() {
	local what=$1 end=$((SECONDS + 20))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "waited in vain for $what"
		sleep 0.05
	done
}

# The packages under test must not be installed yet.
for name in "${NAMES[@]}"; do
	! dpkg-query -W "$name" >/dev/null 2>&1 || dpkg --purge --force-depends "$name" >/dev/null
done
find /tmp/upper ! -type d | sort >before

quietly() {
	"$@" >step.log 2>&1 || fail "$*: $(tail -n 5 step.log)"
}

files=()
for name in "${NAMES[@]}"; do
	files+=("$PACKAGES/${name}"_*.deb)
done
quietly dpkg --install "${files[@]}"
ok "installed"

for name in rudp rudpmsg apollonion converse; do
	"$name" --version | grep -qE '[0-9]+\.[0-9]+\.[0-9]+' || fail "$name does not tell its version"
done
rudp doctor >doctor || fail "rudp doctor: $(cat doctor)"
grep -q '/rudp/librudp_shim.so' doctor || fail "doctor finds another shim: $(cat doctor)"
grep -q '/etc/rudp/rudp.conf' doctor || fail "rudp.conf of /etc is not in use: $(cat doctor)"
! grep -q '/local/' doctor || fail "something of /usr/local is used: $(cat doctor)"
for page in rudp rudp.conf librudp_shim rudp.3 rudpmsg.1 rudpmsg.3 apollonion apollonion.conf converse; do
	man --where "$page" | grep -q '^/usr/share/man' || fail "no man page $page"
	man "$page" 2>man.errors >/dev/null || fail "man $page: $(cat man.errors)"
done
ok "commands, doctor, man pages"

[ "$(stat -c '%U %a' /etc/rudp/id /etc/rudp/id.pub | xargs)" = 'root 600 root 644' ] || fail "the key of the host"
rudp key show >step.log 2>&1 || fail "rudp key show: $(cat step.log)"
cut -d' ' -f1,2 /etc/rudp/id.pub | grep -qFf - step.log || fail "another key than that of the host: $(cat step.log)"
cp /etc/rudp/id host-key
ok "a key of the host, for root alone"

mkdir web
head -c 3000000 /dev/urandom >web/file
rudp run python3 -m http.server --directory web --bind 127.0.0.1 8000 >web.log 2>&1 &
web=$!
wait_for "the web server" sh -c 'rudp ss -lnH | grep -q :8000'
RUDP_POLICY='any use rudp' rudp run curl -sS -o got http://127.0.0.1:8000/file
cmp got web/file || fail "another file came"
RUDP_POLICY='any use rudp' LD_PRELOAD=librudp_shim.so curl -sS -o got http://127.0.0.1:8000/file ||
	fail "the name of the shim alone is not enough"
kill $web
ok "a file over rudp, as in the README"

for file in /usr/share/doc/librudp-dev/examples/*.c; do
	package=$(sed -n 's/.*--libs \([a-z]*\)).*/\1/p' "$file")
	# shellcheck disable=SC2046
	cc -o "$(basename "$file" .c)" "$file" $(pkg-config --cflags --libs "$package") ||
		fail "$file cannot be built"
done
ldd echo | grep -q '=> /.*librudp\.so\.0' || fail "echo does not find librudp.so.0"
ldd request | grep -q '=> /.*librudpmsg\.so\.0' || fail "request does not find librudpmsg.so.0"
ok "examples against librudp-dev"

[ "$(stat -c '%U:%G %a' /etc/apollonion/apollonion.conf)" = 'root:_apollonion 640' ] ||
	fail "the owner of apollonion.conf"
setpriv --reuid _apollonion --regid _apollonion --init-groups apollonion --check-config >step.log 2>&1 || fail "$(cat step.log)"
systemd-analyze verify apollonion.service >step.log 2>&1 || true
! grep apollonion step.log || fail "systemd-analyze does not like the unit"
setpriv --reuid _apollonion --regid _apollonion --init-groups apollonion >apollonion.log 2>&1 &
server=$!
wait_for "the chat server" grep -q 'serving' apollonion.log
printf 'NICK a\r\nUSER a 0 * :a\r\nQUIT\r\n' | nc -w 5 127.0.0.1 6667 | grep -q ' 001 a ' ||
	fail "the chat server has no welcome"
kill $server
wait $server || fail "the chat server ends with $?"
ok "apollonion as its user"

# Two programs exchange data all the time while the packages are upgraded and removed.
export RUDP_POLICY='any use rudp'
mkfifo line
rudp run nc -l 127.0.0.1 9000 >talk.out &
listener=$!
wait_for "the listener" sh -c 'rudp ss -lnH | grep -q :9000'
rudp run nc -N 127.0.0.1 9000 <line &
caller=$!
exec 3>line

talk() {
	echo "$1" >&3
	wait_for "the line '$1'" grep -qx "$1" talk.out
}

talk "before"
engine=$(pgrep -x rudp-engine -n)
mkdir newer
for name in "${NAMES[@]}"; do
	dpkg-deb --raw-extract "$PACKAGES/${name}"_*.deb newer/tree
	sed -i 's/^Version: .*/&+newer/; s/(= \([^)]*\))/(= \1+newer)/g' newer/tree/DEBIAN/control
	[ "$name" != rudp ] || echo '# newer' >>newer/tree/etc/rudp/rudp.conf
	dpkg-deb --build -Znone newer/tree "newer/$name.deb" >/dev/null
	rm -rf newer/tree
done
echo '# mine' >>/etc/rudp/rudp.conf
sed -i 's/^description = .*/description = mine/' /etc/apollonion/apollonion.conf
quietly dpkg --install --force-confold newer/*.deb
! [ "/proc/$engine/exe" -ef /usr/lib/*/rudp/rudp-engine ] || fail "the engine was not replaced on disk"
talk "after the upgrade"
grep -qx '# mine' /etc/rudp/rudp.conf || fail "the administrator's rudp.conf is lost"
grep -qx 'description = mine' /etc/apollonion/apollonion.conf || fail "the administrator's apollonion.conf is lost"
[ "$(stat -c '%U:%G %a' /etc/apollonion/apollonion.conf)" = 'root:_apollonion 640' ] ||
	fail "the owner of apollonion.conf after the upgrade"
# Programs that start now use the new shim.
rudp run nc -l 127.0.0.1 9001 >second.out &
wait_for "the second listener" sh -c 'rudp ss -lnH | grep -q :9001'
echo "second" | rudp run nc -N 127.0.0.1 9001
wait_for "the second line" grep -qx second second.out
cmp /etc/rudp/id host-key || fail "another key of the host after the upgrade"
ok "upgraded, connections go on, and what was changed in /etc stays"

quietly dpkg --remove "${NAMES[@]}"
talk "after the removal"
exec 3>&-
wait $caller || fail "the caller ends with $?"
wait $listener || fail "the listener ends with $?"
printf '%s\n' "before" "after the upgrade" "after the removal" | cmp - talk.out || fail "$(cat talk.out)"
cmp /etc/rudp/id host-key || fail "the key of the host went with the package"
[ -f /etc/rudp/rudp.conf ] || fail "rudp.conf went with the package"
install -d -o _apollonion /var/lib/apollonion
touch /var/lib/apollonion/accounts.db
quietly dpkg --purge "${NAMES[@]}"
# Nothing may stay, except the user, who may own other files, and the records of the package manager. A character
# device is how the overlay says that a directory of this machine was removed.
find /tmp/upper ! -type d ! -type c |
	sed -E '\@/upper/(var/(lib/dpkg|log|cache)|etc/((passwd|group|g?shadow)-?|ld\.so\.cache|\.pwd\.lock)$)@d' | sort | comm -13 before - >left
[ ! -s left ] || fail "left behind: $(head -n 10 left)"
for place in /etc/rudp /etc/apollonion /var/lib/apollonion /usr/include/rudp /usr/share/doc/rudp; do
	[ ! -e "$place" ] || fail "left behind: $place"
done
ok "removed while a connection went on, and purged: nothing is left"
