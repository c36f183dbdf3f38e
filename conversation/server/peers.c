/* SPDX-License-Identifier: MIT */
#include "conversation/server/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "conversation/model/serializer.h"

struct apo_guest {
	UT_hash_handle by_conn;
	rudpmsg_conn_id conn;
	struct apo_session *session; /* a reference; NULL: none */
	/* A reference to the previous session; session waits for its end. */
	struct apo_session *previous;
	struct rudp_list queued; /* in peers->queued while the previous session has not ended */
	bool hello_pending;      /* the send queue had no room for it */
	bool is_refusal_logged;  /* since opens_from_ns: a peer cannot fill the log */
	unsigned opens;          /* since opens_from_ns */
	int64_t opens_from_ns;
	char name[RUDPMSG_NAME_MAX + 1];
};

static struct apo_guest *find(const struct apo_peers *peers, rudpmsg_conn_id conn)
{
	return RUDP_TABLE_FIND(by_conn, peers->table, &conn);
}

static struct apo_guest *take(struct apo_peers *peers, rudpmsg_conn_id conn, const char *name)
{
	struct apo_guest *guest = find(peers, conn);

	if (guest)
		return guest;
	guest = calloc(1, sizeof *guest);
	if (!guest)
		return NULL;
	guest->conn = conn;
	memcpy(guest->name, name, strnlen(name, RUDPMSG_NAME_MAX));
	if (!RUDP_TABLE_ADD(by_conn, peers->table, conn, guest)) {
		free(guest);
		return NULL;
	}
	return guest;
}

static int send_frame(struct apo_peers *peers, struct apo_guest *guest,
		      const struct apo_frame *frame)
{
	uint8_t bytes[APO_FRAME_BYTES_MAX];
	rudpmsg_message_id id;

	return peers->carrier->send(peers->carrier->of, guest->conn, bytes,
				    apo_frame_write(frame, bytes), &id);
}

/* The guest's session, unless the worker has closed it. */
static struct apo_session *session_of(struct apo_guest *guest)
{
	if (guest->session && apo_session_is_closed(guest->session)) {
		apo_session_put(guest->session);
		guest->session = NULL;
	}
	return guest->session;
}

/* ---- events ---- */

static void say_hello(struct apo_peers *peers, struct apo_guest *guest)
{
	struct apo_session *session = session_of(guest);
	struct apo_frame hello = {.kind = APO_FRAME_HELLO,
				  .epoch = peers->epoch,
				  .session = session ? apo_session_number(session) : 0};

	guest->hello_pending = send_frame(peers, guest, &hello) == -EAGAIN;
}

void apo_peers_on_connected(struct apo_peers *peers, rudpmsg_conn_id conn, const char *name)
{
	struct apo_guest *guest = take(peers, conn, name);

	if (guest)
		say_hello(peers, guest);
}

static void say_close(struct apo_peers *peers, struct apo_guest *guest, uint64_t session,
		      const char *reason)
{
	struct apo_frame frame = {.kind = APO_FRAME_CLOSE,
				  .session = session,
				  .text = reason,
				  .text_len = strlen(reason)};

	(void)send_frame(peers, guest, &frame);
}

static void forget(struct apo_session **session)
{
	if (*session)
		apo_session_put(*session);
	*session = NULL;
}

static void end_session(struct apo_guest *guest, int error)
{
	if (guest->session)
		apo_session_end(guest->session, error);
	forget(&guest->session);
}

static bool opens_too_often(struct apo_peers *peers, struct apo_guest *guest, int64_t now_at_ns)
{
	if (now_at_ns - guest->opens_from_ns >= peers->config->connects_ns) {
		guest->opens_from_ns = now_at_ns;
		guest->opens = 0;
		guest->is_refusal_logged = false;
	}
	return ++guest->opens > peers->config->connects_max;
}

/* Returns NULL (the session can take lines), or the reason to refuse it. */
static const char *make_session(struct apo_peers *peers, struct apo_guest *guest, uint64_t number,
				int64_t now_at_ns)
{
	if (opens_too_often(peers, guest, now_at_ns))
		return "You open sessions too often, wait a while";
	if (!apo_frame_name_is_valid(guest->name))
		return "Your id must consist of letters, digits, dots and dashes, at most 50";
	guest->session = apo_session_new(peers->carrier, guest->conn, number, guest->name);
	return guest->session ? NULL : "Out of memory";
}

static void refuse(struct apo_peers *peers, struct apo_guest *guest, uint64_t number,
		   const char *reason)
{
	peers->counters.refused++;
	if (!guest->is_refusal_logged)
		rudp_log(RUDP_LOG_INFO, "refused peer=%s reason=\"%s\"", guest->name, reason);
	guest->is_refusal_logged = true;
	say_close(peers, guest, number, reason);
	end_session(guest, 0);
}

static void admit(struct apo_peers *peers, struct apo_guest *guest)
{
	struct apo_frame opened = {.kind = APO_FRAME_OPENED,
				   .session = apo_session_number(guest->session)};
	const char *refusal = peers->admit(peers->of, guest->session);

	if (!refusal && send_frame(peers, guest, &opened) < 0)
		refusal = "Your queue is full";
	if (refusal)
		refuse(peers, guest, opened.session, refusal);
	else
		peers->counters.opened++;
}

