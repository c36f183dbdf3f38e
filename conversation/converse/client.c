/* SPDX-License-Identifier: MIT */
#include "conversation/converse/client_private.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "conversation/converse/format.h"

#define SEND_AHEAD 256 /* lines read from a pipe before the first of them was said */
#define QUIT_NS (2 * RUDP_NS_PER_S)
#define BACKOFF_MAX_NS (2 * RUDP_NS_PER_S)

/* Without QUIT: after an error that the user has been told. */
static void end_at_once(struct cv_client *client)
{
	client->exit_code = CV_EXIT_FAILED;
	client->is_over = true;
}

/* ---- calls of the chat ---- */

static void send_later(void *of, const struct apo_frame *frame)
{
	struct frame_list *frames = &((struct cv_client *)of)->frames;
	size_t needed = frames->len + 2 + APO_FRAME_BYTES_MAX, n;

	if (needed > frames->size) {
		frames->bytes = realloc(frames->bytes, 2 * needed);
		if (!frames->bytes)
			abort();
		frames->size = 2 * needed;
	}
	n = apo_frame_write(frame, frames->bytes + frames->len + 2);
	frames->bytes[frames->len] = (uint8_t)(n >> 8);
	frames->bytes[frames->len + 1] = (uint8_t)n;
	frames->len += 2 + n;
}

static void send_frames(struct cv_client *client)
{
	struct frame_list *frames = &client->frames;
	size_t at = 0, n;
	int error = 0;

	for (; client->conn && at < frames->len && error == 0; at += 2 + n) {
		n = (size_t)frames->bytes[at] << 8 | frames->bytes[at + 1];
		error = rudpmsg_send(client->node, client->conn, frames->bytes + at + 2, n, 0,
				     NULL);
	}
	frames->len = 0;
	if (error < 0 && !client->is_over) {
		warnx("the messaging library takes no more: %s", strerror(-error));
		end_at_once(client);
	}
}

static void keep_line(void *of, uint64_t number, const char *target, const char *text)
{
	struct cv_client *client = of;

	if (client->outbox)
		cv_outbox_db_line(client->outbox, number, target, text);
}

static void drop_line(void *of, uint64_t number)
{
	struct cv_client *client = of;

	if (client->outbox)
		cv_outbox_db_drop(client->outbox, number);
}

static void keep_received(void *of, uint32_t place, uint64_t hash)
{
	struct cv_client *client = of;

	if (client->outbox)
		cv_outbox_db_received(client->outbox, place, hash);
}

static void keep_last(void *of, const char *channel, const char *msgid)
{
	struct cv_client *client = of;

	if (client->outbox)
		cv_outbox_db_last(client->outbox, channel, msgid);
}

/* ---- output ---- */

/* Begins to quit. The exit code of the first call counts. */
static void leave(struct cv_client *client, int exit_code)
{
	if (client->quit_at_ns != RUDP_NEVER)
		return;
	client->exit_code = exit_code;
	client->quit_at_ns = client->now_at_ns + QUIT_NS;
	cv_chat_quit(client->chat, client->quit_text[0] ? client->quit_text : "converse");
}

static void show_tail(struct cv_client *client, const struct cv_shown *shown)
{
	char text[CV_FORMAT_SIZE];
	bool is_said = shown->kind == CV_MESSAGE || shown->kind == CV_NOTICE;

	if (!is_said || !apo_is_same(shown->channel, client->options->target) ||
	    client->quit_at_ns != RUDP_NEVER)
		return;
	puts(cv_format_plain(text, shown));
	if (++client->shown_count == client->options->count)
		leave(client, CV_EXIT_DONE);
}

static void show_on_stderr(struct cv_client *client, const struct cv_shown *shown)
{
	char text[CV_FORMAT_SIZE];

	if (shown->kind == CV_FAILED || shown->kind == CV_NOT_JOINED ||
	    (!client->options->is_quiet && shown->kind == CV_STATUS))
		warnx("%s", cv_format(text, shown, cv_chat_own_nick(client->chat)));
}

