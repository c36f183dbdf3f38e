/* SPDX-License-Identifier: MIT */
/*
 * Everything that clients can say to the conversation: lines are taken apart, tags escaped again,
 * masks matched, modes changed, by four clients of which one has every capability. The input is
 * lines; the first byte of each says who speaks, or what else happens (a client goes, a password
 * was right, time passes, somebody reads slowly). Whatever is said, the model keeps its invariants,
 * and says only whole lines of UTF-8 that are not too long, to who is there.
 */
#include <assert.h>
#include <string.h>

#include "conversation/irc/message.h"
#include "conversation/irc/utf8.h"
#include "conversation/model/model.h"

#define CLIENTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct apo_peer peers[CLIENTS];
static bool is_open[CLIENTS], is_slow[CLIENTS], is_room_wanted[CLIENTS];
static uint64_t last_ticket, last_watch, last_history;
static int64_t last_position;

static bool is_there(struct apo_peer who)
{
	return who.slot < CLIENTS && is_open[who.slot] &&
	       peers[who.slot].generation == who.generation;
}

/* Tags and the rest have their own limits; what we say must be right for both. */
static void check_text(const struct apo_text *text)
{
	const char *line = text->bytes, *end = text->bytes + text->len, *next;
	size_t tags;

	assert(apo_utf8_is_valid(text->bytes, text->len));
	for (; line < end; line = next) {
		next = memmem(line, (size_t)(end - line), "\r\n", 2);
		assert(next);
		next += 2;
		assert(!memchr(line, '\0', (size_t)(next - line)));
		assert(memchr(line, '\n', (size_t)(next - line)) == next - 1);
		tags = *line == '@'
			       ? (size_t)((const char *)memchr(line, ' ', (size_t)(next - line)) -
					  line) +
					 1
			       : 0;
		assert(tags <= APO_SERVER_TAGS_BYTES_MAX);
		assert((size_t)(next - line) - tags <= APO_BODY_BYTES_MAX);
	}
}

static void deliver(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		    size_t count)
{
	size_t i;

	(void)of;
	check_text(text);
	for (i = 0; i < count; i++)
		assert(to[i].worker == worker && is_there(to[i]));
}

static void deliver_watched(void *of, unsigned worker, struct apo_text *text,
			    const struct apo_peer *to, size_t count, uint64_t watch, uint32_t first)
{
	(void)first;
	last_watch = watch;
	deliver(of, worker, text, to, count);
}

static void close_peer(void *of, struct apo_peer who, struct apo_text *last_words)
{
	(void)of;
	assert(is_there(who));
	check_text(last_words);
	is_open[who.slot] = false;
}

static void hold(void *of, struct apo_peer who, bool is_held)
{
	(void)of;
	(void)is_held;
	assert(is_there(who));
}

static void want_room(void *of, struct apo_peer who)
{
	(void)of;
	assert(is_there(who) && !is_room_wanted[who.slot]);
	is_room_wanted[who.slot] = true;
}

static void set_operator(void *of, struct apo_peer who, bool is_operator)
{
	(void)of;
	(void)is_operator;
	assert(is_there(who));
}

static void ask_auth(void *of, struct apo_asker asker, enum apo_auth question, const char *about,
		     const char *proof)
{
	(void)of;
	(void)question;
	assert(about && proof);
	last_ticket = asker.ticket;
}

static void rehash(void *of, uint64_t ticket)
{
	(void)of;
	last_ticket = ticket;
}

static void die(void *of, const char *who)
{
	(void)of;
	(void)who;
}

static void keep(void *of, const struct apo_said *said)
{
	(void)of;
	assert(said->position > last_position && said->source && said->target && said->text);
	assert(said->channel || (said->between[0] && said->between[1]));
	last_position = said->position;
}

static void keep_change(void *of, const struct apo_change *change)
{
	(void)of;
	switch (change->kind) {
	case APO_CHANGE_JOINED:
		assert(change->presence > last_position && change->account && change->target &&
		       change->position <= change->presence);
		last_position = change->presence;
		break;
	case APO_CHANGE_LEFT:
		assert(change->presence <= change->position);
		break;
	case APO_CHANGE_READ:
		assert(change->account && change->target && *change->target && change->time_ms > 0);
		break;
	case APO_CHANGE_REDACTED:
		assert(false);
	}
}

static void ask_history(void *of, uint64_t ticket, const struct apo_question *question)
{
	(void)of;
	assert(question->limit >= 1 && question->limit <= 7);
	assert(question->way == APO_HISTORY_TARGETS || question->channel || question->other);
	last_history = ticket;
}

/* Of what was said: the longest that there is. */
static void answer_history(struct apo_model *model, size_t len, int64_t now_ns)
{
	static char text[APO_BODY_BYTES_MAX], tags[APO_KEPT_TAGS_BYTES_MAX + 1] = "+";
	struct apo_said said = {.position = 1,
				.run = UINT64_MAX,
				.time_ms = (int64_t)len,
				.source = "n!u@h",
				.target = "#a",
				.text = text,
				.account = "a",
				.tags = tags};
	struct apo_page page = {.count = len % 3, .said = {&said, &said}};

	memset(text, 'x', sizeof text - 1);
	memset(tags + 1, 'x', sizeof tags - 2);
	apo_model_on_history(model, last_history, (enum apo_asked)(len / 3 % 4), &page, now_ns);
}

static const struct apo_model_calls calls = {
	.deliver = deliver,
	.deliver_watched = deliver_watched,
	.close = close_peer,
	.hold = hold,
	.want_room = want_room,
	.set_operator = set_operator,
	.ask_auth = ask_auth,
	.has_accounts = true,
	.rehash = rehash,
	.die = die,
	.keep = keep,
	.keep_change = keep_change,
	.ask_history = ask_history,
};

