/* SPDX-License-Identifier: MIT */
/* Name resolution in a thread of its own; the test controls the order of this thread and the
 * loop. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "messaging/hub_private.h"
#include "messaging/node_private.h"

#define QUICK "quick.test" /* resolved while the loop dials LATER */
#define LATER "later.test" /* dialed in the same round of the loop */
#define PORT 9
#define PATIENCE_NS (120 * RUDP_NS_PER_S) /* a later timer would hide a missed wake-up */

static struct rudpmsg_node *node;
static atomic_bool is_dialing_quick, is_dialing_later;

static bool holds(const struct rudp_list *list)
{
	bool has_any;

	pthread_mutex_lock(&node->lock);
	has_any = !rudp_list_is_empty(list);
	pthread_mutex_unlock(&node->lock);
	return has_any;
}

/* Called by the loop, which tries numeric addresses before it asks the resolver. It blocks at
 * QUICK until LATER is queued for dialing, and at LATER until QUICK has been resolved. */
static int look_for_number(bool is_quick)
{
	*(is_quick ? &is_dialing_quick : &is_dialing_later) = true;
	while (!holds(is_quick ? &node->hub->to_dial : &node->resolved))
		sched_yield();
	return is_quick ? EAI_NONAME : EAI_FAIL;
}

/* Called by the resolver's thread. It blocks until the loop is at LATER; otherwise the loop
 * would take the result before LATER waits for it. */
static int look_up(void)
{
	while (!is_dialing_later)
		sched_yield();
	return EAI_FAIL;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **addresses)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	bool is_quick = host && strcmp(host, QUICK) == 0;

	if (!is_quick && !(host && strcmp(host, LATER) == 0)) {
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
		return real(host, service, hints, addresses);
	}
	return hints->ai_flags & AI_NUMERICHOST ? look_for_number(is_quick) : look_up();
}

static void *connect_to(void *host)
{
	rudpmsg_conn_id conn;

	return (void *)(intptr_t)rudpmsg_connect(node, host, PORT, NULL, RUDPMSG_FOREVER, &conn);
}

Test(node_resolve, a_name_resolved_while_the_loop_is_busy_is_not_missed, .timeout = 300)
{
	const struct rudpmsg_options options = {.transport = RUDPMSG_TRANSPORT_TCP,
						.handshake_timeout_ns = PATIENCE_NS};
	pthread_t quick, later;
	void *result;

	cr_assert(eq(int, rudpmsg_node_open(&node, "alpha", &options, NULL), 0));
	cr_assert(eq(int, pthread_create(&quick, NULL, connect_to, QUICK), 0));
	while (!is_dialing_quick)
		sched_yield();
	cr_assert(eq(int, pthread_create(&later, NULL, connect_to, LATER), 0));
	pthread_join(later, &result);
	cr_expect(eq(int, (int)(intptr_t)result, -EHOSTUNREACH));
	pthread_join(quick, &result);
	cr_expect(eq(int, (int)(intptr_t)result, -EHOSTUNREACH));
	rudpmsg_node_free(node);
}
