/* SPDX-License-Identifier: MIT */
#include "conversation/model_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/fault.h"
#include "conversation/irc/mask.h"
#include "conversation/model/accounts.h"
#include "conversation/model/state.h"

static struct mock *mock_at(struct fixture *fixture, struct apo_peer peer)
{
	struct mock *mock;

	for (mock = fixture->mocks; mock < fixture->mocks + FIXTURE_CLIENTS; mock++)
		if (mock->is_connected && memcmp(&mock->peer, &peer, sizeof peer) == 0)
			return mock;
	return NULL;
}

static void hear(struct mock *mock, const struct apo_text *text)
{
	bool was_armed = fault_pause();

	if (mock->at == mock->len)
		mock->at = mock->len = 0;
	if (mock->len + text->len > mock->cap) {
		mock->cap = 2 * (mock->len + text->len);
		mock->out = realloc(mock->out, mock->cap);
	}
	fault_resume(was_armed);
	memcpy(mock->out + mock->len, text->bytes, text->len);
	mock->len += text->len;
}

static void on_deliver(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		       size_t count)
{
	struct fixture *fixture = of;
	struct mock *mock;
	size_t i;

	fixture->deliver_calls++;
	cr_assert(ge(u32, text->len, 2));
	cr_assert(eq(int, memcmp(text->bytes + text->len - 2, "\r\n", 2), 0));
	for (i = 0; i < count; i++) {
		cr_assert(eq(uint, to[i].worker, worker));
		mock = mock_at(fixture, to[i]);
		cr_assert(ne(ptr, mock, NULL), "said to nobody");
		cr_assert(not(mock->is_closed), "said after close");
		hear(mock, text);
	}
}

static void on_deliver_watched(void *of, unsigned worker, struct apo_text *text,
			       const struct apo_peer *to, size_t count, uint64_t watch,
			       uint32_t first)
{
	struct fixture *fixture = of;
	size_t i;

	on_deliver(of, worker, text, to, count);
	for (i = 0; i < count; i++) {
		cr_assert(lt(uint, fixture->watched_count, FIXTURE_WATCHED));
		fixture->watched[fixture->watched_count++] =
			(struct watched){watch, first + (uint32_t)i, to[i]};
	}
}

static void on_close(void *of, struct apo_peer who, struct apo_text *last_words)
{
	struct mock *mock = mock_at(of, who);

	cr_assert(ne(ptr, mock, NULL));
	cr_assert(not(mock->is_closed));
	mock->is_closed = true;
	if (last_words) /* NULL if memory was short */
		snprintf(mock->last_words, sizeof mock->last_words, "%.*s",
			 (int)last_words->len - 2, last_words->bytes);
}

static void on_set_operator(void *of, struct apo_peer who, bool is_operator)
{
	mock_at(of, who)->is_operator = is_operator;
}

static void on_hold(void *of, struct apo_peer who, bool is_held)
{
	struct mock *mock = mock_at(of, who);

	cr_assert(ne(ptr, mock, NULL));
	cr_assert(ne(int, mock->is_held, is_held));
	mock->is_held = is_held;
}

static void on_want_room(void *of, struct apo_peer who)
{
	struct mock *mock = mock_at(of, who);

	cr_assert(ne(ptr, mock, NULL));
	cr_assert(not(mock->is_room_wanted), "asked twice");
	mock->is_room_wanted = true;
}

static void on_ask_auth(void *of, struct apo_asker asker, enum apo_auth question, const char *about,
			const char *proof)
{
	struct fixture *fixture = of;

	fixture->ticket = asker.ticket;
	fixture->asked_network = asker.network;
	fixture->asked_question = question;
	snprintf(fixture->asked[0], sizeof fixture->asked[0], "%s", about);
	snprintf(fixture->asked[1], sizeof fixture->asked[1], "%s", proof);
}

static void on_rehash(void *of, uint64_t ticket)
{
	struct fixture *fixture = of;

	fixture->ticket = ticket;
	fixture->rehash_count++;
}

static void on_die(void *of, const char *who)
{
	(void)who;
	((struct fixture *)of)->die_count++;
}

static void on_log(void *of, bool is_detail, const char *name, const char *text)
{
	struct fixture *fixture = of;
	char *to = is_detail ? fixture->logged_detail : fixture->logged;

	snprintf(to, sizeof fixture->logged, "%s: %s", name, text);
}

/* Freed by fixture_fini, which Criterion calls without arguments. */
static struct fixture *initialized;

