/* SPDX-License-Identifier: MIT */
#include "api/control_client.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/child.h"
#include "api/engine_start.h"
#include "api/known_place.h"
#include "api/mark.h"
#include "api/name_notes.h"
#include "api/run_dir.h"
#include "api/raw_syscall.h"

/* An engine accepts callers and answers them in each turn of its event loop. */
#define STEP_TIMEOUT_S 10

static const struct timeval step_timeout = {STEP_TIMEOUT_S, 0};

void rudp_control_begin(struct rudp_control_call *call, const struct rudp_nonce *nonce,
			enum rudp_control_operation operation, int fd)
{
	memset(call, 0, sizeof *call);
	call->to.kind = RUDP_NAME_CONTROL;
	call->to.nonce = *nonce;
	call->fd = fd;
	call->second_fd = -1;
	call->request.operation = (uint16_t)operation;
}

static bool has_timeout(const struct rudp_control_call *call)
{
	return call->timeout.tv_sec || call->timeout.tv_usec;
}

/*
 * A call with a timeout and without a descriptor needs no trust: root lists the engines of all
 * users so.
 */
static bool needs_no_trust(const struct rudp_control_call *call)
{
	return call->fd < 0 && has_timeout(call) && !call->interruptible;
}

/*
 * All users can read abstract names, and bind a name whose engine has ended. Such a user must not
 * get a descriptor of ours. Only the engine's user, root, and the user who made the descriptor may
 * have it.
 */
static int check_listening_user(int channel, const struct rudp_control_call *call)
{
	struct ucred credentials;
	struct stat made;
	int rc = rudp_raw_peer(channel, &credentials);

	if (rc < 0)
		return rc;
	if (call->user)
		return credentials.uid == *call->user ? 0 : -ECONNREFUSED;
	if (needs_no_trust(call) || credentials.uid == 0 ||
	    rudp_engine_was_of(&call->to.nonce, credentials.uid) ||
	    (call->fd >= 0 && fstat(call->fd, &made) == 0 && made.st_uid == credentials.uid))
		return 0;
	return credentials.uid == geteuid() ? 0 : -ECONNREFUSED;
}

/*
 * The listening process may be no engine, or an engine that is stopped: it may never accept or
 * never answer. Only the answer to an interruptible call may take as long as the peer does.
 */
static void limit_steps(int channel, const struct rudp_control_call *call)
{
	const struct timeval *limit =
		has_timeout(call) && !call->interruptible ? &call->timeout : &step_timeout;

	rudp_raw_setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, limit, sizeof *limit);
	if (!call->interruptible)
		rudp_raw_setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, limit, sizeof *limit);
}

static int connect_channel(int channel, const struct sockaddr_un *un, socklen_t len)
{
	int rc;

	do
		rc = rudp_raw_connect(channel, (const struct sockaddr *)un, len);
	while (rc == -EINTR);
	return rc;
}

static int connect_to(int channel, const struct rudp_control_call *call,
		      const struct sockaddr_un *un, socklen_t len)
{
	int rc = connect_channel(channel, un, len);

	return rc == 0 ? check_listening_user(channel, call) : rc;
}

static int connect_to_path(int channel, const struct rudp_control_call *call)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(call->path);

	if (len >= sizeof un.sun_path)
		return -ENAMETOOLONG;
	memcpy(un.sun_path, call->path, len + 1);
	return connect_to(channel, call, &un, sizeof un);
}

/* The engine does not listen in this place. */
static bool is_not_there(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -EACCES || error == -ENOTDIR;
}

/*
 * Whether the listening process belongs to root, or to the user who had this engine when it was
 * found.
 */
static bool is_of_known_user(int channel, const struct rudp_nonce *nonce)
{
	struct ucred credentials;

	return rudp_raw_peer(channel, &credentials) == 0 &&
	       (credentials.uid == 0 || rudp_engine_was_of(nonce, credentials.uid));
}

