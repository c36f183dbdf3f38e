/* SPDX-License-Identifier: MIT */
#include "conversation/server/messaging_node.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define EVENTS_AT_ONCE 1024
#define MESSAGES_AT_ONCE 4096

static int send_message(void *of, rudpmsg_conn_id conn, const void *bytes, size_t len,
			rudpmsg_message_id *id)
{
	return rudpmsg_send(of, conn, bytes, len, 0, id);
}

static void message_done(void *of, struct rudpmsg_message *message)
{
	rudpmsg_done(of, message);
}

static int key_of_conn(void *of, rudpmsg_conn_id conn, uint8_t key[RUDPMSG_KEY_BYTES])
{
	return rudpmsg_conn_key(of, conn, key);
}

/* ---- input ---- */

static void on_event(struct apo_messaging_node *messaging_node, const struct rudpmsg_event *event)
{
	char name[RUDPMSG_NAME_MAX + 1];

	switch (event->kind) {
	case RUDPMSG_EVENT_CONNECTED:
		if (rudpmsg_conn_name(messaging_node->node, event->conn, name) == 0)
			apo_peers_on_connected(&messaging_node->peers, event->conn, name);
		break;
	case RUDPMSG_EVENT_ACKNOWLEDGED:
		apo_peers_on_acknowledged(&messaging_node->peers, event->conn, event->id);
		break;
	case RUDPMSG_EVENT_DISCONNECTED:
		apo_peers_on_gone(&messaging_node->peers, event->conn,
				  event->reason == ETIMEDOUT ? ETIMEDOUT : 0);
		break;
	case RUDPMSG_EVENT_READABLE: /* messages are taken after all events */
	case RUDPMSG_EVENT_BROKEN:   /* the link comes back, or DISCONNECTED follows */
	case RUDPMSG_EVENT_FAILED:   /* DISCONNECTED follows */
		break;
	}
}

static unsigned take_messages(struct apo_messaging_node *messaging_node, int64_t now_at_ns)
{
	struct rudpmsg_message message;
	char name[RUDPMSG_NAME_MAX + 1];
	unsigned count;

	for (count = 0; count < MESSAGES_AT_ONCE; count++) {
		if (rudpmsg_receive(messaging_node->node, 0, 0, &message) < 0)
			break;
		if (rudpmsg_conn_name(messaging_node->node, message.conn, name) < 0)
			rudpmsg_done(messaging_node->node, &message);
		else
			apo_peers_on_message(&messaging_node->peers, &message, name, now_at_ns);
	}
	return count;
}

void apo_messaging_node_on_readable(struct apo_messaging_node *messaging_node, int64_t now_at_ns)
{
	struct rudpmsg_event event;
	unsigned count;

	for (count = 0; count < EVENTS_AT_ONCE && rudpmsg_event(messaging_node->node, &event) == 0;
	     count++)
		on_event(messaging_node, &event);
	messaging_node->has_more = take_messages(messaging_node, now_at_ns) == MESSAGES_AT_ONCE;
}

/* ---- life ---- */

static int open_node(struct apo_messaging_node *messaging_node, const struct apo_config *config)
{
	const struct rudpmsg_options options = {
		.ack = RUDPMSG_ACK_HANDLED,
		.limits = {.message_bytes_max = APO_FRAME_BYTES_MAX,
			   .queue_bytes_max = config->send_queue_bytes,
			   .unread_bytes_max = config->receive_queue_bytes,
			   .connections_max = config->peers_max},
		.give_up_ns = config->peers_away_ns};
	char text[RUDPMSG_ERROR_TEXT_SIZE];
	int error;

	/* The library reads the key from the environment. Without a key, anybody could connect
	 * under any name. */
	if (setenv("RUDP_KEY_FILE", config->peers_key_file, 1) < 0)
		return -errno;
	error = rudpmsg_node_open(&messaging_node->node, config->peers_id, &options, text);
	if (error < 0) {
		rudp_log(RUDP_LOG_ERROR, "peers not served reason=\"%s\"", text);
		return error;
	}
	error = rudpmsg_listen(messaging_node->node, NULL, config->peers_port);
	if (error == 0)
		return 0;
	if (messaging_node->may_wait && error == -EADDRINUSE)
		rudp_log(RUDP_LOG_INFO, "port of peers still in use port=%u",
			 (unsigned)config->peers_port);
	else
		rudp_log(RUDP_LOG_ERROR, "peers not served port=%u reason=\"%s\"",
			 (unsigned)config->peers_port, strerror(-error));
	rudpmsg_node_free(messaging_node->node);
	return error;
}

int apo_messaging_node_open(struct apo_messaging_node *messaging_node,
			    const struct apo_config *config,
			    const char *(*admit)(void *of, struct apo_session *session), void *of)
{
	uint64_t epoch;
	int error;

	messaging_node->source = (struct apo_event_source){APO_SOURCE_PEERS, -1};
	messaging_node->has_more = false;
	if (config->peers_port == 0)
		return 0;
	error = open_node(messaging_node, config);
	if (error < 0)
		return error;
	messaging_node->source.fd = rudpmsg_fd(messaging_node->node);
	messaging_node->carrier =
		(struct apo_carrier){send_message, message_done, key_of_conn, messaging_node->node};
	randombytes_buf(&epoch, sizeof epoch);
	apo_peers_init(&messaging_node->peers, &messaging_node->carrier, config, epoch);
	messaging_node->peers.admit = admit;
	messaging_node->peers.of = of;
	rudp_log(RUDP_LOG_INFO, "listening for peers port=%u id=%s", (unsigned)config->peers_port,
		 config->peers_id);
	return 0;
}

void apo_messaging_node_on_closed(struct apo_messaging_node *messaging_node)
{
	if (messaging_node->source.fd >= 0)
		apo_peers_on_closed(&messaging_node->peers);
}

void apo_messaging_node_close(struct apo_messaging_node *messaging_node, int64_t deadline_at_ns)
{
	int64_t left_ns = deadline_at_ns - rudp_clock_now_ns();
	uint64_t left = 0;

	if (messaging_node->source.fd < 0)
		return;
	apo_peers_fini(&messaging_node->peers);
	if (rudpmsg_node_close(messaging_node->node, left_ns > 0 ? left_ns : 0, &left) < 0)
		rudp_log(RUDP_LOG_WARN,
			 "ending reason=\"some peers have not received everything\" "
			 "messages=%" PRIu64,
			 left);
	rudpmsg_node_free(messaging_node->node);
	messaging_node->source.fd = -1;
}
