/* SPDX-License-Identifier: MIT */
/*
 * Random commands of many clients, compared with a simple model: arrays with each client's channels
 * and modes. For each step a search over all clients gives the lines that each must receive. The
 * real model and this one share only the protocol. Now and then the real model is handed over to
 * another process (fixture_hand_over), which no client may notice.
 *
 * The calls to history are checked against the same arrays. Half of the clients have an account
 * each. An account whose connection was lost is absent until it joins again, until the channel is
 * empty, or until the channel is restricted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/model_fixture.h"

#define CLIENTS 16
#define CHANNELS 5
#define NICKS 20
#define SEEDS 12
#define STEPS 4000
#define LINE 256
#define LINES 64

enum { IN = 1, OP = 2, VOICE = 4 };

struct simple {
	bool is_here[CLIENTS], has_echo[CLIENTS];
	char nick[CLIENTS][16];
	unsigned membership[CLIENTS][CHANNELS];
	bool invited[CLIENTS][CHANNELS];
	bool is_absent[CLIENTS][CHANNELS];
	int64_t presence[CLIENTS][CHANNELS]; /* as told to history; 0: not present */
	bool mode[CHANNELS][128];
	char heard[CLIENTS][LINES][LINE];
	unsigned heard_count[CLIENTS];
	uint64_t random, messages, refused, resumed;
};

static struct simple s;
static struct fixture w;

static unsigned below(unsigned n)
{
	s.random = s.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(s.random >> 33) % n;
}

static void expect(unsigned who, const char *line)
{
	cr_assert(lt(uint, s.heard_count[who], LINES));
	snprintf(s.heard[who][s.heard_count[who]++], LINE, "%s", line);
}

static void from(char line[LINE], unsigned who, const char *what)
{
	snprintf(line, LINE, ":%s!~u%u@host%u.example %s", s.nick[who], who, who, what);
}

static void expect_channel(unsigned channel, unsigned except, const char *line)
{
	unsigned i;

	for (i = 0; i < CLIENTS; i++)
		if (s.membership[i][channel] && i != except)
			expect(i, line);
}

static bool shares(unsigned a, unsigned b)
{
	unsigned channel;

	for (channel = 0; channel < CHANNELS; channel++)
		if (s.membership[a][channel] && s.membership[b][channel])
			return true;
	return false;
}

static void expect_common(unsigned who, const char *line)
{
	unsigned i;

	for (i = 0; i < CLIENTS; i++)
		if (i != who && shares(i, who))
			expect(i, line);
}

static int owner_of(const char *nick)
{
	int i;

	for (i = 0; i < CLIENTS; i++)
		if (s.is_here[i] && strcasecmp(s.nick[i], nick) == 0)
			return i;
	return -1;
}

static unsigned count_in(unsigned channel)
{
	unsigned i, count = 0;

	for (i = 0; i < CLIENTS; i++)
		count += s.membership[i][channel] != 0;
	return count;
}

static bool has_account(unsigned who)
{
	return who % 2 == 1;
}

static bool may_speak(unsigned who, unsigned channel)
{
	if (s.membership[who][channel] & (OP | VOICE))
		return true;
	return !s.mode[channel]['m'] && (s.membership[who][channel] || !s.mode[channel]['n']);
}

static void close_channel(unsigned channel)
{
	unsigned i;

	for (i = 0; i < CLIENTS; i++)
		s.is_absent[i][channel] = false;
}

/* ---- calls to history, which come before the arrays are updated ---- */

static void keep(void *of, const struct apo_said *said)
{
	(void)of;
	(void)said;
}

/* The client whose account has that name. */
static unsigned named(const char *account)
{
	unsigned who;

	cr_assert(eq(int, sscanf(account, "owner%u", &who), 1));
	return who;
}

static void on_joined(const struct apo_change *change)
{
	unsigned who = named(change->account), channel = (unsigned)(change->target[1] - '0');
	bool is_resumed = change->position < change->presence;

	cr_assert(eq(i64, s.presence[who][channel], 0));
	cr_assert(eq(int, is_resumed, s.is_absent[who][channel]));
	s.resumed += is_resumed;
	s.presence[who][channel] = change->presence;
	s.is_absent[who][channel] = false;
}

