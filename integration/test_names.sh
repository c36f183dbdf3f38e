#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Known hosts by name: whatever address the resolver gives for a name, its key is demanded there. The attacker has
# an identity of its own, and makes the answers of the resolver: /etc/hosts as the programs of side a see it.
#
#     a: curl, python3 ──── linkem: 5 ms ──── b: the server at its IPv4 address, the attacker at the IPv6 address
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP has no identities"; exit 77; }

PORT=8080

# answers ADDRESS NAME...: the resolver's answers from now on; one address for all names.
answers() {
	printf '%s %s\n' "$1" "${*:2}" >"$TMP/hosts"
}

# serve PERSON ADDRESS: the port is that of another server, at another address.
serve() {
	local SETTINGS at=$2
	[[ $at != *:* ]] || at=[$at]
	is_person "$1"
	launch "$1" b python3 -u -m http.server --protocol HTTP/1.1 --bind "$2" --directory "$TMP/www" "$PORT"
	wait_until 10 "the server of $1" grep -qsF "listens on $at:$PORT for" "$TMP/$1.log"
}

# run RULES COMMAND...: a program of alice, with the resolver of the test.
run() {
	local SETTINGS
	is_person alice "$1"
	shift
	# shellcheck disable=SC2016 # the inner shell expands these
	under a unshare --mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$TMP/hosts" "$@"
}

# asks RULES URL...: curl with these URLs.
asks() {
	local rules=$1
	shift
	run "$rules" curl -sS --fail --max-time $((5 * PATIENCE)) --remote-name-all --output-dir "$TMP/got" "$@" \
		2>>"$TMP/curl.err"
}

logs() {
	grep -q "$1" "$TMP/alice.log"
}

# pings TARGET: rudp ping with the resolver of the test. Its output is in $TMP/ping.out.
pings() {
	run "" "$BUILD/rudp" ping -c 1 -W $((2 * PATIENCE)) "$1" >"$TMP/ping.out" 2>&1
}

link_up --delay 5
make_page page 20000
mkdir "$TMP/got"
person alice
person server
person mallory
serve server "$B4"
serve mallory "$B6"
TAKE="set first-contact take"
REFUSE="set first-contact refuse"

section "a name that is known"
put alice known_hosts <<<"web.example $(public_key server)"
answers "$B4" web.example www
asks "$REFUSE" "http://web.example:$PORT/page" || fail "a host with a known name is refused"
expect_same "$TMP/www/page" "$TMP/got/page" "page"
asks "$REFUSE" "http://WEB.example:$PORT/page" || fail "another spelling is refused"
asks "$REFUSE" "http://www:$PORT/page" && fail "a name that is not known is accepted"
asks "$TAKE" "http://web.example:$PORT/page" || fail "refused, though first contact is allowed"
expect_eq "$(wc -l <"$TMP/alice/rudp/known_hosts")" 1 "lines in the file of known hosts"
pings "web.example:$PORT" || fail "rudp ping: $(cat "$TMP/ping.out")"
grep -q "identity SHA256:.*, as the known hosts say" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
ok "is enough, and the address is not stored"

section "another address for the name"
answers "$B6" web.example evil.example
asks "$TAKE" "http://web.example:$PORT/page" && fail "any peer that answers is accepted"
wait_until 4 "the reason in the log" logs "web.example is known as SHA256:"
expect_eq "$(wc -l <"$TMP/alice/rudp/known_hosts")" 1 "lines in the file of known hosts"
pings "web.example:$PORT" && fail "rudp ping finds nothing wrong"
grep -q "the known hosts have another key" "$TMP/ping.out" || fail "rudp ping: $(cat "$TMP/ping.out")"
ok "the key of the name is demanded there"

section "a program that looks up the name, and connects to the address in a child"
program='import os, socket, sys, urllib.request
found = socket.getaddrinfo(sys.argv[1], sys.argv[2], type=socket.SOCK_STREAM)[0]
if os.fork() == 0:
    try:
        socket.create_connection(found[4][:2], timeout=40)
    except PermissionError:
        os._exit(7)
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))'
run "$TAKE" python3 -c "$program" evil.example "$PORT" || fail "a name that is not known is refused"
rm "$TMP/alice/rudp/known_hosts"
put alice known_hosts <<<"web.example $(public_key server)"
STATUS=0
run "$TAKE" python3 -c "$program" web.example "$PORT" || STATUS=$?
expect_eq "$STATUS" 7 "exit code"
ok "the child fails with EACCES"

section "two names of one address in one program"
asks "$TAKE" "http://evil.example:$PORT/page" "http://web.example:$PORT/page" && fail "accepted after another name"
asks "$TAKE" "http://web.example:$PORT/page" "http://evil.example:$PORT/page" && fail "accepted before another name"
asks "$TAKE" "http://[$B6]:$PORT/page" || fail "the address alone is refused"
ok "no other name takes away what the known one demands"

section "an address and a name with different keys"
put alice known_hosts <<-END
	web.example $(public_key server)
	$B6 $(public_key mallory)
END
no_way() {
	! asks "$REFUSE" "http://web.example:$PORT/page" && logs "lines 2 and 1 of .*known_hosts have different keys"
}
wait_until 4 "the contradiction in the log" no_way
wait_until 4 "the address alone to be accepted" asks "$REFUSE" "http://[$B6]:$PORT/page"
ok "no key is good, and the log names both lines"

section "a name that is known does not use TCP"
stop server
put alice known_hosts <<<"web.example $(public_key server)"
answers "$B4" web.example
launch_plain tcp b python3 -u -m http.server --protocol HTTP/1.1 --bind "$B4" --directory "$TMP/www" "$PORT"
PLAIN=1 wait_until 5 "the TCP listener" holds_port b "$PORT"
asks "$TAKE" "http://web.example:$PORT/page" && fail "TCP is used"
ok "nor does a host that has only TCP get a connection"
stop tcp
stop mallory
link_down
