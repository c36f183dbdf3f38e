/* SPDX-License-Identifier: MIT */
/* The loop thread's work for a node. Only this thread uses the descriptors of links, except for
 * rudpmsg_node_write. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#include "messaging/node_private.h"

#define CONTROL_COPY_MAX 64 /* longest control frame that is written without the lock */

/* ---- reading ---- */

/* Returns false if there is nothing more to read now. */
static bool read_once(struct rudpmsg_node *node, struct stream *stream)
{
	uint8_t *room = NULL;
	size_t size;
	ssize_t n;

	pthread_mutex_lock(&node->lock);
	size = stream->link ? rudpmsg_hub_read_room(node->hub, stream->link, &room) : 0;
	if (size == 0) /* reading continues once messages are taken: rudpmsg_hub_next_read */
		(void)rudpmsg_stream_watch(stream, false, stream->wants_out);
	pthread_mutex_unlock(&node->lock);
	if (size == 0)
		return false;
	n = rudpmsg_transport_read(node->transport, stream->watch.fd, room, size);
	if (n == -EAGAIN || n == -EINTR)
		return false;
	pthread_mutex_lock(&node->lock);
	if (n > 0)
		rudpmsg_hub_on_read(node->hub, stream->link, (size_t)n, rudp_clock_now_ns());
	else
		rudpmsg_hub_on_ended(node->hub, stream->link, (int)-n, rudp_clock_now_ns());
	rudpmsg_node_unlock(node);
	return n > 0 && (size_t)n == size;
}

static void read_some(struct rudpmsg_node *node, struct stream *stream)
{
	int i;

	for (i = 0; i < READS_AT_ONCE; i++)
		if (!read_once(node, stream))
			return;
}

static void accept_one(struct rudpmsg_node *node, int fd)
{
	struct stream *stream = rudpmsg_stream_new(node, fd);
	uint8_t key[RUDPMSG_KEY_BYTES];
	bool has_key;

	if (!stream) {
		node->transport->close(fd);
		return;
	}
	has_key = rudpmsg_transport_key(node->transport, fd, key);
	pthread_mutex_lock(&node->lock);
	stream->link = rudpmsg_hub_on_accepted(node->hub, stream, rudp_clock_now_ns());
	if (stream->link && has_key)
		rudpmsg_link_set_key(stream->link, key);
	pthread_mutex_unlock(&node->lock);
	if (!stream->link) {
		rudpmsg_stream_free(node, stream);
		return;
	}
	if (rudpmsg_stream_watch(stream, true, false) == 0)
		return;
	pthread_mutex_lock(&node->lock);
	rudpmsg_hub_on_ended(node->hub, stream->link, ENOMEM, rudp_clock_now_ns());
	pthread_mutex_unlock(&node->lock);
}

static void listeners_watch(struct rudpmsg_node *node, unsigned before, unsigned events)
{
	unsigned i;

	pthread_mutex_lock(&node->lock);
	for (i = 0; i < node->listener_count; i++)
		(void)rudpmsg_loop_watch(node->listeners + i, before, events);
	pthread_mutex_unlock(&node->lock);
}

static void accept_some(struct rudpmsg_node *node, const struct rudpmsg_watch *listener)
{
	int fd, i;

	for (i = 0; i < ACCEPTS_AT_ONCE; i++) {
		fd = rudpmsg_transport_accept(node->transport, listener->fd);
		if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS)
			node->accept_at_ns = rudp_clock_now_ns() + ACCEPT_PAUSE_NS;
		if (fd < 0)
			break;
		accept_one(node, fd);
	}
	/* It stays readable: without a pause the loop would spin until a descriptor is free. */
	if (node->accept_at_ns)
		listeners_watch(node, EPOLLIN, 0);
}

static void accept_again(struct rudpmsg_node *node)
{
	if (node->accept_at_ns == 0 || rudp_clock_now_ns() < node->accept_at_ns)
		return;
	node->accept_at_ns = 0;
	listeners_watch(node, 0, EPOLLIN);
}

/* ---- writing ---- */

/* The caller of each function holds the lock. */

