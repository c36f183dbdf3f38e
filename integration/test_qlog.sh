#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Traces: RUDP_QLOG with both hosts of the engine, read by a program that has nothing to do with ours; and
# what becomes of connections where traces cannot be written.
#
#     a: curl (process | thread) ──── linkem: 20 Mbit/s, 20 ms, 1 % loss ──── b: nginx (process)
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "$PLAIN" ]; then
	echo "      kernel TCP writes no traces"
	exit 0
fi

SMALL=$TMP/small

# Settings of a side: where its traces go, and by whom they are written.
trace_to() {
	SETTINGS=("RUDP_QLOG=$1" "RUDP_ENGINE=${2:-process}")
}

traces() {
	find "$TMP/$1" -name "*-$2.sqlog" -size +0
}

has_trace() {
	local files
	files=$(traces "$1" "$2")
	[ -n "$files" ] && grep -q connectivity:connection_closed "$files"
}

has_two_traces() {
	[ "$(traces b server | xargs -r grep -l connectivity:connection_closed | wc -l)" = 2 ]
}

make_page page 3000000
mkdir -m 700 "$TMP/b" "$TMP/process" "$TMP/thread" "$SMALL"
link_up --rate 20M --delay 10ms --loss 1% --seed 7
trace_to "$TMP/b"
start_nginx
for host in process thread; do
	section "an engine that is a $host"
	trace_to "$TMP/$host" $host
	fetch 30 page
	wait_until 10 "the client's trace" has_trace $host client
	python3 "$HERE/lib/qlog.py" client 3000000 "$(traces $host client)" >"$TMP/read" || fail "$(cat "$TMP/read")"
	ok "$(cat "$TMP/read")"
done
wait_until 10 "the server's traces" has_two_traces
mapfile -t files < <(traces b server)
python3 "$HERE/lib/qlog.py" server 3000000 "${files[@]}" >"$TMP/read" || fail "$(cat "$TMP/read")"
ok "$(cat "$TMP/read")"
expect_eq "$(stat -c %a "${files[@]}" | sort -u)" 600 "mode of the files"

section "where traces cannot be written"
trace_to "$TMP/no/such/place"
fetch 30 page
grep -q "RUDP_QLOG: no traces in $TMP/no/such/place: No such file" "$TMP/engine-a.log" || fail "the log does not say why"
ok "a directory that is not there"
mount -t tmpfs -o size=64k,mode=700 tmpfs "$SMALL"
trace_to "$SMALL"
fetch 30 page
wait_until 10 "the log to say that the disk is full" \
	grep -q "RUDP_QLOG: .* no more traces: No space left" "$TMP/engine-a.log"
ok "a full disk"
trace_to "$TMP/fleeting"
mkdir -m 700 "$TMP/fleeting"
rate=(--limit-rate 1500k)
launch curl a curl -sS --max-time $((30 * PATIENCE)) "${rate[@]}" -o "$TMP/part" "$URL/page"
wait_until 10 "the transfer to be under way" has_bytes "$TMP/part" 500000
rm -rf "$TMP/fleeting"
finish curl 30
expect_eq "$STATUS" 0 "curl's exit code"
expect_same "$TMP/www/page" "$TMP/part" "page"
ok "a directory that vanishes"
