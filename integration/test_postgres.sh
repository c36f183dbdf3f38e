#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# PostgreSQL: a process per connection, signals and latches between them. Big copies in both
# directions, many short transactions, a cancelled query, a backup, with and without TLS.
#
#     a: psql, pgbench, pg_basebackup ──── linkem ──── b: postgres
#
# Takes 30 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root "another user's server"
PORT=5432
HOME_B=$TMP/postgres
shopt -s nullglob
versions=(/usr/lib/postgresql/*/bin)
[ ${#versions[@]} -gt 0 ] || fail "PostgreSQL is not installed"
BIN=${versions[-1]}

# The server refuses to run as root.
as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)

make_cluster() {
	(cd "$HOME_B" && "${as_postgres[@]}" "$BIN/initdb" -D "$HOME_B/data" -A trust --no-locale -E UTF8 \
		--no-sync >"$TMP/initdb.log" 2>&1) || fail "initdb: exit $?"
	printf 'host %s all all trust\n' all replication >>"$HOME_B/data/pg_hba.conf"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -days 2 \
		-keyout "$HOME_B/data/server.key" -out "$HOME_B/data/server.crt" 2>/dev/null
	chown postgres "$HOME_B/data/server.key" "$HOME_B/data/server.crt"
	cat >>"$HOME_B/data/postgresql.conf" <<-EOF
		listen_addresses = '$B4,$B6'
		port = $PORT
		unix_socket_directories = ''
		fsync = off
		ssl = on
		client_connection_check_interval = 100ms
	EOF
}

start_postgres() {
	local settings=("${SETTINGS[@]}")
	home_of postgres
	[ -d "$HOME_B/data" ] || make_cluster
	launch postgres b "${as_postgres[@]}" "$BIN/postgres" -D "$HOME_B/data"
	SETTINGS=("${settings[@]}")
	wait_listening b "$PORT"
	wait_until 20 "the database" grep -q "ready to accept connections" "$TMP/postgres.err"
}

# client TLS PROGRAM ARGUMENT...
client() {
	local where="host=$B4 port=$PORT user=postgres dbname=postgres sslmode=$1" program=$2
	shift 2
	under a timeout $((30 * PATIENCE)) "$BIN/$program" -d "$where" "$@" 2>>"$TMP/client.err"
}

sql() {
	client disable psql -X -A -t -c "$1"
}

# copy TLS: there and back.
copy() {
	sql "DROP TABLE IF EXISTS rows; CREATE TABLE rows (id int, words text)" >"$TMP/sql.out"
	client "$1" psql -X -q -c "COPY rows FROM STDIN" <"$TMP/rows" || fail "COPY FROM: exit $?"
	client "$1" psql -X -q -c "COPY (SELECT * FROM rows ORDER BY id) TO STDOUT" >"$TMP/back" ||
		fail "COPY TO: exit $?"
	expect_same "$TMP/rows" "$TMP/back" "a table copied there and back"
	ok "a table of $(stat -c %s "$TMP/rows") bytes there and back, sslmode=$1"
}

# bench TLS TRANSACTIONS
bench() {
	client "$1" pgbench -c 10 -j 2 -t "$2" -n >"$TMP/pgbench.out" || fail "pgbench: exit $?"
	expect_match "$TMP/pgbench.out" "actually processed: $(($2 * 10))/$(($2 * 10))" "pgbench"
	expect_eq "$(sql "SELECT sum(bbalance) - (SELECT sum(abalance) FROM pgbench_accounts) \
		FROM pgbench_branches")" 0 "sum of all accounts less that of the branch"
	ok "$(($2 * 10)) transactions of ten clients, sslmode=$1"
}

addresses() {
	expect_eq "$(sql "SELECT host(inet_client_addr()), host(inet_server_addr()), inet_server_port()")" \
		"$A4|$B4|$PORT" "addresses that the server sees"
	expect_eq "$(under a "$BIN/psql" -X -A -t -d "host=$B6 port=$PORT user=postgres" \
		-c "SELECT host(inet_client_addr())")" "$A6" "address that the server sees"
	ok "the server knows the callers' addresses"
}

sleepers() {
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")" = "$1" ]
}

begin_sleep() {
	launch sleeper a "$BIN/psql" -X -d "host=$B4 port=$PORT user=postgres" -c "SELECT pg_sleep(60)"
	wait_until 10 "a query that lasts" sleepers 1
}

# psql asks for it over a second connection, from within its handler of SIGINT.
cancels() {
	begin_sleep
	send INT sleeper
	finish sleeper 10
	expect_match "$TMP/sleeper.err" "canceling statement due to user request" "a cancelled query"
	ok "a query is cancelled"
	begin_sleep
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'" \
		>"$TMP/sql.out"
	finish sleeper 10
	expect_match "$TMP/sleeper.err" "terminating connection due to administrator command" \
		"an ended server process"
	ok "a server process is ended"
}

# The server looks for POLLRDHUP while it works.
callers_death_is_seen() {
	engine_outlives || return 0
	begin_sleep
	send KILL sleeper
	finish sleeper 5
	wait_until 10 "the end of the query whose caller was killed" sleepers 0
	ok "a query ends with its killed caller"
}

backup() {
	client disable pg_basebackup -D "$TMP/backup" -X stream -c fast --no-sync ||
		fail "pg_basebackup: exit $?"
	"$BIN/pg_verifybackup" "$TMP/backup" >"$TMP/verify.out" 2>&1 || fail "$(cat "$TMP/verify.out")"
	ok "a backup of $(du -sb "$TMP/backup" | cut -f 1) bytes, verified"
}

# Text that does not compress away, as rows with a number.
head -c 6000000 /dev/urandom | base64 -w 76 | awk '{print NR "\t" $0}' >"$TMP/rows"

section "4 ms"
link_up --delay 2ms
start_postgres
client disable pgbench -i -q >"$TMP/init.out" 2>&1 || fail "pgbench -i: exit $?"
copy disable
copy require
bench disable 30
bench require 10
addresses
cancels
callers_death_is_seen
backup
prove_udp 50000000

section "20 ms, 1 % loss both ways"
link_up --delay 10ms --loss 1% --seed 5
copy disable
bench disable 5
stop postgres
wait_not_listening b "$PORT"
prove_udp 16000000
link_down
