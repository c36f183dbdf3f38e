/* SPDX-License-Identifier: MIT */
/*
 * What another node of a cluster sends, as an enemy would write it: an entry of the log, a
 * snapshot of the shared state (a good one with changes, three bytes each: where, and what),
 * events of a node (a byte for the length, then the event), or good events with such changes. A
 * snapshot is refused, or a model comes of it that keeps its invariants; so does each event.
 * Nothing is sent to clients of other nodes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "conversation/cluster/entry.h"
#include "conversation/model/model.h"

#define WORKERS 2
#define SELF 7  /* this node */
#define OTHER 9 /* the node that sends */
#define EVENTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct apo_model_config config;

/* What the clients of this node have proposed, in order. */
static struct {
	uint8_t *bytes[EVENTS_MAX];
	size_t len[EVENTS_MAX];
	unsigned count;
} proposed;

static void deliver(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		    size_t count)
{
	size_t i;

	(void)of;
	assert(worker < WORKERS && count > 0);
	assert(text->len >= 2 && memcmp(text->bytes + text->len - 2, "\r\n", 2) == 0);
	for (i = 0; i < count; i++)
		assert(to[i].worker == worker);
}

static void close_peer(void *of, struct apo_peer who, struct apo_text *last_words)
{
	(void)of;
	(void)last_words;
	assert(who.worker < WORKERS);
}

static void set_operator(void *of, struct apo_peer who, bool is_operator)
{
	(void)of;
	(void)is_operator;
	assert(who.worker < WORKERS);
}

static bool propose(void *of, const void *event, size_t len, bool is_vital)
{
	(void)of;
	(void)is_vital;
	if (proposed.count == EVENTS_MAX)
		return false;
	proposed.bytes[proposed.count] = malloc(len);
	memcpy(proposed.bytes[proposed.count], event, len);
	proposed.len[proposed.count++] = len;
	return true;
}

static void deliver_watched(void *of, unsigned worker, struct apo_text *text,
			    const struct apo_peer *to, size_t count, uint64_t watch, uint32_t first)
{
	(void)watch;
	(void)first;
	deliver(of, worker, text, to, count);
}

static uint64_t asked; /* the ticket of a question about a password; 0: none */

/* A copy of the model has the accounts itself. */
static void ask_auth(void *of, struct apo_asker asker, enum apo_auth question, const char *about,
		     const char *proof)
{
	(void)of;
	assert(question == APO_AUTH_PASSWORD || question == APO_AUTH_HASH ||
	       question == APO_AUTH_SECRET);
	assert(about && proof);
	asked = asker.ticket;
}

static void keep_record(void *of, const struct apo_registry_record *record)
{
	(void)of;
	if (record->kind == APO_REGISTRY_ACCOUNT)
		assert(record->number > 0 && *record->name && *record->reason);
	if (record->kind == APO_REGISTRY_KEY)
		assert(record->number > 0 && *record->name);
}

static const struct apo_model_calls calls = {
	.deliver = deliver,
	.deliver_watched = deliver_watched,
	.close = close_peer,
	.set_operator = set_operator,
	.propose = propose,
	.ask_auth = ask_auth,
	.has_accounts = true,
	.keep_record = keep_record,
};

/* Good events: those of the clients of a model, each behind its length. */
static struct {
	uint8_t bytes[1 << 16];
	size_t len;
	bool is_on;
} recorded;

static void record(const uint8_t *bytes, size_t len)
{
	struct rudp_writer writer =
		rudp_writer(recorded.bytes + recorded.len, sizeof recorded.bytes - recorded.len);

	rudp_write_u16(&writer, (uint16_t)len);
	rudp_write_bytes(&writer, bytes, len);
	if (recorded.is_on && writer.ok)
		recorded.len += rudp_writer_len(&writer);
}

static void apply_proposed(struct apo_model *model)
{
	unsigned i;

	for (i = 0; i < proposed.count; i++) {
		record(proposed.bytes[i], proposed.len[i]);
		apo_model_shared_apply(model, SELF, proposed.bytes[i], proposed.len[i],
				       RUDP_NS_PER_S);
		free(proposed.bytes[i]);
	}
	proposed.count = 0;
}

static struct apo_peer peer_of(unsigned who)
{
	return (struct apo_peer){who % WORKERS, who & 0xf, 1};
}

static void say(struct apo_model *model, unsigned who, const char *line)
{
	apo_model_on_line(model, peer_of(who), line, strlen(line), RUDP_NS_PER_S);
	apply_proposed(model);
	if (asked)
		apo_model_on_checked(model, asked, APO_CHECKED_RIGHT, "hash", RUDP_NS_PER_S);
	asked = 0;
	apply_proposed(model);
}

static struct apo_model *model_new(void)
{
	struct apo_model_start start = {.config = &config,
					.calls = &calls,
					.workers = WORKERS,
					.run = 1,
					.now_at_ns = RUDP_NS_PER_S,
					.wall_ms = INT64_C(1700000000000)};
	struct apo_model *model = apo_model_new(&start);

	assert(model);
	return model;
}

static void begin(struct apo_model *model)
{
	apo_model_shared_begin(model, SELF, 1, RUDP_NS_PER_S);
	apo_model_shared_time(model, INT64_C(1700000000000), RUDP_NS_PER_S);
}