void fixture_init(struct fixture *fixture)
{
	initialized = fixture;
	memset(fixture, 0, sizeof *fixture);
	apo_model_config_init(&fixture->config);
	fixture->config.server_name = "irc.example";
	fixture->config.network = "Example";
	fixture->config.version = "apollonion-1";
	fixture->config.scram = false;
	fixture->calls = (struct apo_model_calls){
		.deliver = on_deliver,
		.deliver_watched = on_deliver_watched,
		.close = on_close,
		.hold = on_hold,
		.want_room = on_want_room,
		.set_operator = on_set_operator,
		.ask_auth = on_ask_auth,
		.has_accounts = true,
		.rehash = on_rehash,
		.die = on_die,
		.log = on_log,
	};
	fixture->now_ns = RUDP_NS_PER_S;
}

struct apo_model *fixture_model(struct fixture *fixture)
{
	struct apo_model_start start = {
		.config = &fixture->config,
		.calls = &fixture->calls,
		.of = fixture,
		.workers = FIXTURE_WORKERS,
		.run = 0xabc,
		.now_at_ns = fixture->now_ns,
		.wall_ms = INT64_C(1700000000000),
		.slice_bytes = fixture->slice_bytes,
	};

	return apo_model_new(&start);
}

void fixture_start(struct fixture *fixture)
{
	const char *member;

	cr_assert(eq(ptr, (void *)apo_model_config_check(&fixture->config, &member), NULL));
	fixture->model = fixture_model(fixture);
	cr_assert(ne(ptr, fixture->model, NULL));
}

void fixture_add_root(struct fixture *fixture)
{
	static const struct apo_operator root = {.name = "root", .password_hash = "h"};

	fixture->config.operators = &root;
	fixture->config.operator_count = 1;
}

void fixture_fini(void)
{
	struct fixture *fixture = initialized;
	unsigned i;

	cr_assert(apo_model_check(fixture->model));
	apo_model_free(fixture->model);
	for (i = 0; i < FIXTURE_CLIENTS; i++)
		free(fixture->mocks[i].out);
	free(fixture->state);
}

static void write_state(struct apo_model *model, struct apo_serializer *serializer)
{
	apo_serializer_to(serializer);
	apo_state_write(serializer, model);
	cr_assert(serializer->ok, "the state cannot be written");
}

/* Moves the clients to other slots; fills in their new peers by ordinal. */
static uint32_t move(struct fixture *fixture, struct apo_peer peers[FIXTURE_CLIENTS])
{
	uint32_t count = apo_state_number(fixture->model), ordinal;
	struct mock *mock;

	for (mock = fixture->mocks; mock < fixture->mocks + FIXTURE_CLIENTS; mock++) {
		if (!mock->is_connected || mock->is_closed)
			continue;
		ordinal = apo_state_ordinal(fixture->model, mock->peer);
		if (ordinal == APO_ORDINAL_NONE)
			continue;
		cr_assert(lt(u32, ordinal, count));
		mock->peer.worker = (mock->peer.worker + 1) % FIXTURE_WORKERS & 0xff;
		mock->peer.slot = (mock->peer.slot ^ 0x55) & 0xffff;
		mock->peer.generation += 7;
		peers[ordinal] = mock->peer;
	}
	return count;
}

/* The new process learns the accounts from its store. */
static void tell_accounts(const struct apo_model *from, struct apo_model *to)
{
	uint32_t count, i;
	struct apo_account_key *owners = apo_accounts_list(from, &count);

	cr_assert(ne(ptr, owners, NULL));
	for (i = 0; i < count; i++)
		cr_assert(eq(int, apo_model_on_account(to, owners[i].name, 0, 0), 0));
	free(owners);
}

void fixture_hand_over(struct fixture *fixture)
{
	struct apo_peer peers[FIXTURE_CLIENTS];
	struct apo_serializer serializer, reading;
	struct apo_model *next;
	uint32_t count;

	write_state(fixture->model, &serializer);
	count = move(fixture, peers);
	next = fixture_model(fixture);
	tell_accounts(fixture->model, next);
	apo_model_free(fixture->model);
	fixture->model = next;
	apo_serializer_from(&reading, serializer.bytes, serializer.len);
	cr_assert(apo_state_read(&reading, fixture->model, peers, count));
	cr_assert(apo_serializer_is_whole(&reading));
	free(fixture->state);
	fixture->state_len = serializer.len;
	fixture->state = malloc(serializer.len);
	memcpy(fixture->state, serializer.bytes, serializer.len);
	apo_serializer_fini(&serializer);
	write_state(fixture->model, &serializer);
	cr_assert(eq(sz, serializer.len, fixture->state_len));
	cr_assert(eq(int, memcmp(serializer.bytes, fixture->state, serializer.len), 0),
		  "written otherwise");
	apo_serializer_fini(&serializer);
	fixture->hand_overs++;
}

