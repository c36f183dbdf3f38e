#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The measurements in bench are not made here, but they can begin: once.sh finds all its parts.
#
# shellcheck disable=SC2034 # lib.sh asks
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if "$HERE/../bench/once.sh" nothing - tcp 1 >"$TMP/once" 2>&1; then
	fail "a measurement that does not exist was made"
fi
expect_match "$TMP/once" "no such measurement: nothing" "what bench/once.sh says"
ok "bench/once.sh reaches its measurements"
