#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rudpmsg: lines arrive once each and in order over a link that loses packets and goes dark, and none
# is missing when the receiver is killed and started again.
#
#     a: rudpmsg send ── linkem: 5 ms, 1 % loss, dark for a while ──── b: rudpmsg receive
#
# Takes 30 s.
BUILT=${BUILD:-$(dirname "$0")/../build} # lib.sh may look at a copy of a part
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

LINES=5000
PORT=8080
TCP_MEANT= # lib.sh asks
export TCP_MEANT
seq -f 'line %g of the text that must arrive' $LINES >"$TMP/text"

# receiver NAME [OPTION...]: rudpmsg receive on side b; what it hears is in $TMP/NAME.out.
receiver() {
	local name=$1
	shift
	launch_native "$name" b "$BUILD/rudpmsg" receive --id beta --listen $PORT "${TRANSPORT[@]}" "$@"
	wait_until 10 "port $PORT on side b" heard_on
}

heard_on() {
	local family=-uln
	[ ${#TRANSPORT[@]} = 0 ] || family=-tln
	[ -n "$(on b ss -H $family "sport = :$PORT")" ]
}

sender() {
	launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta \
		--timeout 40 "${TRANSPORT[@]}"
}

has_lines() {
	[ "$(wc -l <"$TMP/$1.out")" -ge "$2" ]
}

# Ends when it has all: what it has heard is what was sent.
all_at_once() {
	section "$1: $LINES lines over 1 % loss and 2 s of darkness"
	link_up --delay 5ms --rate 2M --loss 1% --seed 5 --blackout 0.7s,2s
	receiver one --count $LINES
	sender <"$TMP/text"
	finish sender 60
	expect_eq "$STATUS" 0 "sender's exit code"
	finish one 20
	expect_eq "$STATUS" 0 "receiver's exit code"
	expect_same "$TMP/text" "$TMP/one.out" "lines"
	expect_between 1 "$(count '*.drops.blackout')" 1000000 "packets lost in the darkness"
	ok "$LINES lines came once each and in order"
}

# What the first has printed and not acknowledged when it died comes again, and nothing else does.
killed_receiver() {
	section "$1: the receiver is killed and started again"
	link_up --delay 5ms --rate 1M --loss 1% --seed 6
	receiver first
	rm -f "$TMP/go-on"
	sender < <(in_two_parts "$TMP/text" $((LINES / 2)))
	wait_until 20 "a part of the lines" has_lines first 500
	send KILL first
	wait "${PID[first]}" || true
	unset "PID[first]"
	: >"$TMP/go-on"
	receiver second
	finish sender 60
	expect_eq "$STATUS" 0 "sender's exit code"
	stop second
	# A line that was cut off by the end of the process came again as a whole.
	sed -n '/arrive$/p' "$TMP/first.out" >"$TMP/first.whole"
	python3 - "$TMP/text" "$TMP/first.whole" "$TMP/second.out" <<-'EOF' || fail "lines are missing, or more came twice than may"
		import sys
		text, first, second = (open(name).read().splitlines() for name in sys.argv[1:])
		again = len(first) + len(second) - len(text)
		print("  --   ", len(first), "+", len(second), "lines,", again, "of them twice")
		assert 0 < len(first) < len(text)
		assert first == text[:len(first)]
		assert 0 <= again <= len(first) and second == text[len(first) - again:]
	EOF
	ok "none is missing, and each process heard its part once and in order"
}

both_ways() {
	section "$1: pipe, both ways at once, over 3 % loss"
	head -n 500 "$TMP/text" >"$TMP/half"
	link_up --delay 5ms --loss 3% --seed 7
	launch_native right b "$BUILD/rudpmsg" pipe --id beta --listen $PORT --count 500 \
		"${TRANSPORT[@]}" <"$TMP/half"
	wait_until 10 "port $PORT on side b" heard_on
	launch_native left a "$BUILD/rudpmsg" pipe --id alpha --to "$B4:$PORT" --count 500 \
		"${TRANSPORT[@]}" <"$TMP/half"
	for name in left right; do
		finish $name 40
		expect_eq "$STATUS" 0 "exit code of the $name pipe"
		expect_same "$TMP/half" "$TMP/$name.out" "lines of the $name pipe"
	done
	ok "500 lines each way"
}

usage() {
	local status=0
	"${RUDPMSG:-$BUILD/rudpmsg}" "$@" >"$TMP/usage.out" 2>"$TMP/usage.err" || status=$?
	expect_eq "$status" 2 "exit code of rudpmsg $*"
	[ -s "$TMP/usage.err" ] || fail "rudpmsg $* says nothing"
}

for transport in rudp tcp; do
	TRANSPORT=()
	TCP_MEANT=
	[ $transport = rudp ] || { TRANSPORT=(--tcp) TCP_MEANT=1; }
	all_at_once $transport
	killed_receiver $transport
	both_ways $transport
	link_down
done

section "nobody there"
TRANSPORT=() TCP_MEANT=
link_up --delay 5ms
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta --timeout 1 \
	<"$TMP/text"
finish sender 20
expect_eq "$STATUS" 1 "exit code when nothing was delivered"
expect_match "$TMP/sender.err" "no answer from beta at $B4 port $PORT yet" "what it says first"
expect_match "$TMP/sender.err" "$LINES of $LINES messages were not acknowledged within 1 s" "what it says"
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --timeout 1 <"$TMP/text"
finish sender 20
expect_eq "$STATUS" 1 "exit code when nobody was reached"
expect_match "$TMP/sender.err" "cannot connect to $B4 port $PORT: (no node listens there|no answer)" "why"
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --timeout 40 <"$TMP/text"
wait_until 10 "the report that nothing answers" grep -qs "no answer at $B4 port $PORT yet" "$TMP/sender.err"
receiver late --count $LINES
finish sender 60
expect_eq "$STATUS" 0 "exit code when somebody came in time"
finish late 20
expect_same "$TMP/text" "$TMP/late.out" "lines"
ok "--timeout holds with --peer and without"

section "stored is asked of a receiver without a store, other names of others"
launch_native plain b "$BUILD/rudpmsg" receive --id plain --listen $PORT
wait_until 10 "port $PORT on side b" heard_on
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --ack stored --timeout 40 <"$TMP/text"
finish sender 20
expect_eq "$STATUS" 1 "exit code"
expect_match "$TMP/sender.err" "needs a node with a store there" "why"
launch_plain sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --timeout 20 <"$TMP/text"
finish sender 20
expect_eq "$STATUS" 1 "exit code without the key"
expect_match "$TMP/sender.err" "another key, or none is set here" "why"
for names in "--id plain" "--id alpha --peer gamma" "--id alpha --peer alpha"; do
	# shellcheck disable=SC2086
	launch_native sender a "$BUILD/rudpmsg" send $names --to "$B4:$PORT" --timeout 40 <"$TMP/text"
	finish sender 20
	expect_eq "$STATUS" 1 "exit code of $names"
	cat "$TMP/sender.err" >>"$TMP/names.err"
done
expect_match "$TMP/names.err" "the node there has the same name" "why not the own name"
expect_match "$TMP/names.err" "does not have the name given with --peer" "why not gamma"
expect_match "$TMP/names.err" "--peer is the name of another node" "why not itself"
make_key other-key
launch_native sender a env RUDP_KEY_FILE="$TMP/other-key" "$BUILD/rudpmsg" send --id alpha --peer plain \
	--to "$B4:$PORT" --timeout 40 <"$TMP/text"
finish sender 20
expect_eq "$STATUS" 1 "exit code with another key"
expect_match "$TMP/sender.err" "port $PORT: the node there has another key" "why not with another key"
stop plain

section "two senders with one --id"
link_up --delay 5ms
seq -f 'line %g' 100 >"$TMP/hundred"
receiver shared --store "$TMP/shared"
# The store of the second is younger: what the first dials later is refused.
launch_native early a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta --store "$TMP/early" </dev/null
finish early 20
rm -f "$TMP/go-on"
launch_native first a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta --timeout 1 \
	< <(in_two_parts "$TMP/hundred" 50)
wait_until 20 "the first half" has_lines shared 50
launch_native second a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta --store "$TMP/second" \
	< <(in_two_parts "$TMP/hundred" 50)
wait_until 20 "the first to learn of the second" grep -qs "another program" "$TMP/first.err"
expect_match "$TMP/first.err" "another program uses --id alpha, and has taken the link to beta at $B4: process [0-9]+ \(.*rudpmsg send --id alpha" "who has the --id"
wait_until 20 "the half of the second" has_lines shared 100
launch_native early a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta --store "$TMP/early" <"$TMP/hundred"
finish early 20
expect_eq "$STATUS" 1 "exit code of one that is refused"
expect_match "$TMP/early.err" "another program has connected to that node with this --id. No message was sent" "why"
expect_match "$TMP/early.err" "another program uses --id alpha.*: process [0-9]+ \(" "who has the --id"
: >"$TMP/go-on"
finish first 20
expect_eq "$STATUS" 1 "exit code of the first"
expect_match "$TMP/first.err" "50 of 100 messages were not acknowledged within 1 s" "what was not sent"
finish second 20
expect_eq "$STATUS" 0 "exit code of the second"
stop shared
link_down
ok "each is told which other program has its --id, and what was not delivered"

section "nobody there, and a store"
link_up --delay 5ms
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta --timeout 1 \
	--store "$TMP/alpha" <"$TMP/text"
finish sender 20
expect_eq "$STATUS" 1 "exit code when nothing was delivered"
expect_match "$TMP/sender.err" "$LINES of $LINES messages .* kept in the store" "what it says"
launch_native both a "$BUILD/rudpmsg" pipe --id gamma --to "$B4:$PORT" --peer beta --timeout 1 \
	--store "$TMP/gamma" <"$TMP/text"
finish both 20
expect_eq "$STATUS" 1 "exit code of a pipe that delivered nothing"
expect_match "$TMP/both.err" "$LINES of $LINES messages .* kept in the store" "what a pipe says"
receiver later --store "$TMP/beta"
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" --peer beta \
	--ack stored --store "$TMP/alpha" </dev/null
finish sender 30
expect_eq "$STATUS" 0 "exit code of one with nothing to say but what was left"
wait_until 10 "all lines" has_lines later $LINES
expect_same "$TMP/text" "$TMP/later.out" "lines"
stop later
link_down
ok "$LINES lines were kept, and came when somebody was there"

# too_long NAME FILE OPTION...: refused, however long it is, and not read whole.
too_long() {
	local name=$1 file=$2
	shift 2
	launch_native "$name" a prlimit --as=500000000 "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" "$@" <"$file"
	finish "$name" 30
	expect_eq "$STATUS" 1 "exit code of a message that is too long"
	expect_match "$TMP/$name.err" "(longer than|more than the) 1048576" "what it says"
}

section "messages that are too long"
link_up --delay 1ms
receiver lengths
head -c 1048576 /dev/zero | tr '\0' x >"$TMP/longest"
launch_native sender a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" <"$TMP/longest"
finish sender 30
expect_eq "$STATUS" 0 "exit code of the longest"
wait_until 10 "the longest line" has_lines lengths 1
expect_same <(cat "$TMP/longest" && echo) "$TMP/lengths.out" "the longest line"
truncate -s 2G "$TMP/endless"
too_long line "$TMP/endless"
printf '\0\020\0\001' >"$TMP/frame"
too_long frame "$TMP/frame" --framed
launch_native folder a "$BUILD/rudpmsg" send --id alpha --to "$B4:$PORT" <"$TMP"
finish folder 30
expect_eq "$STATUS" 1 "exit code of an input that cannot be read"
expect_match "$TMP/folder.err" "cannot read standard input: Is a directory" "what it says"
stop lengths
link_down
ok "refused, with a reason"

section "wrong usage"
usage
usage send
usage send --id alpha
usage receive --id alpha
usage receive --id alpha --listen 80x
usage receive --id 'two words' --listen $PORT
usage send --id alpha --to "$B4:0"
for number in 65536 4294967376 18446744073709551696 -1 +80 " 80" 80x; do
	usage send --id alpha --to "$B4:$number"
done
for number in 1000000001 18446744073709551615 18446744073709551616 -1 +1 " 1" 1s ""; do
	usage send --id alpha --to "$B4" --timeout "$number"
	expect_match "$TMP/usage.err" "--timeout is a number from 0 to 1000000000, not '.*'" "what it says"
done
usage receive --id alpha --listen $PORT --count 18446744073709551616
usage bench --id alpha --listen $PORT --size 1048577
usage send --id alpha --to "$B4" --ack surely
usage send --id alpha --to "$B4" --store "$TMP"
usage send --id alpha --to "$B4" --store /nowhere/at/all
RUDP_KEY_FILE=$TMP/nowhere usage receive --id alpha --listen $PORT
expect_match "$TMP/usage.err" "RUDP_KEY_FILE cannot be used" "what it says without its key"
mkdir "$TMP/alone"
cp "$BUILD/rudpmsg" "$TMP/alone"
cat >"$TMP/alone/run" <<-EOF
	#!/bin/sh
	# Nor with the one that make install has put where this build looks.
	exec unshare --mount sh -c '[ ! -d "\$0" ] || mount -t tmpfs none "\$0" && exec "\$@"' \
		"$(cat "$BUILT/obj/libdir")/rudp" "$TMP/alone/rudpmsg" "\$@"
EOF
chmod +x "$TMP/alone/run"
RUDPMSG=$TMP/alone/run RUDP_ENGINE=thread RUDP_ENGINE_PATH=$TMP/alone/none \
	usage send --id alpha --to "$B4"
expect_match "$TMP/usage.err" "no rudp engine can be found" "what it says without an engine"
[ "$("$BUILD/rudpmsg" --version)" != "" ] || fail "--version says nothing"
usage nonsense --id alpha --listen $PORT
expect_match "$TMP/usage.err" "'nonsense' is no command" "what it says"
usage send here --id alpha --to "$B4"
expect_match "$TMP/usage.err" "unexpected argument 'here'" "what it says"
ok "exit code 2, and a reason"
link_down