static void show(void *of, const struct cv_shown *shown)
{
	struct cv_client *client = of;
	char text[CV_FORMAT_SIZE];

	client->failed_count += shown->kind == CV_FAILED;
	if (shown->kind == CV_SAID || shown->kind == CV_RECEIPT || shown->kind == CV_JOINED)
		client->progress_at_ns = client->now_at_ns;
	if (client->options->mode == CV_TALK) {
		cv_format(text, shown, cv_chat_own_nick(client->chat));
		if (*text)
			cv_input_print(client->input, text);
		return;
	}
	if (client->options->mode == CV_TAIL)
		show_tail(client, shown);
	show_on_stderr(client, shown);
	if (shown->kind == CV_NOT_JOINED)
		leave(client, CV_EXIT_FAILED);
}

/* ---- messages of the node ---- */

/* Explains an error that makes a connection impossible, for people who type commands. */
static const char *cause_of(int error)
{
	switch (error) {
	case EKEYREJECTED:
		return "the server has another key (--key), or the name given with --id or --peer "
		       "belongs to another identity";
	case ENXIO:
		return "the node there does not have the name given with --peer";
	case EEXIST:
		return "the node there has the name given with --id";
	case ESTALE:
		return "another program has connected to the server with this --id";
	case EPROTO:
		return "the program there is not a server that accepts converse ([peers])";
	case ENOKEY:
		return "the key cannot be used; 'rudp keygen --check FILE' says why";
	case EHOSTUNREACH:
		return "the host does not exist, or there is no route to it";
	case EACCES:
		return "no rudp engine can be found or started here; 'rudp doctor' says why";
	default:
		return strerror(error);
	}
}

/* Errors that last until somebody changes the configuration. */
static bool is_lasting(int error)
{
	static const int errors[] = {EKEYREJECTED, ENXIO, EEXIST, EPROTO, ENOKEY, EACCES};
	size_t i;

	for (i = 0; i < sizeof errors / sizeof *errors; i++)
		if (error == errors[i])
			return true;
	return false;
}

/* The present server cannot be used. Returns whether to try another one, or this one again. */
static bool may_go_on(struct cv_client *client, int error)
{
	client->refusing_count = is_lasting(error) ? client->refusing_count + 1 : 0;
	return client->options->server_count > 1 &&
	       client->refusing_count < client->options->server_count;
}

static const char *name_of_server(struct cv_client *client)
{
	const struct cv_server *server = client->options->servers + client->server;

	snprintf(client->server_name, sizeof client->server_name, "%s port %u", server->host,
		 (unsigned)server->port);
	return client->server_name;
}

static void on_event(struct cv_client *client, const struct rudpmsg_event *event)
{
	if (event->conn != client->conn)
		return; /* of a former server */
	if (event->kind == RUDPMSG_EVENT_CONNECTED || event->kind == RUDPMSG_EVENT_BROKEN)
		cv_chat_on_link(client->chat, event->kind == RUDPMSG_EVENT_CONNECTED);
	if (event->kind == RUDPMSG_EVENT_CONNECTED)
		client->refusing_count = 0;
	if (event->kind != RUDPMSG_EVENT_DISCONNECTED)
		return;
	client->conn = 0;
	cv_chat_on_link(client->chat, false);
	if (may_go_on(client, event->reason)) {
		warnx("no connection to %s: %s", name_of_server(client), cause_of(event->reason));
		return;
	}
	warnx("the connection has ended and will not be made again: %s", cause_of(event->reason));
	end_at_once(client);
}

static void take_messages(struct cv_client *client)
{
	struct rudpmsg_message *message;

	while (client->conn && client->taken_count < MESSAGES_AT_ONCE &&
	       !cv_chat_is_over(client->chat)) {
		message = client->taken + client->taken_count;
		if (rudpmsg_receive(client->node, client->conn, 0, message) < 0)
			return;
		client->taken_count++;
		cv_chat_on_message(client->chat, message->bytes, message->length);
	}
}

/* Stores everything of this turn before the server is told that it is handled. */
static void end_turn(struct cv_client *client)
{
	unsigned i;

	if (fflush(stdout) != 0 || ferror(stdout)) {
		warnx("cannot write to standard output: %s", strerror(errno));
		end_at_once(client);
		return;
	}
	if (client->outbox && cv_outbox_db_commit(client->outbox) < 0) {
		warnx("the store cannot be written: %s", cv_outbox_db_error(client->outbox));
		end_at_once(client);
		return;
	}
	/* Before the frames are sent: one may be QUIT, and the messages must be done by then. */
	for (i = 0; i < client->taken_count; i++)
		rudpmsg_done(client->node, client->taken + i);
	client->taken_count = 0;
	send_frames(client);
}

/* ---- quitting ---- */

