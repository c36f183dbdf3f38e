/* SPDX-License-Identifier: MIT */
#include "conversation/model/receipts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/clients.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared_private.h"
#include "conversation/model/state_private.h"

#define FIRST_REPORT_NS RUDP_NS_PER_S /* later reports follow after 2, 4, 8 ... s */

struct recipient {
	struct apo_client *client; /* a reference */
	bool is_settled, has_arrived;
	bool is_told;               /* the sender's node knows it */
	struct apo_shared_key home; /* in a network: of the client */
};

struct watch {
	UT_hash_handle by_id, by_position;
	struct rudp_timer timer;
	uint64_t id;
	/* The position of the message, the same at all nodes of a network; 0: there is no
	 * network. */
	uint64_t position;
	uint64_t home;             /* the node of the sender, which collects; 0: this process */
	struct apo_client *sender; /* a reference */
	int64_t end_at_ns, step_ns;
	uint32_t capacity, count, arrived, settled;
	bool is_closed;
	char msgid[APO_MSGID_BYTES];
	char target[APO_CHANNEL_BYTES_MAX + 3];
	struct recipient recipients[];
};

struct apo_receipts {
	struct rudp_timer_wheel wheel;
	struct watch *watches, *by_position;
	uint64_t last_id;
	unsigned count;
};

int apo_receipts_init(struct apo_model *model)
{
	model->receipts = calloc(1, sizeof *model->receipts);
	if (!model->receipts)
		return -ENOMEM;
	rudp_timer_wheel_init(&model->receipts->wheel, model->now_at_ns);
	return 0;
}

static void watch_free(struct apo_receipts *receipts, struct watch *watch)
{
	uint32_t i;

	HASH_DELETE(by_id, receipts->watches, watch);
	if (watch->position)
		HASH_DELETE(by_position, receipts->by_position, watch);
	rudp_timer_cancel(&receipts->wheel, &watch->timer);
	for (i = 0; i < watch->count; i++)
		apo_client_put(watch->recipients[i].client);
	if (watch->sender) /* NULL if reading the state failed */
		apo_client_put(watch->sender);
	receipts->count--;
	free(watch);
}

void apo_receipts_fini(struct apo_model *model)
{
	struct watch *watch, *next;

	HASH_ITER(by_id, model->receipts->watches, watch, next)
		watch_free(model->receipts, watch);
	free(model->receipts);
}

static void report(struct apo_model *model, struct watch *watch);

static struct watch *find(const struct apo_receipts *receipts, uint64_t id)
{
	return RUDP_TABLE_FIND(by_id, receipts->watches, &id);
}

static struct watch *watch_new(struct apo_receipts *receipts, uint64_t id, uint32_t capacity)
{
	struct watch *watch = calloc(1, sizeof *watch + capacity * sizeof *watch->recipients);

	if (!watch)
		return NULL;
	watch->id = id;
	watch->capacity = capacity;
	if (!RUDP_TABLE_ADD(by_id, receipts->watches, id, watch)) {
		free(watch);
		return NULL;
	}
	receipts->count++;
	return watch;
}

static struct watch *find_position(const struct apo_receipts *receipts, uint64_t position)
{
	return RUDP_TABLE_FIND(by_position, receipts->by_position, &position);
}

/* A node that has joined again may use a position again. Returns false if memory is short. */
static bool set_position(struct apo_receipts *receipts, struct watch *watch, uint64_t position)
{
	struct watch *before = find_position(receipts, position);
	bool is_added;

	if (before)
		watch_free(receipts, before);
	watch->position = position;
	is_added = RUDP_TABLE_ADD(by_position, receipts->by_position, position, watch);
	if (!is_added)
		watch->position = 0;
	return is_added;
}

uint64_t apo_receipts_open(struct apo_model *model, struct apo_client *sender, const char *msgid,
			   const char *target, uint32_t recipients)
{
	struct apo_receipts *receipts = model->receipts;
	struct watch *watch = NULL;

	if (!(sender->caps & APO_CAP_RECEIPTS))
		return 0;
	if (recipients <= model->config->receipt_recipients_max &&
	    receipts->count < model->config->receipts_max)
		watch = watch_new(receipts, ++receipts->last_id, recipients);
	if (watch && model->shared && !set_position(receipts, watch, model->last_msgid)) {
		watch_free(receipts, watch);
		watch = NULL;
	}
	if (!watch) {
		model->figures.receipts_refused++;
		return 0;
	}
	watch->sender = apo_client_get(sender);
	watch->home = apo_is_remote(model, sender) ? apo_shared_key_of(model, sender).node : 0;
	watch->end_at_ns = model->now_at_ns + model->config->receipt_timeout_ns;
	watch->step_ns = FIRST_REPORT_NS;
	strcpy(watch->msgid, msgid);
	snprintf(watch->target, sizeof watch->target, "%s", target);
	model->figures.receipts_watched++;
	return watch->id;
}

