# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Web servers on side b, and curl on side a.

PORT=8080

set_urls() {
	URL=http://$B4:$PORT
	export URL6=http://[$B6]:$PORT
}
set_urls

# The user for the workers of servers, if the test can change to another user.
worker_user() {
	if may_be_many_users && id www-data >/dev/null 2>&1; then
		echo www-data
	else
		id -un
	fi
}

# Paths for the section http, so that nothing is written elsewhere.
nginx_paths() {
	cat <<-EOF
		client_body_temp_path $TMP/nginx/body;
		proxy_temp_path $TMP/nginx/proxy;
		fastcgi_temp_path $TMP/nginx/fastcgi;
		uwsgi_temp_path $TMP/nginx/uwsgi;
		scgi_temp_path $TMP/nginx/scgi;
	EOF
}

# Where the stream module is not built in, it is a file.
stream_module() {
	local modules
	modules=$(nginx -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
	[ -e "$modules/ngx_stream_module.so" ] || return 0
	echo "load_module $modules/ngx_stream_module.so;"
}

# A minimal nginx of our own: it reads and writes no file of the machine's configuration. The test
# may add to the server section by $TMP/nginx-server.conf.
write_nginx_conf() {
	mkdir -p "$TMP/www/upload" "$TMP/nginx"
	chmod 777 "$TMP/www/upload" "$TMP/nginx"
	cat >"$TMP/nginx.conf" <<-EOF
		user $(worker_user);
		worker_processes 2;
		pid $TMP/nginx.pid;
		error_log $TMP/nginx-error.log info;
		events { worker_connections 256; }
		http {
			access_log $TMP/nginx-access.log;
			$(nginx_paths)
			client_max_body_size 1g;
			server {
				listen $PORT;
				listen [::]:$PORT;
				root $TMP/www;
				location /upload/ { dav_methods PUT; }
				include $TMP/nginx-server*.conf;
			}
		}
	EOF
}

# Runs in the foreground of a background job.
start_nginx() {
	write_nginx_conf
	launch nginx b nginx -p "$TMP/nginx" -e "$TMP/nginx-error.log" -c "$TMP/nginx.conf" \
		-g "daemon off;"
	wait_listening b "$PORT"
}

# start_python ADDRESS: http.server serves one address family at a time.
start_python() {
	mkdir -p "$TMP/www"
	launch python b python3 -u -m http.server --protocol HTTP/1.1 --bind "$1" \
		--directory "$TMP/www" "$PORT"
	wait_listening b "$PORT"
}

# stop_server NAME: stops it and waits until its port is free.
stop_server() {
	stop "$1"
	wait_not_listening b "$PORT"
}

# make_page NAME BYTES: makes a file to fetch.
make_page() {
	mkdir -p "$TMP/www"
	make_file "www/$1" "$2"
}

# curl_a SECONDS ARGUMENT...: curl on side a under the shim; fails if it hangs (as wait_until).
curl_a() {
	local seconds=$(($1 * PATIENCE))
	shift
	under a curl -sS --max-time "$seconds" "$@" 2>>"$TMP/curl.err"
}

# fetch SECONDS NAME [ARGUMENT...]: fetches the file, compares it, and measures the time.
fetch() {
	local seconds=$1 name=$2
	shift 2
	rm -f "$TMP/fetched"
	begin_to_measure
	curl_a "$seconds" --fail -o "$TMP/fetched" "$@" "${FROM:-$URL}/$name" || fail "curl of $name: exit $?"
	measure_to_here
	expect_same "$TMP/www/$name" "$TMP/fetched" "$name"
	ok "$name: $(stat -c %s "$TMP/fetched") bytes in $TOOK ms"
}
