/* SPDX-License-Identifier: MIT */
/* Hands established connections, of rudp and of kernel TCP, over to the programs' accept queues. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "api/raw_syscall.h"
#include "engine/app/app_side.h"
#include "engine/carrier/tcp.h"
#include "engine/loop/deferred_close.h"
#include "engine/ports/listener.h"
#include "engine/ports/port.h"
#include "engine/udp/udp_spare.h"

#define REFUSALS_PER_TURN 256

static int connect_end(struct rudp_engine *engine, const struct rudp_binding *binding, int fd)
{
	struct sockaddr_un un;
	socklen_t len = rudp_binding_address(engine, binding, &un);

	return connect(fd, (struct sockaddr *)&un, len) < 0 ? -errno : 0;
}

static int open_end(struct rudp_engine *engine, struct rudp_app *app)
{
	struct sockaddr_un un;
	socklen_t len = rudp_app_name(engine, app, &un);
	int fd = rudp_sockets_take(&engine->sockets);

	if (rudp_udp_gives_way(engine, fd))
		fd = rudp_sockets_take(&engine->sockets);
	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&un, len) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	app->fd = fd;
	return 0;
}

static void wait_for_room(struct rudp_engine *engine, struct rudp_binding *binding,
			  struct rudp_app *app)
{
	binding->waiting_id = app->id;
	engine->retry_at_ns = engine->now_at_ns + RUDP_RETRY_NS;
}

/*
 * An abstract name may be another user's by now, if the program has closed its socket. SO_PEERCRED
 * names the process that called listen() last: this engine, or the program itself. A path is called
 * through its file, which no other user can replace.
 */
static bool is_listener_of_program(const struct rudp_engine *engine,
				   const struct rudp_binding *binding, int fd)
{
	struct ucred peer;

	if (binding->path_fd >= 0)
		return true;
	return rudp_raw_peer(fd, &peer) == 0 && (peer.uid == engine->uid || peer.uid == geteuid() ||
						 peer.uid == binding->uid || peer.uid == 0);
}

