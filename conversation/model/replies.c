/* SPDX-License-Identifier: MIT */
#include "conversation/model/replies.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/clients.h"
#include "conversation/model/metadata.h"
#include "conversation/model/multiline.h"
#include "conversation/model/receipts.h"
#include "conversation/model/shared.h"

static const char *stamp(struct apo_model *model)
{
	int64_t wall_ms = apo_wall_ms(model);

	if (wall_ms != model->stamp_ms) {
		apo_stamp_write(model->stamp, wall_ms);
		model->stamp_ms = wall_ms;
	}
	return model->stamp;
}

/* ---- encoding ---- */

static size_t add_tag(char *to, size_t len, const char *key, const char *value)
{
	to[len] = len == 0 ? '@' : ';';
	len++;
	memcpy(to + len, key, strlen(key));
	len += strlen(key);
	memcpy(to + len, value, strlen(value));
	return len + strlen(value);
}

/* The server's own tags are far shorter than the limit of 4094 bytes; the parser has measured the
 * client's. */
size_t apo_tags_write(struct apo_model *model, const struct apo_say *say, uint32_t caps, char *to)
{
	char then[APO_STAMP_BYTES];
	char batch[24];
	size_t len = 0;

	if (say->batch) {
		snprintf(batch, sizeof batch, "%" PRIu64, say->batch);
		len = add_tag(to, len, "batch=", batch);
	}
	if ((caps & APO_CAP_SERVER_TIME) && say->at_ms) {
		apo_stamp_write(then, say->at_ms);
		len = add_tag(to, len, "time=", then);
	} else if (caps & APO_CAP_SERVER_TIME) {
		len = add_tag(to, len, "time=", stamp(model));
	}
	if ((caps & APO_CAP_ACCOUNT_TAG) && say->account) {
		len = add_tag(to, len, "account=", "");
		len += apo_tag_escape(to + len, 2 * APO_ACCOUNT_BYTES_MAX, say->account);
	}
	if ((caps & APO_CAP_MESSAGE_TAGS) && say->msgid)
		len = add_tag(to, len, "msgid=", say->msgid);
	if ((caps & APO_CAP_MESSAGE_TAGS) && say->is_bot)
		len = add_tag(to, len, "bot", "");
	if ((caps & APO_CAP_MESSAGE_TAGS) && say->tags)
		len = add_tag(to, len, "", say->tags);
	if (len > 0)
		to[len++] = ' ';
	return len;
}

static struct apo_text *encode(struct apo_model *model, const struct apo_say *say, uint32_t caps)
{
	char tags[APO_SERVER_TAGS_BYTES_MAX];
	struct apo_text *text;
	size_t tags_len;

	if (say->multiline) {
		model->figures.texts++;
		return apo_multiline_encode(model, say, caps, say->is_batch);
	}
	tags_len = apo_tags_write(model, say, caps, tags);
	text = apo_text_new(tags_len + say->line->len);
	if (!text)
		return NULL;
	memcpy(text->bytes, tags, tags_len);
	memcpy(text->bytes + tags_len, say->line->bytes, say->line->len);
	model->figures.texts++;
	return text;
}

/* ---- the answer to the client of the turn ---- */

static void flush_answer(struct apo_model *model)
{
	struct apo_turn *turn = &model->turn;
	struct apo_text *text;

	if (turn->len == 0)
		return;
	if (apo_is_remote(model, turn->client)) {
		turn->len = 0;
		return;
	}
	text = apo_text_copy(turn->bytes, turn->len);
	turn->len = 0;
	if (!text) {
		apo_client_end(model, turn->client, "Out of memory");
		return;
	}
	model->figures.texts++;
	model->figures.deliveries++;
	model->calls->deliver(model->of, turn->client->peer.worker, text, &turn->client->peer, 1);
	apo_text_put(text);
}

/* Makes room for a whole line: a text never ends inside a line. */
static void reserve(struct apo_model *model, size_t len)
{
	if (model->turn.len + len > sizeof model->turn.bytes)
		flush_answer(model);
}

