# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Starts programs in the namespaces under the shim, and waits for their end.

declare -A PID=()
# The exit code of the last program that finish() has waited for.
STATUS=
# More variables for programs under the shim: SETTINGS=(RUDP_CONNECT_TIMEOUT=3)
SETTINGS=()

programs_init() {
	[ -n "$PLAIN" ] && return 0
	[ -e "$BUILD/librudp_shim.so" ] || fail "$BUILD/librudp_shim.so is not built"
	make_key key
}

# make_key NAME: writes a new pre-shared key to $TMP/NAME.
make_key() {
	(umask 077 && od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$TMP/$1")
}

# A shim that was built with a sanitizer needs the sanitizer's runtime before it (SANITIZER_RUNTIME,
# from the Makefile). Leaks of the programs under test are not reported.
[ -z "${SANITIZER_RUNTIME:-}" ] || export ASAN_OPTIONS=detect_leaks=0

# The settings of this side's engine, one a line.
engine_settings_of() {
	printf '%s\n' "RUDP_ENGINE_PATH=$BUILD/rudp-engine" \
		"RUDP_ENGINE=${RUDP_TEST_ENGINE:-process}" \
		"RUDP_KEY_FILE=$TMP/key" "RUDP_LOG=info:$TMP/engine-$1.log" "${SETTINGS[@]}"
}

# The environment variables of a program on this side, one a line.
settings_of() {
	[ -z "$PLAIN" ] || return 0
	printf '%s\n' "LD_PRELOAD=${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME:}$BUILD/librudp_shim.so"
	engine_settings_of "$1"
}

# Whether connections survive when a program is killed or executes another program. With an engine
# in a thread they do not.
engine_outlives() {
	[ "${RUDP_TEST_ENGINE:-process}" = process ]
}

# home_of USER: makes $TMP/USER, which belongs to that user, with a copy of the key. SETTINGS gets
# the variables for programs of that user.
home_of() {
	install -d -o "$1" "$TMP/$1"
	[ -z "$PLAIN" ] || return 0
	install -o "$1" -m 600 "$TMP/key" "$TMP/$1/key"
	SETTINGS+=("RUDP_KEY_FILE=$TMP/$1/key" "RUDP_LOG=info:$TMP/$1/engine.log")
}

# Writes the command line of a program on this side under the shim to the array COMMAND. The shell
# starts background jobs with SIGINT ignored, which the program must not inherit.
command_of() {
	local entrance settings
	mapfile -t entrance < <(entrance_of "$1")
	mapfile -t settings < <(settings_of "$1")
	shift
	COMMAND=("${entrance[@]}" env --default-signal=INT --default-signal=QUIT
		"${settings[@]}" "$@")
}

# under SIDE COMMAND...: runs the command in the namespace, under the shim, in the foreground.
under() {
	local COMMAND
	command_of "$@"
	"${COMMAND[@]}"
}

# launch NAME SIDE COMMAND...: the same in the background; output goes to $TMP/NAME.out and .err.
launch() {
	local name=$1 COMMAND
	shift
	command_of "$@"
	# Now, and not when the process begins: a waiting test must not find what an earlier program of this name wrote.
	true >"$TMP/$name.out" 2>"$TMP/$name.err"
	"${COMMAND[@]}" <&0 >"$TMP/$name.out" 2>"$TMP/$name.err" &
	PID[$name]=$!
}

# The kernel gives the number of a process that has ended to another one: on a machine that runs all tests, within a
# minute. So a number alone does not say that a process still runs.

# read_stat PID: into STAT, /proc/PID/stat from the state on (proc(5)). Fails if there is no such process.
read_stat() {
	local line
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra STAT <<<"${line##*) }"
}

# is_child PID: this shell has started the process, and it still runs.
is_child() {
	read_stat "$1" && [ "${STAT[0]}" != Z ] && { [ "${STAT[1]}" = $$ ] || [ "${STAT[1]}" = "$BASHPID" ]; }
}

has_ended() {
	! is_child "${PID[$1]}"
}

# is_gone PID: for a process that this shell did not start. While wait_until waits, another process with this number,
# which has begun at another time, is not taken for it.
is_gone() {
	read_stat "$1" && [ "${STAT[0]}" != Z ] || return 0
	[ -n "${WAITED_FOR:-}" ] || return 1
	BEGUN_AT[$1]=${BEGUN_AT[$1]:-${STAT[19]}}
	[ "${STAT[19]}" != "${BEGUN_AT[$1]}" ]
}

# launch_plain NAME SIDE COMMAND...: the same without the shim.
launch_plain() {
	local PLAIN=1
	launch "$@"
}

# launch_native NAME SIDE COMMAND...: starts a program that links the library. It finds engine and
# key through the variables, and nothing is preloaded.
launch_native() {
	local name=$1 side=$2 settings
	shift 2
	mapfile -t settings < <(engine_settings_of "$side")
	launch_plain "$name" "$side" env "${settings[@]}" "$@"
}

# finish NAME SECONDS: waits for the end of the program, which must come in time. Its exit code is
# in STATUS.
finish() {
	wait_until "$2" "end of $1" has_ended "$1"
	reap "$1"
}

reap() {
	export STATUS=0
	wait "${PID[$1]}" || STATUS=$?
	unset "PID[$1]"
}

# send SIGNAL NAME
send() {
	is_child "${PID[$2]}" && kill "-$1" "${PID[$2]}"
}

# stop NAME: ends the program and waits for it.
stop() {
	send TERM "$1" 2>/dev/null || true
	finish "$1" 5
}

stop_all() {
	local name
	for name in "${!PID[@]}"; do
		send TERM "$name" 2>/dev/null
	done
	for name in "${!PID[@]}"; do
		for _ in {1..100}; do
			has_ended "$name" && break
			sleep 0.02
		done
		send KILL "$name" 2>/dev/null
		reap "$name"
	done
}

# holds_port SIDE PORT: a rudp program has the UDP port, which it gets by bind().
holds_port() {
	local family=-uln
	[ -n "$PLAIN" ] && family=-tln
	[ -n "$(on "$1" ss -H "$family" "sport = :$2")" ]
}

# is_listening SIDE PORT: listen() has been called too; before that, callers are refused.
is_listening() {
	if [ -n "$PLAIN" ]; then
		holds_port "$1" "$2"
	else
		[ -n "$(on "$1" "$BUILD/rudp" ss -lnH "sport = :$2" 2>/dev/null)" ]
	fi
}

wait_listening() {
	wait_until 10 "port $2 on side $1" is_listening "$1" "$2"
}

# The same for a program without the shim.
is_listening_plain() {
	[ -n "$(on "$1" ss -Htln "sport = :$2")" ]
}

wait_listening_plain() {
	wait_until 10 "plain port $2 on side $1" is_listening_plain "$1" "$2"
}

is_not_listening() {
	! holds_port "$@"
}

wait_not_listening() {
	wait_until 10 "end of port $2 on side $1" is_not_listening "$1" "$2"
}

# has_bytes FILE COUNT: the file has at least so many bytes.
has_bytes() {
	[ -e "$1" ] && [ "$(stat -c %s "$1")" -ge "$2" ]
}
