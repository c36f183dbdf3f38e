/* SPDX-License-Identifier: MIT */
#include "fake_server.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/message.h"

#define CAPS "message-tags batch echo-message labeled-response apollonion/receipts"

/* The chat has one pointer for its calls. */
struct call_context {
	struct hall *hall;
	unsigned client;
};
static struct call_context contexts[HALL_CLIENTS];

/* ---- queues ---- */

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

static struct queued *make(const void *bytes, size_t len)
{
	struct queued *queued = calloc(1, sizeof *queued + len);

	memcpy(queued->bytes, bytes, len);
	queued->len = len;
	return queued;
}

static void put(struct queue *queue, const void *bytes, size_t len)
{
	struct queued *queued = make(bytes, len);

	*queue->end = queued;
	queue->end = &queued->next;
}

static void put_first(struct queue *queue, const void *bytes, size_t len)
{
	struct queued *queued = make(bytes, len);

	queued->next = queue->first;
	if (!queue->first)
		queue->end = &queued->next;
	queue->first = queued;
}

static struct queued *get(struct queue *queue)
{
	struct queued *queued = queue->first;

	if (!queued)
		return NULL;
	queue->first = queued->next;
	if (!queue->first)
		queue->end = &queue->first;
	return queued;
}

static void clear(struct queue *queue)
{
	struct queued *queued;

	while ((queued = get(queue)))
		free(queued);
}

/* ---- the server ---- */

static void send_frame(struct hall *hall, unsigned client, struct apo_frame frame)
{
	uint8_t bytes[APO_FRAME_BYTES_MAX];

	put(&hall->clients[client].to_client, bytes, apo_frame_write(&frame, bytes));
	hall->put_count[client]++;
}

__attribute__((format(printf, 3, 0))) static void tell(struct hall *hall, unsigned client,
						      const char *format, va_list args)
{
	char line[APO_FRAME_LINE_MAX];
	int len = vsnprintf(line, sizeof line, format, args);

	send_frame(hall, client,
		   (struct apo_frame){.kind = APO_FRAME_LINE,
				      .session = hall->clients[client].session,
				      .text = line,
				      .text_len = (size_t)len});
}

void hall_tell(struct hall *hall, unsigned client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(hall, client, format, args);
	va_end(args);
}

static void say_hello(struct hall *hall, unsigned client)
{
	hall->clients[client].is_linked = true;
	send_frame(hall, client,
		   (struct apo_frame){.kind = APO_FRAME_HELLO,
				      .epoch = hall->epoch,
				      .session = hall->clients[client].session});
}

static void on_open(struct hall *hall, unsigned client, uint64_t session)
{
	struct hall_client *one = hall->clients + client;
	unsigned i;

	if (one->session == session)
		return;
	for (i = 0; i < hall->client_count && one->is_in; i++)
		if (i != client && hall->clients[i].is_in)
			hall_tell(hall, i, ":%s!u@h QUIT :gone", one->nick);
	one->session = session;
	one->is_registered = one->is_in = false;
	send_frame(hall, client, (struct apo_frame){.kind = APO_FRAME_OPENED, .session = session});
}

static void on_join(struct hall *hall, unsigned client, const char *channel)
{
	struct hall_client *one = hall->clients + client;
	char names[256] = "";
	size_t len = 0;
	unsigned i;

	one->is_in = true;
	for (i = 0; i < hall->client_count; i++) {
		if (!hall->clients[i].is_in)
			continue;
		hall_tell(hall, i, ":%s!u@h JOIN %s", one->nick, channel);
		len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? " @" : "",
					hall->clients[i].nick);
	}
	hall_tell(hall, client, ":s 353 %s = %s :%s", one->nick, channel, names);
	hall_tell(hall, client, ":s 366 %s %s :End", one->nick, channel);
}

static void receipt(struct hall *hall, const struct watched *watched, unsigned recipients)
{
	hall_tell(hall, watched->sender, ":s RECEIPT m%" PRIu64 " #a %u %u %s", watched->msgid,
		  recipients - watched->left, recipients, watched->left ? "sent" : "final");
}

static void watch(struct hall *hall, unsigned sender, const char *label)
{
	struct watched *watched = hall->watched + hall->watched_count++;
	unsigned i;

	cr_assert(lt(uint, hall->watched_count, 256));
	memset(watched, 0, sizeof *watched);
	watched->sender = sender;
	watched->msgid = hall->msgid;
	for (i = 0; i < hall->client_count; i++) {
		watched->is_awaited[i] = i != sender && hall->clients[i].is_in;
		watched->left += watched->is_awaited[i];
		watched->places[i] = hall->put_count[i];
	}
	hall_tell(hall, sender, "@batch=%s :s RECEIPT m%" PRIu64 " #a 0 %u %s", label,
		  watched->msgid, watched->left, watched->left ? "sent" : "final");
	if (watched->left == 0)
		hall->watched_count--;
}

