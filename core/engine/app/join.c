/* SPDX-License-Identifier: MIT */
#include "engine/app/join.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/control/private_dir.h"
#include "engine/loop/deferred_close.h"
#include "engine/loop/engine.h"

#define BACKLOG 16 /* more than one: connect() must not wait for stale ones */

/* The name is relative: it is resolved in the private directory, and fits into few bytes. */
static int bind_in(const char *dir, int fd, const struct rudp_nonce *nonce)
{
	struct rudp_name name = {.kind = RUDP_NAME_JOIN, .nonce = *nonce};
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&name, &un);

	return chdir(dir) < 0 ? -errno : rudp_private_dir_bind(dir, fd, &un, len);
}

/* Returns the descriptor of the file or -errno. */
static int listen_in(const struct rudp_engine *engine, int fd)
{
	int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int path_fd, rc = 0;

	if (before < 0)
		return -errno;
	path_fd = bind_in(engine->run_dir, fd, &engine->nonce);
	if (fchdir(before) < 0 || (path_fd >= 0 && listen(fd, BACKLOG) < 0))
		rc = -errno;
	close(before);
	if (rc < 0 && path_fd >= 0)
		close(path_fd);
	return rc < 0 ? rc : path_fd;
}

void rudp_join_open(struct rudp_engine *engine)
{
	int fd, path_fd;

	if (!engine->run_dir[0])
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	path_fd = fd < 0 ? -errno : listen_in(engine, fd);
	if (path_fd < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	engine->join = (struct rudp_join){.fd = fd, .path_fd = path_fd};
}

void rudp_join_close(struct rudp_join *join)
{
	if (join->fd < 0)
		return;
	close(join->path_fd);
	close(join->fd);
	*join = (struct rudp_join){-1, -1, 0};
}

static bool drop_stale(struct rudp_join *join)
{
	while (join->stale > 0) {
		int end = accept4(join->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (end < 0)
			return false;
		rudp_deferred_close(end);
		join->stale--;
	}
	return true;
}

int rudp_join_connect(struct rudp_join *join, int program_fd, const struct sockaddr_un *name,
		      socklen_t len)
{
	struct sockaddr_un un;

	if (join->fd < 0 || !drop_stale(join) ||
	    bind(program_fd, (const struct sockaddr *)name, len) < 0)
		return -EOPNOTSUPP;
	len = rudp_private_dir_address(join->path_fd, &un);
	return connect(program_fd, (struct sockaddr *)&un, len) < 0 ? -errno : 0;
}

int rudp_join_accept(struct rudp_join *join)
{
	int end = accept4(join->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (end >= 0)
		return end;
	join->stale++;
	return -errno;
}

void rudp_join_discard(struct rudp_join *join)
{
	join->stale++;
	(void)drop_stale(join);
}
