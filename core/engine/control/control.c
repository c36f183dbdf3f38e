/* SPDX-License-Identifier: MIT */
#include "engine/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/raw_syscall.h"
#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/control/caller.h"
#include "engine/loop/deferred_close.h"
#include "engine/ports/port_share.h"
#include "engine/udp/udp_spare.h"

struct rudp_call *rudp_call_find(struct rudp_engine *engine, uint64_t id)
{
	return rudp_slots_find(&engine->slots, id, RUDP_KIND_CALL);
}

/*
 * Only this engine writes to the program's end of a live connection, so no descriptor can be in its
 * queue.
 */
static bool is_own_connection(struct rudp_engine *engine, int fd)
{
	return rudp_caller_fd_is_unix(fd) && rudp_app_of(engine, fd) &&
	       rudp_peer_is_engine(engine, fd);
}

/* Closes a descriptor that came with a message of this call. */
static void close_one(struct rudp_engine *engine, const struct rudp_call *call, int fd)
{
	if (fd < 0)
		return;
	if (call->foreign && !is_own_connection(engine, fd))
		rudp_deferred_close(fd);
	else
		close(fd);
}

/* Another user may have sent descriptors that are still unread; the close closes them, too. */
static void close_channel(struct rudp_engine *engine, const struct rudp_call *call)
{
	if (call->foreign)
		rudp_deferred_close_socket(call->fd, engine->epoll_fd);
	else
		close(call->fd);
}

static void drop_held(struct rudp_engine *engine, struct rudp_call *call)
{
	close_one(engine, call, call->held_fd);
	close_one(engine, call, call->second_fd);
	call->held_fd = call->second_fd = -1;
}

static void join_list(struct rudp_engine *engine, struct rudp_call *call)
{
	rudp_list_append(call->unauthenticated ? &engine->unauthenticated_calls : &engine->calls,
			 &call->link);
	if (call->unauthenticated)
		engine->unauthenticated_count++;
	else
		engine->call_count++;
}

static void leave_list(struct rudp_engine *engine, struct rudp_call *call)
{
	rudp_list_remove(&call->link);
	if (call->unauthenticated)
		engine->unauthenticated_count--;
	else
		engine->call_count--;
}

/* The caller of this blocking connect does not wait any more, so its attempt ends. */
static void end_attempt(struct rudp_engine *engine, struct rudp_call *call)
{
	struct rudp_app *app = rudp_app_find(engine, call->app_id);

	call->app_id = 0;
	if (!app || app->call_id != call->id)
		return;
	app->call_id = 0;
	rudp_app_free(engine, app);
}

void rudp_call_close(struct rudp_engine *engine, struct rudp_call *call)
{
	end_attempt(engine, call);
	drop_held(engine, call);
	close_channel(engine, call);
	rudp_call_leave_aside(engine, call);
	rudp_list_remove(&call->catching_up_link);
	leave_list(engine, call);
	rudp_slots_remove(&engine->slots, call->id);
	free(call);
}

void rudp_call_trust(struct rudp_engine *engine, struct rudp_call *call)
{
	if (!call->unauthenticated)
		return;
	leave_list(engine, call);
	call->unauthenticated = false;
	join_list(engine, call);
}

bool rudp_call_answer(struct rudp_engine *engine, struct rudp_call *call,
		      struct rudp_control_reply *reply)
{
	bool is_there;

	drop_held(engine, call);
	reply->version = RUDP_CONTROL_VERSION;
	/* A caller with no room for one reply reads none. */
	is_there = send(call->fd, reply, sizeof *reply, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
		   errno == EAGAIN;
	call->answered = true;
	end_attempt(engine, call);
	call->since_ns = engine->now_at_ns;
	return is_there;
}

/* Takes the descriptors out of the message. All but the first two are closed. */
static int take_fds(struct rudp_engine *engine, const struct rudp_call *call,
		    struct msghdr *message, int fds[2])
{
	int count = 0;

	fds[0] = fds[1] = -1;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
			if (count < 2)
				fds[count] = fd;
			else
				close_one(engine, call, fd);
			count++;
		}
	}
	return count;
}

struct message {
	struct rudp_control_request request;
	uint8_t more[RUDP_CONTROL_MORE_MAX];
	ssize_t len;
	int fd_count;
	int fds[2];
	bool fds_lost;  /* not all were received: no room in the header, or no free number */
	bool is_left;   /* still in the socket's queue: closing the call discards it */
	bool is_denied; /* it has descriptors that this sender may not send */
};

static void close_fds(struct rudp_engine *engine, const struct rudp_call *call,
		      const struct message *message)
{
	for (int i = 0; i < 2; i++)
		close_one(engine, call, message->fds[i]);
}

