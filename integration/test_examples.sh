#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The examples do what their first lines say: the work queue loses no job with a worker that is killed
# in the middle of one, requests find their answers, a deadline is kept, and echo echoes over rudp and TCP.
#
#     a: workers, clients ── linkem: 5 ms, 1 % loss ──── b: boss, server
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

PORT=7000
JOBS=40
EXAMPLES=$BUILD/examples
[ -d "$EXAMPLES" ] || EXAMPLES=$(dirname "$HERE")/build/examples

# worker NAME: each job is noted when it begins and when it is done. Ann never ends her third one; the others
# end none before that, and before each of them has one.
worker() {
	launch_native "$1" a "$EXAMPLES/work_queue" "$1" "$B4" $PORT "
		echo \"\$JOB\" >>$TMP/$1.begun
		[ $1 != ann ] || [ \$(wc -l <$TMP/ann.begun) -lt 3 ] || cat $TMP/gate
		[ $1 = ann ] || until [ -e $TMP/go-on ]; do sleep 0.02; done
		echo \"\$JOB\" >>$TMP/$1.done"
}

has_begun() {
	[ -e "$TMP/$1.begun" ] && [ "$(wc -l <"$TMP/$1.begun")" -ge "$2" ]
}

link_up --delay 5ms --loss 1% --seed 3

section "work queue: $JOBS jobs, three workers, one is killed in the middle of a job"
seq -f 'job %g' $JOBS >"$TMP/jobs"
launch_native boss b "$EXAMPLES/work_queue" $PORT <"$TMP/jobs"
wait_listening b $PORT
mkfifo "$TMP/gate"
for name in ann bob cat; do
	worker $name
done
for name in bob cat; do
	wait_until 10 "a job that $name does" has_begun $name 1
done
wait_until 10 "a job that ann does" has_begun ann 3
: >"$TMP/go-on"
send KILL ann
wait "${PID[ann]}" || true
unset "PID[ann]"
for name in boss bob cat; do
	finish $name 30
	expect_eq "$STATUS" 0 "exit code of $name"
done
cat "$TMP"/{bob,cat}.done >"$TMP/others"
expect_between 1 "$(wc -l <"$TMP/bob.done")" $((JOBS - 1)) "jobs of bob"
expect_between 1 "$(wc -l <"$TMP/cat.done")" $((JOBS - 1)) "jobs of cat"
grep -qx "$(tail -n 1 "$TMP/ann.begun")" "$TMP/others" || fail "what ann had in hand was given to nobody"
cat "$TMP/ann.done" "$TMP/others" | sort -u -V >"$TMP/all"
expect_same "$TMP/jobs" "$TMP/all" "jobs done"
: >"$TMP/gate"
ok "every job was done"

section "requests and answers"
launch_native server b "$EXAMPLES/request" $PORT
wait_listening b $PORT
launch_native client a "$EXAMPLES/request" "$B4" $PORT 10 one two three
finish client 20
expect_eq "$STATUS" 0 "exit code of the client"
printf '%s\n' "one: ONE" "three: THREE" "two: TWO" >"$TMP/expected"
sort "$TMP/client.out" >"$TMP/answers"
expect_same "$TMP/expected" "$TMP/answers" "answers"
stop server
ok "each question has its answer"

section "a deadline"
launch_native deaf b "$BUILD/rudpmsg" receive --id deaf --listen $((PORT + 1))
PORT=$((PORT + 1))
wait_listening b $PORT
launch_native client a "$EXAMPLES/request" "$B4" $PORT 1 one two
finish client 10
expect_eq "$STATUS" 1 "exit code without an answer"
expect_match "$TMP/client.err" "2 without an answer in time" "what it says"
ok "who gets no answer is told so in time"
link_down

# echo_with POLICY: with these rules at both ends, and so with another engine.
echo_with() {
	PORT=$((PORT + 1))
	launch_native server b env "RUDP_POLICY=$1" "$EXAMPLES/echo" serve "$B4" $PORT
	wait_until 10 "port $PORT on side b" is_listening_somehow
	launch_native client a env "RUDP_POLICY=$1" "$EXAMPLES/echo" ask "$B4" $PORT <"$TMP/jobs"
	finish client 10
	expect_eq "$STATUS" 0 "exit code of the client, $1"
	expect_same "$TMP/jobs" "$TMP/client.out" "what comes back, $1"
	stop server
}

is_listening_somehow() {
	[ -n "$(on b ss -H -tuln "sport = :$PORT")" ]
}

section "echo, also where rules leave it to kernel TCP"
TCP_MEANT=1
export TCP_MEANT
link_up --delay 1ms
echo_with ''
expect_match "$TMP/client.err" ESTABLISHED "what it says of its connection"
echo_with 'any use tcp'
! grep -q . "$TMP/client.err" || fail "it says: $(cat "$TMP/client.err")"
link_down
ok "all comes back"