static void on_privmsg(struct hall *hall, unsigned client, struct apo_message *message)
{
	struct hall_client *one = hall->clients + client;
	const char *label = apo_message_tag(message, "label");
	const char *name = apo_message_tag(message, CV_LINE_TAG);
	unsigned i;

	if (!one->is_in || message->params[0][0] != '#') {
		hall_tell(hall, client, "@label=%s :s 404 %s %s :Cannot send", label, one->nick,
			  message->params[0]);
		return;
	}
	hall->msgid++;
	for (i = 0; i < hall->client_count; i++)
		if (i != client && hall->clients[i].is_in)
			hall_tell(hall, i,
				  "@msgid=m%" PRIu64 ";" CV_LINE_TAG "=%s :%s!u@h PRIVMSG %s :%s",
				  hall->msgid, name, one->nick, message->params[0],
				  message->params[1]);
	if (!hall->has_receipts) {
		hall_tell(hall, client,
			  "@label=%s;msgid=m%" PRIu64 ";" CV_LINE_TAG "=%s :%s!u@h PRIVMSG %s :%s",
			  label, hall->msgid, name, one->nick, message->params[0],
			  message->params[1]);
		return;
	}
	hall_tell(hall, client, "@label=%s :s BATCH +%s labeled-response", label, label);
	hall_tell(hall, client,
		  "@batch=%s;msgid=m%" PRIu64 ";" CV_LINE_TAG "=%s :%s!u@h PRIVMSG %s :%s", label,
		  hall->msgid, name, one->nick, message->params[0], message->params[1]);
	watch(hall, client, label);
	hall_tell(hall, client, ":s BATCH -%s", label);
}

static void on_line(struct hall *hall, unsigned client, char *line, size_t len)
{
	struct hall_client *one = hall->clients + client;
	struct apo_message message;

	cr_assert(eq(int, apo_message_parse(line, len, &message), APO_MESSAGE_OK), "%s", line);
	if (strcmp(message.command, "CAP") == 0 && strcmp(message.params[0], "LS") == 0)
		hall_tell(hall, client, ":s CAP * LS :%s", hall->caps);
	else if (strcmp(message.command, "CAP") == 0 && strcmp(message.params[0], "REQ") == 0)
		hall_tell(hall, client, ":s CAP * ACK :%s", message.params[1]);
	else if (strcmp(message.command, "AUTHENTICATE") == 0 &&
		 strcmp(message.params[0], "PLAIN") == 0)
		hall_tell(hall, client, "AUTHENTICATE +");
	else if (strcmp(message.command, "AUTHENTICATE") == 0) {
		snprintf(hall->asked, sizeof hall->asked, "%s", message.params[0]);
		hall_tell(hall, client, ":s %s * :Answer", hall->login);
	} else if (strcmp(message.command, "NICK") == 0)
		snprintf(one->nick, sizeof one->nick, "%s", message.params[0]);
	else if (strcmp(message.command, "CAP") == 0) {
		one->is_registered = true;
		hall_tell(hall, client, ":s 001 %s :Welcome", one->nick);
	} else if (strcmp(message.command, "JOIN") == 0)
		on_join(hall, client, message.params[0]);
	else if (strcmp(message.command, "PRIVMSG") == 0)
		on_privmsg(hall, client, &message);
	else if (strcmp(message.command, "CHATHISTORY") == 0 && hall->history) {
		hall_tell(hall, client, ":s BATCH +hist chathistory %s", message.params[1]);
		hall_tell(hall, client, "%s", hall->history);
		hall_tell(hall, client, ":s BATCH -hist");
	} else if (strcmp(message.command, "QUIT") == 0)
		send_frame(hall, client,
			   (struct apo_frame){.kind = APO_FRAME_CLOSE,
					      .session = one->session,
					      .text = "bye",
					      .text_len = 3});
}