static void put(struct apo_turn *turn, const char *bytes, size_t len)
{
	memcpy(turn->bytes + turn->len, bytes, len);
	turn->len += len;
	turn->sent_bytes += len;
}

static void append(struct apo_model *model, const char *line, size_t len)
{
	reserve(model, len);
	put(&model->turn, line, len);
}

/* Appends an encoded line with one more tag before its other tags. */
static void append_tagged(struct apo_model *model, const char *key, const char *value,
			  const char *line, size_t len)
{
	char tag[APO_LABEL_BYTES_MAX * 2 + 16];
	bool has_tags = *line == '@';
	int tag_len = snprintf(tag, sizeof tag, "@%s=%s%c", key, value, has_tags ? ';' : ' ');

	reserve(model, (size_t)tag_len + len);
	put(&model->turn, tag, (size_t)tag_len);
	put(&model->turn, line + has_tags, len - has_tags);
}

static void append_to_batch(struct apo_model *model, const char *line, size_t len)
{
	char batch[24];

	snprintf(batch, sizeof batch, "%" PRIu64, model->turn.batch);
	append_tagged(model, "batch", batch, line, len);
}

static void append_escaped_label(struct apo_model *model, const char *line, size_t len)
{
	char label[APO_LABEL_BYTES_MAX * 2 + 1];
	size_t label_len = apo_tag_escape(label, sizeof label - 1, model->turn.label);

	label[label_len] = '\0';
	append_tagged(model, "label", label, line, len);
}

static size_t encode_answer(struct apo_model *model, const struct apo_say *say, char *to)
{
	size_t len = apo_tags_write(model, say, model->turn.client->caps, to);

	memcpy(to + len, say->line->bytes, say->line->len);
	return len + say->line->len;
}

static void open_batch(struct apo_model *model)
{
	struct apo_turn *turn = &model->turn;
	struct apo_line line;
	struct apo_say say = {.line = &line};
	char bytes[APO_BODY_BYTES_MAX * 2];

	turn->batch = ++model->last_batch;
	apo_line_batch(&line, model->config->server_name, '+', turn->batch, "labeled-response",
		       NULL);
	append_escaped_label(model, bytes, encode_answer(model, &say, bytes));
	if (turn->has_first)
		append_to_batch(model, turn->first, turn->first_len);
	turn->has_first = false;
	turn->is_batch = true;
}

static void answer(struct apo_model *model, const struct apo_say *say);

static void append_line(void *of, const char *line, size_t len)
{
	append(of, line, len);
}

/* A batch is a labeled response of its own, if nothing else was answered. */
static void answer_batch(struct apo_model *model, const struct apo_say *say)
{
	struct apo_turn *turn = &model->turn;
	char outer[APO_LABEL_BYTES_MAX * 2 + 32] = "";
	size_t len;

	if (turn->is_labeled && !say->is_unlabeled && turn->is_answered) {
		if (!turn->is_batch)
			open_batch(model);
		snprintf(outer, sizeof outer, "batch=%" PRIu64, turn->batch);
	} else if (turn->is_labeled && !say->is_unlabeled) {
		len = (size_t)snprintf(outer, sizeof outer, "label=");
		len += apo_tag_escape(outer + len, sizeof outer - len - 1, turn->label);
		outer[len] = '\0';
		turn->is_labeled = false;
	}
	apo_multiline_write(model, say, turn->client->caps, true, outer, append_line, model);
}

static void answer_multiline(struct apo_model *model, const struct apo_say *say)
{
	if (apo_multiline_is_known(model->turn.client->caps))
		answer_batch(model, say);
	else
		apo_multiline_split(model, say, answer);
}

static void answer(struct apo_model *model, const struct apo_say *say)
{
	struct apo_turn *turn = &model->turn;
	char bytes[APO_SERVER_TAGS_BYTES_MAX + APO_BODY_BYTES_MAX];

	if (apo_is_remote(model, turn->client))
		return;
	if (say->multiline) {
		answer_multiline(model, say);
		return;
	}
	if (!turn->is_labeled || say->is_unlabeled || say->batch) {
		append(model, bytes, encode_answer(model, say, bytes));
		return;
	}
	if (!turn->is_answered) {
		turn->first_len = encode_answer(model, say, turn->first);
		turn->is_answered = turn->has_first = true;
		return;
	}
	if (!turn->is_batch)
		open_batch(model);
	append_to_batch(model, bytes, encode_answer(model, say, bytes));
}