static void on_left(int64_t id, int64_t last)
{
	unsigned who, channel, found = 0;

	cr_assert(ge(i64, last, id));
	for (who = 0; who < CLIENTS; who++)
		for (channel = 0; channel < CHANNELS; channel++)
			if (s.presence[who][channel] == id) {
				s.presence[who][channel] = 0;
				found++;
			}
	cr_assert(eq(uint, found, 1), "%" PRId64 " had not joined", id);
}

static void keep_change(void *of, const struct apo_change *change)
{
	(void)of;
	if (change->kind == APO_CHANGE_JOINED)
		on_joined(change);
	else if (change->kind == APO_CHANGE_LEFT)
		on_left(change->presence, change->position);
}

static void ask_history(void *of, uint64_t ticket, const struct apo_question *question)
{
	(void)of;
	(void)ticket;
	(void)question;
}

static void compare_history(uint64_t seed, unsigned step)
{
	unsigned who, channel;

	for (who = 0; who < CLIENTS; who++)
		for (channel = 0; channel < CHANNELS; channel++)
			cr_assert(eq(int, s.presence[who][channel] != 0,
				     has_account(who) && s.membership[who][channel]),
				  "seed %lu step %u: %u in %u", (unsigned long)seed, step, who,
				  channel);
}

/* ---- channels ---- */

static void begin_channel(unsigned channel)
{
	unsigned i;

	memset(s.mode[channel], 0, sizeof s.mode[channel]);
	s.mode[channel]['n'] = s.mode[channel]['t'] = true;
	for (i = 0; i < CLIENTS; i++)
		s.invited[i][channel] = false;
	close_channel(channel);
}

static void leave(unsigned who, unsigned channel)
{
	s.membership[who][channel] = 0;
	if (count_in(channel) == 0)
		begin_channel(channel);
}

static void random_nick(char *to)
{
	snprintf(to, 16, "%s%u", below(2) ? "nick" : "Nick", below(NICKS));
}

/* ---- what clients do ---- */

