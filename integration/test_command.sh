#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The rudp command: run starts programs, ss shows what they do, and both say what cannot be.
#
#     a: rudp run curl ──── linkem: loss ──── b: rudp run nginx
#
# The words in single quotes are for other shells.
# shellcheck disable=SC2016
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "$PLAIN" ]; then
	echo "skipped: the command has no counterpart over kernel TCP"
	exit 77
fi
RUDP=$BUILD/rudp
KEY=(--key "$TMP/key")

# start NAME SIDE COMMAND...: in the background, not under the shim by itself.
start() {
	local name=$1 side=$2 entrance
	shift 2
	mapfile -t entrance < <(entrance_of "$side")
	"${entrance[@]}" env --default-signal=INT "$@" <&0 >"$TMP/$name.out" 2>"$TMP/$name.err" &
	PID[$name]=$!
}

# run_on SIDE [OPTION...] PROGRAM...: rudp run.
run_on() {
	local side=$1
	shift
	on "$side" "$RUDP" run "${KEY[@]}" --log "info:$TMP/engine-$side.log" "$@"
}

# ss_json SIDE FILE ARGUMENT...
ss_json() {
	local side=$1 file=$2
	shift 2
	on "$side" "$RUDP" ss --json "$@" >"$file"
}

# json_holds FILE EXPRESSION: of the list in the file, as "all_".
json_holds() {
	python3 -c 'import json, sys
all_ = json.load(open(sys.argv[1]))
sys.exit(not eval("(" + sys.argv[2] + ")"))' "$1" "$2"
}

shows() {
	ss_json "$1" "$TMP/ss.json" "${@:3}" && json_holds "$TMP/ss.json" "$2"
}

run_carries_curl_and_nginx() {
	section "run and ss"
	make_page page 3000000
	write_nginx_conf
	start nginx b "$RUDP" run "${KEY[@]}" --log "info:$TMP/engine-b.log" nginx -p "$TMP/nginx" \
		-e "$TMP/nginx-error.log" -c "$TMP/nginx.conf" -g "daemon off;"
	wait_listening b "$PORT"
	wait_until 5 "two listeners of nginx" shows b \
		"len(all_) == 2 and all(e['state'] == 'LISTEN' and e['program'] == 'nginx' for e in all_)" -l
	expect_eq "$(on b "$RUDP" ss -lnH | grep -c LISTEN)" 2 "lines of listeners"
	ok "ss -l shows the listeners of nginx"

	# Nobody takes the page from curl before ss has been looked at.
	mkfifo "$TMP/page"
	start reader a bash -c "exec <'$TMP/page'; exec 7<>'$TMP/gate'; read -r -u 7; exec cat"
	start curl a "$RUDP" run "${KEY[@]}" --log "info:$TMP/engine-a.log" \
		curl -sS --fail --max-time $((60 * PATIENCE)) -o "$TMP/page" "$URL/page"
	wait_until 10 "the connection in ss" shows a "len(all_) == 1 and
		all_[0]['stream_received_bytes'] > 100000 and all_[0]['srtt_ns'] > 20_000_000" \
		-p state established and program curl and dport = ":$PORT"
	json_holds "$TMP/ss.json" "(e := all_[0])['key'] is True and e['transport'] == 'rudp' and
		e['peer_address'] == '$B4' and e['peer_port'] == $PORT and e['local_address'] == '$A4' and
		e['pid'] == ${PID[curl]} and e['min_rtt_ns'] <= e['srtt_ns'] * 2 and
		e['datagram_bytes'] >= 1200 and e['suite'] and e['memory_bytes'] > 0" ||
		fail "ss --json of curl: $(cat "$TMP/ss.json")"
	shows b "len(all_) == 1 and all_[0]['peer_address'] == '$A4' and
		all_[0]['stream_sent_bytes'] > 0 and all_[0]['cwnd_bytes'] > 0" "sport = :$PORT" ||
		fail "ss --json of nginx: $(cat "$TMP/ss.json")"
	on a "$RUDP" ss -tinp >"$TMP/ss.text"
	expect_match "$TMP/ss.text" "^ESTAB .* $B4:$PORT users:\(\(\"curl\",pid=${PID[curl]}\)\)" "ss in text"
	expect_match "$TMP/ss.text" "rudp.* key:yes aes|chacha.* rtt:[0-9.]+/[0-9.]+ .*cwnd:[0-9]+" "the second line"
	expect_eq "$(on a "$RUDP" ss -H dst 192.0.2.0/24)" "" "a filter that fits nothing"
	on a "$RUDP" ss -s >"$TMP/ss.text"
	expect_match "$TMP/ss.text" "ESTAB 1" "the summary"
	expect_match "$TMP/ss.text" "^Buffers of engine [1-9][0-9]*: [0-9]+ of [1-9][0-9]+ bytes, 0 packets dropped" \
		"the memory of an engine"
	ok "ss shows both ends while it runs"

	echo x >&9
	finish curl 60
	finish reader 10
	expect_eq "$STATUS" 0 "exit code of curl"
	expect_eq "$(cat "$TMP/curl.err" "$TMP/curl.out")" "" "what run says when all is well"
	expect_same "$TMP/www/page" "$TMP/reader.out" "page"
	ok "curl under run: 3 MB through loss, unchanged"
}

