/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "conversation/irc/frame.h"
#include "rudp/msg.h"
#include "server.h"

#define PEERS 4
#define SESSIONS 6 /* of each, one after the other */
#define LINES 40   /* that each says in one */
#define PATIENCE_NS (PATIENCE_S * INT64_C(1000000000))

struct peer {
	struct rudpmsg_node *node;
	rudpmsg_conn_id conn;
	uint64_t session;
	char name[16];
};

static void send_frame(struct peer *peer, enum apo_frame_kind kind, const char *text)
{
	struct apo_frame frame = {
		.kind = kind, .session = peer->session, .text = text, .text_len = strlen(text)};
	uint8_t bytes[APO_FRAME_BYTES_MAX];
	size_t len = apo_frame_write(&frame, bytes);
	int error = rudpmsg_send(peer->node, peer->conn, bytes, len, PATIENCE_NS, NULL);

	if (error < 0)
		fail("%s could not send: %s", peer->name, strerror(-error));
}

/* Reads frames of this session up to the next one that contains text or has that kind. */
static bool hear_frame(struct peer *peer, enum apo_frame_kind kind, const char *text)
{
	struct rudpmsg_message message;
	struct apo_frame frame;
	bool is_it = false;
	int error;

	error = rudpmsg_receive(peer->node, peer->conn, PATIENCE_NS, &message);
	if (error < 0)
		fail("%s hears nothing: %s", peer->name, strerror(-error));
	if (apo_frame_read(message.bytes, message.length, &frame) != APO_FRAME_OK)
		fail("%s was sent no frame", peer->name);
	if (frame.kind == APO_FRAME_CLOSE && frame.session == peer->session &&
	    kind != APO_FRAME_CLOSE)
		fail("%s was closed: %.*s", peer->name, (int)frame.text_len, frame.text);
	if (frame.kind == kind && frame.session == peer->session)
		is_it = frame.text_len == 0 ||
			memmem(frame.text, frame.text_len, text, strlen(text));
	rudpmsg_done(peer->node, &message);
	return is_it;
}

static void wait_for(struct peer *peer, enum apo_frame_kind kind, const char *text)
{
	while (!hear_frame(peer, kind, text))
		;
}

/* Some end by a word, others by the beginning of the next session. */
static void one_session(struct peer *peer)
{
	char line[64];
	unsigned i;

	peer->session++;
	send_frame(peer, APO_FRAME_OPEN, "");
	wait_for(peer, APO_FRAME_OPENED, "");
	snprintf(line, sizeof line, "NICK %s", peer->name);
	send_frame(peer, APO_FRAME_LINE, line);
	send_frame(peer, APO_FRAME_LINE, "USER p 0 * :p");
	send_frame(peer, APO_FRAME_LINE, "JOIN #peers");
	wait_for(peer, APO_FRAME_LINE, " 366 ");
	for (i = 0; i < LINES; i++) {
		snprintf(line, sizeof line, "PRIVMSG #peers :%s %u", peer->name, i);
		send_frame(peer, APO_FRAME_LINE, line);
	}
	send_frame(peer, APO_FRAME_LINE, "PING :all-said");
	wait_for(peer, APO_FRAME_LINE, "all-said");
	if (peer->session % 2)
		return;
	send_frame(peer, APO_FRAME_LINE, "QUIT :done");
	wait_for(peer, APO_FRAME_CLOSE, "");
}

static void *visit(void *of)
{
	struct rudpmsg_options options = {.ack = RUDPMSG_ACK_HANDLED};
	struct peer peer = {.session = 0};
	char text[RUDPMSG_ERROR_TEXT_SIZE];
	unsigned i;
	int error;

	snprintf(peer.name, sizeof peer.name, "p%u", (unsigned)(uintptr_t)of);
	if (rudpmsg_node_open(&peer.node, peer.name, &options, text) < 0)
		fail("%s: %s", peer.name, text);
	error = rudpmsg_connect(peer.node, "127.0.0.1", peers_port, NULL, PATIENCE_NS, &peer.conn);
	if (error < 0)
		fail("%s could not connect: %s", peer.name, strerror(-error));
	for (i = 0; i < SESSIONS; i++)
		one_session(&peer);
	(void)rudpmsg_node_close(peer.node, PATIENCE_NS, NULL);
	rudpmsg_node_free(peer.node);
	return NULL;
}

/* Each word of each peer once, and in order, session after session. */
static void listen_to_all(struct client *listener)
{
	unsigned next[PEERS] = {0}, left = PEERS * SESSIONS * LINES, peer, number;
	char line[LINE_SIZE];

	while (left > 0) {
		if (!hear(listener, line))
			fail("the listener was closed");
		if (sscanf(line, ":p%*u!%*s PRIVMSG #peers :p%u %u", &peer, &number) != 2)
			continue;
		if (peer >= PEERS || number != next[peer])
			fail("the listener heard %s", line);
		next[peer] = (number + 1) % LINES;
		left--;
	}
}

void peers(const char *program)
{
	pthread_t threads[PEERS];
	struct client listener;
	unsigned i;

	server_start(program);
	if (!enter(&listener, "listener", "#peers"))
		fail("the listener did not come in");
	for (i = 0; i < PEERS; i++)
		if (pthread_create(threads + i, NULL, visit, (void *)(uintptr_t)i) != 0)
			fail("no thread");
	listen_to_all(&listener);
	for (i = 0; i < PEERS; i++)
		pthread_join(threads[i], NULL);
	close_client(&listener);
	server_end(1);
	printf("conversation: %d sessions of peers heard\n", PEERS * SESSIONS);
}
