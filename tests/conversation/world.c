/* SPDX-License-Identifier: MIT */
#include "conversation/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/fault.h"
#include "conversation/irc/mask.h"
#include "conversation/model/accounts.h"
#include "conversation/model/state.h"

static struct mock *mock_at(struct world *world, struct apo_peer peer)
{
	struct mock *mock;

	for (mock = world->mocks; mock < world->mocks + WORLD_CLIENTS; mock++)
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
	struct world *world = of;
	struct mock *mock;
	size_t i;

	world->deliver_calls++;
	cr_assert(ge(u32, text->len, 2));
	cr_assert(eq(int, memcmp(text->bytes + text->len - 2, "\r\n", 2), 0));
	for (i = 0; i < count; i++) {
		cr_assert(eq(uint, to[i].worker, worker));
		mock = mock_at(world, to[i]);
		cr_assert(ne(ptr, mock, NULL), "said to nobody");
		cr_assert(not(mock->is_closed), "said after close");
		hear(mock, text);
	}
}

static void on_deliver_watched(void *of, unsigned worker, struct apo_text *text,
			       const struct apo_peer *to, size_t count, uint64_t watch,
			       uint32_t first)
{
	struct world *world = of;
	size_t i;

	on_deliver(of, worker, text, to, count);
	for (i = 0; i < count; i++) {
		cr_assert(lt(uint, world->watched_count, WORLD_WATCHED));
		world->watched[world->watched_count++] =
			(struct watched){watch, first + (uint32_t)i, to[i]};
	}
}

