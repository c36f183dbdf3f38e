/* SPDX-License-Identifier: MIT */
/*
 * The state that one process hands over to the next, as an enemy would write it: the input is the
 * state itself, or (first byte odd) changes of a good one, three bytes each: where, and what. It is
 * refused, or a model comes of it that keeps its invariants, whatever is said to it, and that can
 * be carried again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/state.h"

#define CLIENTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct apo_model_config config;
static uint64_t asked; /* the last ticket */

static void deliver(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		    size_t count)
{
	(void)of;
	(void)to;
	assert(worker < 2 && count > 0);
	assert(text->len >= 2 && memcmp(text->bytes + text->len - 2, "\r\n", 2) == 0);
}

static void deliver_watched(void *of, unsigned worker, struct apo_text *text,
			    const struct apo_peer *to, size_t count, uint64_t watch, uint32_t first)
{
	(void)watch;
	(void)first;
	deliver(of, worker, text, to, count);
}

static void close_peer(void *of, struct apo_peer who, struct apo_text *last_words)
{
	(void)of;
	(void)last_words;
	assert(who.worker < 2);
}

static void set_operator(void *of, struct apo_peer who, bool is_operator)
{
	(void)of;
	(void)who;
	(void)is_operator;
}

static void ask_auth(void *of, struct apo_asker asker, enum apo_auth question, const char *about,
		     const char *proof)
{
	(void)of;
	(void)question;
	assert(about && proof);
	asked = asker.ticket;
}

static void keep(void *of, const struct apo_said *said)
{
	(void)of;
	assert(said->position > 0);
}

static void keep_change(void *of, const struct apo_change *change)
{
	(void)of;
	switch (change->kind) {
	case APO_CHANGE_JOINED:
		assert(change->presence > 0 && change->position >= 0 &&
		       change->position <= change->presence && *change->account &&
		       *change->target == '#');
		break;
	case APO_CHANGE_LEFT:
		assert(change->presence > 0 && change->position >= change->presence);
		break;
	case APO_CHANGE_READ:
		assert(*change->account && change->time_ms > 0);
		break;
	case APO_CHANGE_REDACTED:
		assert(false);
	}
}

static void ask_history(void *of, uint64_t ticket, const struct apo_question *question)
{
	(void)of;
	assert(question->since >= 0);
	asked = ticket;
}

static const struct apo_model_calls calls = {
	.deliver = deliver,
	.deliver_watched = deliver_watched,
	.close = close_peer,
	.set_operator = set_operator,
	.ask_auth = ask_auth,
	.has_accounts = true,
	.keep = keep,
	.keep_change = keep_change,
	.ask_history = ask_history,
};

static struct apo_peer peer_of(unsigned i)
{
	return (struct apo_peer){i % 2, i & 0xf, 1};
}

static struct apo_model *model_new(void)
{
	struct apo_model_start start = {.config = &config,
					.calls = &calls,
					.workers = 2,
					.run = 1,
					.now_at_ns = RUDP_NS_PER_S,
					.wall_ms = INT64_C(1700000000000)};
	struct apo_model *model = apo_model_new(&start);

	assert(model && apo_model_on_account(model, "owner", 0, RUDP_NS_PER_S) == 0);
	return model;
}

static void say(struct apo_model *model, unsigned who, const char *line)
{
	apo_model_on_line(model, peer_of(who), line, strlen(line), RUDP_NS_PER_S);
}

/* The first two are logged in to one account; the second loses its connection, and is back. */
static void make_absent(struct apo_model *model, const struct apo_peer_facts *facts)
{
	unsigned who;

	for (who = 0; who < 2; who++) {
		say(model, who, "AUTHENTICATE PLAIN");
		say(model, who, "AUTHENTICATE AGRhbgBwdw==");
		apo_model_on_checked(model, asked, APO_CHECKED_RIGHT, "owner", RUDP_NS_PER_S);
		say(model, who, "JOIN #a,#b");
	}
	apo_model_on_closed(model, peer_of(1), "gone", RUDP_NS_PER_S);
	apo_model_on_connected(model, peer_of(1), facts, RUDP_NS_PER_S);
	say(model, 1, "NICK b");
	say(model, 1, "USER u 0 * :r");
}

static void say_all(struct apo_model *model)
{
	static const char *const lines[] = {
		"JOIN #a,#b",
		"MODE #a +bIe x y z",
		"TOPIC #a :about",
		"MONITOR + a,b,c,d",
		"INVITE c #a",
		"AWAY :gone",
		"PRIVMSG #a :something",
		"WHOIS a",
		"NICK d",
		"WHO *",
		"WHOWAS a",
		"MARKREAD #a timestamp=2023-11-14T22:13:19.000Z",
		"CHATHISTORY LATEST #a * 10",
		"PART #b",
	};
	unsigned i, who;

	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		for (who = 0; who < CLIENTS; who++) {
			asked = 0;
			say(model, who, lines[i]);
			if (asked)
				apo_model_on_history(model, asked, APO_ASKED_FAILED, NULL,
						     RUDP_NS_PER_S);
		}
}

static void write_good(struct apo_serializer *serializer)
{
	static const char *const nicks[CLIENTS] = {"NICK a", "NICK b", "NICK c"};
	struct apo_peer_facts facts = {.address = "192.0.2.1", .host = "h"};
	struct apo_model *model = model_new();
	unsigned i;

	for (i = 0; i < CLIENTS; i++) {
		apo_model_on_connected(model, peer_of(i), &facts, RUDP_NS_PER_S);
		say(model, i, "CAP REQ :apollonion/receipts sasl");
		say(model, i, nicks[i]);
		if (i == CLIENTS - 1)
			break; /* that one is still coming in */
		say(model, i, "USER u 0 * :r");
		say(model, i, "CAP END");
	}
	make_absent(model, &facts);
	say_all(model);
	apo_serializer_to(serializer);
	assert(apo_state_number(model) == CLIENTS);
	apo_state_write(serializer, model);
	assert(serializer->ok);
	apo_model_free(model);
}

static void try_state(const void *bytes, size_t len)
{
	struct apo_peer peers[CLIENTS] = {peer_of(0), peer_of(1), peer_of(2)};
	struct apo_model *model = model_new();
	struct apo_serializer serializer;

	apo_serializer_from(&serializer, bytes, len);
	if (apo_state_read(&serializer, model, peers, CLIENTS)) {
		assert(apo_model_check(model));
		say_all(model);
		apo_model_on_time(model, RUDP_NS_PER_S + 100 * RUDP_NS_PER_S);
		assert(apo_model_check(model));
		apo_serializer_to(&serializer);
		(void)apo_state_number(model);
		apo_state_write(&serializer, model);
		assert(serializer.ok);
		apo_serializer_fini(&serializer);
		apo_model_end(model, "over", RUDP_NS_PER_S);
	}
	apo_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apo_serializer serializer;

	if (size == 0)
		return 0;
	apo_model_config_init(&config);
	config.server_name = "s.e";
	config.network = "N";
	config.scram = false;
	config.has_history = true;
	if (data[0] % 2 == 0) {
		try_state(data + 1, size - 1);
		return 0;
	}
	write_good(&serializer);
	for (data++, size--; size >= 3; data += 3, size -= 3)
		serializer.bytes[(data[0] << 8 | data[1]) % serializer.len] = data[2];
	try_state(serializer.bytes, serializer.len);
	apo_serializer_fini(&serializer);
	return 0;
}
