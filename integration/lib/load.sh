# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Makes requests in the background while the test does something to the server.

# start_load NAME URL FILE THREADS
start_load() {
	: >"$TMP/$1.out"
	launch "$1" a python3 "$HERE/lib/load.py" "$2" "$3" "$4"
	wait_served "$1" 10
}

# answers NAME: the number of finished requests.
answers() {
	wc -l <"$TMP/$1.out"
}

has_answers() {
	[ "$(answers "$1")" -ge "$2" ]
}

# wait_served NAME COUNT: waits until so many more requests are finished.
wait_served() {
	wait_until 20 "$2 more requests of $1" has_answers "$1" $(($(answers "$1") + $2))
}

# end_load NAME: ends the load. Not one of its requests may have failed.
end_load() {
	send TERM "$1"
	finish "$1" 25
	expect_eq "$(grep -vx ok "$TMP/$1.out" | sort | uniq -c | head -n 3)" "" "requests that failed"
	expect_eq "$STATUS" 0 "exit code of the load"
	ok "$(answers "$1") requests meanwhile, none lost"
}