static void on_close(void *of, struct apo_peer who, struct apo_text *last_words)
{
	struct mock *mock = mock_at(of, who);

	cr_assert(ne(ptr, mock, NULL));
	cr_assert(not(mock->is_closed));
	mock->is_closed = true;
	if (last_words) /* else there was no memory for them */
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

static void on_check(void *of, struct apo_asker asker, const char *against, const char *password)
{
	struct world *world = of;

	world->ticket = asker.ticket;
	world->asked_network = asker.network;
	snprintf(world->asked[0], sizeof world->asked[0], "%s", against);
	snprintf(world->asked[1], sizeof world->asked[1], "%s", password ? password : "(none)");
}

static void on_rehash(void *of, uint64_t ticket)
{
	struct world *world = of;

	world->ticket = ticket;
	world->rehash_count++;
}

static void on_die(void *of, const char *who)
{
	(void)who;
	((struct world *)of)->die_count++;
}

static void on_log(void *of, const char *name, const char *text)
{
	struct world *world = of;

	snprintf(world->logged, sizeof world->logged, "%s: %s", name, text);
}

void world_init(struct world *world)
{
	memset(world, 0, sizeof *world);
	apo_model_config_init(&world->config);
	world->config.server_name = "irc.example";
	world->config.network = "Example";
	world->config.version = "apollonion-1";
	world->calls = (struct apo_model_calls){
		.deliver = on_deliver,
		.deliver_watched = on_deliver_watched,
		.close = on_close,
		.hold = on_hold,
		.want_room = on_want_room,
		.set_operator = on_set_operator,
		.check_password = on_check,
		.check_account = on_check,
		.register_account = on_check,
		.remove_account = on_check,
		.rehash = on_rehash,
		.die = on_die,
		.log = on_log,
	};
	world->now_ns = RUDP_NS_PER_S;
}

struct apo_model *world_model(struct world *world)
{
	struct apo_model_start start = {
		.config = &world->config,
		.calls = &world->calls,
		.of = world,
		.workers = WORLD_WORKERS,
		.run = 0xabc,
		.now_at_ns = world->now_ns,
		.wall_ms = INT64_C(1700000000000),
		.slice_bytes = world->slice_bytes,
	};

	return apo_model_new(&start);
}

void world_start(struct world *world)
{
	const char *member;

	cr_assert(eq(ptr, (void *)apo_model_config_check(&world->config, &member), NULL));
	world->model = world_model(world);
	cr_assert(ne(ptr, world->model, NULL));
}

void world_fini(struct world *world)
{
	unsigned i;

	cr_assert(apo_model_check(world->model));
	apo_model_free(world->model);
	for (i = 0; i < WORLD_CLIENTS; i++)
		free(world->mocks[i].out);
	free(world->state);
}

static void write_state(struct apo_model *model, struct apo_serializer *serializer)
{
	apo_serializer_to(serializer);
	apo_state_write(serializer, model);
	cr_assert(serializer->ok, "the state cannot be written");
}

/* Who is there moves: the peers of the new model, by ordinal. */
static uint32_t move(struct world *world, struct apo_peer peers[WORLD_CLIENTS])
{
	uint32_t count = apo_state_number(world->model), ordinal;
	struct mock *mock;

	for (mock = world->mocks; mock < world->mocks + WORLD_CLIENTS; mock++) {
		if (!mock->is_connected || mock->is_closed)
			continue;
		ordinal = apo_state_ordinal(world->model, mock->peer);
		if (ordinal == APO_ORDINAL_NONE)
			continue;
		cr_assert(lt(u32, ordinal, count));
		mock->peer.worker = (mock->peer.worker + 1) % WORLD_WORKERS & 0xff;
		mock->peer.slot = (mock->peer.slot ^ 0x55) & 0xffff;
		mock->peer.generation += 7;
		peers[ordinal] = mock->peer;
	}
	return count;
}

/* As the store tells all of them to a process that begins. */
static void tell_accounts(const struct apo_model *from, struct apo_model *to)
{
	uint32_t count, i;
	struct apo_owner *owners = apo_account_owners(from, &count);

	cr_assert(ne(ptr, owners, NULL));
	for (i = 0; i < count; i++)
		cr_assert(eq(int, apo_model_on_account(to, owners[i].name, 0, 0), 0));
	free(owners);
}

void world_hand_over(struct world *world)
{
	struct apo_peer peers[WORLD_CLIENTS];
	struct apo_serializer serializer, reading;
	struct apo_model *next;
	uint32_t count;

	write_state(world->model, &serializer);
	count = move(world, peers);
	next = world_model(world);
	tell_accounts(world->model, next);
	apo_model_free(world->model);
	world->model = next;
	apo_serializer_from(&reading, serializer.bytes, serializer.len);
	cr_assert(apo_state_read(&reading, world->model, peers, count));
	cr_assert(apo_serializer_is_whole(&reading));
	free(world->state);
	world->state_len = serializer.len;
	world->state = malloc(serializer.len);
	memcpy(world->state, serializer.bytes, serializer.len);
	apo_serializer_fini(&serializer);
	write_state(world->model, &serializer);
	cr_assert(eq(sz, serializer.len, world->state_len));
	cr_assert(eq(int, memcmp(serializer.bytes, world->state, serializer.len), 0),
		  "written otherwise");
	apo_serializer_fini(&serializer);
	world->hand_overs++;
}

void world_connect(struct world *world, unsigned i)
{
	struct mock *mock = &world->mocks[i];
	char host[32], address[32];
	struct apo_peer_facts facts = {.address = address,
				       .host = host,
				       .is_secure = i % 2,
				       .is_lasting = mock->is_lasting};

	snprintf(host, sizeof host, "host%u.example", i);
	snprintf(address, sizeof address, "192.0.2.%u", i);
	mock->peer.worker = i % WORLD_WORKERS & 0xff;
	mock->peer.slot = (mock->other_slot ? mock->other_slot : i) & 0xffff;
	mock->peer.generation++;
	mock->is_connected = true;
	mock->is_closed = mock->is_operator = mock->is_held = mock->is_room_wanted = false;
	mock->len = mock->at = 0;
	apo_model_on_connected(world->model, mock->peer, &facts, world->now_ns);
}

void world_say(struct world *world, unsigned i, const char *format, ...)
{
	char line[9000];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	apo_model_on_line(world->model, world->mocks[i].peer, line, (size_t)len, world->now_ns);
	if (!world->is_stepwise)
		world_step_all(world);
}

void world_read(struct world *world, unsigned i)
{
	struct mock *mock = &world->mocks[i];

	if (!mock->is_room_wanted)
		return;
	mock->is_room_wanted = false;
	apo_model_on_room(world->model, mock->peer, world->now_ns);
}

bool world_step(struct world *world)
{
	unsigned i;

	for (i = 0; i < WORLD_CLIENTS; i++)
		if (world->mocks[i].is_connected && !world->mocks[i].is_slow)
			world_read(world, i);
	if (apo_model_next_at_ns(world->model) > world->now_ns)
		return false;
	apo_model_on_time(world->model, world->now_ns);
	return true;
}

void world_step_all(struct world *world)
{
	while (world_step(world))
		;
}

void world_join(struct world *world, unsigned i, const char *nick, const char *caps)
{
	world_connect(world, i);
	if (caps)
		world_say(world, i, "CAP REQ :%s", caps);
	world_say(world, i, "NICK %s", nick);
	world_say(world, i, "USER %s 0 * :Real %s", nick, nick);
	world_say(world, i, "CAP END");
	world_forget(world);
}

void world_start_three(struct world *world, const char *caps)
{
	world_start(world);
	world_join(world, 0, "dan", NULL);
	world_join(world, 1, "eve", NULL);
	world_join(world, 2, "fay", caps);
}

void world_gather(struct world *world, unsigned count, const char *channel)
{
	unsigned i;

	for (i = 0; i < count; i++)
		world_say(world, i, "JOIN %s", channel);
	world_forget(world);
}

void world_close(struct world *world, unsigned i, const char *reason)
{
	apo_model_on_closed(world->model, world->mocks[i].peer, reason, world->now_ns);
	world->mocks[i].is_connected = false;
}

void world_wait(struct world *world, int64_t span_ns)
{
	int64_t end_ns = world->now_ns + span_ns, next_ns;

	while ((next_ns = apo_model_next_at_ns(world->model)) <= end_ns) {
		world->now_ns = rudp_time_max(next_ns, world->now_ns + 1);
		apo_model_on_time(world->model, world->now_ns);
	}
	world->now_ns = end_ns;
	apo_model_on_time(world->model, end_ns);
}

void world_answer(struct world *world, enum apo_checked result, const char *account)
{
	apo_model_on_checked(world->model, world->ticket, result, account, world->now_ns);
	if (!world->is_stepwise)
		world_step_all(world);
}

char *world_next(struct world *world, unsigned i)
{
	struct mock *mock = &world->mocks[i];
	char *line = mock->out + mock->at, *end;

	if (mock->at == mock->len)
		return NULL;
	end = memmem(line, mock->len - mock->at, "\r\n", 2);
	cr_assert(ne(ptr, end, NULL));
	*end = '\0';
	mock->at = (size_t)(end + 2 - mock->out);
	return line;
}

void world_forget(struct world *world)
{
	unsigned i;

	for (i = 0; i < WORLD_CLIENTS; i++)
		world->mocks[i].at = world->mocks[i].len;
}

bool world_is_like(const char *mask, const char *line)
{
	return apo_mask_is_match(mask, line);
}
