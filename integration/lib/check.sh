# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Assertions, and waiting for conditions.

ok() {
	printf '  ok    %s\n' "$*"
}

note() {
	printf '  --    %s\n' "$*"
}

fail() {
	printf '  FAIL  %s (%s:%s)\n' "$*" "${BASH_SOURCE[-1]##*/}" "${BASH_LINENO[-2]}" >&2
	exit 1
}

section() {
	printf '%s\n' "$*"
}

# Prints the last lines of every log, after a test has failed.
show_logs() {
	local file
	for file in "$TMP"/*.log "$TMP"/*.err; do
		[ -s "$file" ] || continue
		printf -- '---- %s\n' "${file##*/}" >&2
		tail -n 12 "$file" >&2
	done
}

# Prints where each thread of the programs that still run waits, after a test has failed.
show_threads() {
	local name task
	for name in "${!PID[@]}"; do
		has_ended "$name" && continue
		printf -- '---- threads of %s\n' "$name" >&2
		for task in "/proc/${PID[$name]}/task"/*; do
			paste -d' ' "$task/comm" "$task/wchan" >&2
		done
	done
}

now_ms() {
	local now=${EPOCHREALTIME/./}
	echo $((now / 1000))
}

# expect_eq IS SHOULD WHAT
expect_eq() {
	[ "$1" = "$2" ] || fail "$3: is '$1', should be '$2'"
}

# expect_between LOW IS HIGH WHAT
expect_between() {
	if [ "$2" -lt "$1" ] || [ "$2" -gt "$3" ]; then
		fail "$4: is $2, should be within $1 and $3"
	fi
}

# expect_same FILE FILE WHAT
expect_same() {
	local first second
	first=$(sha256sum <"$1")
	second=$(sha256sum <"$2")
	if [ "$first" != "$second" ]; then
		fail "$3: $(stat -c %s "$1") bytes sent, $(stat -c %s "$2") bytes came; they differ"
	fi
}

# expect_match FILE EXTENDED-REGEX WHAT
expect_match() {
	grep -qE -- "$2" "$1" || fail "$3: no line of ${1##*/} matches '$2'"
}

# A limit of waiting is only there to end a test that hangs. An idle machine never needs it, and a
# loaded machine gets a multiple of it. What must be fast is measured (expect_took).
PATIENCE=8

# wait_until SECONDS WHAT COMMAND...: waits until the command succeeds; if it never does, the test
# fails.
wait_until() {
	local seconds=$(($1 * PATIENCE)) what=$2 limit
	# shellcheck disable=SC2034 # used in is_gone
	local WAITED_FOR=$2
	# shellcheck disable=SC2034 # likewise
	local -A BEGUN_AT=()
	shift 2
	limit=$(($(now_ms) + seconds * 1000))
	until "$@"; do
		[ "$(now_ms)" -lt "$limit" ] || fail "waited $seconds s in vain for: $what"
		sleep 0.02
	done
}

# in_two_parts FILE LINES: prints so many lines of the file, and the rest when $TMP/go-on exists. So
# what must happen in the middle cannot come too late.
in_two_parts() {
	head -n "$2" "$1"
	until [ -e "$TMP/go-on" ] || [ ! -e "$TMP" ]; do
		sleep 0.02
	done
	tail -n "+$(($2 + 1))" "$1"
}

# A clock that runs slower on a loaded machine. It advances by ten milliseconds whenever a process
# that has slept so long gets a processor again. On an idle machine it shows the real time. Time in
# which a loaded machine runs no program of the test does not count.
start_own_clock() {
	mkfifo "$TMP/never"
	(
		exec {never}<>"$TMP/never"
		while :; do
			read -r -t 0.01 -u "$never" || printf .
		done
	) >"$TMP/own-clock" &
	PID+=([clock]=$!)
	wait_until 5 "the clock" test -s "$TMP/own-clock"
}

own_ms() {
	echo $((10 * $(stat -c %s "$TMP/own-clock")))
}

begin_to_measure() {
	[ -n "${PID[clock]:-}" ] || start_own_clock
	BEGUN=$(now_ms) BEGUN_OWN=$(own_ms)
}

# TOOK: milliseconds since then; TOOK_OWN: the same by our own clock.
measure_to_here() {
	TOOK=$(($(now_ms) - BEGUN))
	TOOK_OWN=$(($(own_ms) - BEGUN_OWN))
}

# expect_took LOW HIGH WHAT: checks the last measurement. Load can make it only slower, never
# faster.
expect_took() {
	[ "$TOOK" -ge "$1" ] || fail "ms $3: $TOOK, should be $1 at least"
	[ "$TOOK_OWN" -le "$2" ] || fail "ms $3: $TOOK_OWN by our own clock ($TOOK), should be $2 at most"
}

# make_file NAME BYTES: random content in $TMP/NAME.
make_file() {
	head -c "$2" /dev/urandom >"$TMP/$1"
	chmod 644 "$TMP/$1"
}
