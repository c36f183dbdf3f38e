/* SPDX-License-Identifier: MIT */
#include "engine/ports/binding.h"

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
#include "engine/control/private_dir.h"
#include "engine/failover/failover_state.h"
#include "engine/ports/listener.h"
#include "engine/ports/port.h"

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

/* A number that is unique for all time; 0: this kernel has none. */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

struct rudp_binding *rudp_binding_of_unconnected(struct rudp_engine *engine, int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;
	struct rudp_binding *binding;
	struct rudp_name name;

	if (getsockname(fd, (struct sockaddr *)&un, &len) < 0 ||
	    rudp_name_parse(&name, &un, len) != RUDP_NAME_BOUND ||
	    memcmp(&name.nonce, &engine->nonce, sizeof name.nonce) != 0)
		return NULL;
	binding = rudp_binding_find(engine, name.id);
	return binding && binding->cookie == cookie_of(fd) ? binding : NULL;
}

/* The AF_UNIX name of the program's socket. */
static void name_of_socket(const struct rudp_engine *engine, const struct rudp_binding *binding,
			   struct rudp_name *name)
{
	*name = (struct rudp_name){.kind = RUDP_NAME_BOUND,
				   .nonce = engine->nonce,
				   .id = binding->id,
				   .local = binding->local};
}

socklen_t rudp_binding_address(const struct rudp_engine *engine, const struct rudp_binding *binding,
			       struct sockaddr_un *un)
{
	struct rudp_name name;

	if (binding->path_fd >= 0)
		return rudp_private_dir_address(binding->path_fd, un);
	name_of_socket(engine, binding, &name);
	return rudp_name_write(&name, un);
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

/* other listens on an overlapping address and may not share it. */
static bool blocks(const struct rudp_binding *other, const struct rudp_binding *binding)
{
	if (other == binding || !other->listening ||
	    !overlap(&binding->local, binding->v6only, &other->local, other->v6only))
		return false;
	return !binding->reuse_port || !other->reuse_port || binding->uid != other->uid;
}

bool rudp_binding_serves_rudp(const struct rudp_binding *binding)
{
	return binding->listening && binding->way != RUDP_WAY_TCP;
}

bool rudp_binding_serves_tcp(const struct rudp_binding *binding)
{
	return binding->listening && binding->way != RUDP_WAY_RUDP;
}

static bool is_gone(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct sockaddr_un un;
	socklen_t len;

	if (!rudp_binding_probe(engine, binding))
		return true;
	if (binding->path_fd >= 0)
		return false;
	len = rudp_binding_address(engine, binding, &un);
	if (rudp_name_is_held(&engine->name_reads, &un, len, binding->inode, engine->now_at_ns))
		return false;
	rudp_binding_close(engine, binding);
	return true;
}

bool rudp_binding_is_blocked(struct rudp_engine *engine, const struct rudp_binding *binding)
{
	struct rudp_list *head = &engine->bindings_by_port[rudp_port_bucket(&binding->local)];

	RUDP_LIST_EACH_SAFE(struct rudp_binding, other, head, number_link) {
		if (blocks(other, binding) && !is_gone(engine, other))
			return true;
	}
	return false;
}

static void discard(struct rudp_engine *engine, struct rudp_binding *binding)
{
	rudp_port_leave(engine, binding);
	if (binding->tcp_fd >= 0)
		close(binding->tcp_fd);
	if (binding->path_fd >= 0)
		close(binding->path_fd);
	if (binding->id)
		rudp_slots_remove(&engine->slots, binding->id);
	free(binding);
}

static int give_path(const struct rudp_engine *engine, struct rudp_binding *binding, int fd)
{
	struct rudp_name name;
	struct sockaddr_un un;
	socklen_t len;

	if (!engine->run_dir[0] || engine->may_lose_rights)
		return -ENOENT;
	name_of_socket(engine, binding, &name);
	len = rudp_name_write_path(&name, engine->run_dir, &un);
	binding->path_fd = rudp_private_dir_bind(engine->run_dir, fd, &un, len);
	return binding->path_fd < 0 ? binding->path_fd : 0;
}

static int give_name(struct rudp_engine *engine, struct rudp_binding *binding, int fd)
{
	struct sockaddr_un un;
	socklen_t len;
	int rc;

	binding->id = rudp_slots_add(&engine->slots, RUDP_KIND_BINDING, binding);
	if (!binding->id)
		return -ENOMEM;
	rc = give_path(engine, binding, fd);
	if (rc == 0 || rc == -EOWNERDEAD)
		return rc < 0 ? -ENOMEM : 0;
	binding->path_fd = -1;
	len = rudp_binding_address(engine, binding, &un);
	return bind(fd, (struct sockaddr *)&un, len) < 0 ? -errno : 0;
}

static void log_new(const struct rudp_binding *binding)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	if (rudp_log_wants(RUDP_LOG_DEBUG))
		rudp_log(RUDP_LOG_DEBUG, "%s (pid %u) is bound to %s", binding->program.name,
			 binding->program.pid, rudp_addr_format(&binding->local, text));
}