static void add_recipient(const struct apo_model *model, struct watch *watch,
			  struct apo_client *client)
{
	struct recipient *r = watch->recipients + watch->count++;

	r->client = apo_client_get(client);
	if (model->shared)
		r->home = apo_shared_key_of(model, client);
}

/* The caller of apo_receipts_open counted at least as many recipients: the members of a channel, or
 * one client. */
void apo_receipts_deliver(struct apo_model *model, uint64_t id, unsigned worker,
			  struct apo_text *text, const struct apo_peer *to, unsigned count)
{
	struct watch *watch = find(model->receipts, id);
	uint32_t first = watch->count;
	unsigned i;

	assert(count <= watch->capacity - watch->count);
	for (i = 0; i < count; i++)
		add_recipient(model, watch, apo_client_at(model, to[i]));
	model->calls->deliver_watched(model->of, worker, text, to, count, id, first);
}

void apo_receipts_expect(struct apo_model *model, uint64_t id, struct apo_client *client)
{
	struct watch *watch = find(model->receipts, id);

	if (watch->home)
		return; /* the sender's node expects it */
	assert(watch->count < watch->capacity);
	add_recipient(model, watch, client);
}

/* ---- receipts of several nodes ---- */

#define EVENT_RECIPIENTS_MAX 4096

static void serialize_told(struct apo_serializer *serializer, uint64_t *number, bool *has_arrived)
{
	apo_serializer_u64(serializer, number);
	apo_serializer_flag(serializer, has_arrived);
}

static bool is_news(const struct recipient *r)
{
	return r->is_settled && !r->is_told;
}

static bool has_news(const struct watch *watch)
{
	const struct recipient *r;

	for (r = watch->recipients; r < watch->recipients + watch->count; r++)
		if (is_news(r))
			return true;
	return false;
}

/* The recipients of this node that are settled since it last told. Returns false if there are none,
 * or if the event is refused: it tells them later. */
static bool tell_home(struct apo_model *model, struct watch *watch)
{
	struct recipient *end = watch->recipients + watch->count, *r;
	struct apo_serializer serializer;
	uint32_t count = 0;

	for (r = watch->recipients; r < end; r++)
		count += is_news(r) && count < EVENT_RECIPIENTS_MAX;
	if (count == 0)
		return false;
	apo_serializer_to(&serializer);
	apo_shared_event(&serializer, APO_SHARED_RECEIPTS, watch->position);
	apo_serializer_u64(&serializer, &watch->home);
	apo_serializer_u32(&serializer, &count);
	for (r = watch->recipients; r < end && count > 0; r++) {
		if (!is_news(r))
			continue;
		serialize_told(&serializer, &r->home.number, &r->has_arrived);
		r->is_told = true;
		count--;
	}
	if (apo_shared_propose(model, &serializer, false))
		return true;
	for (r = watch->recipients; r < end; r++)
		r->is_told = false;
	return false;
}

static void settle_remote(struct watch *watch, struct apo_shared_key key, bool has_arrived)
{
	struct recipient *r;

	for (r = watch->recipients; r < watch->recipients + watch->count; r++) {
		if (r->is_settled || r->home.node != key.node || r->home.number != key.number)
			continue;
		r->is_settled = true;
		r->has_arrived = has_arrived;
		watch->arrived += has_arrived;
		watch->settled++;
		return;
	}
}

void apo_receipts_apply(struct apo_model *model, uint64_t node, uint64_t position,
			struct apo_serializer *serializer)
{
	struct apo_shared_key key = {.node = node};
	struct watch *watch;
	bool has_arrived;
	uint64_t home;
	uint32_t count;

	apo_serializer_u64(serializer, &home);
	apo_serializer_count(serializer, &count, 9);
	if (!serializer->ok || home != model->shared->self)
		return;
	watch = find_position(model->receipts, position);
	if (!watch || watch->home || !watch->is_closed)
		return;
	for (; count > 0 && serializer->ok; count--) {
		serialize_told(serializer, &key.number, &has_arrived);
		if (serializer->ok)
			settle_remote(watch, key, has_arrived);
	}
	if (watch->settled == watch->count)
		report(model, watch);
}

