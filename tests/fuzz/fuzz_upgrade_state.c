/* SPDX-License-Identifier: MIT */
/*
 * All that one process hands over to the next, as an enemy would write it. The first byte of the
 * input says how many descriptors come with it; then follows the upgrade state itself, or (first
 * byte odd) changes of a good one, three bytes each: where, and what. It is refused, or a server
 * comes of it that keeps its invariants, works, and can be carried again; and no descriptor is left
 * behind.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/server/still_server.h"

#define CLIENTS 4 /* the last one over WebSocket, with a half frame */
#define FDS_MAX 15

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct apo_config config;
static int here, there; /* a pair: every descriptor that comes along is one of here */

static void open_server(struct server *server)
{
	int error = server_open(server, &config, WORKERS, true);

	assert(error == 0);
	server->metrics.wanted_path = "m";
	server->history_file = "h";
}

/* ---- a good one ---- */

static uint8_t *good;
static size_t good_len;
static uint32_t good_fds;

#define FRAME(first, len) first len "\0\0\0\0" /* with a mask of zeros */
static const char over_web[] =
	"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	"\r\n" FRAME("\x81", "\x86") "NICK w" FRAME("\x81", "\x8c") "USER u 0 * r" FRAME(
		"\x81", "\x87") "JOIN #a" FRAME("\x01", "\x83") "PRI" FRAME("\x80", "\x89") "V";

static void come_in(struct server *server, unsigned i)
{
	static const char *const said[CLIENTS - 1] = {
		"NICK b\r\nUSER u 0 * :r\r\nJOIN #a\r\n",
		"CAP REQ :apollonion/receipts message-tags\r\nNICK a\r\nUSER u 0 * :r\r\nCAP "
		"END\r\nJOIN #a\r\nPRIVMSG #a :x\r\nPRIVMSG #a :hal",
		"NICK c\r\n"};
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);
	bool is_web = i == CLIENTS - 1;
	const char *text = is_web ? over_web : said[i];
	size_t len = is_web ? sizeof over_web - 1 : strlen(text);
	int fds[2];

	assert(adopt && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = fds[0];
	adopt->is_web = is_web;
	adopt->address.family = AF_INET;
	adopt->ip_entry = apo_ip_limits_readmit(&server->acceptor.ip_limits, &adopt->address);
	apo_mailbox_put(&server->workers[i % WORKERS].box, &adopt->mail);
	assert(send(fds[1], text, len, MSG_NOSIGNAL) == (ssize_t)len);
	server_turn(server);
	if (i == 0) /* what it is told from now on is still to be written, and watched */
		server->workers[0].chunks[0][0].is_blocked = true;
}

static void make_good(void)
{
	struct apo_server_parts parts;
	struct apo_ip_entry *ip_entry;
	static struct server server;
	struct rudp_addr address = {.family = AF_INET};
	struct apo_arrival arrival = {.address = address, .listen.address = address};
	struct apo_upgrade_state upgrade;
	unsigned i;
	int pair[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	here = pair[0];
	there = pair[1];
	server_config_init(&config);
	rudp_log_set(NULL, NULL, RUDP_LOG_ERROR);
	open_server(&server);
	for (i = 0; i < CLIENTS; i++)
		come_in(&server, i);
	parts = server_parts(&server);
	ip_entry = apo_ip_limits_readmit(&server.acceptor.ip_limits, &address);
	arrival.fd = dup(here);
	apo_acceptor_let_wait(&server.acceptor, &arrival, ip_entry,
			      parts.now_at_ns + RUDP_NS_PER_S);
	arrival.fd = dup(here);
	apo_acceptor_await_proxy(&server.acceptor, &arrival, parts.now_at_ns + RUDP_NS_PER_S);
	apo_upgrade_state_to(&upgrade);
	assert(apo_upgrade_state_write(&upgrade, &parts));
	good_len = upgrade.serializer.len;
	good_fds = upgrade.fd_count;
	good = malloc(good_len);
	assert(good);
	memcpy(good, upgrade.serializer.bytes, good_len);
	apo_upgrade_state_fini(&upgrade);
	server_close(&server);
}

/* ---- what comes ---- */

static void check(struct server *server)
{
	struct apo_server_parts parts = server_parts(server);
	struct apo_upgrade_state upgrade;

	assert(apo_model_check(server->model_thread.model));
	server_turn(server);
	assert(apo_model_check(server->model_thread.model));
	if (!apo_model_is_settled(server->model_thread.model))
		return;
	apo_upgrade_state_to(&upgrade);
	assert(apo_upgrade_state_write(&upgrade, &parts));
	apo_upgrade_state_fini(&upgrade);
}

static void drain(void)
{
	char bytes[65536];

	while (recv(there, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

static bool read_one(const uint8_t *bytes, size_t len, uint32_t fd_count)
{
	static struct server server;
	struct apo_server_parts parts;
	int fds[FDS_MAX], probe = dup(here);
	struct apo_upgrade_state upgrade;
	bool is_taken;
	uint32_t i;

	open_server(&server);
	parts = server_parts(&server);
	for (i = 0; i < fd_count; i++)
		fds[i] = dup(here);
	apo_upgrade_state_from(&upgrade, bytes, len, fds, fd_count);
	is_taken = apo_upgrade_state_read(&upgrade, &parts);
	if (is_taken)
		check(&server);
	for (i = 0; i < fd_count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	server_close(&server);
	close(probe);
	i = (uint32_t)dup(here);
	assert(i == (uint32_t)probe);
	close(probe);
	drain();
	return is_taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_taken;
	uint8_t *bytes;
	size_t i;

	if (!good)
		make_good();
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		(void)read_one(data + 1, size - 1, data[0] / 2 % (FDS_MAX + 1));
		return 0;
	}
	bytes = malloc(good_len);
	assert(bytes);
	memcpy(bytes, good, good_len);
	for (i = 1; i + 2 < size; i += 3)
		bytes[(data[i] << 8 | data[i + 1]) % good_len] = data[i + 2];
	is_taken = read_one(bytes, good_len, data[0] > 1 ? data[0] / 2 % (FDS_MAX + 1) : good_fds);
	assert(is_taken || size > 1 || data[0] > 1);
	free(bytes);
	return 0;
}
