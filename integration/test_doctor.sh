#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rudp doctor names the rule of a firewall that filters UDP, the rule of a policy that allows clear text, and the
# owner of a policy file that is refused.
#
# Takes 15 s.
# shellcheck disable=SC2034
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "$PLAIN" ]; then
	echo "skipped: the command has no counterpart over kernel TCP"
	exit 77
fi
RUDP=$BUILD/rudp

# says CODE CHECK VERDICT PATTERN [NAME=VALUE...]: of the finding with this name, its text and remedy.
says() {
	local code=$1 check=$2 verdict=$3 pattern=$4 status=0
	shift 4
	env "$@" "$RUDP" doctor --json >"$TMP/doctor.json" 2>"$TMP/doctor.err" || status=$?
	expect_eq "$status" "$code" "exit code of doctor, with $(cat "$TMP/doctor.err" "$TMP/doctor.json")"
	python3 -c 'import json, sys
for e in json.load(open(sys.argv[1])):
	if e["check"] == sys.argv[2]:
		print(e["verdict"], e["text"], "->", e["remedy"])' "$TMP/doctor.json" "$check" >"$TMP/found"
	expect_match "$TMP/found" "^$verdict .*$pattern" "what doctor says of $check"
	ok "$(head -n 1 "$TMP/found")"
}

says_nothing() {
	env "${@:2}" "$RUDP" doctor --json >"$TMP/doctor.json" || fail "doctor: exit $?"
	! grep -q "\"check\": \"$1\"" "$TMP/doctor.json" || fail "doctor says something of $1: $(cat "$TMP/doctor.json")"
}

nftables_filters() {
	section "nftables"
	if ! nft list ruleset >/dev/null 2>"$TMP/nft.err"; then
		note "no nftables here: $(cat "$TMP/nft.err")"
		return
	fi
	# In front of the one that does it stands another that could, and has counted nothing.
	nft -f - <<-'END'
		table inet filter {
			chain before { type filter hook output priority -1; udp dport 7 counter drop; tcp dport 9 drop; }
			chain out { type filter hook output priority 0; ct state established accept; meta l4proto udp counter drop; }
		}
	END
	says 1 self-test fail "sending is not permitted.* by table inet filter, chain out: meta l4proto udp counter drop -> nft insert rule inet filter out meta"
	local status=0
	"$RUDP" ping -c 1 127.0.0.1:7 >"$TMP/ping.out" 2>"$TMP/ping.err" || status=$?
	expect_eq "$status" 2 "exit code of ping behind a firewall of its own host"
	expect_match "$TMP/ping.err" "127.0.0.1: a firewall of this host blocks UDP; rudp doctor" "what ping says"
	expect_eq "$(cat "$TMP/ping.out")" "" "what ping says of answers"
	# The command that is proposed is one that mends it.
	bash -c "$(sed 's/.* -> //' "$TMP/found")"
	says 0 self-test ok "an engine was started"
	nft flush ruleset
	nft -f - <<-'END'
		table ip guard {
			chain in { type filter hook input priority 0; policy drop; tcp dport 22 accept; }
		}
	END
	says 1 self-test fail "datagrams do not arrive.* by table ip guard, chain in, probably: policy drop"
	nft flush ruleset
	nft -f - <<-'END'
		table inet guard {
			chain in { type filter hook input priority 0; udp dport != 53 reject; }
		}
	END
	says 1 self-test fail "datagrams are rejected.* by table inet guard, chain in, probably: udp dport != 53 reject"
	others_are_told_whom_to_ask
	nft flush ruleset
}

others_are_told_whom_to_ask() {
	local setpriv=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all)
	if ! "${setpriv[@]}" test -x "$RUDP" 2>/dev/null; then
		note "another user cannot reach $RUDP here"
		return
	fi
	"${setpriv[@]}" "$RUDP" doctor >"$TMP/other.out" || true
	expect_match "$TMP/other.out" "fail  self-test .*datagrams are rejected; as root it also names the firewall rule" "what others are told"
	ok "who may not see the rules is told to ask root"
}

# iptables_filters PROGRAM PATTERN: the same by one of its two kinds.
iptables_filters() {
	section "$1"
	if ! "$1" -S >/dev/null 2>"$TMP/iptables.err"; then
		note "no $1 here: $(head -n 1 "$TMP/iptables.err")"
		return
	fi
	"$1" -A INPUT -p tcp --dport 9 -j DROP
	"$1" -A INPUT -p udp -j DROP
	says 1 self-test fail "datagrams do not arrive.* by $2"
	bash -c "$(sed 's/.* -> //' "$TMP/found")"
	says 0 self-test ok "an engine was started"
	"$1" -F
}

rules_allow_clear_text() {
	section "rules that allow clear text"
	local key="RUDP_KEY_FILE=$TMP/key"
	printf '# as it was before there was a key\n\nany use tcp\n' >"$TMP/policy"
	says 0 clear-text warn "$TMP/policy, line 3: the rule says \`use tcp', so connections go in clear text" \
		"$key" "RUDP_POLICY_FILE=$TMP/policy"
	says 0 clear-text warn "RUDP_POLICY, line 2: the rule says \`use auto', so connections may go in clear text" \
		"$key" "RUDP_POLICY=any use rudp
connect use auto"
	says_nothing clear-text "$key" "RUDP_POLICY=connect to 127.0.0.0/8 use tcp; connect to ::1 use tcp; any use rudp"
	says_nothing clear-text "RUDP_POLICY_FILE=$TMP/policy"
	ok "none of loopback, and none without a key"
}

keys_that_are_refused() {
	section "files of a directory of keys that are refused"
	mkdir -m 700 "$TMP/keys"
	"$RUDP" keygen "$TMP/keys/1" 2>/dev/null
	"$RUDP" keygen --not-before 2098-01-01T00:00:00Z "$TMP/keys/2" 2>/dev/null
	cp "$TMP/keys/1" "$TMP/keys/3"
	chmod 644 "$TMP/keys/3"
	says 0 settings warn "$TMP/keys/3: can be read or changed by others; make it private .chmod 600.; the settings are right" \
		"RUDP_KEY_FILE=$TMP/keys"
	rm "$TMP/keys/1"
	says 1 key fail "$TMP/keys/3: can be read or changed by others; make it private .chmod 600. -> None" "RUDP_KEY_FILE=$TMP/keys"
	RUDP_KEY_FILE=$TMP/keys "$BUILD/rudp-engine" --check 2>"$TMP/check.err" &&
		fail "the engine takes a directory without a valid key"
	expect_match "$TMP/check.err" "$TMP/keys/3: can be read or changed by others" "what the engine says"
}

policies_of_others() {
	section "a policy file of another user"
	echo "any use rudp" >"$TMP/policy"
	if ! may_be_many_users; then
		note "there is one user only"
		return
	fi
	chown 65534 "$TMP/policy"
	says 1 settings fail "$TMP/policy: belongs to user 65534, who can change it, and the engine's user is $(id -u)" \
		"RUDP_POLICY_FILE=$TMP/policy"
}

if [ "$RUDP_TEST_NETWORK" = none ]; then
	note "this is the network of the machine, whose firewall is left alone"
else
	nftables_filters
	iptables_filters iptables "table ip filter, chain INPUT: meta l4proto udp counter drop"
	# iptables-legacy-save reads which tables there are in a file of the true root.
	[ -n "${RUDP_TEST_INSIDE:-}" ] || iptables_filters iptables-legacy "table filter, chain INPUT: -p udp -j DROP"
fi
rules_allow_clear_text
keys_that_are_refused
policies_of_others