/* ---- reports to the sender ---- */

static const char *state_of(const struct watch *watch, int64_t now_at_ns)
{
	return watch->settled == watch->count || now_at_ns >= watch->end_at_ns ? "final"
									       : "partial";
}

/* Appends the nicks of the recipients that are missing, as many as the line has room for. */
static void add_missing(struct apo_line *line, const struct watch *watch)
{
	const struct recipient *r;
	bool is_first = true;

	for (r = watch->recipients; r < watch->recipients + watch->count; r++) {
		if (r->has_arrived)
			continue;
		if (apo_line_room(line) < strlen(r->client->nick) + 2)
			return;
		if (is_first)
			apo_line_last(line, r->client->nick);
		else
			apo_line_param(line, r->client->nick);
		is_first = false;
	}
}

static void tell(struct apo_model *model, const struct watch *watch, const char *state)
{
	struct apo_line line;

	apo_line_begin(&line, model->config->server_name, "RECEIPT");
	apo_line_format(&line, "%s %s %u %u %s", watch->msgid, watch->target, watch->arrived,
			watch->count, state);
	if (strcmp(state, "sent") != 0)
		add_missing(&line, watch);
	apo_line_end(&line);
	apo_tell(model, watch->sender, &line);
}

static void report(struct apo_model *model, struct watch *watch)
{
	const char *state = state_of(watch, model->now_at_ns);
	bool is_final = strcmp(state, "final") == 0;

	if (watch->home) {
		while (tell_home(model, watch))
			;
		is_final = is_final && (!has_news(watch) || model->now_at_ns >= watch->end_at_ns);
	} else {
		tell(model, watch, state);
	}
	if (is_final)
		watch_free(model->receipts, watch);
}

static void settle_gone(struct watch *watch, uint64_t node)
{
	struct recipient *r;

	for (r = watch->recipients; r < watch->recipients + watch->count; r++) {
		if (r->is_settled || r->home.node != node)
			continue;
		r->is_settled = true;
		watch->settled++;
	}
}

void apo_receipts_on_node_gone(struct apo_model *model, uint64_t node)
{
	struct watch *watch, *next;

	HASH_ITER(by_id, model->receipts->watches, watch, next) {
		if (watch->home)
			continue;
		settle_gone(watch, node);
		if (watch->settled == watch->count)
			report(model, watch);
	}
}

void apo_receipts_close(struct apo_model *model, uint64_t id)
{
	struct watch *watch = id ? find(model->receipts, id) : NULL;

	if (!watch)
		return;
	watch->is_closed = true;
	if (watch->settled == watch->count) {
		report(model, watch);
		return;
	}
	if (!watch->home)
		tell(model, watch, "sent");
	rudp_timer_arm(&model->receipts->wheel, &watch->timer, model->now_at_ns + watch->step_ns);
}

void apo_receipts_on_receipt(struct apo_model *model, uint64_t id, uint32_t recipient, bool arrived)
{
	struct watch *watch = find(model->receipts, id);
	struct recipient *r;

	if (!watch || recipient >= watch->count || watch->recipients[recipient].is_settled)
		return;
	r = &watch->recipients[recipient];
	r->is_settled = true;
	r->has_arrived = arrived;
	watch->arrived += arrived;
	watch->settled++;
	if (watch->is_closed && watch->settled == watch->count)
		report(model, watch);
}

int64_t apo_receipts_next_at_ns(const struct apo_model *model)
{
	return rudp_timer_wheel_next_at_ns(&model->receipts->wheel);
}

void apo_receipts_on_time(struct apo_model *model)
{
	struct rudp_timer *timer;
	struct watch *watch;

	while ((timer = rudp_timer_wheel_pop(&model->receipts->wheel, model->now_at_ns))) {
		watch = RUDP_LIST_OWNER(timer, struct watch, timer);
		watch->step_ns *= 2;
		if (model->now_at_ns < watch->end_at_ns)
			rudp_timer_arm(
				&model->receipts->wheel, timer,
				rudp_time_min(model->now_at_ns + watch->step_ns, watch->end_at_ns));
		report(model, watch);
	}
}

/* ---- hand-over ---- */

