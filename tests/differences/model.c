/* SPDX-License-Identifier: MIT */
#include "differences/model.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

struct model *model;

enum { SETTLE_MS = 3000 };

void model_init(void)
{
	if (!model)
		model = mmap(NULL, sizeof *model, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(model, 0, sizeof *model);
	for (int i = 0; i < SLOTS; i++)
		model->fds[i] = model->end_of[i] = -1;
}

int model_new_end(int family)
{
	int number = model->ends_count++;
	model->ends[number] =
		(struct end){.copies = 1, .family = family, .queue_of = -1, .peer = -1};
	return number;
}

struct end *model_end(int slot)
{
	return model->end_of[slot] < 0 ? NULL : &model->ends[model->end_of[slot]];
}

int model_port_name(uint16_t port)
{
	if (port == 0)
		return 0;
	for (int i = model->ports_count - 1; i >= 0; i--)
		if (model->ports[i] == port)
			return i + 1;
	model->ports[model->ports_count] = port;
	return ++model->ports_count;
}

void model_note_port(int slot)
{
	struct sockaddr_in6 address;
	socklen_t size = sizeof address;
	struct end *end = model_end(slot);
	if (getsockname(model->fds[slot], (struct sockaddr *)&address, &size) == 0)
		end->own_port = ntohs(address.sin6_port);
	/* A name of its own even if the number was in use before: that is chance. */
	if (end->own_port)
		model->ports[model->ports_count++] = end->own_port;
	end->port_name = model_port_name(end->own_port);
}

static int listener_at(uint16_t port)
{
	for (int i = 0; i < model->ends_count; i++)
		if (model->ends[i].listening && model->ends[i].copies > 0 &&
		    model->ends[i].own_port == port)
			return i;
	return -1;
}

void model_connected(int slot, uint16_t port)
{
	struct end *end = model_end(slot);
	int number = model->end_of[slot], listener = listener_at(port);
	model_note_port(slot);
	end->connected = end->made = true;
	end->reset = end->wrote_end = end->read_end = end->spent = false;
	end->reset_after_end = end->has_read = end->is_unsure = end->has_stale_error = false;
	end->unread = 0;
	end->peer_port = port;
	if (listener < 0) {
		end->peer = number; /* connected to itself */
		return;
	}
	int other = model_new_end(model->ends[listener].family);
	struct end *accepted = &model->ends[other];
	accepted->copies = 0;
	accepted->queue_of = listener;
	accepted->connected = accepted->made = true;
	accepted->own_port = port;
	accepted->port_name = model->ends[listener].port_name;
	accepted->peer_port = end->own_port;
	accepted->peer = number;
	accepted->linger_off = model->ends[listener].linger_off;
	end->peer = other;
}

void model_accepted(int slot, int listener, uint16_t peer_port)
{
	for (int i = 0; i < model->ends_count; i++) {
		struct end *end = &model->ends[i];
		if (end->queue_of >= 0 && end->queue_of == listener &&
		    (peer_port == 0 || end->peer_port == peer_port)) {
			end->queue_of = -1;
			end->copies = 1;
			model->end_of[slot] = i;
			return;
		}
	}
	model->end_of[slot] = model_new_end(AF_INET);
}

static void reset(struct end *end)
{
	end->reset_after_end |= !end->reset && end->peer >= 0 && model->ends[end->peer].wrote_end;
	end->reset = true;
	end->unread = 0;
}

void model_sent(int slot, long bytes)
{
	struct end *end = model_end(slot);
	if (!end || end->peer < 0 || bytes <= 0)
		return;
	struct end *peer = &model->ends[end->peer];
	if (peer->copies == 0 && peer->queue_of < 0)
		reset(end);
	else
		peer->unread += (int)bytes;
}

void model_shutdown(int slot, int how)
{
	struct end *end = model_end(slot);
	if (how == SHUT_RD || how == SHUT_RDWR)
		end->read_end = true;
	if (how == SHUT_WR || how == SHUT_RDWR)
		end->wrote_end = true;
	if (end->listening && how != SHUT_WR) {
		end->listening = false;
		end->was_listener = true;
		for (int i = 0; i < model->ends_count; i++)
			if (model->ends[i].queue_of == model->end_of[slot]) {
				model->ends[i].queue_of = -1;
				reset(&model->ends[model->ends[i].peer]);
			}
	}
}

static void abandon(struct end *end)
{
	if (end->peer < 0)
		return;
	struct end *peer = &model->ends[end->peer];
	if ((end->unread > 0 || end->linger_off) && !end->reset) {
		reset(peer);
		peer->is_unsure = end->read_end && end->wrote_end;
	}
	end->wrote_end = true;
	end->unread = 0;
}

void model_closed(int slot)
{
	struct end *end = model_end(slot);
	if (--end->copies == 0) {
		if (end->listening)
			model_shutdown(slot, SHUT_RD);
		else
			abandon(end);
	}
	model->fds[slot] = model->end_of[slot] = -1;
}

void model_unconnect(int slot)
{
	struct end *end = model_end(slot);
	if (end->listening)
		model_shutdown(slot, SHUT_RD);
	end->has_stale_error |=
		!end->connected || end->reset_after_end || (end->read_end && end->wrote_end);
	end->was_listener = false;
	end->spent = true;
	if (end->peer >= 0 && !end->reset) {
		reset(&model->ends[end->peer]);
		end->is_unsure = end->read_end && end->wrote_end;
		model->ends[end->peer].is_unsure = end->is_unsure;
	}
	end->connected = end->reset = end->wrote_end = end->read_end = false;
	end->unread = 0;
	end->peer = -1;
	end->own_port = 0;
}

bool model_has_waiting(int slot)
{
	for (int i = 0; i < model->ends_count; i++)
		if (model->ends[i].queue_of == model->end_of[slot])
			return true;
	return false;
}

const char *model_known(int slot, bool watches)
{
	const struct end *end = model_end(slot);
	if (!end)
		return NULL;
	const struct end *peer = end->peer < 0 ? NULL : &model->ends[end->peer];
	bool peer_ended = end->reset || (peer && peer->wrote_end);
	if (end->is_unsure || (end->read_end && end->wrote_end && peer_ended))
		return "what the peer does after SHUT_RDWR";
	if (end->has_stale_error)
		return "errors that were not read before AF_UNSPEC";
	if (watches && end->was_listener)
		return "poll of a listener that was shut down";
	if (watches && end->spent && end->made)
		return "POLLERR after AF_UNSPEC";
	if (watches && end->reset_after_end && end->has_read)
		return "POLLERR and SO_ERROR after the peer's end of file";
	return NULL;
}

/* Names the first expected effect that an end does not show yet. NULL: it shows all. */
static const char *missing(int slot)
{
	const struct end *end = model_end(slot);
	struct pollfd entry = {.fd = model->fds[slot], .events = POLLIN | POLLRDHUP};
	int available = 0;
	(void)poll(&entry, 1, 0);
	if (end->listening) {
		return model_has_waiting(slot) && !(entry.revents & POLLIN) ? "a connection" : NULL;
	}
	if (!end->connected || end->peer < 0 || end->peer == model->end_of[slot])
		return NULL;
	if (end->reset)
		return end->is_unsure || entry.revents & POLLHUP ? NULL : "a reset";
	/* librudp_shim(7): unread bytes hide it from a socket that has ended its own direction. */
	if (model->ends[end->peer].wrote_end && !(end->wrote_end && end->unread > 0) &&
	    !(entry.revents & POLLRDHUP))
		return "an end";
	if (!end->read_end && ioctl(model->fds[slot], FIONREAD, &available) == 0 &&
	    available < end->unread)
		return "data";
	return NULL;
}

bool model_settle(char *message, int size)
{
	for (int waited = 0;; waited++) {
		const char *what = NULL;
		int slot;
		for (slot = 0; slot < SLOTS && !what; slot++)
			if (model->fds[slot] >= 0)
				what = missing(slot);
		if (!what)
			return true;
		if (waited == SETTLE_MS) {
			(void)snprintf(message, (size_t)size, "slot %d does not see %s", slot - 1,
				       what);
			return false;
		}
		(void)poll(NULL, 0, 1);
	}
}