/* The other user gets no connection. It may have sent descriptors, so the close is deferred. */
static void drop_foreign_listener(struct rudp_engine *engine, struct rudp_binding *binding,
				  struct rudp_app *app)
{
	if (rudp_log_ratelimit_allows(&engine->ratelimit, engine->now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "another user has taken the name of a listener of %s (pid %u)",
			 binding->program.name, binding->program.pid);
	rudp_deferred_close(app->fd);
	app->fd = -1;
	rudp_app_reset(engine, app);
	rudp_binding_close(engine, binding);
}

/*
 * A security module denies access to the program's listener: the engine inherits the domain of the
 * program that started it. It will deny access to all other programs outside, too, so new programs
 * must find another engine.
 */
static void on_access_denied(struct rudp_engine *engine, struct rudp_binding *binding,
			     struct rudp_app *app, int rc)
{
	if (rudp_log_ratelimit_allows(&engine->ratelimit, engine->now_at_ns))
		rudp_log(RUDP_LOG_WARN, "access denied to the listener of %s (pid %u): %s",
			 binding->program.name, binding->program.pid, strerrordesc_np(-rc));
	rudp_app_reset(engine, app);
	rudp_binding_close(engine, binding);
	rudp_engine_unpublish(engine);
}

/* Puts the connection into the program's accept queue, or lets it wait. */
static void deliver(struct rudp_engine *engine, struct rudp_binding *binding, struct rudp_app *app)
{
	int rc = app->fd >= 0 ? 0 : open_end(engine, app);

	if (rc == 0)
		rc = connect_end(engine, binding, app->fd);
	/* Out of descriptors or memory: try again later. */
	if (rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS) {
		wait_for_room(engine, binding, app);
		return;
	}
	if (rc == 0 && !is_listener_of_program(engine, binding, app->fd)) {
		drop_foreign_listener(engine, binding, app);
		return;
	}
	if (rc == -EPERM || rc == -EACCES) {
		on_access_denied(engine, binding, app, rc);
		return;
	}
	if (rc == 0)
		rc = rudp_app_attach(engine, app, app->fd);
	if (rc < 0) {
		/* The listener was shut down or closed: no program will accept it. */
		rudp_app_reset(engine, app);
		if (rc == -ECONNREFUSED && rudp_binding_probe(engine, binding))
			rudp_listener_stop(engine, binding);
		return;
	}
	if (binding->waiting_id == app->id)
		binding->waiting_id = 0;
	app->stage = RUDP_APP_UNDECIDED;
	binding->queued++;
	rudp_app_pump(engine, app);
}

bool rudp_listener_shares_tcp(const struct rudp_binding *a, const struct rudp_binding *b)
{
	return a == b ||
	       (!a->adopted && !b->adopted && a->options.route.device == b->options.route.device);
}

/*
 * The next binding in turn that has no connection waiting. front NULL: of those that serve rudp;
 * else of those for which the kernel socket of front listens.
 */
static struct rudp_binding *next_in_turn(const struct rudp_port *port,
					 const struct rudp_binding *front)
{
	RUDP_LIST_EACH(struct rudp_binding, binding, &port->bindings, link) {
		bool is_served = front ? rudp_binding_serves_tcp(binding) &&
						 rudp_listener_shares_tcp(front, binding)
				       : rudp_binding_serves_rudp(binding);

		if (is_served && !binding->waiting_id)
			return binding;
	}
	return NULL;
}

static void hand_over(struct rudp_engine *engine, struct rudp_binding *binding,
		      struct rudp_app *app)
{
	rudp_list_remove(&binding->link);
	rudp_list_append(&binding->port->bindings, &binding->link);
	app->reason = RUDP_REASON_PEER;
	app->stage = RUDP_APP_WAITING;
	app->binding_id = binding->id;
	app->program = binding->program;
	deliver(engine, binding, app);
}

static bool hand_over_one(struct rudp_engine *engine, struct rudp_port *port)
{
	struct rudp_binding *binding;
	struct rudp_addr local;
	struct rudp_conn *conn;
	struct rudp_app *app;

	if (rudp_listener_queued(port->listener) == 0)
		return false;
	binding = next_in_turn(port, NULL);
	conn = binding ? rudp_listener_accept(port->listener) : NULL;
	if (!conn)
		return false;
	local = *rudp_conn_local(conn);
	rudp_addr_set_port(&local, rudp_addr_port(&binding->local));
	app = rudp_app_new(engine, &binding->options, &local, rudp_conn_remote(conn));
	if (!app) {
		rudp_conn_reset(conn, RUDP_RESET_NO_RESOURCES, engine->now_at_ns);
		rudp_conn_close(conn, engine->now_at_ns);
		return true;
	}
	rudp_app_take_conn(app, conn);
	app->transport = RUDP_TRANSPORT_RUDP;
	hand_over(engine, binding, app);
	return true;
}

/* false: there is no memory for it. */
static bool hand_over_tcp(struct rudp_engine *engine, struct rudp_binding *binding, int fd)
{
	struct rudp_addr local = {0}, remote = {0};
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	struct rudp_app *app;

	if (getsockname(fd, (struct sockaddr *)&name, &len) == 0)
		rudp_addr_from_sockaddr(&local, (struct sockaddr *)&name, len);
	len = sizeof name;
	/* A peer that has reset already has no address any more. */
	if (getpeername(fd, (struct sockaddr *)&name, &len) < 0 ||
	    rudp_addr_from_sockaddr(&remote, (struct sockaddr *)&name, len) < 0)
		return false;
	app = rudp_app_new(engine, &binding->options, &local, &remote);
	if (!app)
		return false;
	app->carrier.tcp = rudp_tcp_adopt(engine, app->id, fd);
	if (!app->carrier.tcp) {
		rudp_app_free(engine, app);
		return false;
	}
	app->carrier.by_tcp = true;
	app->transport = RUDP_TRANSPORT_TCP;
	hand_over(engine, binding, app);
	return true;
}

/* Resets a peer of a port that serves only rudp. false: there is none. */
static bool refuse_one(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct linger at_once = {.l_onoff = 1};
	int fd = accept4(binding->tcp_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		fd = rudp_engine_accept_spare(engine, binding->tcp_fd);
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
	rudp_engine_keep_spare(engine);
	return true;
}

/* The number of refusals in a turn is limited, so that many refused peers delay no other. */
static void refuse_tcp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	for (int i = 0; i < REFUSALS_PER_TURN; i++)
		if (!refuse_one(engine, binding))
			return;
	rudp_engine_rewatch(engine, binding->tcp_fd, EPOLLIN | EPOLLET, binding->id);
}

/* false: there is no connection, or no binding with room for it. */
static bool accept_tcp(struct rudp_engine *engine, struct rudp_binding *front)
{
	const struct rudp_list *bindings = &front->port->bindings;
	struct rudp_binding *binding = next_in_turn(front->port, front);
	bool has_others = bindings->next != bindings->prev;
	int fd;

	/*
	 * If the program of this binding has closed its listener, another binding gets the
	 * connection. Looked at before the accept: only a binding with room may take one.
	 */
	if (binding && has_others && !rudp_binding_probe(engine, binding))
		return true;
	if (!binding)
		return false;
	fd = accept4(front->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		engine->retry_at_ns = engine->now_at_ns + RUDP_RETRY_NS;
		return false;
	}
	if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
		front->tcp_may_accept = false; /* EAGAIN, or it does not listen any more */
	if (fd >= 0 && !hand_over_tcp(engine, binding, fd))
		close(fd);
	return true;
}

void rudp_listener_on_tcp(struct rudp_engine *engine, struct rudp_binding *binding)
{
	uint64_t id = binding->id;

	if (binding->way == RUDP_WAY_RUDP) {
		refuse_tcp(engine, binding);
		return;
	}
	binding->tcp_may_accept = true;
	/*
	 * A hand-over may find that the program has closed. A binding that listens in its place
	 * gets an event.
	 */
	while (binding && binding->tcp_may_accept && accept_tcp(engine, binding))
		binding = rudp_binding_find(engine, id);
}

static bool port_exists(const struct rudp_udp *udp, const struct rudp_port *port)
{
	for (const struct rudp_list *link = udp->ports.next; link != &udp->ports; link = link->next)
		if (link == &port->link)
			return true;
	return false;
}

void rudp_listener_pump(struct rudp_engine *engine, struct rudp_port *port)
{
	const struct rudp_udp *udp = port->udp;

	/* A listening program makes no calls that would update the policy before its next SYN. */
	rudp_engine_follow_policy(engine);
	/* A hand-over may close the last binding, which frees the port object. */
	while (port_exists(udp, port) && port->listener && hand_over_one(engine, port))
		;
}

void rudp_listener_retry(struct rudp_engine *engine, uint64_t binding_id)
{
	struct rudp_binding *binding = rudp_binding_find(engine, binding_id);
	struct rudp_binding *front;
	struct rudp_app *app;

	if (!binding)
		return;
	app = rudp_app_find(engine, binding->waiting_id);
	binding->waiting_id = 0;
	if (app)
		deliver(engine, binding, app);
	binding = rudp_binding_find(engine, binding_id);
	front = binding ? rudp_listener_on_tcp_for(binding) : NULL;
	if (front && front->tcp_may_accept)
		rudp_listener_on_tcp(engine, front);
	binding = rudp_binding_find(engine, binding_id);
	if (binding && !binding->waiting_id && binding->listening && binding->port->listener)
		rudp_listener_pump(engine, binding->port);
}