static bool can_write(const struct stream *stream)
{
	return stream && stream->watch.fd >= 0 && !stream->is_dialing && !stream->cannot_write;
}

/*
 * Writes an ACK or another control frame without the lock, in the loop's thread. The message that
 * the ACK is for has just woken a thread, which would otherwise wait for the lock until the ACK is
 * written. No other thread writes meanwhile (is_due); new work is done in the next round.
 */
static ssize_t write_control(struct rudpmsg_node *node, const struct stream *stream,
			     const struct iovec *control)
{
	uint8_t copy[CONTROL_COPY_MAX];
	struct iovec iov = {copy, control->iov_len};
	ssize_t n;

	memcpy(copy, control->iov_base, control->iov_len);
	node->is_woken = false;
	pthread_mutex_unlock(&node->lock);
	n = rudpmsg_transport_write(node->transport, stream->watch.fd, &iov, 1);
	pthread_mutex_lock(&node->lock);
	if (node->is_woken)
		rudpmsg_loop_serve(&node->member);
	return n;
}

static bool is_control(const struct rudpmsg_link *link, const struct iovec *iov, int count)
{
	return count == 1 && iov->iov_len <= CONTROL_COPY_MAX && rudpmsg_hub_is_control(link, iov);
}

/* 0: all is written; -EAGAIN and similar: later; else why nothing can be written any more. */
static int write_all(struct rudpmsg_node *node, struct rudpmsg_link *link, struct stream *stream)
{
	struct iovec iov[3];
	ssize_t n;
	int count;

	while ((count = rudpmsg_hub_write_next(link, iov, 3)) > 0) {
		if (node->is_serving && is_control(link, iov, count))
			n = write_control(node, stream, iov);
		else
			n = rudpmsg_transport_write(node->transport, stream->watch.fd, iov, count);
		if (n <= 0)
			return n < 0 ? (int)n : -EAGAIN;
		rudpmsg_hub_on_written(node->hub, link, (size_t)n);
	}
	return 0;
}

static void write_some(struct rudpmsg_node *node, struct rudpmsg_link *link)
{
	struct stream *stream = rudpmsg_link_user(link);
	int rc;

	if (!can_write(stream))
		return;
	rc = write_all(node, link, stream);
	/* Bytes that the peer sent before it closed must still be read: the reader ends the
	 * link. */
	stream->cannot_write =
		rc < 0 && rc != -EAGAIN && rc != -EINTR && rc != -ENOBUFS && rc != -ENOMEM;
	(void)rudpmsg_stream_watch(stream, stream->wants_in, rc < 0 && !stream->cannot_write);
}

void rudpmsg_node_write(struct rudpmsg_node *node)
{
	struct rudpmsg_link *link;
	struct stream *stream;

	if (node->is_due || !(link = rudpmsg_hub_sole_write(node->hub)))
		return;
	stream = rudpmsg_link_user(link);
	if (!can_write(stream) || stream->wants_out ||
	    !rudpmsg_loop_may_write(&node->member, rudp_clock_now_ns()) ||
	    write_all(node, link, stream) < 0)
		rudpmsg_hub_write_later(node->hub, link);
}

/* ---- the hub's lists ---- */

static bool dial_one(struct rudpmsg_node *node)
{
	struct rudpmsg_link *link = rudpmsg_hub_next_dial(node->hub);

	if (!link)
		return false;
	pthread_mutex_unlock(&node->lock);
	rudpmsg_stream_dial(node, link);
	pthread_mutex_lock(&node->lock);
	return true;
}

static void close_all(struct rudpmsg_node *node)
{
	struct rudpmsg_link *link;
	struct stream *stream;

	while ((link = rudpmsg_hub_next_close(node->hub))) {
		stream = rudpmsg_link_user(link);
		rudpmsg_link_free(link);
		if (!stream)
			continue;
		stream->link = NULL;
		if (!rudp_list_is_linked(&stream->resolved) &&
		    !(stream->is_dialing && stream->watch.fd < 0))
			rudpmsg_stream_free(node, stream);
		/* else its host name is being looked up; it is freed after that */
	}
}