static void enter(struct apo_model *model, unsigned who, const char *nick)
{
	struct apo_peer_facts facts = {.address = "192.0.2.1", .host = "h"};

	apo_model_on_connected(model, peer_of(who), &facts, RUDP_NS_PER_S);
	say(model, who, "USER u 0 * :r");
	say(model, who, nick);
	say(model, who, "JOIN #a,#b");
}

static void say_all(struct apo_model *model, unsigned who)
{
	static const char *const lines[] = {
		"MODE #a +bIe x y z",
		"CAP REQ apollonion/receipts",
		"REGISTER * * password",
		"CS REGISTER #a",
		"CS AOP #a ADD a",
		"TOPIC #a :about",
		"MONITOR + a,b,c,d",
		"INVITE c #a",
		"AWAY :gone",
		"PRIVMSG #a :so",
		"REPORT a :spam",
		"WHOIS a",
		"NICK d",
		"WHO *",
		"WHOWAS a",
		"PART #b",
		"METADATA * SUB k",
		"METADATA * SET k :v",
		"METADATA #a SET k :v",
		"RENAME #a #c",
	};
	unsigned i;

	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		say(model, who, lines[i]);
}

static void end(struct apo_model *model)
{
	assert(apo_model_check(model));
	apo_model_shared_node_gone(model, OTHER, "n9", RUDP_NS_PER_S);
	apply_proposed(model);
	assert(apo_model_check(model));
	apo_model_shared_end(model, "over", RUDP_NS_PER_S);
	apply_proposed(model);
	assert(apo_model_check(model));
	apo_model_free(model);
}

static void try_snapshot(const uint8_t *changes, size_t size)
{
	struct apo_model *model = model_new();
	uint8_t *bytes = NULL;
	size_t len = 0;

	begin(model);
	enter(model, 0, "NICK a");
	enter(model, 1, "NICK b");
	say_all(model, 0);
	assert(apo_model_shared_save(model, &bytes, &len));
	end(model);
	for (; size >= 3; changes += 3, size -= 3)
		bytes[(size_t)(changes[0] << 8 | changes[1]) % len] = changes[2];
	model = model_new();
	if (apo_model_shared_load(model, bytes, len, RUDP_NS_PER_S)) {
		begin(model);
		assert(apo_model_check(model));
		enter(model, 2, "NICK e");
		say_all(model, 2);
	}
	free(bytes);
	end(model);
}

static void try_events(const uint8_t *data, size_t size)
{
	struct apo_model *model = model_new();
	size_t len;

	begin(model);
	enter(model, 0, "NICK a");
	while (size > 0) {
		len = *data < size - 1 ? *data : size - 1;
		apo_model_shared_apply(model, OTHER, data + 1, len, RUDP_NS_PER_S);
		apply_proposed(model);
		assert(apo_model_check(model));
		data += 1 + len;
		size -= 1 + len;
	}
	say_all(model, 0);
	end(model);
}

static void record_good(void)
{
	struct apo_model *model = model_new();

	recorded.len = 0;
	recorded.is_on = true;
	begin(model);
	enter(model, 0, "NICK b");
	enter(model, 1, "NICK c");
	say_all(model, 0);
	say_all(model, 1);
	recorded.is_on = false;
	end(model);
}

/* The lengths stay as they are, so that a change concerns one event only. */
static void try_changed_events(const uint8_t *changes, size_t size)
{
	struct rudp_reader reader;
	struct apo_model *model;
	const uint8_t *event;
	size_t len, at;

	record_good();
	for (; size >= 3; changes += 3, size -= 3) {
		at = (size_t)(changes[0] << 8 | changes[1]) % recorded.len;
		for (reader = rudp_reader(recorded.bytes, recorded.len);
		     (len = rudp_read_u16(&reader)) > 0; (void)rudp_read_bytes(&reader, len))
			if (recorded.bytes + at >= reader.next &&
			    recorded.bytes + at < reader.next + len)
				recorded.bytes[at] = changes[2];
	}
	model = model_new();
	begin(model);
	enter(model, 2, "NICK e");
	reader = rudp_reader(recorded.bytes, recorded.len);
	while ((len = rudp_read_u16(&reader)) > 0 && (event = rudp_read_bytes(&reader, len))) {
		apo_model_shared_apply(model, OTHER, event, len, RUDP_NS_PER_S);
		apply_proposed(model);
		assert(apo_model_check(model));
	}
	say_all(model, 2);
	end(model);
}

static void try_entry(const uint8_t *data, size_t size)
{
	struct rudp_reader reader = rudp_reader(data, size);
	struct apo_entry_head head;
	const uint8_t *record;
	size_t len;

	if (!apo_entry_read(&reader, &head))
		return;
	assert(apo_node_name_is_valid(head.name));
	while ((record = apo_entry_next_record(&reader, &len)))
		assert(record >= data && record + len <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	apo_model_config_init(&config);
	config.server_name = "s.e";
	config.network = "N";
	config.scram = false;
	config.plain_passwords = config.open_registration = true;
	if (data[0] % 4 == 0)
		try_entry(data + 1, size - 1);
	else if (data[0] % 4 == 1)
		try_snapshot(data + 1, size - 1);
	else if (data[0] % 4 == 2)
		try_events(data + 1, size - 1);
	else
		try_changed_events(data + 1, size - 1);
	return 0;
}
