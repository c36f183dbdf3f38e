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

/* ---- what comes ---- */

static void on_event(struct apo_station *station, const struct rudpmsg_event *event)
{
	char name[RUDPMSG_NAME_MAX + 1];

	switch (event->kind) {
	case RUDPMSG_EVENT_CONNECTED:
		if (rudpmsg_conn_name(station->node, event->conn, name) == 0)
			apo_peers_on_connected(&station->peers, event->conn, name);
		break;
	case RUDPMSG_EVENT_ACKNOWLEDGED:
		apo_peers_on_acknowledged(&station->peers, event->conn, event->id);
		break;
	case RUDPMSG_EVENT_DISCONNECTED:
		apo_peers_on_gone(&station->peers, event->conn,
				  event->reason == ETIMEDOUT ? ETIMEDOUT : 0);
		break;
	case RUDPMSG_EVENT_READABLE: /* looked for after all events */
	case RUDPMSG_EVENT_BROKEN:   /* it comes back, or is given up */
	case RUDPMSG_EVENT_FAILED:   /* with the connection */
		break;
	}
}

static unsigned take_messages(struct apo_station *station, int64_t now_at_ns)
{
	struct rudpmsg_message message;
	char name[RUDPMSG_NAME_MAX + 1];
	unsigned count;

	for (count = 0; count < MESSAGES_AT_ONCE; count++) {
		if (rudpmsg_receive(station->node, 0, 0, &message) < 0)
			break;
		if (rudpmsg_conn_name(station->node, message.conn, name) < 0)
			rudpmsg_done(station->node, &message);
		else
			apo_peers_on_message(&station->peers, &message, name, now_at_ns);
	}
	return count;
}

void apo_station_on_readable(struct apo_station *station, int64_t now_at_ns)
{
	struct rudpmsg_event event;
	unsigned count;

	for (count = 0; count < EVENTS_AT_ONCE && rudpmsg_event(station->node, &event) == 0;
	     count++)
		on_event(station, &event);
	station->has_more = take_messages(station, now_at_ns) == MESSAGES_AT_ONCE;
}

/* ---- life ---- */

static int open_node(struct apo_station *station, const struct apo_config *config)
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

	/* The library takes the key from the environment; whoever has none could take any name. */
	if (setenv("RUDP_KEY_FILE", config->peers_key_file, 1) < 0)
		return -errno;
	error = rudpmsg_node_open(&station->node, config->peers_id, &options, text);
	if (error < 0) {
		rudp_log(RUDP_LOG_ERROR, "peers not served reason=\"%s\"", text);
		return error;
	}
	error = rudpmsg_listen(station->node, NULL, config->peers_port);
	if (error == 0)
		return 0;
	if (station->may_wait && error == -EADDRINUSE)
		rudp_log(RUDP_LOG_INFO, "peers wait for their port port=%u",
			 (unsigned)config->peers_port);
	else
		rudp_log(RUDP_LOG_ERROR, "peers not served port=%u reason=\"%s\"",
			 (unsigned)config->peers_port, strerror(-error));
	rudpmsg_node_free(station->node);
	return error;
}

int apo_station_open(struct apo_station *station, const struct apo_config *config,
		     const char *(*admit)(void *of, struct apo_session *session), void *of)
{
	uint64_t epoch;
	int error;

	station->source = (struct apo_source){APO_SOURCE_PEERS, -1};
	station->has_more = false;
	if (config->peers_port == 0)
		return 0;
	error = open_node(station, config);
	if (error < 0)
		return error;
	station->source.fd = rudpmsg_fd(station->node);
	station->carrier = (struct apo_carrier){send_message, message_done, station->node};
	randombytes_buf(&epoch, sizeof epoch);
	apo_peers_init(&station->peers, &station->carrier, config, epoch);
	station->peers.admit = admit;
	station->peers.of = of;
	rudp_log(RUDP_LOG_INFO, "listening for peers port=%u id=%s", (unsigned)config->peers_port,
		 config->peers_id);
	return 0;
}

void apo_station_on_closed(struct apo_station *station)
{
	if (station->source.fd >= 0)
		apo_peers_on_closed(&station->peers);
}

void apo_station_configure(struct apo_station *station, const struct apo_config *config)
{
	station->peers.config = config;
}

void apo_station_close(struct apo_station *station, int64_t deadline_at_ns)
{
	int64_t left_ns = deadline_at_ns - rudp_clock_now_ns(&rudp_clock_monotonic);
	uint64_t left = 0;

	if (station->source.fd < 0)
		return;
	apo_peers_fini(&station->peers);
	if (rudpmsg_node_close(station->node, left_ns > 0 ? left_ns : 0, &left) < 0)
		rudp_log(RUDP_LOG_WARN,
			 "ending reason=\"peers have not got all\" messages=%" PRIu64, left);
	rudpmsg_node_free(station->node);
	station->source.fd = -1;
}