static void note_socket(struct rudp_binding *binding, int fd)
{
	struct stat status = {.st_uid = UINT32_MAX};

	(void)fstat(fd, &status);
	/*
	 * As with TCP, the user who made the socket counts, even if the process has changed its
	 * user since.
	 */
	binding->uid = status.st_uid;
	binding->inode = status.st_ino;
	binding->cookie = cookie_of(fd);
}

static struct rudp_binding *binding_alloc(struct rudp_engine *engine, int fd, unsigned mark_flags,
					  uint32_t pid)
{
	struct rudp_binding *binding = calloc(1, sizeof *binding);

	if (!binding)
		return NULL;
	binding->tcp_fd = binding->path_fd = -1;
	note_socket(binding, fd);
	binding->v6only = (mark_flags & RUDP_MARK_V6ONLY) != 0;
	binding->reuse_port = (mark_flags & RUDP_MARK_REUSEPORT) != 0;
	rudp_sock_options_read(&binding->options, fd, (int)mark_flags, &engine->settings);
	binding->reuse_address = binding->options.reuse_address;
	rudp_engine_read_program(engine, pid, &binding->program);
	return binding;
}

void rudp_binding_enlist(struct rudp_engine *engine, struct rudp_binding *binding)
{
	rudp_list_append(&engine->bindings, &binding->all_link);
	rudp_list_append(&engine->bindings_by_port[rudp_port_bucket(&binding->local)],
			 &binding->number_link);
	engine->binding_count++;
}

/* rc: 0 if the port is taken, or the error. */
static int finish(struct rudp_engine *engine, struct rudp_binding *binding, int fd, int rc)
{
	if (rc == 0)
		rc = give_name(engine, binding, fd);
	if (rc < 0) {
		discard(engine, binding);
		return rc;
	}
	rudp_binding_enlist(engine, binding);
	log_new(binding);
	return 0;
}

int rudp_binding_new(struct rudp_engine *engine, int fd, unsigned mark_flags,
		     const struct rudp_addr *addr, uint32_t pid, struct rudp_binding **out)
{
	struct rudp_binding *binding = binding_alloc(engine, fd, mark_flags, pid);

	if (!binding)
		return -ENOMEM;
	binding->local = *addr;
	*out = binding;
	return finish(engine, binding, fd, rudp_port_take(engine, binding));
}

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof value;

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