/*
 * Receives one message with these recvmsg() flags. Sets fds_lost if not all descriptors could be
 * received. false: there is no message now. len 0: the caller has closed, or was reset.
 */
static bool receive_one(int fd, struct message *message, struct msghdr *header, int flags)
{
	struct iovec iov[] = {{&message->request, sizeof message->request},
			      {message->more, sizeof message->more}};

	header->msg_iov = iov;
	header->msg_iovlen = 2;
	/* MSG_TRUNC: recvmsg() returns the full length, so a message that is too long is
	 * noticed. */
	message->len = recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC | flags);
	message->fds_lost = message->len >= 0 && header->msg_flags & MSG_CTRUNC;
	if (message->len >= 0)
		return true;
	message->len = 0;
	header->msg_controllen = 0; /* recvmsg() does not set it on failure */
	return errno != EAGAIN && errno != EINTR;
}

static bool receive_whole(struct rudp_engine *engine, const struct rudp_call *call,
			  struct message *message, int flags)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(RUDP_MESSAGE_FDS_MAX * sizeof(int))];
	struct msghdr header = {.msg_control = control, .msg_controllen = sizeof control};

	if (!receive_one(call->fd, message, &header, flags))
		return false;
	/*
	 * The peeked descriptors are open now; discarding the message closes the kernel's copies,
	 * in this thread. If some found no number (fds_lost), the message stays.
	 */
	if (flags & MSG_PEEK && !message->fds_lost)
		(void)recv(call->fd, NULL, 0, MSG_DONTWAIT);
	message->fd_count = take_fds(engine, call, &header, message->fds);
	message->is_left = flags & MSG_PEEK && message->fds_lost;
	return true;
}

/* The names are whole strings, as a later reader depends on their terminating 0. */
static const char *fault_of_connect(const struct message *message, ssize_t more)
{
	int32_t names = message->request.level, early = message->request.number;

	if (names < 0 || names > RUDP_CONTROL_NAMES_MAX || early < 0 ||
	    early > RUDP_CONTROL_EARLY_MAX || more != (ssize_t)names + early)
		return "wrong size";
	return names > 0 && message->more[names - 1] != 0 ? "wrong names" : NULL;
}

/* Checks the bytes of the message. Returns the fault as text, or NULL. */
static const char *fault_of_bytes(const struct message *message)
{
	const struct rudp_control_request *request = &message->request;
	ssize_t more = message->len - (ssize_t)sizeof *request;

	if (more < 0 || more > (ssize_t)sizeof message->more)
		return "wrong size";
	if (request->version != RUDP_CONTROL_VERSION)
		return "unknown version";
	if (request->operation >= RUDP_CONTROL_OPERATION_COUNT)
		return "unknown operation";
	if (request->operation == RUDP_CONTROL_CONNECT)
		return fault_of_connect(message, more);
	return more == 0 ? NULL : "wrong size";
}

/* Checks the message. Returns the fault as text, or NULL. */
static const char *fault_of(const struct message *message)
{
	const char *fault = fault_of_bytes(message);
	int wanted = fault ? 0 : rudp_control_fds(message->request.operation);

	if (!fault && (message->is_denied ? wanted == 0 : message->fd_count != wanted))
		fault = "wrong number of descriptors";
	return fault;
}

/*
 * At the open listener. A peek without room for descriptors shows whether there are any. They are
 * taken if the sender may send them. If not, they stay in the queue, and another thread closes them
 * with the call.
 */
static bool receive_foreign(struct rudp_engine *engine, const struct rudp_call *call,
			    struct message *message)
{
	struct msghdr header = {0};
	bool may_bring;

	if (!receive_one(call->fd, message, &header, MSG_PEEK))
		return false;
	if (!message->fds_lost) {
		(void)recv(call->fd, NULL, 0, MSG_DONTWAIT);
		return true;
	}
	may_bring =
		!fault_of_bytes(message) && rudp_control_may_bring_fds(engine, &message->request);
	if (may_bring && !rudp_deferred_close_is_full())
		return receive_whole(engine, call, message, MSG_PEEK);
	message->is_left = true;
	message->is_denied = !may_bring;
	return true;
}

static bool receive(struct rudp_engine *engine, const struct rudp_call *call,
		    struct message *message)
{
	message->request = (struct rudp_control_request){0}; /* a refusal quotes it */
	message->fds[0] = message->fds[1] = -1;
	message->fd_count = 0;
	message->is_left = message->is_denied = false;
	return call->foreign ? receive_foreign(engine, call, message)
			     : receive_whole(engine, call, message, 0);
}

