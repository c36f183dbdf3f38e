/* SPDX-License-Identifier: MIT */
/* The new process of a hand-over (upgrade_channel.h). */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "conversation/server/upgrade_state.h"
#include "conversation/server/log.h"
#include "conversation/server/upgrade_channel.h"
#include "conversation/server/service_private.h"

/* the old process waits for a shorter time and then kills this one */
#define UPGRADE_NS (60 * RUDP_NS_PER_S)
/* The waits between tries for the messaging port: the first one, and the last one; twenty seconds
 * in all. */
#define NODE_WAIT_NS (20 * RUDP_NS_PER_MS)
#define NODE_WAIT_MAX_NS (512 * NODE_WAIT_NS)

static int receive(struct apo_service *service, struct apo_upgrade_state *upgrade)
{
	struct apo_server_parts parts = apo_service_parts(service);
	struct apo_received_state received;
	int error = apo_upgrade_channel_receive(service->predecessor.fd, &received,
						service->now_at_ns + UPGRADE_NS);

	if (error < 0)
		return error;
	/* Loads accounts that were registered and markers that were set while the old process still
	 * served. It stands still now. */
	error = apo_service_load_accounts(service);
	apo_upgrade_state_from(upgrade, received.state, received.len, received.fds,
			       received.fd_count);
	if (error == 0 && !apo_upgrade_state_read(upgrade, &parts))
		error = -EPROTO;
	if (upgrade->wrong)
		rudp_log(RUDP_LOG_ERROR, "not taken over reason=\"%s\"", upgrade->wrong);
	apo_received_state_fini(&received);
	if (error == 0 && !upgrade->continues_history)
		error = apo_service_begin_history(service);
	return error;
}

/* No process serves during this exchange. The old process's end counts as GO. */
static int agree(struct apo_service *service)
{
	int fd = service->predecessor.fd, error;
	int64_t until_ns = rudp_clock_now_ns() + UPGRADE_NS;

	error = apo_upgrade_channel_send_kind(fd, APO_UPGRADE_CHANNEL_TAKEN, until_ns);
	if (error < 0)
		return error;
	error = apo_upgrade_channel_await(fd, APO_UPGRADE_CHANNEL_GO, until_ns);
	return error == -EPIPE ? 0 : error;
}

int apo_take_over(struct apo_service *service)
{
	int fd = service->predecessor.fd, error;
	struct apo_upgrade_state upgrade;

	service->metrics.wanted_path = service->config->metrics_path;
	error = apo_upgrade_channel_send_kind(fd, APO_UPGRADE_CHANNEL_HELLO,
					      service->now_at_ns + UPGRADE_NS);
	if (error == 0)
		error = receive(service, &upgrade);
	service->metrics.wanted_path = NULL;
	if (error == 0)
		error = agree(service);
	if (error != 0)
		return error;
	service->now_at_ns = rudp_clock_now_ns();
	/* Sends what clients must be told: that some users could not be handed over. */
	service->model_thread.is_unattended = true;
	(void)apo_model_thread_absorb(&service->model_thread);
	service->model_thread.is_unattended = false;
	service->acceptor.counters.take_overs++;
	(void)apo_service_open_metrics(service);
	apo_acceptor_listen(&service->acceptor);
	/* Finds accounts that other processes have added or removed since the accounts were
	 * loaded. */
	apo_auth_thread_refresh(&service->auth_thread);
	rudp_log(RUDP_LOG_INFO, "taken over pid=%d connections=%lu left=%lu", (int)getpid(),
		 upgrade.moved, upgrade.left);
	return apo_service_watch(service, &service->predecessor, APO_SOURCE_PREDECESSOR, fd);
}

/* The port for messaging is free now, or soon: the descriptors of a killed process are closed one
 * after the other, and the upgrade channel may be the first. */
static void open_messaging_node(struct apo_service *service)
{
	int error;

	service->node_at_ns = RUDP_NEVER;
	/* This process is ending: its own successor wants the port. */
	if (service->state != APO_RUNNING)
		return;
	service->messaging_node.may_wait = service->node_wait_ns <= NODE_WAIT_MAX_NS;
	error = apo_service_open_messaging_node(service);
	if (error == 0)
		return;
	if (error != -EADDRINUSE || !service->messaging_node.may_wait) {
		rudp_log(RUDP_LOG_ERROR, "no messaging connections until a restart or hand-over");
		return;
	}
	service->node_at_ns = service->now_at_ns + service->node_wait_ns;
	service->node_wait_ns *= 2;
}

void apo_take_over_on_predecessor(struct apo_service *service)
{
	(void)epoll_ctl(service->epoll_fd, EPOLL_CTL_DEL, service->predecessor.fd, NULL);
	close(service->predecessor.fd);
	service->predecessor.fd = -1;
	service->node_wait_ns = NODE_WAIT_NS;
	open_messaging_node(service);
}

void apo_take_over_on_time(struct apo_service *service)
{
	if (service->node_at_ns <= service->now_at_ns)
		open_messaging_node(service);
}
