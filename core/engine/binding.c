/* SPDX-License-Identifier: MIT */
#include "engine/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/app_side.h"
#include "engine/listener.h"

#define PORT_TRIES_MAX 64

struct rudp_binding *rudp_binding_find(struct rudp_engine *engine, uint64_t id)
{
	return rudp_slots_find(&engine->slots, id, RUDP_KIND_BINDING);
}

struct rudp_binding *rudp_binding_of(struct rudp_engine *engine, int fd)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof peer;

	/* An accepted socket has the name of its listener, and may outlive its connection. */
	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
		return NULL;
	return rudp_binding_of_unconnected(engine, fd);
}

struct rudp_binding *rudp_binding_of_unconnected(struct rudp_engine *engine, int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;
	struct rudp_name name;

	if (getsockname(fd, (struct sockaddr *)&un, &len) < 0 ||
	    rudp_name_parse(&name, &un, len) != RUDP_NAME_BOUND ||
	    memcmp(&name.nonce, &engine->nonce, sizeof name.nonce) != 0)
		return NULL;
	return rudp_binding_find(engine, name.id);
}

void rudp_binding_name(const struct rudp_engine *engine, const struct rudp_binding *binding,
		       struct rudp_name *name)
{
	*name = (struct rudp_name){.kind = RUDP_NAME_BOUND,
				   .nonce = engine->nonce,
				   .id = binding->id,
				   .local = binding->local};
}

static bool covers(const struct rudp_addr *any, bool v6only, const struct rudp_addr *other)
{
	return rudp_addr_is_any(any) &&
	       (any->family == other->family || (any->family == AF_INET6 && !v6only));
}

static bool overlap(const struct rudp_addr *a, bool a_v6only, const struct rudp_addr *b,
		    bool b_v6only)
{
	if (rudp_addr_port(a) != rudp_addr_port(b))
		return false;
	return rudp_addr_same_host(a, b) || covers(a, a_v6only, b) || covers(b, b_v6only, a);
}

bool rudp_binding_is_blocked(struct rudp_engine *engine, const struct rudp_binding *binding)
{
	struct rudp_list *link, *next;

	for (link = engine->bindings.next; link != &engine->bindings; link = next) {
		struct rudp_binding *other = RUDP_LIST_OWNER(link, struct rudp_binding, all_link);

		next = link->next;
		if (other == binding || !other->listening ||
		    !overlap(&binding->local, binding->v6only, &other->local, other->v6only))
			continue;
		if (binding->reuse_port && other->reuse_port && binding->uid == other->uid)
			continue;
		if (rudp_binding_probe(engine, other))
			return true;
	}
	return false;
}

static void set_flag(int fd, int level, int option, bool on)
{
	int value = on;

	setsockopt(fd, level, option, &value, sizeof value);
}

