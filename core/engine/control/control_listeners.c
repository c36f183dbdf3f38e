/* SPDX-License-Identifier: MIT */
/* The control listeners: two in the private directory, and an abstract one. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/control/control.h"
#include "engine/control/private_dir.h"
#include "engine/failover/failover_state.h"

static int listen_abstract(int fd, const struct rudp_name *name)
{
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(name, &un);

	if (bind(fd, (struct sockaddr *)&un, len) < 0 ||
	    listen(fd, RUDP_CONTROL_LISTENER_BACKLOG) < 0)
		return -errno;
	return 0;
}

static int listen_in_private_dir(struct rudp_engine *engine, int fd, const struct rudp_name *plain)
{
	struct rudp_name name = *plain;
	struct sockaddr_un un;
	socklen_t len;

	if (!engine->run_dir[0])
		return -ENOENT;
	rudp_run_dir_place_name(&name, fd);
	len = rudp_name_write_path(&name, engine->run_dir, &un);
	return rudp_private_dir_listen(engine->run_dir, fd, &un, len,
				       RUDP_CONTROL_LISTENER_BACKLOG);
}

int rudp_control_listener_open(struct rudp_engine *engine, const struct rudp_name *name,
			       enum rudp_control_listener_kind kind)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = kind == RUDP_CONTROL_LISTENER_OPEN ? listen_abstract(fd, name)
						: listen_in_private_dir(engine, fd, name);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return rudp_control_listener_adopt(engine, fd, kind);
}

int rudp_control_listener_adopt(struct rudp_engine *engine, int fd,
				enum rudp_control_listener_kind kind)
{
	struct rudp_control_listener *listener = calloc(1, sizeof *listener);
	int rc = -ENOMEM;

	if (!listener)
		goto close_fd;
	listener->kind = kind;
	listener->fd = fd;
	listener->inode = kind == RUDP_CONTROL_LISTENER_OPEN ? 0 : rudp_private_dir_inode(fd);
	listener->id = rudp_slots_add(&engine->slots, RUDP_KIND_CONTROL_LISTENER, listener);
	if (!listener->id)
		goto free_control_listener;
	rc = rudp_engine_watch(engine, listener->fd, EPOLLIN, listener->id);
	if (rc < 0)
		goto remove_slot;
	rudp_list_append(&engine->control_listeners, &listener->link);
	rudp_failover_control_listener(engine, listener);
	return 0;

remove_slot:
	rudp_slots_remove(&engine->slots, listener->id);
free_control_listener:
	free(listener);
close_fd:
	close(fd);
	return rc;
}

void rudp_control_listener_close(struct rudp_engine *engine, struct rudp_control_listener *listener)
{
	rudp_failover_forget_control_listener(engine, listener);
	if (listener->inode)
		rudp_private_dir_remove(listener->fd, listener->inode);
	close(listener->fd);
	rudp_list_remove(&listener->link);
	rudp_slots_remove(&engine->slots, listener->id);
	free(listener);
}

struct rudp_control_listener *rudp_control_listener_well_known(struct rudp_engine *engine)
{
	RUDP_LIST_EACH(struct rudp_control_listener, listener, &engine->control_listeners, link)
		if (listener->kind == RUDP_CONTROL_LISTENER_WELL_KNOWN)
			return listener;
	return NULL;
}