# What has been written waits for a peer that has gone silent; the program has long ended.
closed_connections_still_show() {
	section "a connection whose program has ended"
	start sink b "$RUDP" run "${KEY[@]}" nc.openbsd -l 9000
	wait_listening b 9000
	make_file chunk 100000
	start source a "$RUDP" run "${KEY[@]}" bash -c "
		exec 3<>/dev/tcp/$B4/9000; read -r <'$TMP/gate'; cat '$TMP/chunk' >&3"
	wait_until 10 "the connection" shows a "len(all_) == 1" state established dport = :9000
	link_down
	link_up --drop udp
	echo x >&9
	finish source 10
	expect_eq "$STATUS" 0 "exit code of who wrote"
	wait_until 5 "the connection in FIN-WAIT-1, of no program" shows a "len(all_) == 1 and
		all_[0]['program'] is None and all_[0]['send_queue_bytes'] > 0" state fin-wait-1 dport = :9000
	ok "ss shows what its engine still delivers"
	stop sink
}

other_users_are_counted() {
	section "engines of other users"
	local setpriv=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	if ! "${setpriv[@]}" test -x "$RUDP" 2>/dev/null; then
		note "another user cannot reach $RUDP here"
		return
	fi
	on b "${setpriv[@]}" "$RUDP" ss -a >"$TMP/other.out" 2>"$TMP/other.err"
	expect_match "$TMP/other.err" "engines? of other users or containers not shown" "what another user is told"
	expect_eq "$(grep -c LISTEN "$TMP/other.out" || true)" 0 "listeners that another user sees"
	ok "another user sees none of it, and is told so"
}

# refused CODE WORDS COMMAND...
refused() {
	local code=$1 words=$2 status=0
	shift 2
	"$@" >"$TMP/refused.out" 2>"$TMP/refused.err" || status=$?
	expect_eq "$status" "$code" "exit code of $*"
	expect_match "$TMP/refused.err" "$words" "what is said of $*"
	ok "$code: $(head -n 1 "$TMP/refused.err")"
}