/* The directory is not checked again; instead the user of the listening process is. */
static int connect_in_known_place(int channel, const struct rudp_name *name)
{
	char dir[RUDP_RUN_DIR_SIZE];
	struct sockaddr_un un;
	int rc;

	if (name->kind != RUDP_NAME_CONTROL || !rudp_known_place(&name->nonce, dir))
		return -ENOENT;
	rc = connect_channel(channel, &un, rudp_name_write_path(name, dir, &un));
	if (rc == 0 && !is_of_known_user(channel, &name->nonce))
		rc = -EPERM;
	if (rc < 0)
		rudp_known_place_forget(&name->nonce);
	return rc;
}

/* Only for an engine that can be recognised by its user later. */
static void note_place(const struct rudp_name *name, const char *dir, uint32_t uid)
{
	if (name->kind == RUDP_NAME_CONTROL && rudp_engine_was_of(&name->nonce, uid))
		rudp_known_place_note(&name->nonce, dir);
}

static int search_private_dir(int channel, const struct rudp_control_call *call,
			      const struct rudp_name *name)
{
	char dir[RUDP_RUN_DIR_SIZE];
	uint32_t uid = geteuid();
	int rc = -ENOENT;

	for (unsigned i = 0; i < RUDP_RUN_DIR_PLACES && is_not_there(rc); i++) {
		struct sockaddr_un un;
		socklen_t len;

		if (!rudp_run_dir_place(i, uid, dir) || !rudp_run_dir_is_private(dir, uid))
			continue;
		len = rudp_name_write_path(name, dir, &un);
		rc = connect_to(channel, call, &un, len);
		if (rc == 0)
			note_place(name, dir, uid);
	}
	return rc;
}

static int connect_in_private_dir(int channel, const struct rudp_control_call *call)
{
	struct rudp_name name = call->to;
	int rc;

	rudp_run_dir_place_name(&name, channel);
	rc = connect_in_known_place(channel, &name);
	return is_not_there(rc) ? search_private_dir(channel, call, &name) : rc;
}

static int connect_to_abstract(int channel, const struct rudp_control_call *call)
{
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&call->to, &un);

	return connect_to(channel, call, &un, len);
}

static int open_channel(const struct rudp_control_call *call)
{
	int channel = rudp_raw_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int rc;

	if (channel < 0)
		return channel;
	limit_steps(channel, call);
	rc = call->path ? connect_to_path(channel, call) : connect_in_private_dir(channel, call);
	if (!call->path && is_not_there(rc))
		rc = call->to.kind == RUDP_NAME_CONTROL ? connect_to_abstract(channel, call)
							: -ECONNREFUSED;
	if (rc < 0) {
		rudp_raw_close(channel);
		return rc;
	}
	return channel;
}

int rudp_control_open(const struct rudp_control_call *call)
{
	int channel = open_channel(call);

	/* A known place is used by another user now, and was forgotten. Search again. */
	return channel == -EPERM ? open_channel(call) : channel;
}

static int send_request(int channel, const struct rudp_control_call *call,
			const struct rudp_control_request *request, int fd, int second_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	const int fds[2] = {fd, second_fd};
	size_t fds_bytes = second_fd >= 0 ? sizeof fds : sizeof fd;
	struct iovec iov[2 + RUDP_CONTROL_EARLY_PIECES] = {{(void *)request, sizeof *request}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	ssize_t rc;

	if (request->level > 0 && request->operation == RUDP_CONTROL_CONNECT)
		iov[message.msg_iovlen++] = (struct iovec){call->names, (size_t)request->level};
	if (request->number > 0 && request->operation == RUDP_CONTROL_CONNECT)
		for (int i = 0; i < call->early_count; i++)
			iov[message.msg_iovlen++] = call->early[i];
	if (fd >= 0) {
		memset(&control, 0, sizeof control);
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fds_bytes);
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fds_bytes);
		memcpy(CMSG_DATA(cmsg), fds, fds_bytes);
	}
	do
		rc = rudp_raw_sendmsg(channel, &message, MSG_NOSIGNAL);
	while (rc == -EINTR);
	return rc < 0 ? (int)rc : 0;
}