static void serialize_recipient(struct apo_state *state, struct recipient *r)
{
	apo_state_anybody(state, &r->client);
	apo_serializer_flag(state->serializer, &r->is_settled);
	apo_serializer_flag(state->serializer, &r->has_arrived);
	apo_serializer_expect(state->serializer, r->is_settled || !r->has_arrived);
	if (!state->model->shared)
		return;
	apo_serializer_flag(state->serializer, &r->is_told);
	apo_serializer_u64(state->serializer, &r->home.node);
	apo_serializer_u64(state->serializer, &r->home.number);
}

static void serialize_home(struct apo_state *state, struct watch *watch)
{
	uint64_t position = watch->position;

	if (!state->model->shared)
		return;
	apo_serializer_u64(state->serializer, &position);
	apo_serializer_u64(state->serializer, &watch->home);
	if (state->serializer->is_reading && state->serializer->ok)
		apo_serializer_expect(
			state->serializer,
			position > 0 && !find_position(state->model->receipts, position) &&
				set_position(state->model->receipts, watch, position));
}

static void serialize_members(struct apo_state *state, struct watch *watch, int64_t *due_at_ns)
{
	struct apo_serializer *serializer = state->serializer;

	apo_serializer_instant(serializer, due_at_ns);
	apo_serializer_instant(serializer, &watch->end_at_ns);
	apo_serializer_instant(serializer, &watch->step_ns);
	apo_serializer_expect(serializer,
			      *due_at_ns != RUDP_NEVER && watch->end_at_ns != RUDP_NEVER &&
				      watch->step_ns > 0 && watch->step_ns != RUDP_NEVER);
	apo_serializer_string(serializer, watch->msgid, sizeof watch->msgid);
	apo_serializer_string(serializer, watch->target, sizeof watch->target);
	apo_serializer_expect(serializer, apo_is_word(watch->msgid) && apo_is_word(watch->target));
	apo_state_anybody(state, &watch->sender);
	serialize_home(state, watch);
}

/* Adds each recipient as soon as it is read, so that watch_free puts the references if reading
 * fails later. */
static void read_recipients(struct apo_state *state, struct watch *watch, uint32_t count)
{
	struct recipient r;
	uint32_t i;

	for (i = 0; i < count && state->serializer->ok; i++) {
		r = (struct recipient){.client = NULL};
		serialize_recipient(state, &r);
		if (!r.client)
			return;
		watch->recipients[watch->count++] = r;
		watch->settled += r.is_settled;
		watch->arrived += r.has_arrived;
	}
	/* If all recipients were settled, the watch would have been freed, unless the sender's node
	 * has not been told. */
	apo_serializer_expect(state->serializer, watch->settled < watch->count || watch->home);
}

static void read_watch(struct apo_state *state, uint64_t id, uint32_t count)
{
	struct apo_receipts *receipts = state->model->receipts;
	struct watch *watch = NULL;
	int64_t due_at_ns = 0;

	apo_serializer_expect(state->serializer,
			      id > 0 && id <= receipts->last_id && !find(receipts, id));
	if (state->serializer->ok && !(watch = watch_new(receipts, id, count)))
		state->serializer->ok = false;
	if (!watch)
		return;
	watch->is_closed = true;
	serialize_members(state, watch, &due_at_ns);
	if (state->serializer->ok)
		read_recipients(state, watch, count);
	if (state->serializer->ok)
		rudp_timer_arm(&receipts->wheel, &watch->timer, due_at_ns);
}

static void write_watch(struct apo_state *state, struct watch *watch)
{
	int64_t due_at_ns = watch->timer.deadline_at_ns;
	uint32_t i;

	apo_serializer_expect(state->serializer, watch->is_closed);
	serialize_members(state, watch, &due_at_ns);
	for (i = 0; i < watch->count; i++)
		serialize_recipient(state, watch->recipients + i);
}

void apo_receipts_serialize(struct apo_state *state)
{
	struct apo_receipts *receipts = state->model->receipts;
	struct watch *watch = receipts->watches;
	uint32_t count = receipts->count, recipients, i;
	uint64_t id;

	apo_serializer_u64(state->serializer, &receipts->last_id);
	apo_serializer_count(state->serializer, &count, 50);
	for (i = 0; i < count && state->serializer->ok; i++) {
		id = state->serializer->is_reading ? 0 : watch->id;
		recipients = state->serializer->is_reading ? 0 : watch->count;
		apo_serializer_u64(state->serializer, &id);
		apo_serializer_count(state->serializer, &recipients, 7);
		if (state->serializer->is_reading) {
			read_watch(state, id, recipients);
			continue;
		}
		write_watch(state, watch);
		watch = watch->by_id.next;
	}
}