/* Reads address and options of the listener; changes nothing. */
static int note_listener(struct rudp_binding *binding, int tcp_fd)
{
	struct sockaddr_in6 name = {0};
	socklen_t len = sizeof name;

	if (get_int(tcp_fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
	    get_int(tcp_fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return -EINVAL;
	if (getsockname(tcp_fd, (struct sockaddr *)&name, &len) < 0)
		return -errno;
	binding->v6only =
		name.sin6_family == AF_INET6 && get_int(tcp_fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
	binding->reuse_port = get_int(tcp_fd, SOL_SOCKET, SO_REUSEPORT) == 1;
	return rudp_addr_from_sockaddr(&binding->local, (struct sockaddr *)&name, len);
}

/*
 * The others who have the listener wait for events before they accept, so O_NONBLOCK does not hurt
 * them.
 */
static int take_listener(struct rudp_binding *binding, int tcp_fd)
{
	int flags = fcntl(tcp_fd, F_GETFL);

	if (flags < 0 || fcntl(tcp_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	binding->adopted = true;
	binding->tcp_fd = fcntl(tcp_fd, F_DUPFD_CLOEXEC, 0);
	return binding->tcp_fd < 0 ? -errno : 0;
}

static void log_refused(const struct rudp_binding *binding, int rc)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	rudp_log(RUDP_LOG_ERROR,
		 "%s (pid %u): cannot serve %s, which came with the program, over rudp (%s), and "
		 "plain TCP is not allowed: it gets a socket that does not listen",
		 binding->program.name, binding->program.pid,
		 rudp_addr_format(&binding->local, text), strerrordesc_np(-rc));
}

/*
 * Without a rule, a listener that came with the program stays with the kernel, unless plain TCP is
 * forbidden.
 */
static bool is_taken(const struct rudp_decision *decision)
{
	return decision->way == RUDP_WAY_RUDP ||
	       (decision->line != 0 && decision->way != RUDP_WAY_TCP);
}

static int adopt(struct rudp_engine *engine, struct rudp_binding *binding, int tcp_fd)
{
	struct rudp_decision decision;
	int rc = note_listener(binding, tcp_fd);

	if (rc < 0)
		return rc;
	decision = rudp_engine_decide(engine, RUDP_DIRECTION_LISTEN, &binding->local,
				      &binding->program);
	if (!is_taken(&decision))
		return -EOPNOTSUPP;
	rc = take_listener(binding, tcp_fd);
	if (rc == 0)
		rc = rudp_port_take_adopted(engine, binding);
	if (rc == 0 || decision.way != RUDP_WAY_RUDP)
		return rc;
	log_refused(binding, rc);
	return -EACCES;
}

int rudp_binding_adopt(struct rudp_engine *engine, int fd, unsigned mark_flags, int tcp_fd,
		       uint32_t pid, struct rudp_binding **out)
{
	struct rudp_binding *binding = binding_alloc(engine, fd, mark_flags, pid);

	if (!binding)
		return -ENOMEM;
	*out = binding;
	return finish(engine, binding, fd, adopt(engine, binding, tcp_fd));
}

void rudp_binding_close(struct rudp_engine *engine, struct rudp_binding *binding)
{
	rudp_failover_forget(engine, binding);
	rudp_listener_stop(engine, binding);
	rudp_list_remove(&binding->all_link);
	rudp_list_remove(&binding->number_link);
	engine->binding_count--;
	discard(engine, binding);
}

/* true, too, if the engine cannot find out: alive until proved closed. */
static bool is_path_open(struct rudp_engine *engine, const struct rudp_binding *binding)
{
	if (engine->path_probe_fd < 0)
		engine->path_probe_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return engine->path_probe_fd < 0 ||
	       rudp_private_dir_is_open(binding->path_fd, engine->path_probe_fd);
}

bool rudp_binding_probe(struct rudp_engine *engine, struct rudp_binding *binding)
{
	struct sockaddr_un un;
	socklen_t len;

	if (binding->path_fd >= 0) {
		if (is_path_open(engine, binding))
			return true;
		rudp_binding_close(engine, binding);
		return false;
	}
	if (engine->probe_fd < 0)
		engine->probe_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (engine->probe_fd < 0)
		return true; /* cannot find out: alive until proved closed */
	len = rudp_binding_address(engine, binding, &un);
	if (bind(engine->probe_fd, (struct sockaddr *)&un, len) < 0)
		return true;
	/* The probe is bound to the name now; close it together with the binding. */
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

void rudp_binding_probe_closely(struct rudp_engine *engine, const struct rudp_addr *local)
{
	struct rudp_list *head = &engine->bindings_by_port[rudp_port_bucket(local)];

	RUDP_LIST_EACH_SAFE(struct rudp_binding, binding, head, number_link) {
		if (rudp_addr_port(&binding->local) == rudp_addr_port(local))
			(void)is_gone(engine, binding);
	}
}

void rudp_binding_probe_port(struct rudp_engine *engine, const struct rudp_addr *remote)
{
	struct rudp_list *head = &engine->bindings_by_port[rudp_port_bucket(remote)];

	RUDP_LIST_EACH_SAFE(struct rudp_binding, binding, head, number_link) {
		if (rudp_binding_serves_tcp(binding) &&
		    rudp_addr_port(&binding->local) == rudp_addr_port(remote))
			rudp_binding_probe(engine, binding);
	}
}

void rudp_binding_drop_tcp(struct rudp_binding *binding)
{
	if (binding->tcp_fd >= 0)
		close(binding->tcp_fd);
	binding->tcp_fd = -1;
}
