/* SPDX-License-Identifier: MIT */
/* Non-blocking sendfile and splice, which put whole pages into the socket, with poll. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

#define FILE_BYTES (1 << 20)
#define SMALL_BUFFER_BYTES 4096

/* Reads whatever has arrived. Returns false if the bytes are not those of the file. */
static bool read_some(int fd, size_t *got)
{
	static unsigned char block[65536];
	ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

	must(n > 0 || (n < 0 && errno == EAGAIN), "recv");
	if (n < 0)
		return true;
	*got += (size_t)n;
	return is_pattern(block, (size_t)n, *got - (size_t)n);
}

static void send_file_by_poll(int from, int to)
{
	int file = pattern_file(FILE_BYTES);
	size_t got = 0;
	off_t sent = 0;
	bool same = true;

	set_blocking(from, false);
	while (got < FILE_BYTES && same) {
		if (sent < FILE_BYTES) {
			struct pollfd both[2] = {{from, POLLOUT, 0}, {to, POLLIN, 0}};

			must(poll(both, 2, 10000) > 0, "poll while sending");
			if (both[0].revents)
				must(sendfile(from, file, &sent, FILE_BYTES - (size_t)sent) > 0 ||
					     errno == EAGAIN,
				     "sendfile");
		} else {
			wait_for(to, POLLIN);
		}
		same = read_some(to, &got);
	}
	say("as in the file: %d", same);
}

/* A listener's buffer size is that of the sockets which it accepts. */
static void send_file_into_a_small_buffer(bool from_server)
{
	struct sockaddr_storage addr;
	int listening = listener(AF_INET, &addr), client = fresh(AF_INET, 0), server;

	set_option(from_server ? listening : client, SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER_BYTES);
	must(connect_to(client, &addr) == 0, "connect");
	server = accept(listening, NULL, NULL);
	must(server >= 0, "accept");
	send_file_by_poll(from_server ? server : client, from_server ? client : server);
}

CHECK(sendfile_by_poll_into_a_small_buffer_of_a_client)
{
	send_file_into_a_small_buffer(false);
}

CHECK(sendfile_by_poll_into_a_small_buffer_of_a_server)
{
	send_file_into_a_small_buffer(true);
}

/* A relay of two connections. Each turn moves as much as its pipe can hold. */
static void relay_by_poll(int in, int out, int pipe_in, int pipe_out, size_t *piped)
{
	struct pollfd one = {*piped > 0 ? out : in, *piped > 0 ? POLLOUT : POLLIN, 0};
	ssize_t n;

	if (poll(&one, 1, 0) == 0)
		return;
	if (*piped == 0)
		n = splice(in, NULL, pipe_in, NULL, FILE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	else
		n = splice(pipe_out, NULL, out, NULL, *piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	must(n > 0 || errno == EAGAIN, "splice");
	if (n > 0 && *piped == 0)
		*piped = (size_t)n;
	else if (n > 0)
		*piped -= (size_t)n;
}

CHECK(splice_by_poll_through_a_relay)
{
	struct trio first = make_trio(AF_INET), second = make_trio(AF_INET);
	int ends[2], file = pattern_file(FILE_BYTES);
	size_t got = 0, piped = 0;
	off_t sent = 0;
	bool same = true;

	must(pipe(ends) == 0, "pipe");
	set_blocking(first.client, false);
	set_blocking(first.server, false);
	set_blocking(second.client, false);
	while (got < FILE_BYTES && same) {
		if (sent < FILE_BYTES)
			must(sendfile(first.client, file, &sent, FILE_BYTES - (size_t)sent) > 0 ||
				     errno == EAGAIN,
			     "sendfile");
		relay_by_poll(first.server, second.client, ends[1], ends[0], &piped);
		same = read_some(second.server, &got);
	}
	say("as in the file: %d", same);
}