static bool may_label(const struct apo_client *client)
{
	return (client->caps & APO_CAP_LABELED_RESPONSE) && (client->caps & APO_CAP_BATCH);
}

void apo_turn_begin(struct apo_model *model, struct apo_client *client, const char *label)
{
	struct apo_turn *turn = &model->turn;

	turn->client = client;
	turn->is_labeled =
		label && *label && client && may_label(client) && !apo_is_remote(model, client);
	turn->is_answered = turn->is_batch = turn->has_first = turn->is_unfinished = false;
	turn->len = turn->sent_bytes = turn->examined = 0;
	/* If many clients ask at once, each gets a shorter slice, so that together they do not
	 * delay the others. */
	turn->sent_bytes_max =
		model->backlog_count > 0 ? model->slice_bytes / 4 : model->slice_bytes;
	turn->label[0] = '\0';
	if (turn->is_labeled)
		snprintf(turn->label, sizeof turn->label, "%s", label);
}

void apo_turn_defer(struct apo_model *model)
{
	model->turn.is_labeled = model->turn.is_answered;
}

void apo_turn_batch(struct apo_model *model, const char *type, const char *about)
{
	struct apo_turn *turn = &model->turn;
	struct apo_line line;
	struct apo_say say = {.line = &line};
	char bytes[APO_BODY_BYTES_MAX * 2];
	size_t len;

	turn->batch = ++model->last_batch;
	apo_line_batch(&line, model->config->server_name, '+', turn->batch, type, about);
	len = encode_answer(model, &say, bytes);
	if (turn->is_labeled)
		append_escaped_label(model, bytes, len);
	else
		append(model, bytes, len);
	/* From here on the turn is a labeled response in progress; ending it ends the batch. */
	turn->is_labeled = turn->is_answered = turn->is_batch = true;
}

static void end_label(struct apo_model *model)
{
	struct apo_turn *turn = &model->turn;
	struct apo_line line;
	struct apo_say say = {.line = &line};
	char bytes[APO_BODY_BYTES_MAX * 2];

	if (!turn->is_answered) {
		apo_line_print(&line, model->config->server_name, "ACK");
		append_escaped_label(model, bytes, encode_answer(model, &say, bytes));
	} else if (turn->has_first) {
		append_escaped_label(model, turn->first, turn->first_len);
	} else {
		apo_line_batch(&line, model->config->server_name, '-', turn->batch, NULL, NULL);
		append(model, bytes, encode_answer(model, &say, bytes));
	}
}

void apo_turn_resume_label(struct apo_model *model, uint64_t batch)
{
	struct apo_turn *turn = &model->turn;

	turn->batch = batch;
	turn->is_labeled = turn->is_answered = turn->is_batch = batch != 0;
}

/* Opens the batch now, since the later turns do not know the label. */
uint64_t apo_turn_leave_open(struct apo_model *model)
{
	struct apo_turn *turn = &model->turn;

	turn->is_unfinished = true;
	if (!turn->is_labeled)
		return 0;
	if (!turn->is_batch)
		open_batch(model);
	turn->is_answered = true;
	return turn->batch;
}

void apo_turn_end(struct apo_model *model)
{
	struct apo_client *client = model->turn.client;

	if (client) {
		if (model->turn.is_labeled && !model->turn.is_unfinished)
			end_label(model);
		flush_answer(model);
		model->turn.client = NULL;
		apo_answers_on_turn_ended(model, client, model->turn.sent_bytes);
	}
	apo_clients_remove_ended(model);
}

/* ---- recipients other than the client of the turn ---- */

/* One line to many recipients: its encoded variants; model->gathers has the recipients that wait
 * for each. */