static void warn_unsaid(const struct cv_client *client, const char *when)
{
	size_t unsaid = cv_chat_unsaid(client->chat);

	if (unsaid > 0)
		warnx("%zu %s not said%s, and %s %s", unsaid,
		      unsaid == 1 ? "line was" : "lines were", when, unsaid == 1 ? "is" : "are",
		      client->outbox ? "kept in the store" : "lost");
}

/* Is the client waiting for lines to be said, or for receipts, and not for the user to type? */
static bool is_waiting(const struct cv_client *client)
{
	return client->quit_at_ns == RUDP_NEVER &&
	       (client->has_input_ended ||
		(client->options->mode == CV_SEND && cv_chat_unsaid(client->chat) > 0));
}

/* Leaves when nothing is left to be said or received, or when that takes too long. */
static void leave_when_said(struct cv_client *client)
{
	bool is_late = client->now_at_ns - client->progress_at_ns > client->options->timeout_ns;
	char when[64];

	if (!is_waiting(client))
		return;
	if (cv_chat_unsaid(client->chat) > 0) {
		if (!is_late)
			return;
		snprintf(when, sizeof when, " within %" PRId64 " s (--timeout)",
			 client->options->timeout_ns / RUDP_NS_PER_S);
		warn_unsaid(client, when);
		leave(client, CV_EXIT_FAILED);
	} else if (client->options->mode == CV_TALK)
		leave(client, CV_EXIT_DONE);
	else if (client->failed_count > 0)
		leave(client, CV_EXIT_FAILED);
	else if (cv_chat_receipts_open(client->chat) == 0 || is_late)
		leave(client, cv_chat_receipts_open(client->chat) > 0 ||
					      cv_chat_receipts_missing(client->chat) > 0
				      ? CV_EXIT_UNDELIVERED
				      : CV_EXIT_DONE);
}

/* The user has interrupted us. */
static void on_signal(struct cv_client *client)
{
	bool is_done = client->options->mode != CV_SEND && cv_chat_unsaid(client->chat) == 0;

	if (client->quit_at_ns == RUDP_NEVER)
		warn_unsaid(client, "");
	leave(client, is_done ? CV_EXIT_DONE : CV_EXIT_FAILED);
}

static void check_end(struct cv_client *client)
{
	leave_when_said(client);
	if (cv_chat_version_error(client->chat)) {
		warnx("%s", cv_chat_version_error(client->chat));
		end_at_once(client);
	}
	if (cv_chat_is_over(client->chat) || client->quit_at_ns <= client->now_at_ns)
		client->is_over = true;
}

/* ---- servers ---- */

/* Connects to the present server. false: no server can be used. */
static bool dial(struct cv_client *client, int64_t timeout_ns)
{
	const struct cv_server *server = client->options->servers + client->server;
	int error = rudpmsg_connect(client->node, server->host, server->port, server->peer,
				    timeout_ns, &client->conn);

	if (error == -EINPROGRESS && timeout_ns > 0)
		warnx("%s does not answer at %s yet; trying again", server->peer,
		      name_of_server(client));
	if (error == 0 || error == -EINPROGRESS)
		return true;
	client->conn = 0;
	warnx("cannot connect to %s: %s", name_of_server(client), cause_of(-error));
	return may_go_on(client, -error);
}

static void try_next_server(struct cv_client *client)
{
	if (client->conn) {
		(void)rudpmsg_disconnect(client->node, client->conn, false, 0);
		client->refusing_count = 0;
	}
	client->server = (client->server + 1) % client->options->server_count;
	cv_chat_on_other_server(client->chat, name_of_server(client));
	if (!dial(client, 0))
		end_at_once(client);
}

/* ---- turns ---- */

static int timeout_ms(const struct cv_client *client)
{
	int64_t next_ns = rudp_time_min(cv_chat_next_at_ns(client->chat), client->quit_at_ns);

	if (is_waiting(client))
		next_ns = rudp_time_min(next_ns,
					client->progress_at_ns + client->options->timeout_ns + 1);
	return rudp_time_poll_ms(next_ns, rudp_clock_now_ns());
}

static bool wants_input(const struct cv_client *client)
{
	return client->options->mode != CV_TAIL && !client->has_input_ended &&
	       client->quit_at_ns == RUDP_NEVER &&
	       (client->options->mode == CV_TALK || cv_chat_unsaid(client->chat) < SEND_AHEAD);
}

