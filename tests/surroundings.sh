#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a command in a defined environment, independent of the caller: no input, no descriptors except 0
# to 2, no ignored or blocked signals (with SIGCHLD ignored, Criterion waits for ever), no settings of
# rudp except those given here, messages in English.
#
#   surroundings.sh [NAME=VALUE...] COMMAND...
set -euo pipefail

for name in "${!RUDP_@}" LD_PRELOAD; do
	unset "$name"
done
export RUDP_POLICY='' RUDP_POLICY_FILE=/dev/null LC_ALL=C
umask 022
for fd in "/proc/$$/fd"/*; do
	fd=${fd##*/}
	# bash reads this script from one of its own, which it closes.
	[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done
reset=(env)
! env --default-signal true 2>/dev/null || reset=(env --default-signal)
exec "${reset[@]}" "$@" </dev/null
