#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rudpmsg with a store on a disk that is full: the sender is told so, the receiver lets its peer wait, and
# nothing that was accepted is lost. The disk is a tmpfs of 16 MiB in a mount namespace of this test.
#
# shellcheck disable=SC2034
LOOPBACK=1
[ -n "${RUDP_TEST_MOUNTS:-}" ] || RUDP_TEST_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

export RUDP_ENGINE_PATH=$BUILD/rudp-engine RUDP_ENGINE=process RUDP_KEY_FILE=$TMP/key
FILLING=1000 # bytes of a message

# small_disk NAME: an empty one, at $TMP/NAME.
small_disk() {
	mkdir "$TMP/$1"
	mount -t tmpfs -o size=16m "$1" "$TMP/$1"
}

receiver() {
	launch_plain "$1" b "$BUILD/rudpmsg" receive --quiet --id beta --listen "127.0.0.1:$PORT" \
		--store "$2"
}

# sender NAME STORE FROM TO
sender() {
	launch_plain "$1" a "$BUILD/tests/kill-sender" "$2" "$PORT" "$3" "$4" $FILLING
}

# numbers_in FILE: of a receiver's output, where each has its filling behind it.
numbers_in() {
	grep -x '[0-9]*' "$1" || true
}

has_heard() {
	[ "$(numbers_in "$1" | wc -l)" -ge "$2" ]
}

# expect_all FILE COUNT: 1, 2, 3 ... each once and in order.
expect_all() {
	wait_until 20 "all messages" has_heard "$1" "$2"
	numbers_in "$1" >"$TMP/heard"
	seq "$2" >"$TMP/expected"
	expect_same "$TMP/expected" "$TMP/heard" "numbers"
}

section "the sender's disk is full"
small_disk full
sender first "$TMP/full/store" 1 100000
finish first 60
expect_eq "$STATUS" 2 "exit code of a sender without room"
expect_match "$TMP/first.err" "No space left on device" "what it says"
accepted=$(tail -n 1 "$TMP/first.out")
expect_between 4000 "$accepted" 20000 "messages accepted"
receiver beta "$TMP/beta"
sender second "$TMP/full/store" $((accepted + 1)) $((accepted + 1))
finish second 30
expect_eq "$STATUS" 0 "exit code of the next one, which delivers what the first has left"
expect_all "$TMP/beta.out" "$accepted"
sender third "$TMP/full/store" $((accepted + 1)) $((accepted + 1001))
finish third 30
expect_eq "$STATUS" 0 "exit code of one that has room again"
expect_all "$TMP/beta.out" $((accepted + 1000))
stop beta
ok "$accepted messages were accepted before, and arrived; then there was room again"

has_met_the_end() {
	[ "$(du -sm "$TMP/small" | cut -f 1)" -ge 10 ] && grep -q 'a link broke' "$TMP/patient.err"
}

section "the receiver's disk is full"
small_disk small
mkfifo "$TMP/unread"
exec 7<>"$TMP/unread"
launch_plain stalled b sh -c "exec \"\$@\" >'$TMP/unread'" sh "$BUILD/rudpmsg" receive --quiet \
	--id beta --listen "127.0.0.1:$PORT" --store "$TMP/small/store"
sender patient "$TMP/alpha" 1 12001
wait_until 60 "a link ended since the disk is full" has_met_the_end
cat <&7 >"$TMP/read.out" &
PID[reader]=$!
finish patient 60
expect_eq "$STATUS" 0 "exit code of the sender"
broken=$(sed -n 's/^sender: \([0-9]*\) links broken$/\1/p' "$TMP/patient.err")
expect_between 1 "${broken:-0}" 100000 "links that the receiver has ended"
expect_all "$TMP/read.out" 12000
stop stalled
stop reader
ok "12000 messages came once each, over $((broken + 1)) links"