/* The kernel's word on whether this port may be had. */
static int hold_tcp(const struct rudp_binding *binding, struct rudp_addr *local)
{
	int fd = socket(local->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (local->family == AF_INET6)
		set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, binding->v6only);
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR, binding->reuse_address);
	set_flag(fd, SOL_SOCKET, SO_REUSEPORT, binding->reuse_port);
	set_flag(fd, IPPROTO_IP, IP_FREEBIND, binding->options.freebind);
	if (bind(fd, &local->sa, rudp_addr_len(local)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		rc = -errno;
	else
		rc = rudp_addr_from_sockaddr(local, (struct sockaddr *)&name, len);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

struct user_search {
	const struct rudp_udp *udp;
	bool found;
};

/* A TCP connection that was reset holds no port; ours only repeats itself for a while. */
static bool look_for_user(void *context, struct rudp_conn *conn)
{
	struct user_search *search = context;

	search->found = rudp_conn_socket(conn) == search->udp &&
			rudp_conn_state(conn) != RUDP_STATE_RESET_SENT;
	return !search->found;
}

/* Connections of a closed listener still use the port: as with TCP, only SO_REUSEADDR may share it. */
static bool orphan_in_the_way(struct rudp_engine *engine, const struct rudp_udp *udp,
			      const struct rudp_binding *binding)
{
	struct user_search search = {.udp = udp};

	if (udp->owners > 0 || binding->reuse_address || binding->reuse_port)
		return false;
	rudp_endpoint_visit(engine->ep, look_for_user, &search);
	return search.found;
}

/* One socket for all ports; it is no use to anybody else, so nobody is in its way but other programs. */
static int hold_fixed_udp(struct rudp_engine *engine, const struct rudp_binding *binding,
			  const struct rudp_addr *local, uint16_t fixed, struct rudp_udp **out)
{
	const struct rudp_udp_options options = {.v6only = binding->v6only};
	struct rudp_addr wire = *local;
	struct rudp_udp *udp;

	rudp_addr_set_port(&wire, fixed);
	udp = rudp_udp_find(engine, &wire, binding->v6only);
	if (!udp)
		return rudp_udp_open(engine, &wire, &options, out);
	rudp_udp_hold(engine, udp);
	*out = udp;
	return 0;
}

static int hold_udp(struct rudp_engine *engine, const struct rudp_binding *binding,
		    const struct rudp_addr *local, struct rudp_udp **out)
{
	struct rudp_udp_options options = {.v6only = binding->v6only,
					   .reuse_port = binding->reuse_port,
					   .freebind = binding->options.freebind,
					   .device = binding->options.route.device};
	struct rudp_udp *udp = rudp_udp_find(engine, local, binding->v6only);
	uint16_t port = rudp_addr_port(local);
	uint16_t fixed = rudp_policy_udp_port(engine->settings.policy);
	int rc;

	if (fixed)
		return hold_fixed_udp(engine, binding, local, fixed, out);
	if (udp && orphan_in_the_way(engine, udp, binding))
		return -EADDRINUSE;
	if (udp) {
		rudp_udp_hold(engine, udp);
		*out = udp;
		return 0;
	}
	rc = rudp_udp_open(engine, local, &options, out);
	if (rc != -EADDRINUSE || !rudp_udp_has_port(engine, port))
		return rc;
	/* Ours are connected elsewhere or bound to another address: the TCP side has allowed it. */
	rudp_udp_share_port(engine, port);
	options.reuse_address = true;
	return rudp_udp_open(engine, local, &options, out);
}

/* One that no caller knows of: the listener's TCP side serves alone. */
static int hold_hidden_udp(struct rudp_engine *engine, const struct rudp_binding *binding,
			   const struct rudp_addr *local, struct rudp_udp **out)
{
	const struct rudp_udp_options options = {.v6only = binding->v6only,
						 .freebind = binding->options.freebind};
	struct rudp_addr hidden = *local;

	rudp_addr_set_port(&hidden, 0);
	return rudp_udp_open(engine, &hidden, &options, out);
}

/*
 * Programs use one number for both (iperf3 -u, HTTP/3): that of TCP is not refused because the one of
 * UDP is another program's, unless callers must be rudp; where they must be TCP, UDP is left alone.
 */
static int hold_udp_or_hide(struct rudp_engine *engine, const struct rudp_binding *binding,
			    const struct rudp_addr *local, struct rudp_udp **out)
{
	struct rudp_binding asked = *binding;
	enum rudp_way way;
	int rc;

	asked.local = *local;
	way = rudp_listener_decide(engine, &asked).way;
	if (way == RUDP_WAY_TCP)
		return hold_hidden_udp(engine, binding, local, out);
	rc = hold_udp(engine, binding, local, out);
	if (rc != -EADDRINUSE || way != RUDP_WAY_AUTO || rudp_addr_port(&binding->local) == 0 ||
	    rudp_udp_has_port(engine, rudp_addr_port(local)))
		return rc;
	rudp_log(RUDP_LOG_INFO, "%s (pid %u): UDP port %u is another program's, so only plain TCP comes",
		 binding->program.name, binding->program.pid, rudp_addr_port(local));
	return hold_hidden_udp(engine, binding, local, out);
}

/* A port that is free on both sides. */
static int hold_both(struct rudp_engine *engine, struct rudp_binding *binding,
		     struct rudp_udp **udp)
{
	int rc = -EADDRINUSE;

	for (int i = 0; i < PORT_TRIES_MAX; i++) {
		struct rudp_addr local = binding->local;
		int fd = hold_tcp(binding, &local);

		if (fd < 0)
			return fd;
		rc = hold_udp_or_hide(engine, binding, &local, udp);
		if (rc == 0) {
			binding->tcp_fd = fd;
			binding->local = local;
			return 0;
		}
		close(fd);
		if (rc != -EADDRINUSE || rudp_addr_port(&binding->local) != 0)
			return rc;
	}
	return rc;
}

static struct rudp_port *find_port(const struct rudp_udp *udp, uint16_t number)
{
	for (struct rudp_list *link = udp->ports.next; link != &udp->ports; link = link->next)
		if (RUDP_LIST_OWNER(link, struct rudp_port, link)->number == number)
			return RUDP_LIST_OWNER(link, struct rudp_port, link);
	return NULL;
}

static struct rudp_port *make_port(struct rudp_udp *udp, uint16_t number)
{
	struct rudp_port *port = calloc(1, sizeof *port);

	if (!port)
		return NULL;
	port->udp = udp;
	port->number = number;
	rudp_list_init(&port->bindings);
	rudp_list_append(&udp->ports, &port->link);
	return port;
}

/* Takes over the caller's hold on udp. */
static int join_port(struct rudp_engine *engine, struct rudp_binding *binding,
		     struct rudp_udp *udp)
{
	uint16_t number = rudp_addr_port(&binding->local);
	struct rudp_port *port = find_port(udp, number);
	bool had = port != NULL;

	if (!port)
		port = make_port(udp, number);
	if (had || !port)
		rudp_udp_release(engine, udp); /* the port object holds it once */
	if (!port)
		return -ENOMEM;
	binding->port = port;
	rudp_list_append(&port->bindings, &binding->link);
	return 0;
}

static void leave_port(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_port *port = binding->port;

	binding->port = NULL;
	if (!port)
		return;
	rudp_list_remove(&binding->link);
	if (!rudp_list_is_empty(&port->bindings))
		return;
	if (port->listener)
		rudp_listener_close(port->listener, engine->now_at_ns);
	rudp_list_remove(&port->link);
	rudp_udp_release(engine, port->udp);
	free(port);
}

static void discard(struct rudp_engine *engine, struct rudp_binding *binding)
{
	leave_port(engine, binding);
	if (binding->tcp_fd >= 0)
		close(binding->tcp_fd);
	if (binding->id)
		rudp_slots_remove(&engine->slots, binding->id);
	free(binding);
}

static int take_port(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_udp *udp;
	int rc = hold_both(engine, binding, &udp);

	if (rc == -EADDRINUSE) {
		/* Perhaps one of ours was closed and nobody has told us, or not yet. */
		rudp_binding_probe_all(engine);
		rudp_app_look_for_hangups(engine, rudp_addr_port(&binding->local));
		rudp_udp_sweep(engine);
		rc = hold_both(engine, binding, &udp);
	}
	if (rc < 0)
		return rc;
	if (rudp_binding_is_blocked(engine, binding)) {
		rudp_udp_release(engine, udp);
		return -EADDRINUSE;
	}
	return join_port(engine, binding, udp);
}

static int give_name(struct rudp_engine *engine, struct rudp_binding *binding, int fd)
{
	struct rudp_name name;
	struct sockaddr_un un;
	socklen_t len;

	binding->id = rudp_slots_add(&engine->slots, RUDP_KIND_BINDING, binding);
	if (!binding->id)
		return -ENOMEM;
	rudp_binding_name(engine, binding, &name);
	len = rudp_name_write(&name, &un);
	return bind(fd, (struct sockaddr *)&un, len) < 0 ? -errno : 0;
}

static void log_new(const struct rudp_binding *binding)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	if (rudp_log_wants(RUDP_LOG_DEBUG))
		rudp_log(RUDP_LOG_DEBUG, "%s (pid %u) has %s", binding->program.name,
			 binding->program.pid, rudp_addr_format(&binding->local, text));
}

/* Whoever made the socket, as with TCP, whatever he has become since. */
static uint32_t owner_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_uid : UINT32_MAX;
}