/* The new session begins after the previous one has ended: then all lines of the previous one have
 * been handled and its nick is free. */
static void queue_after_previous(struct apo_peers *peers, struct apo_guest *guest)
{
	peers->counters.replaced++;
	apo_session_end(guest->session, 0);
	/* A session that is still waiting was never admitted, so it needs no end. */
	if (guest->previous) {
		forget(&guest->session);
		return;
	}
	guest->previous = guest->session;
	guest->session = NULL;
	rudp_list_append(&peers->queued, &guest->queued);
}

static void on_open(struct apo_peers *peers, struct apo_guest *guest, uint64_t number,
		    int64_t now_at_ns)
{
	const char *refusal;

	if (session_of(guest)) {
		if (apo_session_number(guest->session) == number)
			return;
		queue_after_previous(peers, guest);
	}
	refusal = make_session(peers, guest, number, now_at_ns);
	if (refusal)
		refuse(peers, guest, number, refusal);
	else if (!guest->previous)
		admit(peers, guest);
}

void apo_peers_on_closed(struct apo_peers *peers)
{
	struct rudp_list *link = peers->queued.next, *next;

	for (; link != &peers->queued; link = next) {
		struct apo_guest *guest = RUDP_LIST_OWNER(link, struct apo_guest, queued);

		next = link->next;
		if (!apo_session_is_closed(guest->previous))
			continue;
		forget(&guest->previous);
		rudp_list_remove(&guest->queued);
		if (guest->session)
			admit(peers, guest);
	}
}

/* Returns true if the session has taken ownership of the message. */
static bool on_line(struct apo_peers *peers, struct apo_guest *guest,
		    const struct rudpmsg_message *message, const struct apo_frame *line)
{
	struct apo_session *session = session_of(guest);

	if (session && apo_session_number(session) == line->session) {
		apo_session_on_line(session, message, line);
		return true;
	}
	peers->counters.stale++;
	return false;
}

/* The peer ends the session; the reason for other users came with its QUIT. */
static void on_close(struct apo_guest *guest, uint64_t number)
{
	if (session_of(guest) && apo_session_number(guest->session) == number)
		end_session(guest, 0);
}

/* Returns true if the session releases the message later. */
static bool on_frame(struct apo_peers *peers, struct apo_guest *guest,
		     const struct rudpmsg_message *message, int64_t now_at_ns)
{
	struct apo_frame frame = {.kind = 0};
	enum apo_frame_verdict verdict = apo_frame_read(message->bytes, message->length, &frame);

	if (verdict == APO_FRAME_OTHER && frame.kind == APO_FRAME_OPEN) {
		say_hello(peers, guest); /* tells the peer the current epoch */
		return false;
	}
	if (verdict == APO_FRAME_OK && frame.kind == APO_FRAME_LINE)
		return on_line(peers, guest, message, &frame);
	if (verdict == APO_FRAME_OK && frame.kind == APO_FRAME_OPEN)
		on_open(peers, guest, frame.session, now_at_ns);
	else if (verdict == APO_FRAME_OK && frame.kind == APO_FRAME_CLOSE)
		on_close(guest, frame.session);
	else
		peers->counters.malformed++;
	return false;
}

void apo_peers_on_message(struct apo_peers *peers, struct rudpmsg_message *message,
			  const char *name, int64_t now_at_ns)
{
	struct apo_guest *guest = take(peers, message->conn, name);

	if (!guest || !on_frame(peers, guest, message, now_at_ns))
		peers->carrier->done(peers->carrier->of, message);
}

void apo_peers_on_acknowledged(struct apo_peers *peers, rudpmsg_conn_id conn, rudpmsg_message_id id)
{
	struct apo_guest *guest = find(peers, conn);

	if (!guest)
		return;
	if (guest->session)
		apo_session_on_acknowledged(guest->session, id);
	if (guest->hello_pending)
		say_hello(peers, guest);
}

static void guest_free(struct apo_peers *peers, struct apo_guest *guest, int error)
{
	HASH_DELETE(by_conn, peers->table, guest);
	end_session(guest, error);
	forget(&guest->previous);
	rudp_list_remove(&guest->queued);
	free(guest);
}

void apo_peers_on_gone(struct apo_peers *peers, rudpmsg_conn_id conn, int error)
{
	struct apo_guest *guest = find(peers, conn);

	if (!guest)
		return;
	peers->counters.gone += session_of(guest) != NULL;
	guest_free(peers, guest, error);
}

void apo_peers_init(struct apo_peers *peers, const struct apo_carrier *carrier,
		    const struct apo_config *config, uint64_t epoch)
{
	peers->carrier = carrier;
	peers->config = config;
	peers->epoch = epoch;
	peers->table = NULL;
	rudp_list_init(&peers->queued);
}

void apo_peers_fini(struct apo_peers *peers)
{
	while (peers->table)
		guest_free(peers, peers->table, 0);
}

/* ---- hand-over ---- */

void apo_peers_serialize(struct apo_serializer *serializer, struct apo_peers *peers)
{
	APO_SERIALIZE_COUNTERS(serializer, APO_PEERS_COUNTERS, peers->counters);
}