run_refuses_what_cannot_be() {
	section "run says what cannot be"
	printf 'int main(void) { return 0; }\n' >"$TMP/small.c"
	gcc -static -o "$TMP/static" "$TMP/small.c"
	gcc -o "$TMP/raised" "$TMP/small.c"
	refused 126 "is statically linked" "$RUDP" run "$TMP/static"
	# The note that the Go linker writes, in a program without interpreter.
	printf '.section .note.go.buildid,"a",@note\n.long 4, 4, 4\n.ascii "Go\\0\\0abcd"\n.section .note.GNU-stack,"",@progbits\n' >"$TMP/go.s"
	gcc -static -o "$TMP/go" "$TMP/small.c" "$TMP/go.s"
	refused 126 "is a Go program" "$RUDP" run "$TMP/go"
	refused 127 "does not exist" "$RUDP" run "$TMP/nothing"
	printf '#!/no/such/interpreter\n' >"$TMP/script"
	chmod 755 "$TMP/script"
	refused 127 "needs an interpreter" "$RUDP" run "$TMP/script"
	# What is missing of an installation is named where it belongs, not beside the command.
	mkdir -p "$TMP/prefix/bin" "$TMP/prefix/lib/rudp"
	cp "$RUDP" "$TMP/prefix/bin"
	[ -e /usr/local/lib/rudp ] ||
		refused 125 "$TMP/prefix/lib/rudp/librudp_shim.so is missing" "$TMP/prefix/bin/rudp" run true
	refused 125 "RUDP_CC" "$RUDP" run --cc nosuch true
	refused 125 "^rudp run: --key $TMP/nokey: No such file" "$RUDP" run --key "$TMP/nokey" true
	expect_match "$TMP/refused.err" "rudp keygen $TMP/nokey" "the command that makes the key"
	chmod 644 "$TMP/key"
	refused 125 "chmod 600" "$RUDP" run --key "$TMP/key" true
	expect_match "$TMP/refused.err" "^rudp run: true was not started; --key sets RUDP_KEY_FILE$" "whose setting it is"
	chmod 600 "$TMP/key"
	[ "$(id -u)" = 0 ] || return 0
	chmod 4755 "$TMP/raised"
	if setpriv --reuid 65534 --clear-groups "$TMP/raised" 2>/dev/null &&
		setpriv --reuid 65534 --clear-groups test -x "$RUDP"; then
		refused 126 "setuid" setpriv --reuid 65534 --clear-groups "$RUDP" run "$TMP/raised"
		"$RUDP" run "$TMP/raised" || fail "root may run its own setuid program"
		ok "root may: nothing is raised"
		chmod 755 "$TMP/raised"
		# Version 2, effective, CAP_NET_BIND_SERVICE permitted.
		python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))' "$TMP/raised"
		refused 126 "file capabilities" setpriv --reuid 65534 --clear-groups "$RUDP" run "$TMP/raised"
	fi
}

# pinged CODE RESULT ARGUMENT...: rudp ping from side a.
pinged() {
	local code=$1 result=$2 status=0
	shift 2
	on a "$RUDP" ping --json "$@" >"$TMP/ping.json" 2>"$TMP/ping.err" || status=$?
	expect_eq "$status" "$code" "exit code of ping $*"
	expect_match "$TMP/ping.json" "^ \"result\": \"$result\",$" "ping $*"
	ok "ping: $(sed -n 's/^ "text": "\(.*\)",$/\1/p' "$TMP/ping.json")"
}