void fixture_connect(struct fixture *fixture, unsigned i)
{
	struct mock *mock = &fixture->mocks[i];
	char host[32], address[32];
	struct apo_peer_facts facts = {.address = mock->address ? mock->address : address,
				       .host = host,
				       .fingerprint = mock->fingerprint,
				       .is_secure = i % 2,
				       .reports_end = mock->reports_end};

	snprintf(host, sizeof host, "host%u.example", i);
	snprintf(address, sizeof address, "192.0.2.%u", i);
	mock->peer.worker = i % FIXTURE_WORKERS & 0xff;
	mock->peer.slot = (mock->other_slot ? mock->other_slot : i) & 0xffff;
	mock->peer.generation++;
	mock->is_connected = true;
	mock->is_closed = mock->is_operator = mock->is_held = mock->is_room_wanted = false;
	mock->len = mock->at = 0;
	apo_model_on_connected(fixture->model, mock->peer, &facts, fixture->now_ns);
}

void fixture_say(struct fixture *fixture, unsigned i, const char *format, ...)
{
	char line[9000];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	apo_model_on_line(fixture->model, fixture->mocks[i].peer, line, (size_t)len,
			  fixture->now_ns);
	if (!fixture->is_stepwise)
		fixture_step_all(fixture);
}

void fixture_read(struct fixture *fixture, unsigned i)
{
	struct mock *mock = &fixture->mocks[i];

	if (!mock->is_room_wanted)
		return;
	mock->is_room_wanted = false;
	apo_model_on_room(fixture->model, mock->peer, fixture->now_ns);
}

bool fixture_step(struct fixture *fixture)
{
	unsigned i;

	for (i = 0; i < FIXTURE_CLIENTS; i++)
		if (fixture->mocks[i].is_connected && !fixture->mocks[i].is_slow)
			fixture_read(fixture, i);
	if (apo_model_next_at_ns(fixture->model) > fixture->now_ns)
		return false;
	apo_model_on_time(fixture->model, fixture->now_ns);
	return true;
}

void fixture_step_all(struct fixture *fixture)
{
	while (fixture_step(fixture))
		;
}

void fixture_join(struct fixture *fixture, unsigned i, const char *nick, const char *caps)
{
	fixture_connect(fixture, i);
	if (caps)
		fixture_say(fixture, i, "CAP REQ :%s", caps);
	fixture_say(fixture, i, "NICK %s", nick);
	fixture_say(fixture, i, "USER %s 0 * :Real %s", nick, nick);
	fixture_say(fixture, i, "CAP END");
	fixture_forget(fixture);
}

void fixture_start_three(struct fixture *fixture, const char *caps)
{
	fixture_start(fixture);
	fixture_join(fixture, 0, "dan", NULL);
	fixture_join(fixture, 1, "eve", NULL);
	fixture_join(fixture, 2, "fay", caps);
}

void fixture_gather(struct fixture *fixture, unsigned count, const char *channel)
{
	unsigned i;

	for (i = 0; i < count; i++)
		fixture_say(fixture, i, "JOIN %s", channel);
	fixture_forget(fixture);
}

void fixture_close(struct fixture *fixture, unsigned i, const char *reason)
{
	apo_model_on_closed(fixture->model, fixture->mocks[i].peer, reason, fixture->now_ns);
	fixture->mocks[i].is_connected = false;
}

void fixture_wait(struct fixture *fixture, int64_t span_ns)
{
	int64_t end_ns = fixture->now_ns + span_ns, next_ns;

	while ((next_ns = apo_model_next_at_ns(fixture->model)) <= end_ns) {
		fixture->now_ns = rudp_time_max(next_ns, fixture->now_ns + 1);
		apo_model_on_time(fixture->model, fixture->now_ns);
	}
	fixture->now_ns = end_ns;
	apo_model_on_time(fixture->model, end_ns);
}

void fixture_answer(struct fixture *fixture, enum apo_checked result, const char *account)
{
	apo_model_on_checked(fixture->model, fixture->ticket, result, account, fixture->now_ns);
	if (!fixture->is_stepwise)
		fixture_step_all(fixture);
}

char *fixture_next(struct fixture *fixture, unsigned i)
{
	struct mock *mock = &fixture->mocks[i];
	char *line = mock->out + mock->at, *end;

	if (mock->at == mock->len)
		return NULL;
	end = memmem(line, mock->len - mock->at, "\r\n", 2);
	cr_assert(ne(ptr, end, NULL));
	*end = '\0';
	mock->at = (size_t)(end + 2 - mock->out);
	return line;
}

void fixture_forget(struct fixture *fixture)
{
	unsigned i;

	for (i = 0; i < FIXTURE_CLIENTS; i++)
		fixture->mocks[i].at = fixture->mocks[i].len;
}

bool fixture_is_like(const char *mask, const char *line)
{
	return apo_mask_is_match(mask, line);
}