static void refuse(struct rudp_engine *engine, struct rudp_call *call,
		   const struct message *message, const char *fault)
{
	struct rudp_control_reply reply = {.error = EPROTO};

	if (rudp_log_ratelimit_allows(&engine->ratelimit, engine->now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "refused a control message of pid %u: %s (%zd bytes, version %u, "
			 "operation %u, %d descriptors)",
			 call->pid, fault, message->len, message->request.version,
			 message->request.operation, message->fd_count);
	if (message->len >= 4)
		reply.operation = message->request.operation;
	close_fds(engine, call, message);
	rudp_call_answer(engine, call, &reply);
}

/* Passing a descriptor creates no open file, so this process's own limit was reached. */
static void reply_no_descriptors(struct rudp_engine *engine, struct rudp_call *call,
				 const struct message *message)
{
	struct rudp_control_reply reply = {.error = EMFILE,
					   .operation = message->request.operation};

	close_fds(engine, call, message);
	rudp_call_answer(engine, call, &reply);
}

static void on_message(struct rudp_engine *engine, struct rudp_call *call,
		       const struct message *message)
{
	const char *fault = fault_of(message);

	if (message->fds_lost && message->fd_count == 0 && !message->is_denied &&
	    message->len >= (ssize_t)sizeof message->request)
		reply_no_descriptors(engine, call, message);
	else if (fault)
		refuse(engine, call, message, fault);
	else {
		if (message->fds[0] >= 0) {
			drop_held(engine, call);
			call->held_fd = message->fds[0];
			call->second_fd = message->fds[1];
		}
		rudp_control_serve(engine, call, &message->request, message->more);
	}
}

/* The caller closes a blocking connect itself. */
static bool stays_open(const struct rudp_call *call, bool waited)
{
	return !call->answered || waited;
}

void rudp_call_on_event(struct rudp_engine *engine, struct rudp_call *call, uint32_t events)
{
	struct message message;
	bool waited = call->app_id != 0;

	/* Anything else that the caller has sent is discarded. */
	if (call->answered && events & EPOLLHUP) {
		rudp_call_close(engine, call);
		return;
	}
	if (!receive(engine, call, &message)) {
		if (events & (EPOLLHUP | EPOLLERR))
			rudp_call_close(engine, call);
		return;
	}
	if (message.len == 0 || call->answered) {
		close_fds(engine, call, &message);
		/*
		 * A GO_ON crossed the reply on its way: the caller takes the reply as the answer to
		 * both.
		 */
		if (message.len == 0 || message.is_left)
			rudp_call_close(engine, call);
		return;
	}
	on_message(engine, call, &message);
	if (!stays_open(call, waited) || message.is_left)
		rudp_call_close(engine, call);
}

static void pause_listener(struct rudp_engine *engine, struct rudp_control_listener *listener)
{
	engine->listeners_open_at_ns = engine->now_at_ns + RUDP_CONTROL_LISTENER_PAUSE_NS;
	listener->paused = true;
	rudp_engine_rewatch(engine, listener->fd, 0, listener->id);
}

static void pause_listeners(struct rudp_engine *engine)
{
	RUDP_LIST_EACH(struct rudp_control_listener, listener, &engine->control_listeners, link)
		pause_listener(engine, listener);
}

void rudp_control_listeners_reopen(struct rudp_engine *engine)
{
	engine->listeners_open_at_ns = RUDP_NEVER;
	RUDP_LIST_EACH(struct rudp_control_listener, listener, &engine->control_listeners, link) {
		if (listener->paused)
			rudp_engine_rewatch(engine, listener->fd, EPOLLIN, listener->id);
		listener->paused = false;
	}
	rudp_port_shares_resume(engine);
}

/*
 * Closes an accepted socket that gets no call. This thread must not close descriptors that an
 * unauthenticated caller may have sent.
 */
static void close_unserved(const struct rudp_control_listener *listener, int fd)
{
	if (listener->kind == RUDP_CONTROL_LISTENER_OPEN)
		rudp_deferred_close(fd);
	else
		close(fd);
}

/*
 * Sends the error. The request is read first: with unread input the caller would see a reset and no
 * reply. But reading it closes its descriptors in this thread. So the request of an unauthenticated
 * caller that has descriptors stays unread, and that caller sees a reset.
 */
static void send_refusal(const struct rudp_control_listener *listener, int fd)
{
	struct rudp_control_reply reply = {.version = RUDP_CONTROL_VERSION, .error = EMFILE};
	struct rudp_control_request request;
	struct iovec iov = {&request, sizeof request};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_PEEK);

	if (n >= 4)
		reply.operation = request.operation;
	/* A message that came after the peek may have descriptors. */
	if ((n >= 0 && !(header.msg_flags & MSG_CTRUNC)) ||
	    listener->kind != RUDP_CONTROL_LISTENER_OPEN)
		(void)recv(fd, &request, sizeof request, MSG_DONTWAIT);
	(void)send(fd, &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL);
	close_unserved(listener, fd);
}