/* Long answers go on, but for those who read slowly. */
static void go_on(struct apo_model *model, int64_t now_ns)
{
	bool is_any;
	unsigned i;

	do {
		for (i = 0; i < CLIENTS; i++)
			if (is_room_wanted[i] && !is_slow[i]) {
				is_room_wanted[i] = false;
				apo_model_on_room(model, peers[i], now_ns);
			}
		is_any = apo_model_next_at_ns(model) <= now_ns;
		if (is_any)
			apo_model_on_time(model, now_ns);
	} while (is_any);
}

static void say(struct apo_model *model, unsigned i, const char *line, int64_t now_ns)
{
	apo_model_on_line(model, peers[i], line, strlen(line), now_ns);
	go_on(model, now_ns);
}

static void connect_one(struct apo_model *model, unsigned i, int64_t now_ns)
{
	static const char *const nicks[CLIENTS] = {"NICK a", "NICK b", "NICK c", "NICK d"};
	struct apo_peer_facts facts = {.address = "192.0.2.1", .host = "h", .is_secure = i % 2};

	peers[i].worker = i % 2;
	peers[i].slot = i & 0xf;
	peers[i].generation++;
	is_open[i] = true;
	is_slow[i] = is_room_wanted[i] = false;
	apo_model_on_connected(model, peers[i], &facts, now_ns);
	if (i == 3)
		return; /* that one begins from nothing */
	if (i == 0) {
		say(model, i, "CAP REQ :server-time message-tags account-tag batch echo-message",
		    now_ns);
		say(model, i, "CAP REQ :labeled-response multi-prefix setname chghost", now_ns);
		say(model, i, "CAP REQ :extended-join extended-monitor away-notify", now_ns);
		say(model, i, "CAP REQ :draft/chathistory draft/read-marker", now_ns);
		say(model, i, "CAP REQ :draft/metadata-2 draft/channel-rename", now_ns);
		say(model, i, "CAP REQ :apollonion/receipts standard-replies invite-notify",
		    now_ns);
	}
	say(model, i, nicks[i], now_ns);
	say(model, i, "USER u 0 * :r", now_ns);
	say(model, i, "CAP END", now_ns);
	say(model, i, "JOIN #a,#b", now_ns);
}

static void happen(struct apo_model *model, uint8_t what, const uint8_t *line, size_t len,
		   int64_t *now_ns)
{
	unsigned i = what % CLIENTS;

	if (!is_open[i])
		connect_one(model, i, *now_ns);
	switch (what / CLIENTS % 32) {
	case 0:
		apo_model_on_closed(model, peers[i], "gone", *now_ns);
		is_open[i] = false;
		break;
	case 1:
		apo_model_on_checked(model, last_ticket, (enum apo_checked)(len % 3),
				     len % 3 ? NULL : "acc", *now_ns);
		break;
	case 2:
		*now_ns += (int64_t)len * RUDP_NS_PER_S;
		apo_model_on_time(model, *now_ns);
		break;
	case 3:
		apo_model_on_receipt(model, last_watch, (uint32_t)len % 4, len % 2, *now_ns);
		break;
	case 4:
		apo_model_on_rehashed(model, last_ticket, len % 2 ? "no" : NULL, *now_ns);
		break;
	case 5:
		(void)apo_model_on_account(model, len % 2 ? "a" : "b", 0, *now_ns);
		break;
	case 6:
		apo_model_on_account_gone(model, len % 2 ? "a" : "acc", *now_ns);
		break;
	case 7:
		apo_model_accounts_begin(model);
		(void)apo_model_on_account(model, len % 2 ? "a" : "acc", 0, *now_ns);
		apo_model_accounts_end(model, *now_ns);
		break;
	case 8:
		answer_history(model, len, *now_ns);
		break;
	case 9:
		is_slow[i] = len % 2;
		break;
	case 10:
		apo_model_hurry(model, len % 2 * 4096);
		break;
	default:
		apo_model_on_line(model, peers[i], (const char *)line, len, *now_ns);
	}
	if (what / CLIENTS / 32 == 0)
		go_on(model, *now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct apo_operator operator= {.name = "o", .password_hash = "h"};
	struct apo_model_config config;
	struct apo_model_start start = {.config = &config,
					.calls = &calls,
					.workers = 2,
					.run = 1,
					.slice_bytes = 200,
					.now_at_ns = RUDP_NS_PER_S,
					.wall_ms = INT64_C(1700000000000)};
	int64_t now_ns = RUDP_NS_PER_S;
	const uint8_t *end = data + size, *line, *next;
	struct apo_model *model;
	unsigned i;

	apo_model_config_init(&config);
	config.server_name = "s.e";
	config.network = "N";
	config.operators = &operator;
	config.operator_count = 1;
	config.scram = false;
	config.has_history = true;
	config.history_answer_max = 7;
	config.list_entries_max = 5;
	config.whowas_max = 3;
	last_position = 0;
	model = apo_model_new(&start);
	assert(model);
	for (i = 0; i < CLIENTS; i++)
		connect_one(model, i, now_ns);
	for (line = data; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next + 1 : end;
		happen(model, *line, line + 1,
		       (size_t)(next - line) - 1 - (next[-1] == '\n' && next - line > 1), &now_ns);
		assert(apo_model_check(model));
	}
	apo_model_end(model, "over", now_ns);
	apo_model_free(model);
	return 0;
}