static void on_frame(struct hall *hall, unsigned client, const struct queued *queued)
{
	struct hall_client *one = hall->clients + client;
	struct apo_frame frame;
	char line[APO_FRAME_LINE_MAX + 2];

	cr_assert(eq(int, apo_frame_read(queued->bytes, queued->len, &frame), APO_FRAME_OK));
	memcpy(one->handled[2], one->handled[1], sizeof one->handled[0]);
	memcpy(one->handled[1], one->handled[0], sizeof one->handled[0]);
	one->handled_len[2] = one->handled_len[1];
	one->handled_len[1] = one->handled_len[0];
	memcpy(one->handled[0], queued->bytes, queued->len);
	one->handled_len[0] = queued->len;
	if (frame.kind == APO_FRAME_OPEN)
		on_open(hall, client, frame.session);
	if (frame.kind != APO_FRAME_LINE || frame.session != one->session)
		return;
	memcpy(line, frame.text, frame.text_len);
	on_line(hall, client, line, frame.text_len);
}

/* The client has dealt with one more: who waits for that is told. */
static void on_got(struct hall *hall, unsigned client)
{
	unsigned i = 0, j, recipients;

	hall->got_count[client]++;
	while (i < hall->watched_count) {
		struct watched *watched = hall->watched + i;

		if (watched->is_awaited[client] &&
		    watched->places[client] <= hall->got_count[client]) {
			watched->is_awaited[client] = false;
			watched->left--;
		}
		for (j = 0, recipients = watched->left; j < hall->client_count; j++)
			recipients += j != watched->sender && !watched->is_awaited[j];
		if (watched->left > 0) {
			i++;
			continue;
		}
		receipt(hall, watched, recipients);
		*watched = hall->watched[--hall->watched_count];
	}
}

/* ---- the clients ---- */

static void on_send(void *of, const struct apo_frame *frame)
{
	struct call_context *context = of;
	uint8_t bytes[APO_FRAME_BYTES_MAX];

	put(&context->hall->clients[context->client].to_server, bytes,
	    apo_frame_write(frame, bytes));
}

static void on_show(void *of, const struct cv_shown *shown)
{
	static const char *const names[] = {"MESSAGE", "NOTICE", "SAID",   "FAILED", "RECEIPT",
					    "EVENT",   "INFO",   "STATUS", "JOINED", "NOT_JOINED"};
	struct call_context *context = of;
	struct hall_client *one = context->hall->clients + context->client;

	one->log_len += (size_t)snprintf(one->log + one->log_len, HALL_LOG - one->log_len,
					 "%s%s %s %s %s\n", names[shown->kind],
					 shown->is_history ? "~" : "", shown->channel, shown->nick,
					 shown->text);
	cr_assert(lt(sz, one->log_len, HALL_LOG));
}

static void on_keep_line(void *of, uint64_t number, const char *target, const char *text)
{
	struct call_context *context = of;
	struct hall_client *one = context->hall->clients + context->client;
	struct kept *kept;

	one->kept = realloc(one->kept, (one->kept_count + 1) * sizeof *one->kept);
	kept = one->kept + one->kept_count++;
	kept->number = one->last_number = number;
	snprintf(kept->target, sizeof kept->target, "%s", target);
	snprintf(kept->text, sizeof kept->text, "%s", text);
}

static void on_drop_line(void *of, uint64_t number)
{
	struct call_context *context = of;
	struct hall_client *one = context->hall->clients + context->client;
	size_t i;

	for (i = 0; i < one->kept_count && one->kept[i].number != number; i++)
		;
	cr_assert(lt(sz, i, one->kept_count));
	memmove(one->kept + i, one->kept + i + 1, (--one->kept_count - i) * sizeof *one->kept);
}

static void on_keep_seen(void *of, uint32_t place, uint64_t hash)
{
	struct call_context *context = of;

	(void)place;
	context->hall->clients[context->client]
		.seen[context->hall->clients[context->client].seen_count++ % 8192] = hash;
}

static void on_keep_last(void *of, const char *channel, const char *msgid)
{
	(void)of;
	(void)channel;
	(void)msgid;
}

static const struct cv_calls calls = {on_send,      on_show,      on_keep_line,
				      on_drop_line, on_keep_seen, on_keep_last};