static struct rudp_binding *make(struct rudp_engine *engine, int fd, unsigned mark_flags,
				 uint32_t pid)
{
	struct rudp_binding *binding = calloc(1, sizeof *binding);

	if (!binding)
		return NULL;
	binding->tcp_fd = -1;
	binding->uid = owner_of(fd);
	binding->v6only = (mark_flags & RUDP_MARK_V6ONLY) != 0;
	binding->reuse_port = (mark_flags & RUDP_MARK_REUSEPORT) != 0;
	rudp_sock_options_read(&binding->options, fd, (int)mark_flags, &engine->settings);
	binding->reuse_address = binding->options.reuse_address;
	rudp_engine_look_at_program(engine, pid, &binding->program);
	return binding;
}

/* Its port is taken by now, or rc says why not. */
static int finish(struct rudp_engine *engine, struct rudp_binding *binding, int fd, int rc)
{
	if (rc == 0)
		rc = give_name(engine, binding, fd);
	if (rc < 0) {
		discard(engine, binding);
		return rc;
	}
	rudp_list_append(&engine->bindings, &binding->all_link);
	engine->binding_count++;
	log_new(binding);
	return 0;
}

int rudp_binding_new(struct rudp_engine *engine, int fd, unsigned mark_flags,
		     const struct rudp_addr *addr, uint32_t pid, struct rudp_binding **out)
{
	struct rudp_binding *binding = make(engine, fd, mark_flags, pid);

	if (!binding)
		return -ENOMEM;
	binding->local = *addr;
	*out = binding;
	return finish(engine, binding, fd, take_port(engine, binding));
}

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof value;

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