ping_tells_who_is_there() {
	section "ping"
	start sink b "$RUDP" run "${KEY[@]}" nc.openbsd -v -l 9000
	wait_listening b 9000
	pinged 0 answers "${KEY[@]}" -c 5 -i 0.02 "$B4:9000"
	json_holds "$TMP/ping.json" "all_['answered'] == 5 and all_['loss_percent'] == 0 and
		20_000_000 <= all_['rtt_min_ns'] <= all_['rtt_avg_ns'] <= all_['rtt_max_ns'] < 2_000_000_000" ||
		fail "figures of ping: $(cat "$TMP/ping.json")"
	# Each probe was forgotten, and the program, which would take the first connection, waits still.
	wait_until 5 "no half-open connection" shows b "[e['state'] for e in all_] == ['LISTEN']" -a
	expect_eq "$(grep -c "Connection received" "$TMP/sink.err" || true)" 0 "connections that nc has seen"
	ok "the listener has forgotten the probes, its program has not seen them"

	make_key other-key
	pinged 1 key-mismatch --key "$TMP/other-key" -c 1 "$B4" 9000
	on a "$RUDP" ping -c 1 "$B4:80x" 2>"$TMP/ping.err" && fail "ping accepts 80x as a port"
	expect_match "$TMP/ping.err" "'80x' is not a port; expected a number" "what is expected"
	pinged 1 key-mismatch -c 1 "$B4:9000"
	pinged 1 refused "${KEY[@]}" -c 1 "$B4:9001"
	pinged 1 refused "${KEY[@]}" -c 1 "[$B6]:9001"
	echo hello >"$TMP/hello"
	launch source a nc.openbsd -N "$B4" 9000 <"$TMP/hello"
	finish source 10
	finish sink 10
	expect_same "$TMP/hello" "$TMP/sink.out" "what the listener got after all the probes"
	ok "a true connection still comes through"

	start plain b nc.openbsd -l 9002
	wait_until 10 "port 9002" tcp_is_listening 9002
	pinged 1 refused -c 1 "$B4:9002"
	stop plain
	local status=0
	on a "$RUDP" ping "$B4" 2>"$TMP/ping.err" || status=$?
	expect_eq "$status" 2 "exit code without a port"
	status=0
	on a "$RUDP" ping --key "$TMP/nokey" "$B4:9000" 2>"$TMP/ping.err" || status=$?
	expect_eq "$status" 2 "exit code with a key that is not there"
	expect_match "$TMP/ping.err" "^rudp ping: --key: $TMP/nokey: No such file" "what ping says of such a key"
	expect_match "$TMP/ping.err" "rudp keygen $TMP/nokey" "the command that makes the key"
	status=0
	on a "$RUDP" ping "$B4:65616" 2>"$TMP/ping.err" || status=$?
	expect_eq "$status" 2 "exit code with a port that is none"
	expect_match "$TMP/ping.err" "port 65616: ports go from 1 to 65535" "what ping says of such a port"
	status=0
	on a "$RUDP" ping -u 0 "$B4:9000" 2>"$TMP/ping.err" || status=$?
	expect_eq "$status" 2 "exit code with a UDP port that is none"
	expect_match "$TMP/ping.err" "'0' is not a port from 1 to 65535" "what ping says of such a UDP port"
}

tcp_is_listening() {
	[ -n "$(on b ss -Htln "sport = :$1")" ]
}

# Side b is asked to forward, and answers with an ICMP error in the place of the host.
unreachable_is_no_answer() {
	section "ping to a host that cannot be reached"
	on b sysctl -qw net.ipv4.ip_forward=1
	on b ip route add unreachable 192.0.2.0/24
	on a ip route add 192.0.2.0/24 via "$B4"
	pinged 1 unreachable -c 1 192.0.2.1:80
	json_holds "$TMP/ping.json" "all_['answered'] == 0 and all_['loss_percent'] == 100" ||
		fail "counts of ping: $(cat "$TMP/ping.json")"
	on a "$RUDP" ping -c 1 192.0.2.1:80 >"$TMP/ping.out" || true
	expect_match "$TMP/ping.out" "1 sent, 0 answered, 100% lost" "the summary"
	ok "an ICMP error of a router is not counted as answered"
}

ping_counts_what_is_lost() {
	section "ping over loss, and into nothing"
	start sink b "$RUDP" run "${KEY[@]}" nc.openbsd -l 9000
	wait_listening b 9000
	link_up --delay 5ms --loss 30% --seed 11
	pinged 0 answers "${KEY[@]}" -c 20 -i 0.01 -W 0.3 "$B4:9000"
	json_holds "$TMP/ping.json" "10 <= all_['loss_percent'] <= 95" || fail "$(cat "$TMP/ping.json")"
	stop sink
	link_up --delay 5ms --ba-drop tcp,udp,icmp
	pinged 1 silent "${KEY[@]}" -c 2 -i 0.01 -W 0.1 "$B4:9000"
	start endless a "$RUDP" ping -c 0 -i 0.01 -W 0.1 "$B4:9000"
	wait_until 10 "three attempts" has_lines "$TMP/endless.out" 3
	send INT endless
	finish endless 5
	expect_eq "$STATUS" 1 "exit code of an interrupted ping"
	expect_match "$TMP/endless.out" "^$B4 port 9000: [0-9]+ sent, 0 answered, 100% lost" "its summary"
	ok "interrupted: $(tail -n 1 "$TMP/endless.out")"
}

