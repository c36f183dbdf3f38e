/* SPDX-License-Identifier: MIT */
/*
 * bus_connection - connects a node of a cluster to NATS, with the servers and keys that the
 * configuration names.
 *
 * Model    The library connects again by itself when the connection is lost; the log has a line of
 *          it.
 * Threads  any.
 */
#ifndef APO_SERVER_BUS_CONNECTION_H
#define APO_SERVER_BUS_CONNECTION_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>

#include "conversation/server/config.h"

/* Logs the failure, if it is one: "cluster WHAT failed". */
bool apo_bus_has_failed(natsStatus status, const char *what);
/* Connects to one of the servers; requests of JetStream wait for APO_BUS_WAIT_MS, unless the caller
 * says otherwise. The caller destroys both objects, also if it failed: what was made is not NULL.
 * Returns false, with a line in the log, if it fails. */
bool apo_bus_connect(const struct apo_config *config, natsConnection **connection, jsCtx **js);
/* Connects to the server with this URL only, and asks for JetStream. Returns false with a one-line
 * reason if that fails within some seconds. */
bool apo_bus_try(const struct apo_config *config, const char *url, char *reason,
		 size_t reason_size);

#endif