/* Whoever made it waits for events at most: that it never blocks any more is no harm to him. */
static int take_listener(struct rudp_binding *binding, int tcp_fd)
{
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;
	int flags = fcntl(tcp_fd, F_GETFL);

	if (get_int(tcp_fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
	    get_int(tcp_fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return -EINVAL;
	if (getsockname(tcp_fd, (struct sockaddr *)&name, &len) < 0 || flags < 0 ||
	    fcntl(tcp_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	binding->v6only = name.sin6_family == AF_INET6 &&
			  get_int(tcp_fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
	binding->reuse_port = get_int(tcp_fd, SOL_SOCKET, SO_REUSEPORT) == 1;
	binding->adopted = true;
	binding->tcp_fd = fcntl(tcp_fd, F_DUPFD_CLOEXEC, 0);
	if (binding->tcp_fd < 0)
		return -errno;
	return rudp_addr_from_sockaddr(&binding->local, (struct sockaddr *)&name, len);
}

int rudp_binding_adopt(struct rudp_engine *engine, int fd, unsigned mark_flags, int tcp_fd,
		       uint32_t pid, struct rudp_binding **out)
{
	struct rudp_binding *binding = make(engine, fd, mark_flags, pid);
	struct rudp_udp *udp;
	int rc;

	if (!binding)
		return -ENOMEM;
	*out = binding;
	rc = take_listener(binding, tcp_fd);
	if (rc == 0)
		rc = hold_udp(engine, binding, &binding->local, &udp);
	if (rc == 0)
		rc = join_port(engine, binding, udp);
	return finish(engine, binding, fd, rc);
}

void rudp_binding_close(struct rudp_engine *engine, struct rudp_binding *binding)
{
	rudp_listener_stop(engine, binding);
	rudp_list_remove(&binding->all_link);
	engine->binding_count--;
	discard(engine, binding);
}

bool rudp_binding_probe(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct rudp_name name;
	struct sockaddr_un un;
	socklen_t len;

	if (engine->probe_fd < 0)
		engine->probe_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (engine->probe_fd < 0)
		return true; /* no way to know: alive until shown otherwise */
	rudp_binding_name(engine, binding, &name);
	len = rudp_name_write(&name, &un);
	if (bind(engine->probe_fd, (struct sockaddr *)&un, len) < 0)
		return true;
	/* The probe has the name now; it goes together with the binding. */
	close(engine->probe_fd);
	engine->probe_fd = -1;
	rudp_binding_close(engine, binding);
	return false;
}

void rudp_binding_probe_all(struct rudp_engine *engine)
{
	struct rudp_list *link, *next;

	for (link = engine->bindings.next; link != &engine->bindings; link = next) {
		next = link->next;
		rudp_binding_probe(engine, RUDP_LIST_OWNER(link, struct rudp_binding, all_link));
	}
}

void rudp_binding_probe_port(struct rudp_engine *engine, uint16_t port)
{
	struct rudp_list *link, *next;

	for (link = engine->bindings.next; link != &engine->bindings; link = next) {
		struct rudp_binding *binding =
			RUDP_LIST_OWNER(link, struct rudp_binding, all_link);

		next = link->next;
		if (rudp_addr_port(&binding->local) == port)
			rudp_binding_probe(engine, binding);
	}
}

void rudp_binding_drop_tcp(struct rudp_binding *binding)
{
	if (binding->tcp_fd >= 0)
		close(binding->tcp_fd);
	binding->tcp_fd = -1;
}