/* The engine answers GO_ON at once, so a signal does not interrupt the wait. */
static ssize_t receive(int channel, struct rudp_control_reply *reply)
{
	ssize_t rc;

	do
		rc = rudp_raw_recvfrom(channel, reply, sizeof *reply, 0, NULL, NULL);
	while (rc == -EINTR);
	return rc;
}

/* Tells the engine to go on without the caller. Returns as receive(). */
static ssize_t leave(int channel, struct rudp_control_call *call)
{
	struct rudp_control_request request = call->request;
	int rc;

	request.operation = RUDP_CONTROL_GO_ON;
	rudp_raw_setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &step_timeout, sizeof step_timeout);
	rc = send_request(channel, call, &request, -1, -1);
	/* EPIPE: the reply to the first request was on its way and the engine has closed. */
	return rc < 0 && rc != -EPIPE ? rc : receive(channel, &call->reply);
}

struct waiting {
	int channel;
	struct rudp_control_call *call;
};

/* If the thread is cancelled, the connect attempt continues, as with TCP. */
static void on_cancelled(void *argument)
{
	const struct waiting *waiting = argument;
	ssize_t rc = leave(waiting->channel, waiting->call);

	if (rc == (ssize_t)sizeof waiting->call->reply && waiting->call->reply.error == EINPROGRESS)
		rudp_mark_change(waiting->call->fd, RUDP_MARK_PENDING, 0);
	rudp_name_notes_put(waiting->call->names, (size_t)waiting->call->request.level);
	rudp_raw_close(waiting->channel);
}

static ssize_t receive_cancellable(int channel, struct rudp_control_call *call)
{
	struct waiting waiting = {channel, call};
	ssize_t rc;

	pthread_cleanup_push(on_cancelled, &waiting);
	rc = rudp_raw_recv_wait(channel, &call->reply, sizeof call->reply);
	pthread_cleanup_pop(0);
	return rc;
}

static ssize_t receive_interruptible(int channel, struct rudp_control_call *call)
{
	ssize_t rc;

	if (has_timeout(call))
		rudp_raw_setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &call->timeout,
				    sizeof call->timeout);
	rc = receive_cancellable(channel, call);
	if (rc != -EINTR && rc != -EAGAIN)
		return rc;
	call->went_on = true;
	call->cut_short = rc == -EINTR ? EINTR : EINPROGRESS;
	return leave(channel, call);
}

static int make(struct rudp_control_call *call)
{
	int channel = rudp_control_open(call);
	ssize_t rc;

	if (channel < 0)
		return channel == -EAGAIN ? -ETIMEDOUT : channel;
	rc = send_request(channel, call, &call->request, call->fd, call->second_fd);
	if (rc == 0)
		rc = call->interruptible ? receive_interruptible(channel, call)
					 : receive(channel, &call->reply);
	else if (rc == -EPIPE)
		rc = receive(channel, &call->reply); /* the engine refused it before this */
	else
		rc = rc < 0 ? rc : -EPROTO;
	rudp_raw_close(channel);
	if (rc < 0)
		return rc == -EAGAIN ? -ETIMEDOUT : (int)rc;
	if (rc == 0)
		return -ECONNRESET;
	if ((size_t)rc != sizeof call->reply || call->reply.version != RUDP_CONTROL_VERSION)
		return -EPROTO;
	return 0;
}

struct child_call {
	struct rudp_control_call *call;
	int result;
};

/*
 * The child has a descriptor table of its own, so it may close a number that the call does not
 * need.
 */
static int make_in_child(void *argument)
{
	struct child_call *child = argument;

	rudp_raw_close(child->call->fd == 0 ? 1 : 0);
	child->result = make(child->call);
	rudp_raw_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
	return 0;
}

int rudp_control_make(struct rudp_control_call *call)
{
	struct child_call child = {call, -EMFILE};
	int rc;

	call->request.version = RUDP_CONTROL_VERSION;
	if (call->to.kind == RUDP_NAME_CONTROL)
		rudp_engine_token(&call->to.nonce, call->request.token);
	rc = make(call);
	if (rc != -EMFILE)
		return rc;
	rc = rudp_child_run(make_in_child, &child);
	return rc < 0 ? rc : child.result;
}
