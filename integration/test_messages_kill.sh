#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rudpmsg with stores: the sender or the receiver is killed with SIGKILL, at each step and at random moments.
# No accepted message may be lost. By default each step is tested once, for at most a minute.
# RUDP_TEST_KILL_SECONDS=600 repeats all steps for 600 s.
#
#     kill-sender --store ──── rudp over this machine's loopback ──── rudpmsg receive --store
#
# Takes 60 s.
# shellcheck disable=SC2034
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

SECONDS_TO_KILL=${RUDP_TEST_KILL_SECONDS:-60}
AGAIN=${RUDP_TEST_KILL_SECONDS:+again}
export RUDP_ENGINE_PATH=$BUILD/rudp-engine RUDP_ENGINE=process RUDP_KEY_FILE=$TMP/key
mkdir "$TMP/kill"

section "$SECONDS_TO_KILL s of deaths"
python3 "$HERE/lib/kill_messages.py" "$BUILD" "$TMP/kill" "$PORT" "$SECONDS_TO_KILL" ${AGAIN:+"$AGAIN"} || {
	tail -n 20 "$TMP/kill/err"
	fail "a message was lost, or came when it should not"
}
ok "nothing is lost, and only what the store had not heard of came again"
