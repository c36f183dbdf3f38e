/* SPDX-License-Identifier: MIT */
/* The sockets at which programs call: in the private directory, and the abstract one. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/control.h"
#include "engine/failover_state.h"
#include "engine/private_dir.h"

static int listen_abstract(int fd, const struct rudp_name *name)
{
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(name, &un);

	if (bind(fd, (struct sockaddr *)&un, len) < 0 || listen(fd, RUDP_DOOR_BACKLOG) < 0)
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
	return rudp_private_dir_listen(engine->run_dir, fd, &un, len, RUDP_DOOR_BACKLOG);
}

int rudp_door_open(struct rudp_engine *engine, const struct rudp_name *name,
		   enum rudp_door_kind kind)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = kind == RUDP_DOOR_OPEN ? listen_abstract(fd, name)
				    : listen_in_private_dir(engine, fd, name);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return rudp_door_adopt(engine, fd, kind);
}

int rudp_door_adopt(struct rudp_engine *engine, int fd, enum rudp_door_kind kind)
{
	struct rudp_door *door = calloc(1, sizeof *door);
	int rc = -ENOMEM;

	if (!door)
		goto close_fd;
	door->kind = kind;
	door->fd = fd;
	door->inode = kind == RUDP_DOOR_OPEN ? 0 : rudp_private_dir_inode(fd);
	door->id = rudp_slots_add(&engine->slots, RUDP_KIND_DOOR, door);
	if (!door->id)
		goto free_door;
	rc = rudp_engine_watch(engine, door->fd, EPOLLIN, door->id);
	if (rc < 0)
		goto remove_slot;
	rudp_list_append(&engine->doors, &door->link);
	rudp_failover_door(engine, door);
	return 0;

remove_slot:
	rudp_slots_remove(&engine->slots, door->id);
free_door:
	free(door);
close_fd:
	close(fd);
	return rc;
}

void rudp_door_close(struct rudp_engine *engine, struct rudp_door *door)
{
	rudp_failover_forget_door(engine, door);
	if (door->inode)
		rudp_private_dir_remove(door->fd, door->inode);
	close(door->fd);
	rudp_list_remove(&door->link);
	rudp_slots_remove(&engine->slots, door->id);
	free(door);
}

struct rudp_door *rudp_door_well_known(struct rudp_engine *engine)
{
	for (struct rudp_list *link = engine->doors.next; link != &engine->doors; link = link->next)
		if (RUDP_LIST_OWNER(link, struct rudp_door, link)->kind == RUDP_DOOR_WELL_KNOWN)
			return RUDP_LIST_OWNER(link, struct rudp_door, link);
	return NULL;
}