static bool take_resolved(struct rudpmsg_node *node)
{
	struct rudp_list *link = rudp_list_pop(&node->resolved);
	struct stream *stream;

	if (!link)
		return false;
	stream = RUDP_LIST_OWNER(link, struct stream, resolved);
	if (!stream->link) {
		rudpmsg_stream_free(node, stream);
		return true;
	}
	pthread_mutex_unlock(&node->lock);
	rudpmsg_stream_on_resolved(node, stream);
	pthread_mutex_lock(&node->lock);
	return true;
}

/* Reads from links again whose application was behind. */
static void read_on(struct rudpmsg_node *node)
{
	struct rudpmsg_link *link;
	struct stream *stream;

	while ((link = rudpmsg_hub_next_read(node->hub))) {
		stream = rudpmsg_link_user(link);
		rudpmsg_hub_on_read(node->hub, link, 0, rudp_clock_now_ns());
		if (stream->watch.fd >= 0)
			(void)rudpmsg_stream_watch(stream, true, stream->wants_out);
	}
}

static struct rudpmsg_node *node_of(struct rudpmsg_loop_member *member)
{
	return RUDP_LIST_OWNER(member, struct rudpmsg_node, member);
}

/* The caller holds the lock. */
static void serve(struct rudpmsg_node *node)
{
	int64_t now_at_ns = rudp_clock_now_ns();
	struct rudpmsg_link *link;

	rudpmsg_hub_on_time(node->hub, now_at_ns);
	/* Both release the lock: entries that are added meanwhile do not wake the loop. */
	while (take_resolved(node) || dial_one(node))
		;
	read_on(node);
	rudpmsg_node_dispatch(node);
	while ((link = rudpmsg_hub_next_write(node->hub))) {
		rudpmsg_loop_note_write(&node->member, now_at_ns);
		write_some(node, link);
	}
	close_all(node);
	rudpmsg_node_tell(node);
}

int64_t rudpmsg_node_serve(struct rudpmsg_loop_member *member)
{
	struct rudpmsg_node *node = node_of(member);
	int64_t again_at_ns;

	accept_again(node);
	pthread_mutex_lock(&node->lock);
	node->is_due = node->is_serving = true;
	if (!node->is_over)
		serve(node);
	node->is_serving = false;
	again_at_ns = rudpmsg_hub_deadline_ns(node->hub);
	node->is_due = node->is_over;
	pthread_mutex_unlock(&node->lock);
	if (node->accept_at_ns && node->accept_at_ns < again_at_ns)
		again_at_ns = node->accept_at_ns;
	return again_at_ns;
}

/* ---- events ---- */

static void on_stream(struct rudpmsg_node *node, struct stream *stream, unsigned events)
{
	if (stream->watch.fd < 0)
		return;
	if (stream->is_dialing) {
		rudpmsg_stream_on_dial_event(node, stream);
		return;
	}
	if (events & EPOLLOUT) {
		pthread_mutex_lock(&node->lock);
		if (stream->link)
			write_some(node, stream->link);
		pthread_mutex_unlock(&node->lock);
	}
	if (!stream->wants_in && (events & (EPOLLHUP | EPOLLERR))) {
		pthread_mutex_lock(&node->lock);
		(void)rudpmsg_stream_watch(stream, false, false);
		pthread_mutex_unlock(&node->lock);
	} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_some(node, stream);
}

void rudpmsg_node_on_event(struct rudpmsg_watch *watch, unsigned events)
{
	struct rudpmsg_node *node = node_of(watch->member);

	if (watch->kind == RUDPMSG_WATCH_LISTENER)
		accept_some(node, watch);
	else
		on_stream(node, (struct stream *)(void *)watch, events);
}

void rudpmsg_node_on_leave(struct rudpmsg_loop_member *member)
{
	struct rudpmsg_node *node = node_of(member);
	struct rudp_list *at;

	for (at = node->streams.next; at != &node->streams; at = at->next)
		(void)rudpmsg_stream_watch(RUDP_LIST_OWNER(at, struct stream, all), false, false);
	if (node->accept_at_ns == 0)
		listeners_watch(node, EPOLLIN, 0);
}