/* Without free descriptors one caller is accepted and refused, so that it does not wait for
 * ever. */
static void refuse_one_caller(struct rudp_engine *engine,
			      const struct rudp_control_listener *listener)
{
	int fd = rudp_engine_accept_spare(engine, listener->fd);

	if (fd >= 0)
		send_refusal(listener, fd);
	rudp_engine_keep_spare(engine);
	if (rudp_log_ratelimit_allows(&engine->ratelimit, engine->now_at_ns))
		rudp_log(RUDP_LOG_ERROR, "out of descriptors: a request of a program was refused");
	pause_listeners(engine);
}

static struct rudp_call *call_new(struct rudp_engine *engine,
				  const struct rudp_control_listener *listener, int fd)
{
	struct rudp_call *call = calloc(1, sizeof *call);
	struct ucred peer;

	if (!call)
		return NULL;
	call->fd = fd;
	call->held_fd = call->second_fd = -1;
	call->since_ns = engine->now_at_ns;
	if (rudp_raw_peer(fd, &peer) < 0)
		goto free_call;
	call->pid = (uint32_t)peer.pid;
	call->uid = peer.uid;
	call->foreign = call->unauthenticated = listener->kind == RUDP_CONTROL_LISTENER_OPEN;
	call->id = rudp_slots_add(&engine->slots, RUDP_KIND_CALL, call);
	if (!call->id)
		goto free_call;
	join_list(engine, call);
	return call;

free_call:
	free(call);
	return NULL;
}

/* The oldest has had at least one turn of the loop to send its request. */
static void make_room_for_unauthenticated(struct rudp_engine *engine)
{
	if (engine->unauthenticated_count > RUDP_UNAUTHENTICATED_MAX)
		rudp_call_close(engine, RUDP_LIST_OWNER(engine->unauthenticated_calls.next,
							struct rudp_call, link));
}

/* Most calls are closed by now: the request had come already and was answered at once. */
static void keep_aside(struct rudp_engine *engine, uint64_t id)
{
	struct rudp_call *call = rudp_call_find(engine, id);

	if (call)
		rudp_call_put_aside(engine, call);
}

/* Closes what waits to be closed: descriptors are scarce. */
static void free_descriptors(struct rudp_engine *engine, bool scarce)
{
	rudp_sockets_on_scarce(&engine->sockets, scarce);
	if (!scarce)
		return;
	rudp_calls_aside_settle(engine);
	rudp_udp_drop_spares(engine);
}

/*
 * An accept that finds no caller costs the kernel a socket, made and discarded: 2 us. Callers
 * mostly come one by one. So more than one is expected only if the turn before had a caller, too.
 */
static int callers_expected(const struct rudp_engine *engine,
			    struct rudp_control_listener *listener)
{
	bool again = listener->last_caller_turn + 1 == engine->turns;

	listener->last_caller_turn = engine->turns;
	return again ? RUDP_CALLS_PER_PASS : 1;
}

/* The rest waits for the next turn, in which epoll reports the listener again. */
void rudp_control_listener_on_event(struct rudp_engine *engine,
				    struct rudp_control_listener *listener)
{
	int expected = callers_expected(engine, listener);
	uint64_t listener_id = listener->id;

	for (int i = 0; i < expected; i++) {
		struct rudp_call *call;
		uint64_t id;
		int fd;

		if (listener->kind == RUDP_CONTROL_LISTENER_OPEN && rudp_deferred_close_is_full()) {
			pause_listener(engine, listener);
			return;
		}
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		/* EINVAL: the listener was shut down for good. */
		if (fd < 0 &&
		    (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EINVAL))
			return;
		if (fd < 0) {
			free_descriptors(engine, true);
			refuse_one_caller(engine, listener);
			return;
		}
		free_descriptors(engine, fd >= engine->closer.fd_max);
		call = engine->call_count < RUDP_CALLS_MAX ? call_new(engine, listener, fd) : NULL;
		if (!call) {
			close_unserved(listener, fd);
			pause_listeners(engine);
			return;
		}
		engine->callers_count++;
		id = call->id;
		rudp_call_on_event(engine, call, 0);
		keep_aside(engine, id);
		make_room_for_unauthenticated(engine);
		/* The request may have closed this listener. */
		if (!rudp_slots_find(&engine->slots, listener_id, RUDP_KIND_CONTROL_LISTENER))
			return;
	}
}