static void begin_chat(struct hall *hall, unsigned client)
{
	static const char *const nicks[HALL_CLIENTS] = {"anna", "bob", "carl", "dora"};
	struct hall_client *one = hall->clients + client;
	struct cv_start start = {.calls = &calls,
				 .of = contexts + client,
				 .nick = nicks[client],
				 .user = nicks[client],
				 .password = hall->login ? "secret" : NULL,
				 .stream = 100 + client,
				 .seed = random_next(&hall->random),
				 .history = hall->history ? 10 : 0,
				 .last_number = one->last_number};
	size_t i;

	contexts[client] = (struct call_context){hall, client};
	one->chat = cv_chat_new(&start);
	cv_chat_set_now(one->chat, hall->now_ns, 1700000000000);
	cr_assert(eq(int, cv_chat_join(one->chat, "#a", ""), 0));
	for (i = one->seen_count > 8192 ? one->seen_count - 8192 : 0; i < one->seen_count; i++)
		cv_chat_restore_seen(one->chat, one->seen[i % 8192]);
	for (i = 0; i < one->kept_count; i++)
		cv_chat_restore_line(one->chat, one->kept[i].number, one->kept[i].target,
				     one->kept[i].text);
}

void hall_init(struct hall *hall, unsigned client_count, uint64_t seed)
{
	unsigned i;

	memset(hall, 0, sizeof *hall);
	hall->random.state = seed;
	hall->client_count = client_count;
	hall->epoch = 1;
	hall->caps = CAPS;
	hall->has_receipts = true;
	hall->now_ns = RUDP_NS_PER_S;
	for (i = 0; i < client_count; i++) {
		queue_init(&hall->clients[i].to_server);
		queue_init(&hall->clients[i].to_client);
		hall->clients[i].log = calloc(1, HALL_LOG);
		begin_chat(hall, i);
		say_hello(hall, i);
	}
}

void hall_fini(struct hall *hall)
{
	unsigned i;

	for (i = 0; i < hall->client_count; i++) {
		struct hall_client *one = hall->clients + i;

		cr_assert(cv_chat_check(one->chat));
		cv_chat_free(one->chat);
		clear(&one->to_server);
		clear(&one->to_client);
		free(one->log);
		free(one->kept);
	}
}

/* ---- what happens ---- */

bool hall_step(struct hall *hall, unsigned client, bool is_to_server)
{
	struct hall_client *one = hall->clients + client;
	struct queued *queued;

	if (!one->is_linked)
		say_hello(hall, client);
	queued = get(is_to_server ? &one->to_server : &one->to_client);
	if (!queued)
		return false;
	if (is_to_server)
		on_frame(hall, client, queued);
	else {
		cv_chat_set_now(one->chat, hall->now_ns, 1700000000000);
		cv_chat_on_message(one->chat, queued->bytes, queued->len);
		on_got(hall, client);
	}
	free(queued);
	cr_assert(cv_chat_check(one->chat));
	return true;
}

void hall_settle(struct hall *hall)
{
	bool is_moving = true;
	unsigned i;

	while (is_moving)
		for (i = 0, is_moving = false; i < hall->client_count; i++) {
			while (hall_step(hall, i, true))
				is_moving = true;
			while (hall_step(hall, i, false))
				is_moving = true;
		}
}

void hall_wait(struct hall *hall, int64_t span_ns)
{
	unsigned i;

	hall->now_ns += span_ns;
	for (i = 0; i < hall->client_count; i++) {
		cv_chat_set_now(hall->clients[i].chat, hall->now_ns, 1700000000000);
		cv_chat_on_time(hall->clients[i].chat);
	}
}

void hall_restart_server(struct hall *hall)
{
	unsigned i, again;

	hall->epoch++;
	hall->watched_count = 0;
	for (i = 0; i < hall->client_count; i++) {
		struct hall_client *one = hall->clients + i;

		clear(&one->to_client);
		hall->got_count[i] = hall->put_count[i];
		for (again = 0; again < random_below(&hall->random, 4); again++)
			if (again < 3 && one->handled_len[again])
				put_first(&one->to_server, one->handled[again],
					  one->handled_len[again]);
		memset(one->handled_len, 0, sizeof one->handled_len);
		one->session = 0;
		one->is_registered = one->is_in = one->is_linked = false;
	}
}

void hall_restart_client(struct hall *hall, unsigned client)
{
	struct hall_client *one = hall->clients + client;

	cv_chat_free(one->chat);
	clear(&one->to_server);
	one->is_linked = false;
	begin_chat(hall, client);
}

void hall_say(struct hall *hall, unsigned client, const char *text)
{
	struct hall_client *one = hall->clients + client;
	uint64_t last;

	cv_chat_set_now(one->chat, hall->now_ns, 1700000000000);
	cr_assert(ge(int, cv_chat_say(one->chat, "#a", text, &last), 1));
}

char *hall_log(struct hall *hall, unsigned client)
{
	static char log[HALL_LOG];

	memcpy(log, hall->clients[client].log, HALL_LOG);
	hall->clients[client].log[0] = 0;
	hall->clients[client].log_len = 0;
	return log;
}