struct multicast {
	struct apo_model *model;
	const struct apo_say *say;
	uint64_t actor;  /* the peer of the turn; its line is part of its answer */
	bool has_failed; /* memory for a text was short: some recipients did not get it */
	struct apo_text *texts[APO_VARIANTS];
};

static uint64_t peer_word(const struct apo_peer *peer)
{
	uint64_t word;

	_Static_assert(sizeof *peer == sizeof word, "a peer is one word");
	memcpy(&word, peer, sizeof word);
	return word;
}

static struct multicast multicast_begin(struct apo_model *model, const struct apo_say *say)
{
	struct multicast multicast = {.model = model, .say = say};

	multicast.actor = model->turn.client ? peer_word(&model->turn.client->peer) : UINT64_MAX;
	return multicast;
}

static void multicast_flush(struct multicast *multicast, unsigned variant, unsigned worker)
{
	struct apo_model *model = multicast->model;
	struct apo_gather *gather = &model->gathers[worker * APO_VARIANTS + variant];

	if (!multicast->texts[variant])
		multicast->texts[variant] = encode(model, multicast->say, variant);
	if (multicast->texts[variant]) {
		model->figures.deliveries += gather->count;
		if (multicast->say->watch)
			apo_receipts_deliver(model, multicast->say->watch, worker,
					     multicast->texts[variant], gather->to, gather->count);
		else
			model->calls->deliver(model->of, worker, multicast->texts[variant],
					      gather->to, gather->count);
	}
	multicast->has_failed |= !multicast->texts[variant];
	gather->count = 0;
}

static void multicast_add(struct multicast *multicast, const struct apo_peer *peer, uint32_t caps)
{
	unsigned variant = APO_VARIANT_OF(caps);
	struct apo_gather *gather;

	if (peer->worker >= multicast->model->workers) { /* its own node sends it */
		if (multicast->say->watch)
			apo_receipts_expect(multicast->model, multicast->say->watch,
					    apo_client_at(multicast->model, *peer));
		return;
	}
	if (peer_word(peer) == multicast->actor) {
		answer(multicast->model, multicast->say);
		return;
	}
	gather = &multicast->model->gathers[peer->worker * APO_VARIANTS + variant];
	gather->to[gather->count++] = *peer;
	if (gather->count == APO_GATHER_MAX)
		multicast_flush(multicast, variant, peer->worker);
}

static void multicast_end(struct multicast *multicast)
{
	unsigned variant, worker;

	for (worker = 0; worker < multicast->model->workers; worker++)
		for (variant = 0; variant < APO_VARIANTS; variant++)
			if (multicast->model->gathers[worker * APO_VARIANTS + variant].count > 0)
				multicast_flush(multicast, variant, worker);
	for (variant = 0; variant < APO_VARIANTS; variant++)
		apo_text_put(multicast->texts[variant]);
	if (multicast->has_failed && multicast->model->turn.client)
		apo_client_end(multicast->model, multicast->model->turn.client, "Out of memory");
}

static bool has_caps(const struct apo_audience *audience, uint32_t caps)
{
	return (caps & audience->with) == audience->with && !(caps & audience->without);
}

static bool is_subscribed(const struct apo_audience *audience, const struct apo_client *client)
{
	return !audience->subscribed ||
	       apo_metadata_find(client->subscriptions, audience->subscribed);
}

bool apo_is_meant(const struct apo_audience *audience, const struct apo_client *client)
{
	return client != audience->except && has_caps(audience, client->caps) &&
	       is_subscribed(audience, client);
}

static void multicast_channel(struct multicast *multicast, const struct apo_channel *channel,
			      const struct apo_audience *audience)
{
	uint64_t except = audience->except ? peer_word(&audience->except->peer) : UINT64_MAX;
	const struct apo_member_slot *member_slot;

	for (member_slot = channel->member_slots;
	     member_slot < channel->member_slots + channel->count; member_slot++) {
		if (!has_caps(audience, member_slot->caps) ||
		    peer_word(&member_slot->peer) == except)
			continue;
		if (audience->membership_modes &&
		    !(member_slot->modes & audience->membership_modes))
			continue;
		if (!is_subscribed(audience, member_slot->membership->pair.client))
			continue;
		multicast_add(multicast, &member_slot->peer, member_slot->caps);
	}
}

