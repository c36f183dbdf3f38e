#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Redis: many clients, pipelines, big values, a replica, a fork while clients write, and jemalloc
# preloaded on either side of the shim.
#
#     a: redis-benchmark, redis-cli, a replica ──── linkem ──── b: redis-server
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
PORT=6379

# start_redis NAME SIDE ADDRESS [OPTION...]
start_redis() {
	local name=$1 side=$2 address=$3
	shift 3
	mkdir -p "$TMP/$name"
	launch "$name" "$side" redis-server --port "$PORT" --bind "$address" --protected-mode no \
		--dir "$TMP/$name" --save "" --enable-debug-command yes --repl-diskless-sync-delay 0 "$@"
	wait_listening "$side" "$PORT"
}

stop_redis() {
	stop "$1"
	wait_not_listening "$2" "$PORT"
}

# cli ARGUMENT...: asks the server on side b.
cli() {
	under a timeout $((20 * PATIENCE)) redis-cli -h "$B4" -p "$PORT" "$@" 2>>"$TMP/cli.err"
}

# benchmark ARGUMENT...: every line of its table must be there, with a rate above nothing.
benchmark() {
	local lines
	under a timeout $((30 * PATIENCE)) redis-benchmark -h "$B4" -p "$PORT" --csv "$@" >"$TMP/benchmark" 2>>"$TMP/cli.err" ||
		fail "redis-benchmark $*: exit $?"
	lines=$(grep -cE '^"(SET|GET|LPUSH|PING_INLINE)","[1-9]' "$TMP/benchmark")
	expect_eq "$lines" 4 "tests that redis-benchmark $* has done"
	ok "redis-benchmark $*"
}

big_value() {
	cli -x SET big <"$TMP/value" >"$TMP/cli.out"
	expect_eq "$(cat "$TMP/cli.out")" OK "answer to SET"
	# The newline at the end is redis-cli's.
	cli --raw GET big | head -c -1 >"$TMP/got"
	expect_same "$TMP/value" "$TMP/got" "value of $(stat -c %s "$TMP/value") bytes"
	ok "a value of $(stat -c %s "$TMP/value") bytes there and back"
}

published() {
	local heard
	launch subscriber a redis-cli -h "$B4" -p "$PORT" SUBSCRIBE news
	wait_until 10 "the subscription" has_bytes "$TMP/subscriber.out" 10
	heard=$(cli PUBLISH news "of the day")
	expect_eq "$heard" 1 "subscribers"
	wait_until 10 "the message" grep -q "of the day" "$TMP/subscriber.out"
	stop subscriber
	ok "publish and subscribe"
}

digest_of() {
	under "$1" timeout $((20 * PATIENCE)) redis-cli -h "$2" -p "$PORT" DEBUG DIGEST 2>>"$TMP/cli.err"
}

replica_is_up() {
	under a redis-cli -h "$A4" -p "$PORT" INFO replication 2>/dev/null | grep master_link_status:up >/dev/null
}

replica_is_equal() {
	[ "$(digest_of a "$A4")" = "$(digest_of b "$B4")" ]
}

# The master forks a child that sends the snapshot down the sockets that the parent has accepted.
replicate() {
	start_redis replica a "$A4" --replicaof "$B4" "$PORT"
	wait_until 20 "the replica's snapshot" replica_is_up
	benchmark -q -c 20 -n 2000 -P 8 -r 5000 -d 200 -t ping_inline,set,get,lpush
	wait_until 20 "the replica to have what the master has" replica_is_equal
	ok "a replica has the same data"
	expect_match <(cli INFO clients) '^connected_clients:[0-9]+' "information about clients"
	expect_match <(cli INFO replication) "^slave0:ip=$A4,.*state=online" "the replica's address"
	stop_redis replica a
}

rewritten() {
	cli INFO persistence | tr -d '\r' >"$TMP/persistence"
	grep -qx aof_rewrite_in_progress:0 "$TMP/persistence" &&
		grep -qx aof_rewrite_scheduled:0 "$TMP/persistence"
}

has_clients() {
	cli INFO clients | tr -d '\r' | grep -x "connected_clients:$1" >/dev/null
}

# A child writes the log again while its parent serves on; then everything is read back from it.
fork_while_clients_write() {
	local before
	# One round without end: between two rounds it has connections that the server does not know yet.
	launch writer a redis-benchmark -h "$B4" -p "$PORT" -q -c 20 -n 1000000000 -P 16 -r 5000 -t set
	wait_until 10 "twenty writers, and ourselves" has_clients 21
	expect_match <(cli BGREWRITEAOF) 'started|scheduled' "answer to BGREWRITEAOF"
	wait_until 20 "the rewritten log" rewritten
	expect_match "$TMP/persistence" '^aof_last_bgrewrite_status:ok' "status of the rewrite"
	expect_eq "$(cli CLIENT KILL TYPE normal SKIPME yes)" 20 "writers that the server has cut off"
	finish writer 10
	# Under the shim the side that writes first after a reset has a broken pipe (librudp_shim(7)).
	expect_match "$TMP/writer.err" 'Server closed|reset by peer|Broken pipe|All clients disconnected' \
		"what the writers say"
	before=$(digest_of b "$B4")
	stop_redis server b
	start_redis server b "$B4" --appendonly yes
	wait_until 20 "the log to be loaded" has_loaded
	expect_eq "$(digest_of b "$B4")" "$before" "digest after a restart"
	ok "the log was rewritten while clients wrote, and holds everything"
}

has_loaded() {
	cli PING | grep -x PONG >/dev/null
}

make_file value 8000000

section "2 ms"
link_up --delay 1ms
start_redis server b "$B4" --appendonly yes
benchmark -q -c 50 -n 10000 -P 16 -t ping_inline,set,get,lpush
big_value
published
fork_while_clients_write
prove_udp 16000000

section "20 ms, 1 % loss both ways"
link_up --delay 10ms --loss 1% --seed 3
benchmark -q -c 50 -n 2000 -t ping_inline,set,get,lpush
big_value
replicate
stop_redis server b
prove_udp 10000000
link_down

# An allocator that is initialized before the shim or after it, in server and client. A sanitizer
# brings its own.
[ -z "${SANITIZER_RUNTIME:-}" ] || exit 0
jemalloc=$(ldconfig -p | sed -n 's/.*libjemalloc\.so\.2 .*=> //p' | head -n 1)
[ -n "$jemalloc" ] || fail "there is no libjemalloc"
for order in "$jemalloc:$BUILD/librudp_shim.so" "$BUILD/librudp_shim.so:$jemalloc"; do
	section "LD_PRELOAD=$order"
	SETTINGS=("LD_PRELOAD=$order")
	link_up --delay 1ms
	start_redis server b "$B4"
	benchmark -q -c 50 -n 5000 -P 16 -t ping_inline,set,get,lpush
	big_value
	stop_redis server b
	prove_udp 10000000
	link_down
done
