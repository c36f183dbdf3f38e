#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Longer than CI may take: 20,000 random simulator seeds, eleven days of the messaging library in virtual
# time, ten minutes of deaths of its processes, each fuzz target for five minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build}

ROUNDS=40 # each of 3,650 seeds, 6.6 hours of virtual time together
KILL_SECONDS=600

"$BUILD/tests/sim" --seeds 100000 20000
for round in $(seq $ROUNDS); do
	for suite in hub_model hub_kill hub_store; do
		RUDP_TEST_ROUND=$round "$BUILD/tests/messaging" --filter "$suite/*" --quiet || {
			echo "soak: $suite failed; again: RUDP_TEST_ROUND=$round $BUILD/tests/messaging" >&2
			exit 1
		}
	done
done
echo "soak: $ROUNDS rounds of messaging in virtual time"
# By itself: run.sh gives a test no more than so long.
RUDP_TEST_KILL_SECONDS=$KILL_SECONDS timeout $((KILL_SECONDS + 120)) integration/test_messages_kill.sh
tests/fuzz/run.sh "$BUILD/fuzz" 300