static void log_in(unsigned who)
{
	char account[16];

	snprintf(account, sizeof account, "owner%u", who);
	fixture_say(&w, who, "CAP REQ sasl");
	fixture_say(&w, who, "AUTHENTICATE PLAIN");
	fixture_say(&w, who, "AUTHENTICATE AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, account);
}

static void come(unsigned who)
{
	char nick[16];

	do
		random_nick(nick);
	while (owner_of(nick) >= 0);
	strcpy(s.nick[who], nick);
	s.is_here[who] = true;
	s.has_echo[who] = below(2);
	fixture_connect(&w, who);
	if (s.has_echo[who])
		fixture_say(&w, who, "CAP REQ :echo-message server-time message-tags");
	fixture_say(&w, who, "NICK %s", nick);
	fixture_say(&w, who, "USER u%u 0 * :x", who);
	if (has_account(who))
		log_in(who);
	fixture_say(&w, who, "CAP END");
}

static void go(unsigned who)
{
	char line[LINE];
	unsigned channel;
	bool is_said = below(2);

	from(line, who, is_said ? "QUIT :Quit: bye" : "QUIT :reset");
	expect_common(who, line);
	s.is_here[who] = false;
	for (channel = 0; channel < CHANNELS; channel++) {
		s.is_absent[who][channel] |= has_account(who) && s.membership[who][channel];
		leave(who, channel);
		s.invited[who][channel] = false;
	}
	if (is_said)
		fixture_say(&w, who, "QUIT :bye");
	else
		fixture_close(&w, who, "reset");
	w.mocks[who].is_connected = false;
}

static void join(unsigned who, unsigned channel)
{
	char line[LINE], what[32];

	fixture_say(&w, who, "JOIN #%u", channel);
	if (s.membership[who][channel])
		return;
	if (s.mode[channel]['i'] && !s.invited[who][channel] && count_in(channel) > 0) {
		s.refused++;
		return;
	}
	s.membership[who][channel] = count_in(channel) == 0 ? IN | OP : IN;
	s.invited[who][channel] = false;
	snprintf(what, sizeof what, "JOIN #%u", channel);
	from(line, who, what);
	expect_channel(channel, CLIENTS, line);
}

static void part(unsigned who, unsigned channel)
{
	char line[LINE], what[32];

	fixture_say(&w, who, "PART #%u :x y", channel);
	if (!s.membership[who][channel])
		return;
	snprintf(what, sizeof what, "PART #%u%s", channel, may_speak(who, channel) ? " :x y" : "");
	from(line, who, what);
	expect_channel(channel, CLIENTS, line);
	leave(who, channel);
}

static void kick(unsigned who, unsigned channel, unsigned other)
{
	char line[LINE], what[64];

	fixture_say(&w, who, "KICK #%u %s :go", channel, s.nick[other]);
	if (!(s.membership[who][channel] & OP) || !s.is_here[other] ||
	    !s.membership[other][channel]) {
		s.refused++;
		return;
	}
	snprintf(what, sizeof what, "KICK #%u %s :go", channel, s.nick[other]);
	from(line, who, what);
	expect_channel(channel, CLIENTS, line);
	leave(other, channel);
}

static void nick(unsigned who)
{
	char to[16], line[LINE], what[32];
	int owner;

	random_nick(to);
	fixture_say(&w, who, "NICK %s", to);
	owner = owner_of(to);
	if ((owner >= 0 && owner != (int)who) || strcmp(s.nick[who], to) == 0)
		return;
	snprintf(what, sizeof what, "NICK :%s", to);
	from(line, who, what);
	expect(who, line);
	expect_common(who, line);
	strcpy(s.nick[who], to);
}

static void say_to_channel(unsigned who, unsigned channel)
{
	char line[LINE], what[64];
	const char *command = below(2) ? "PRIVMSG" : "NOTICE";
	unsigned number = below(1000);
	fixture_say(&w, who, "%s #%u :word %u", command, channel, number);
	if (count_in(channel) == 0 || !may_speak(who, channel)) {
		s.refused++;
		return;
	}
	snprintf(what, sizeof what, "%s #%u :word %u", command, channel, number);
	from(line, who, what);
	expect_channel(channel, who, line);
	if (s.has_echo[who])
		expect(who, line);
	s.messages++;
}

static void say_to_one(unsigned who, unsigned other)
{
	char line[LINE], what[64];

	fixture_say(&w, who, "PRIVMSG %s :psst", s.nick[other]);
	if (!s.is_here[other])
		return;
	snprintf(what, sizeof what, "PRIVMSG %s :psst", s.nick[other]);
	from(line, who, what);
	if (s.has_echo[who])
		expect(who, line);
	expect(other, line);
}

static void change_flag(unsigned who, unsigned channel)
{
	static const char letters[] = "imnt";
	char letter = letters[below(4)], line[LINE], what[32];
	bool is_on = below(2);

	fixture_say(&w, who, "MODE #%u %c%c", channel, is_on ? '+' : '-', letter);
	if (!(s.membership[who][channel] & OP)) {
		s.refused++;
		return;
	}
	if (s.mode[channel][(int)letter] == is_on)
		return;
	s.mode[channel][(int)letter] = is_on;
	if (letter == 'i' && is_on)
		close_channel(channel);
	snprintf(what, sizeof what, "MODE #%u %c%c", channel, is_on ? '+' : '-', letter);
	from(line, who, what);
	expect_channel(channel, CLIENTS, line);
}

static void change_member(unsigned who, unsigned channel, unsigned other)
{
	bool is_on = below(2), is_op = below(2);
	char line[LINE], what[64];
	unsigned bit = is_op ? OP : VOICE;

	snprintf(what, sizeof what, "MODE #%u %c%c %s", channel, is_on ? '+' : '-',
		 is_op ? 'o' : 'v', s.nick[other]);
	fixture_say(&w, who, "%s", what);
	if (!(s.membership[who][channel] & OP) || !s.is_here[other] ||
	    !s.membership[other][channel])
		return;
	if (!(s.membership[other][channel] & bit) == !is_on)
		return;
	s.membership[other][channel] ^= bit;
	from(line, who, what);
	expect_channel(channel, CLIENTS, line);
}

static void topic(unsigned who, unsigned channel)
{
	char line[LINE], what[64];

	snprintf(what, sizeof what, "TOPIC #%u :about %u", channel, below(100));
	fixture_say(&w, who, "%s", what);
	if (!s.membership[who][channel] || !may_speak(who, channel) ||
	    (s.mode[channel]['t'] && !(s.membership[who][channel] & OP)))
		return;
	from(line, who, what);
	expect_channel(channel, CLIENTS, line);
}

static void invite(unsigned who, unsigned channel, unsigned other)
{
	char line[LINE], what[64];

	snprintf(what, sizeof what, "INVITE %s #%u", s.nick[other], channel);
	fixture_say(&w, who, "%s", what);
	if (!s.membership[who][channel] || !s.is_here[other] || s.membership[other][channel])
		return;
	if (s.mode[channel]['i'] && !(s.membership[who][channel] & OP))
		return;
	s.invited[other][channel] = true;
	from(line, who, what);
	expect(other, line);
}

/* Questions to the server: no other client receives anything. */
static void ask(unsigned who)
{
	static const char *const lines[] = {"WHO *",      "NAMES #0,#1", "LIST",
					    "LUSERS",     "WHOIS nick1", "MODE #2",
					    "AWAY :gone", "AWAY",        "MONITOR + nick1,nick2",
					    "MONITOR C",  "nonsense",    "WHOWAS nick3",
					    "PRIVMSG",    "MODE #1 b"};

	fixture_say(&w, who, "%s", lines[below(sizeof lines / sizeof *lines)]);
}

static void act(void)
{
	unsigned who = below(CLIENTS), channel = below(CHANNELS), other = below(CLIENTS);
	unsigned what = below(100);

	/* The client has gone, and its nick may be another's now. */
	if (owner_of(s.nick[other]) >= 0)
		other = (unsigned)owner_of(s.nick[other]);
	if (!s.is_here[who])
		come(who);
	else if (!s.nick[other][0]) /* the client never connected */
		ask(who);
	else if (what < 3)
		go(who);
	else if (what < 25)
		join(who, channel);
	else if (what < 33)
		part(who, channel);
	else if (what < 38)
		kick(who, channel, other);
	else if (what < 43)
		nick(who);
	else if (what < 63)
		say_to_channel(who, channel);
	else if (what < 70)
		say_to_one(who, other);
	else if (what < 77)
		change_flag(who, channel);
	else if (what < 86)
		change_member(who, channel, other);
	else if (what < 89)
		topic(who, channel);
	else if (what < 93)
		invite(who, channel, other);
	else
		ask(who);
}

/* ---- what they hear ---- */

/* Returns the lines with a client as source, without their tags. */
static char *next_of_clients(unsigned who)
{
	char *line, *source;

	while ((line = fixture_next(&w, who))) {
		source = *line == '@' ? strchr(line, ' ') + 1 : line;
		if (*source == ':' && strcspn(source, "!") < strcspn(source, " "))
			return source;
	}
	return NULL;
}

static void compare(uint64_t seed, unsigned step)
{
	unsigned who, i;
	char *line;

	for (who = 0; who < CLIENTS; who++) {
		for (i = 0; w.mocks[who].is_connected && (line = next_of_clients(who)); i++) {
			cr_assert(lt(uint, i, s.heard_count[who]), "seed %lu step %u: %u hears %s",
				  (unsigned long)seed, step, who, line);
			cr_assert(eq(str, line, s.heard[who][i]), "seed %lu step %u",
				  (unsigned long)seed, step);
		}
		cr_assert(eq(uint, i, s.is_here[who] ? s.heard_count[who] : 0),
			  "seed %lu step %u: %u misses %s", (unsigned long)seed, step, who,
			  s.heard[who][i]);
		s.heard_count[who] = 0;
	}
}

static void run(uint64_t seed)
{
	unsigned step, channel;

	s.random = seed * 7919;
	memset(s.is_here, 0, sizeof s.is_here);
	memset(s.nick, 0, sizeof s.nick);
	memset(s.membership, 0, sizeof s.membership);
	memset(s.presence, 0, sizeof s.presence);
	for (channel = 0; channel < CHANNELS; channel++)
		begin_channel(channel);
	fixture_init(&w);
	w.calls.keep = keep;
	w.calls.keep_change = keep_change;
	w.calls.ask_history = ask_history;
	w.config.has_history = true;
	w.slice_bytes = seed % 2 ? 0 : 60; /* most answers need several slices */
	fixture_start(&w);
	for (step = 0; step < STEPS; step++) {
		act();
		if (below(50) == 0)
			fixture_hand_over(&w);
		compare(seed, step);
		compare_history(seed, step);
		if (step % 16 == 0)
			cr_assert(apo_model_check(w.model), "seed %lu step %u", (unsigned long)seed,
				  step);
	}
	fixture_fini();
}

Test(model, outputs_match_a_simple_model)
{
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++)
		run(seed);
	cr_assert(lt(u64, SEEDS * STEPS / 30, s.messages)); /* else hardly anything was tested */
	cr_assert(lt(u64, SEEDS * STEPS / 30, s.refused));
	cr_assert(lt(u64, SEEDS, s.resumed));
}