static void say_channel(struct apo_model *model, const struct apo_channel *channel,
			const struct apo_say *say, const struct apo_audience *audience)
{
	struct multicast multicast = multicast_begin(model, say);

	multicast_channel(&multicast, channel, audience);
	multicast_end(&multicast);
}

/* One text for those who get a batch, one for those without either of the capabilities. */
static void say_channel_multiline(struct apo_model *model, const struct apo_channel *channel,
				  const struct apo_say *say, const struct apo_audience *audience)
{
	struct apo_say batch = *say;
	struct apo_audience some = *audience;

	batch.is_batch = true;
	some.with = audience->with | APO_CAP_MULTILINE | APO_CAP_BATCH;
	say_channel(model, channel, &batch, &some);
	some = *audience;
	some.without |= APO_CAP_MULTILINE;
	say_channel(model, channel, say, &some);
	some = *audience;
	some.with |= APO_CAP_MULTILINE;
	some.without |= APO_CAP_BATCH;
	say_channel(model, channel, say, &some);
}

void apo_say_channel(struct apo_model *model, const struct apo_channel *channel,
		     const struct apo_say *say, const struct apo_audience *audience)
{
	if (say->multiline)
		say_channel_multiline(model, channel, say, audience);
	else
		say_channel(model, channel, say, audience);
}

struct apo_say apo_say_by(const struct apo_client *client, struct apo_line *line)
{
	return (struct apo_say){.line = line, .account = client->account, .is_bot = client->is_bot};
}

static void multicast_marked(struct multicast *multicast, const struct apo_channel *channel,
			     const struct apo_audience *audience, uint32_t mark)
{
	struct apo_client *other;
	unsigned i;

	for (i = 0; i < channel->count; i++) {
		other = channel->member_slots[i].membership->pair.client;
		if (other->mark == mark)
			continue;
		other->mark = mark;
		if (has_caps(audience, other->caps) && is_subscribed(audience, other))
			multicast_add(multicast, &other->peer, other->caps);
	}
}

void apo_say_common(struct apo_model *model, struct apo_client *client, const struct apo_say *say,
		    const struct apo_audience *audience)
{
	struct multicast multicast = multicast_begin(model, say);
	struct apo_audience others = *audience;

	others.except = client;
	client->mark = ++model->last_mark;
	RUDP_LIST_EACH(struct apo_membership, membership, &client->memberships, of_client) {
		if (client->channel_count == 1) /* one channel: no client is met twice */
			multicast_channel(&multicast, membership->pair.channel, &others);
		else
			multicast_marked(&multicast, membership->pair.channel, &others,
					 client->mark);
	}
	multicast_end(&multicast);
}

void apo_say_to(struct apo_model *model, struct apo_client *client, const struct apo_say *say)
{
	struct apo_text *text;
	struct apo_say copy = *say;

	if (!client->is_gone && apo_is_remote(model, client) && say->watch)
		apo_receipts_expect(model, say->watch, client);
	if (client->is_gone || apo_is_remote(model, client))
		return;
	if (client == model->turn.client) {
		answer(model, say);
		return;
	}
	copy.is_batch = apo_multiline_is_known(client->caps);
	text = encode(model, &copy, client->caps);
	if (!text) {
		apo_client_end(model, model->turn.client ? model->turn.client : client,
			       "Out of memory");
		return;
	}
	model->figures.deliveries++;
	if (say->watch)
		apo_receipts_deliver(model, say->watch, client->peer.worker, text, &client->peer,
				     1);
	else
		model->calls->deliver(model->of, client->peer.worker, text, &client->peer, 1);
	apo_text_put(text);
}

void apo_tell(struct apo_model *model, struct apo_client *client, const struct apo_line *line)
{
	apo_say_to(model, client, &(struct apo_say){.line = line});
}
