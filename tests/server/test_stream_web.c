/* SPDX-License-Identifier: MIT */
/* A worker with connections over WebSocket: the handshake, lines both ways, and each way to end. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/server/conn_move.h"
#include "conversation/server/stream_web.h"
#include "lone_worker.h"

#define HANDSHAKE                                                                                  \
	"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"       \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"             \
	"Sec-WebSocket-Protocol: text.ircv3.net\r\n\r\n"

static struct apo_config config = {
	.references = 1000, /* never freed */
	.model = {.registration_timeout_ns = 3600 * RUDP_NS_PER_S, .server_name = "irc.test"},
	.drain_ns = 3600 * RUDP_NS_PER_S,
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
	.web = {.has_client = true},
};
static struct lone_worker lone;
static char heard[65536];
static unsigned gone;
static struct apo_peer last_peer;

static void on_event(const struct apo_record *record)
{
	const struct apo_event_text *text = (const void *)record;
	size_t len = strlen(heard);

	if (record->kind == APO_EVENT_CONNECTED) {
		last_peer = ((const struct apo_event_connected *)record)->peer;
		snprintf(heard + len, sizeof heard - len, "+\n");
	} else if (record->kind == APO_EVENT_LINE) {
		snprintf(heard + len, sizeof heard - len, "%.*s\n", (int)text->len, text->text);
	} else if (record->kind == APO_EVENT_CLOSED) {
		snprintf(heard + len, sizeof heard - len, "-%s\n", text->text);
	}
}

static void on_note(const struct apo_record *record)
{
	gone += record->kind == APO_NOTE_GONE;
}

static const char *turn(void)
{
	heard[0] = 0;
	lone_turn(&lone);
	return heard;
}

static void begin(void)
{
	lone_open(&lone, &config, on_event, on_note);
}

static void end(void)
{
	turn();
	lone_close(&lone);
}

TestSuite(stream_web, .init = begin, .fini = end);

static int connect_one(const char *refusal)
{
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);
	int fds[2], bytes = 64 * 1024;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0));
	/* Small socket buffers, whatever this machine's default. */
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = fds[0];
	adopt->is_web = true;
	adopt->refusal = refusal;
	apo_mailbox_put(&lone.worker.box, &adopt->mail);
	turn();
	return fds[1];
}

static void say(int fd, const char *bytes, size_t len)
{
	cr_assert(eq(sz, (size_t)send(fd, bytes, len, MSG_NOSIGNAL), len));
}

/* Sends a frame with a mask of zeros. */
static void say_frame(int fd, unsigned first, const char *text)
{
	char frame[6 + 125] = {(char)first, (char)(0x80 | strlen(text))};

	memcpy(frame + 6, text, strlen(text));
	say(fd, frame, 6 + strlen(text));
}

static char got[1 << 20];