has_lines() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

run_sets_up_the_environment() {
	section "what run sets"
	cd "$TMP"
	RUDP_DISABLE=1 "$RUDP" run -k key --log "debug:run.log" --engine thread --cc cubic -- \
		sh -c 'echo "$LD_PRELOAD $RUDP_KEY_FILE $RUDP_LOG $RUDP_ENGINE $RUDP_CC $RUDP_DISABLE:$*"' x -a --key b \
		>"$TMP/set" 2>"$TMP/set.err"
	cd - >/dev/null
	expect_eq "$(cat "$TMP/set.err")" "" "what run says of RUDP_DISABLE"
	expect_eq "$(cat "$TMP/set")" \
		"$(realpath "$BUILD")/librudp_shim.so $TMP/key debug:$TMP/run.log thread cubic :-a --key b" \
		"the environment"
	expect_eq "$(LD_PRELOAD=libdl.so.2:$(realpath "$BUILD")/librudp_shim.so "$RUDP" run sh -c 'echo $LD_PRELOAD')" \
		"$(realpath "$BUILD")/librudp_shim.so:libdl.so.2" "LD_PRELOAD, where there was one"
	RUDP_KEYFILE=$TMP/key "$RUDP" run --log "info:$TMP/nowhere/log" echo runs >"$TMP/warned.out" 2>"$TMP/warned.err"
	expect_eq "$(cat "$TMP/warned.out")" runs "a program after warnings"
	expect_match "$TMP/warned.err" "unknown variable RUDP_KEYFILE; did you mean RUDP_KEY_FILE\?$" "a misspelled variable"
	expect_match "$TMP/warned.err" "RUDP_LOG: $TMP/nowhere/log: No such file.* nothing will be logged" "a log nowhere"
	RUDP_QLOG=$TMP/nowhere "$RUDP" run echo runs >"$TMP/warned.out" 2>"$TMP/warned.err"
	expect_match "$TMP/warned.err" "RUDP_QLOG: $TMP/nowhere: No such file.* there will be no traces" "traces nowhere"
	RUDP_ENGINE_PATH=$TMP/nowhere "$BUILD/rudp-engine" --check >"$TMP/warned.out" 2>"$TMP/warned.err"
	expect_match "$TMP/warned.err" "RUDP_ENGINE_PATH: $TMP/nowhere: No such file.* programs look for it elsewhere" \
		"an engine nowhere"
	ok "absolute names, the shim in front, once; the program's own options left alone"
}

# doctored CODE CHECK VERDICT COMMAND...: of the finding with this name.
doctored() {
	local code=$1 check=$2 verdict=$3 status=0
	shift 3
	"$@" doctor --json >"$TMP/doctor.json" 2>"$TMP/doctor.err" || status=$?
	expect_eq "$status" "$code" "exit code of doctor, with $(cat "$TMP/doctor.err" "$TMP/doctor.json")"
	json_holds "$TMP/doctor.json" "[e['verdict'] for e in all_ if e['check'] == '$check'] == ['$verdict']" ||
		fail "doctor should say $verdict of $check: $(cat "$TMP/doctor.json")"
	ok "doctor: $check $verdict"
}