static void set_now(struct cv_client *client)
{
	client->now_at_ns = rudp_clock_now_ns();
	cv_chat_set_now(client->chat, client->now_at_ns, rudp_clock_wall_ms());
}

static void turn(struct cv_client *client)
{
	struct pollfd polls[] = {
		{.fd = rudpmsg_fd(client->node), .events = POLLIN},
		{.fd = client->signal_fd, .events = POLLIN},
		{.fd = wants_input(client) ? STDIN_FILENO : -1, .events = POLLIN},
	};
	struct rudpmsg_event event;

	(void)poll(polls, 3, client->taken_count == MESSAGES_AT_ONCE ? 0 : timeout_ms(client));
	set_now(client);
	while (rudpmsg_event(client->node, &event) == 0)
		on_event(client, &event);
	take_messages(client);
	if (polls[2].revents)
		cv_input_on_readable(client->input);
	cv_chat_on_time(client->chat);
	if (polls[1].revents)
		on_signal(client);
	check_end(client);
	end_turn(client);
	if (!client->is_over && cv_chat_wants_other_server(client->chat))
		try_next_server(client);
}

/* ---- start and end ---- */

static int watch_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static uint64_t draw(void)
{
	uint64_t number = 0;

	while (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
		;
	return number;
}

static const struct cv_calls calls = {
	send_later, show, keep_line, drop_line, keep_received, keep_last,
};

static void join_all(struct cv_client *client)
{
	char *rest = NULL, *name;

	if (client->options->mode != CV_TALK && apo_channel_is_meant(client->options->target))
		cv_client_join(client, client->options->target, "");
	if (!client->options->join)
		return;
	for (name = strtok_r(client->options->join, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest))
		cv_client_join(client, name, "");
}

static bool make_chat(struct cv_client *client)
{
	struct cv_start start = {.calls = &calls,
				 .of = client,
				 .nick = client->options->nick,
				 .user = client->options->nick,
				 .password = client->options->password,
				 .uses_key = client->options->uses_key,
				 .stream = draw(),
				 .seed = draw(),
				 .history = client->options->history,
				 .has_other_servers = client->options->server_count > 1};
	char reason[512];

	if (client->options->store) {
		client->outbox =
			cv_outbox_db_open(client->options->store, client->options->id,
					  &start.stream, &start.last_number, reason, sizeof reason);
		if (!client->outbox) {
			warnx("%s", reason);
			return false;
		}
	}
	client->chat = cv_chat_new(&start);
	set_now(client);
	client->progress_at_ns = client->now_at_ns;
	join_all(client);
	if (client->outbox && cv_outbox_db_restore(client->outbox, client->chat) < 0) {
		warnx("%s cannot be read", client->options->store);
		return false;
	}
	return true;
}

static bool connect_server(struct cv_client *client)
{
	const struct cv_options *options = client->options;
	const struct rudpmsg_options node = {.ack = RUDPMSG_ACK_RECEIVED,
					     .backoff_max_ns = BACKOFF_MAX_NS,
					     .handshake_timeout_ns = 5 * RUDP_NS_PER_S};
	char reason[RUDPMSG_ERROR_TEXT_SIZE];

	if (rudpmsg_node_open(&client->node, options->id, &node, reason) < 0) {
		warnx("%s", reason);
		return false;
	}
	return dial(client, RUDP_NS_PER_S);
}

static void end(struct cv_client *client)
{
	if (client->node) {
		(void)rudpmsg_node_close(client->node, RUDP_NS_PER_S, NULL);
		rudpmsg_node_free(client->node);
	}
	cv_input_close(client->input);
	if (client->chat)
		cv_chat_free(client->chat);
	if (client->outbox)
		cv_outbox_db_close(client->outbox);
	free(client->frames.bytes);
}

int cv_client_run(const struct cv_options *options)
{
	struct cv_client *client = calloc(1, sizeof *client);
	int exit_code = CV_EXIT_FAILED;

	if (!client)
		return exit_code;
	client->options = options;
	client->quit_at_ns = RUDP_NEVER;
	client->signal_fd = watch_signals();
	client->input = cv_input_open(options->mode == CV_TALK, cv_client_on_input, client);
	if (client->input && make_chat(client) && connect_server(client)) {
		while (!client->is_over)
			turn(client);
		exit_code = client->exit_code;
	}
	if (client->input)
		end(client);
	free(client);
	return exit_code;
}