static size_t read_all(int fd)
{
	ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);

	got[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static bool has_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* A client whose handshake is complete. */
static int open_one(void)
{
	int fd = connect_one(NULL);

	say(fd, HANDSHAKE, sizeof HANDSHAKE - 1);
	cr_assert(eq(str, (char *)turn(), "+\n"));
	read_all(fd);
	cr_assert(eq(int, strncmp(got, "HTTP/1.1 101 ", 13), 0));
	return fd;
}

Test(stream_web, the_model_hears_of_a_client_after_the_handshake)
{
	int fd = connect_one(NULL);
	size_t i;

	for (i = 0; i + 1 < sizeof HANDSHAKE - 1; i++) {
		say(fd, &HANDSHAKE[i], 1);
		cr_assert(eq(str, (char *)turn(), ""));
	}
	say(fd, "\n", 1);
	cr_assert(eq(str, (char *)turn(), "+\n"));
	close(fd);
}

Test(stream_web, messages_right_behind_the_handshake_are_read)
{
	static const char early[] = HANDSHAKE "\x81\x86\0\0\0\0NICK a\x81\x86\0\0\0\0NICK ";
	int fd = connect_one(NULL);

	say(fd, early, sizeof early - 1);
	cr_assert(eq(str, (char *)turn(), "+\nNICK a\n"));
	say(fd, "b", 1);
	cr_assert(eq(str, (char *)turn(), "NICK b\n"));
	read_all(fd);
	close(fd);
	cr_assert(eq(str, (char *)turn(), "-Connection closed\n"));
}

Test(stream_web, lines_go_both_ways)
{
	int fd = open_one();

	say_frame(fd, 0x81, "PING :x");
	cr_assert(eq(str, (char *)turn(), "PING :x\n"));
	lone_deliver(&lone, last_peer, "PONG\r\n", 0);
	lone_deliver(&lone, last_peer, "PONG\r\n", 0);
	turn();
	cr_assert(eq(sz, read_all(fd), 12));
	cr_assert(eq(str, got, "\x81\x04PONG\x81\x04PONG"));
	close(fd);
}

Test(stream_web, a_ping_is_answered)
{
	int fd = open_one();

	say_frame(fd, 0x89, "abc");
	cr_assert(eq(str, (char *)turn(), ""));
	read_all(fd);
	cr_assert(eq(str, got,
		     "\x8a\x03"
		     "abc"));
	close(fd);
}

Test(stream_web, the_clients_close_is_answered)
{
	int fd = open_one();

	say_frame(fd, 0x81, "QUIT");
	say_frame(fd, 0x88, "\x03\xe8");
	cr_assert(eq(str, (char *)turn(), "QUIT\n-Connection closed\n"));
	cr_assert(eq(sz, read_all(fd), 4));
	cr_assert(eq(int, memcmp(got, "\x88\x02\x03\xe8", 4), 0));
	cr_assert(has_ended(fd));
	close(fd);
}

/* RFC 6455 section 5.5.1: no data frame follows a close frame. The model may still answer what came
 * before the client's close frame. */
Test(stream_web, no_message_follows_a_close_frame)
{
	int fd = open_one();

	config.flood_burst_ms = 1;
	say_frame(fd, 0x81, "PING :x");
	say_frame(fd, 0x81, "PING :y"); /* waits for flood control */
	say_frame(fd, 0x88, "\x03\xe8");
	cr_assert(eq(str, (char *)turn(), "PING :x\n"));
	lone_deliver(&lone, last_peer, "PONG\r\n", 0);
	turn();
	config.flood_burst_ms = 0;
	cr_assert(eq(sz, read_all(fd), 4));
	cr_assert(eq(int, memcmp(got, "\x88\x02\x03\xe8", 4), 0));
	close(fd);
	turn();
}

Test(stream_web, a_violation_is_told_and_ends_the_connection)
{
	static const char reason[] = "WebSocket message is not UTF-8";
	int fd = open_one();

	say_frame(fd, 0x81, "\xff");
	turn();
	turn();
	read_all(fd);
	cr_assert(ne(ptr, strstr(got, "ERROR :Closing Link: "), NULL));
	cr_assert(ne(ptr, strstr(got, "\x03\xefWebSocket message is not UTF-8"), NULL));
	cr_assert(has_ended(fd));
	say(fd, reason, sizeof reason);
	turn();
	close(fd);
	turn();
	cr_assert(eq(uint, gone, 1));
}

/* Each of them takes the time of a short line, but completes none. */
Test(stream_web, frames_without_lines_are_excess_flood)
{
	static const unsigned firsts[] = {0x89 /* ping */, 0x8a /* pong */, 0x00 /* fragment */};
	size_t i, count;

	config.flood_burst_ms = 1;
	for (i = 0; i < sizeof firsts / sizeof *firsts; i++) {
		int fd = open_one();

		if (firsts[i] == 0x00)
			say_frame(fd, 0x01, "NICK a");
		for (count = 0; count < 20000 && !strstr(heard, "Excess Flood"); count++) {
			say_frame(fd, firsts[i], "");
			if (count % 100 == 0)
				turn();
		}
		cr_assert(lt(sz, count, 20000), "%x", firsts[i]);
		close(fd);
		turn();
	}
	config.flood_burst_ms = 0;
}

Test(stream_web, an_end_by_the_model_has_a_close_frame)
{
	int fd = open_one();

	lone_end(&lone, last_peer, "ERROR :go\r\n");
	turn();
	cr_assert(eq(sz, read_all(fd), 2 + 9 + 4));
	cr_assert(eq(int,
		     memcmp(got,
			    "\x81\x09"
			    "ERROR :go\x88\x02\x03\xe8",
			    15),
		     0));
	cr_assert(has_ended(fd));
	close(fd);
}

Test(stream_web, another_request_is_answered_and_the_model_hears_nothing)
{
	static const char request[] = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
	int fd = connect_one(NULL);

	say(fd, request, sizeof request - 1);
	cr_assert(eq(str, (char *)turn(), ""));
	read_all(fd);
	cr_assert(eq(int, strncmp(got, "HTTP/1.1 404 ", 13), 0));
	cr_assert(has_ended(fd));
	cr_assert(eq(uint, gone, 0));
	close(fd);
	turn();
	cr_assert(eq(uint, gone, 1));
	cr_assert(eq(u64, atomic_load(&lone.worker.counters.web_answered), 1));
}

Test(stream_web, an_endless_request_is_cut_off)
{
	static char junk[4096];
	int fd = connect_one(NULL), i;

	memset(junk, 'x', sizeof junk);
	for (i = 0; i < 100 && gone == 0; i++) {
		(void)!send(fd, junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn();
	}
	cr_assert(eq(uint, gone, 1));
	read_all(fd);
	cr_assert(eq(int, strncmp(got, "HTTP/1.1 431 ", 13), 0));
	close(fd);
}

Test(stream_web, a_refused_client_gets_the_reason_as_a_message)
{
	int fd = connect_one("The server is full");

	say(fd, HANDSHAKE, sizeof HANDSHAKE - 1);
	cr_assert(eq(str, (char *)turn(), ""));
	turn();
	read_all(fd);
	cr_assert(ne(ptr, strstr(got, "(The server is full)"), NULL));
	close(fd);
}

/* More than the socket takes: the messages are whole, once, and in order. */
Test(stream_web, a_slow_reader_gets_everything_in_order)
{
	char line[1000];
	unsigned i, next = 0;
	size_t len = 0, at = 0, n;
	int fd = open_one();

	config.send_queue_bytes = 16 << 20;
	for (i = 0; i < 800; i++) {
		snprintf(line, sizeof line, "%0900u\r\n", i);
		lone_deliver(&lone, last_peer, line, 0);
		if (i % 50 == 0) {
			say_frame(fd, 0x89, "p");
			turn();
		}
	}
	do {
		turn();
		n = (size_t)recv(fd, got + len, 10000, MSG_DONTWAIT);
		len += (ssize_t)n > 0 ? n : 0;
	} while ((ssize_t)n > 0);
	while (at < len) {
		if ((unsigned char)got[at] == 0x8a) { /* a pong */
			at += 3;
			continue;
		}
		cr_assert(eq(int, memcmp(got + at, "\x81\x7e\x03\x84", 4), 0));
		cr_assert(eq(uint, (unsigned)strtoul(got + at + 4 + 880, NULL, 10), next));
		at += 904;
		next++;
	}
	cr_assert(eq(uint, next, 800));
	close(fd);
}

Test(stream_web, a_client_that_does_not_read_is_cut_off_between_messages)
{
	char line[1000];
	size_t len = 0, at = 0;
	ssize_t n;
	unsigned i;
	int fd = open_one();

	config.send_queue_bytes = 65536;
	for (i = 0; i < 800; i++) {
		snprintf(line, sizeof line, "%0900u\r\n", i);
		lone_deliver(&lone, last_peer, line, 0);
		if (i % 50 == 0)
			turn();
	}
	while ((n = recv(fd, got + len, 10000, MSG_DONTWAIT)) > 0) {
		len += (size_t)n;
		turn();
	}
	while (at + 904 < len && memcmp(got + at, "\x81\x7e\x03\x84", 4) == 0)
		at += 904;
	got[len] = 0;
	cr_assert(eq(int, got[at], (char)0x81));
	cr_assert(ne(ptr, strstr(got + at, "(SendQ exceeded)"), NULL));
	close(fd);
}

/* ---- hand-over ---- */

static char wire[1 << 20];
static size_t wire_len;

static void to_another_process(struct apo_stream *stream)
{
	struct apo_serializer serializer;

	apo_serializer_to(&serializer);
	apo_stream_web_serialize(&serializer, stream);
	cr_assert(serializer.ok);
	wire_len = serializer.len;
	memcpy(wire, serializer.bytes, wire_len);
	apo_serializer_fini(&serializer);
}

/* Returns whether the bytes are a stream's state. */
static bool from_another_process(struct apo_stream *stream, int fd, size_t len)
{
	struct apo_serializer serializer;

	apo_stream_moved(stream, fd, 0);
	apo_serializer_from(&serializer, wire, len);
	apo_stream_web_serialize(&serializer, stream);
	return serializer.ok && apo_serializer_is_whole(&serializer);
}

Test(stream_web, a_message_half_read_and_one_half_written_are_handed_over)
{
	struct apo_stream *stream, moved;
	char line[1000], lines[APO_READ_BYTES];
	int fd = open_one();
	unsigned i;
	size_t len;

	config.send_queue_bytes = 16 << 20;
	say_frame(fd, 0x01, "PRIVMSG ");
	say(fd, "\x80\x85\0\0\0\0#a ", 9);
	for (i = 0; i < 300; i++) {
		snprintf(line, sizeof line, "%0900u\r\n", i);
		lone_deliver(&lone, last_peer, line, 0);
	}
	turn();
	stream = &apo_worker_conn(&lone.worker, last_peer.slot)->stream;
	cr_assert(stream->has_output);
	to_another_process(stream);
	for (len = 0; len < wire_len; len++) {
		cr_assert(not(from_another_process(&moved, dup(fd), len)));
		moved.ops->close(&moved);
	}
	cr_assert(from_another_process(&moved, dup(stream->fd), wire_len));
	cr_assert(moved.has_output);
	cr_assert(eq(sz, moved.ops->claimed_bytes(&moved), stream->ops->claimed_bytes(stream)));
	say(fd, ":x", 2);
	cr_assert(eq(int, (int)moved.ops->read(&moved, lines, sizeof lines), 14));
	cr_assert(eq(int, memcmp(lines, "PRIVMSG #a :x\n", 14), 0));
	len = read_all(fd);
	cr_assert(lt(int, 0, (int)moved.ops->write(&moved, "", 0)));
	len += (size_t)recv(fd, got + len, sizeof got - len, MSG_DONTWAIT);
	cr_assert(eq(sz, len % 904, 0));
	moved.ops->close(&moved);
	close(fd);
}

/* Returns whether another connection can be made of what is written of this one. */
static bool can_be_handed_over(struct apo_conn *conn)
{
	struct apo_conn *other = apo_worker_take_slot(&lone.worker);
	struct apo_serializer out, in;
	bool is_right;

	apo_serializer_to(&out);
	apo_conn_serialize(&out, &lone.worker, conn, true);
	apo_serializer_from(&in, out.bytes, out.len);
	apo_stream_open_line(&other->stream, dup(conn->stream.fd));
	apo_conn_serialize(&in, &lone.worker, other, true);
	is_right = out.ok && apo_serializer_is_whole(&in);
	apo_serializer_fini(&out);
	apo_conn_forget(&lone.worker, other);
	return is_right;
}

/* The stream would consume such bytes from an empty queue. */
Test(stream_web, bytes_that_are_written_but_not_queued_are_not_taken_over)
{
	char line[1000];
	int fd = open_one();
	struct apo_conn *conn = apo_worker_conn(&lone.worker, last_peer.slot);
	unsigned i;

	config.send_queue_bytes = 16 << 20;
	snprintf(line, sizeof line, "%0900u\r\n", 1);
	for (i = 0; i < 300; i++)
		lone_deliver(&lone, last_peer, line, 0);
	turn();
	cr_assert(lt(sz, 0, conn->stream.ops->claimed_bytes(&conn->stream)));
	cr_assert(can_be_handed_over(conn));
	apo_sendq_fini(&conn->out);
	cr_assert(not(can_be_handed_over(conn)));
	apo_conn_lost(&lone.worker, conn, "over");
	close(fd);
}