doctor_finds_what_is_wrong() {
	section "doctor"
	doctored 0 self-test ok on a "$RUDP"
	doctored 0 self-test ok on a env RUDP_ENGINE=thread "RUDP_KEY_FILE=$TMP/key" "$RUDP"
	json_holds "$TMP/doctor.json" "any(e['check'] == 'key' and 'fingerprint' in e['text'] for e in all_)" ||
		fail "no fingerprint: $(cat "$TMP/doctor.json")"
	doctored 0 open-files warn on a prlimit --nofile=1000:1000 "$RUDP"
	doctored 1 settings fail on a env RUDP_CC=nosuch "$RUDP"
	doctored 1 settings fail on a env "RUDP_POLICY=connect use pigeons" "$RUDP"
	doctored 0 settings warn on a env "RUDP_KEYFILE=$TMP/key" "$RUDP"
	json_holds "$TMP/doctor.json" "any('did you mean RUDP_KEY_FILE?; the settings' in e['text'] for e in all_)" ||
		fail "no advice: $(cat "$TMP/doctor.json")"
	doctored 0 settings warn on a env "RUDP_LOG=info:$TMP/nowhere/log" "$RUDP"
	json_holds "$TMP/doctor.json" "any('nothing will be logged' in e['text'] for e in all_)" ||
		fail "nothing of the log: $(cat "$TMP/doctor.json")"
	doctored 0 settings warn on a env RUDP_DISABLE=1 "$RUDP"
	json_holds "$TMP/doctor.json" "any('stay with plain TCP' in e['text'] for e in all_)" ||
		fail "nothing of RUDP_DISABLE: $(cat "$TMP/doctor.json")"
	chmod 644 "$TMP/key"
	doctored 1 key fail on a env "RUDP_KEY_FILE=$TMP/key" "$RUDP"
	chmod 600 "$TMP/key"
	mkdir "$TMP/other"
	cp "$BUILD"/{rudp,rudp-engine,librudp_shim.so,librudp_engine.so} "$TMP/other"
	sed -i 's/librudp_shim.so, version [0-9]/librudp_shim.so, version x/' "$TMP/other/librudp_shim.so"
	doctored 1 shim fail on a "$TMP/other/rudp"
	rm "$TMP/other/rudp-engine"
	doctored 1 engine fail on a "$TMP/other/rudp"
	json_holds "$TMP/doctor.json" "any(e['check'] == 'engine' and e['remedy'] for e in all_)" ||
		fail "no remedy: $(cat "$TMP/doctor.json")"
	on a "$RUDP" doctor >"$TMP/doctor.text"
	expect_match "$TMP/doctor.text" "^ok    self-test +an engine was started" "doctor in text"
}

completion_works() {
	section "completion"
	bash -c '. "$1"
		complete -p rudp | grep -q -- "-F _rudp" || exit 1
		words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _rudp; echo "${COMPREPLY[*]}"; }
		[ "$(words rudp ke)" = "keygen key" ] || exit 2
		[ "$(words rudp run --cc b)" = bbr ] || exit 3
		[ "$(words rudp run --key x --eng)" = --engine ] || exit 4
		[ "$(words rudp ss state est)" = established ] || exit 5
		[ "$(words rudp fo)" = forget ] || exit 7
		[ "$(words rudp key re)" = revoke ] || exit 8
		[[ " $(words rudp run sle) " == *" sleep "* ]] || exit 6' \
		bash "$HERE/../tools/completion/rudp.bash" || fail "completion in bash: check $?"
	bash -c '. "$1"
		words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _rudpmsg; echo "${COMPREPLY[*]}"; }
		[ "$(words rudpmsg rec)" = receive ] || exit 1
		[ "$(words rudpmsg send --ack h)" = handled ] || exit 2' \
		bash "$HERE/../tools/completion/rudpmsg.bash" || fail "rudpmsg's completion in bash: check $?"
	ok "bash completes commands, options, values and programs"
	if command -v zsh >/dev/null; then
		for name in _rudp _rudpmsg _converse; do
			zsh -n "$HERE/../tools/completion/$name" || fail "zsh cannot read $name"
		done
		ok "zsh can read its own"
	fi
}

mkfifo "$TMP/gate"
exec 9<>"$TMP/gate"
link_up --delay 15ms --rate 10M --loss 1% --seed 5
run_carries_curl_and_nginx
other_users_are_counted
prove_udp 3000000
closed_connections_still_show
stop nginx
link_down
link_up --delay 10ms
ping_tells_who_is_there
unreachable_is_no_answer
ping_counts_what_is_lost
link_down
doctor_finds_what_is_wrong
run_refuses_what_cannot_be
run_sets_up_the_environment
completion_works
