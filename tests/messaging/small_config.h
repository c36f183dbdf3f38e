/* SPDX-License-Identifier: MIT */
/* A configuration of a hub for tests of limits: each limit is as small as possible. */
#ifndef TESTS_MESSAGING_SMALL_CONFIG_H
#define TESTS_MESSAGING_SMALL_CONFIG_H

#include "messaging/hub.h"

static inline struct rudpmsg_hub_config small_config(void)
{
	return (struct rudpmsg_hub_config){
		.name = "hub",
		.limits = {.message_bytes_max = 1000,
			   .queue_bytes_max = 5000,
			   .queue_messages_max = 10,
			   .unread_bytes_max = 5000,
			   .connections_max = 3,
			   .unauthenticated_max = 2,
			   .senders_max = 2},
		.handshake_timeout_ns = RUDP_NS_PER_S,
		.backoff_first_ns = RUDP_NS_PER_S / 10,
		.backoff_max_ns = RUDP_NS_PER_S,
		.give_up_ns = RUDP_NEVER,
		.seed = 5,
	};
}

#endif
