/* SPDX-License-Identifier: MIT */
#include "fake_server.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat_check.h"
#include "conversation/irc/message.h"

#define CAPS "message-tags batch echo-message labeled-response apollonion/receipts"

/* The context that the chat passes to its calls. */
struct call_context {
	struct fake_server *fake_server;
	unsigned client;
};
static struct call_context contexts[FAKE_SERVER_CLIENTS];

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

static void send_frame(struct fake_server *fake_server, unsigned client, struct apo_frame frame)
{
	uint8_t bytes[APO_FRAME_BYTES_MAX];

	put(&fake_server->clients[client].to_client, bytes, apo_frame_write(&frame, bytes));
	fake_server->put_count[client]++;
}

__attribute__((format(printf, 3, 0))) static void
tell(struct fake_server *fake_server, unsigned client, const char *format, va_list args)
{
	char line[APO_FRAME_LINE_MAX];
	int len = vsnprintf(line, sizeof line, format, args);

	send_frame(fake_server, client,
		   (struct apo_frame){.kind = APO_FRAME_LINE,
				      .session = fake_server->clients[client].session,
				      .text = line,
				      .text_len = (size_t)len});
}

void fake_server_tell(struct fake_server *fake_server, unsigned client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(fake_server, client, format, args);
	va_end(args);
}

static void say_hello(struct fake_server *fake_server, unsigned client)
{
	fake_server->clients[client].is_linked = true;
	send_frame(fake_server, client,
		   (struct apo_frame){.kind = APO_FRAME_HELLO,
				      .epoch = fake_server->epoch,
				      .session = fake_server->clients[client].session});
}

static void on_open(struct fake_server *fake_server, unsigned client, uint64_t session)
{
	struct fake_server_client *one = fake_server->clients + client;
	unsigned i;

	if (one->session == session)
		return;
	for (i = 0; i < fake_server->client_count && one->is_in; i++)
		if (i != client && fake_server->clients[i].is_in)
			fake_server_tell(fake_server, i, ":%s!u@h QUIT :gone", one->nick);
	one->session = session;
	one->is_registered = one->is_in = false;
	send_frame(fake_server, client,
		   (struct apo_frame){.kind = APO_FRAME_OPENED, .session = session});
}

static void on_join(struct fake_server *fake_server, unsigned client, const char *channel)
{
	struct fake_server_client *one = fake_server->clients + client;
	char names[256] = "";
	size_t len = 0;
	unsigned i;

	one->is_in = true;
	for (i = 0; i < fake_server->client_count; i++) {
		if (!fake_server->clients[i].is_in)
			continue;
		fake_server_tell(fake_server, i, ":%s!u@h JOIN %s", one->nick, channel);
		len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? " @" : "",
					fake_server->clients[i].nick);
	}
	fake_server_tell(fake_server, client, ":s 353 %s = %s :%s", one->nick, channel, names);
	fake_server_tell(fake_server, client, ":s 366 %s %s :End", one->nick, channel);
}

static void receipt(struct fake_server *fake_server, const struct watched *watched,
		    unsigned recipients)
{
	fake_server_tell(fake_server, watched->sender, ":s RECEIPT m%" PRIu64 " #a %u %u %s",
			 watched->msgid, recipients - watched->left, recipients,
			 watched->left ? "sent" : "final");
}

static void watch(struct fake_server *fake_server, unsigned sender, const char *label)
{
	struct watched *watched = fake_server->watched + fake_server->watched_count++;
	unsigned i;

	cr_assert(lt(uint, fake_server->watched_count, 256));
	memset(watched, 0, sizeof *watched);
	watched->sender = sender;
	watched->msgid = fake_server->msgid;
	for (i = 0; i < fake_server->client_count; i++) {
		watched->is_awaited[i] = i != sender && fake_server->clients[i].is_in;
		watched->left += watched->is_awaited[i];
		watched->places[i] = fake_server->put_count[i];
	}
	fake_server_tell(fake_server, sender, "@batch=%s :s RECEIPT m%" PRIu64 " #a 0 %u %s", label,
			 watched->msgid, watched->left, watched->left ? "sent" : "final");
	if (watched->left == 0)
		fake_server->watched_count--;
}

static void on_privmsg(struct fake_server *fake_server, unsigned client,
		       struct apo_message *message)
{
	struct fake_server_client *one = fake_server->clients + client;
	const char *label = apo_message_tag(message, "label");
	const char *name = apo_message_tag(message, CV_LINE_TAG);
	unsigned i;

	if (!one->is_in || message->params[0][0] != '#') {
		fake_server_tell(fake_server, client, "@label=%s :s 404 %s %s :Cannot send", label,
				 one->nick, message->params[0]);
		return;
	}
	fake_server->msgid++;
	for (i = 0; i < fake_server->client_count; i++)
		if (i != client && fake_server->clients[i].is_in)
			fake_server_tell(fake_server, i,
					 "@msgid=m%" PRIu64 ";" CV_LINE_TAG
					 "=%s :%s!u@h PRIVMSG %s :%s",
					 fake_server->msgid, name, one->nick, message->params[0],
					 message->params[1]);
	if (!fake_server->has_receipts) {
		fake_server_tell(fake_server, client,
				 "@label=%s;msgid=m%" PRIu64 ";" CV_LINE_TAG
				 "=%s :%s!u@h PRIVMSG %s :%s",
				 label, fake_server->msgid, name, one->nick, message->params[0],
				 message->params[1]);
		return;
	}
	fake_server_tell(fake_server, client, "@label=%s :s BATCH +%s labeled-response", label,
			 label);
	fake_server_tell(fake_server, client,
			 "@batch=%s;msgid=m%" PRIu64 ";" CV_LINE_TAG "=%s :%s!u@h PRIVMSG %s :%s",
			 label, fake_server->msgid, name, one->nick, message->params[0],
			 message->params[1]);
	watch(fake_server, client, label);
	fake_server_tell(fake_server, client, ":s BATCH -%s", label);
}

/* Decodes a message of SCRAM, and answers it. A server that does not know the password sends a
 * wrong proof. */
static void on_scram(struct fake_server *fake_server, unsigned client, const char *base64)
{
	struct apo_scram_keys keys = {.iterations = 4096, .salt = {1}};
	const char *knows = fake_server->knows ? fake_server->knows : "nothing";
	char text[1000], answer[APO_SCRAM_FINAL_SIZE] = "v=bm90aGluZw==", to[1000];
	struct apo_scram *scram = &fake_server->scram;
	const char *reply = answer;
	size_t len = 0;

	if (strcmp(base64, "+") == 0) {
		fake_server_tell(fake_server, client, ":s 903 * :Proven");
		return;
	}
	apo_scram_make_keys(&keys, knows, strlen(knows));
	(void)sodium_base642bin((uint8_t *)text, sizeof text - 1, base64, strlen(base64), NULL,
				&len, NULL, sodium_base64_VARIANT_ORIGINAL);
	text[len] = '\0';
	if (!scram->nonce[0]) {
		cr_assert(eq(ptr, (char *)apo_scram_on_first(scram, text, len), NULL));
		reply = apo_scram_challenge(scram, "server", &keys);
	} else if (apo_scram_on_final(scram, &keys, text, len, answer) && fake_server->knows) {
		fake_server_tell(fake_server, client, ":s 904 * :Wrong");
		return;
	}
	sodium_bin2base64(to, sizeof to, (const uint8_t *)reply, strlen(reply),
			  sodium_base64_VARIANT_ORIGINAL);
	fake_server_tell(fake_server, client, "AUTHENTICATE %s", to);
}

static void on_authenticate(struct fake_server *fake_server, unsigned client, const char *what)
{
	if (strcmp(what, APO_SCRAM_NAME) == 0) {
		fake_server->scram = (struct apo_scram){.nonce = ""};
		fake_server->is_scram = true;
	} else if (strcmp(what, fake_server->uses_key ? "EXTERNAL" : "PLAIN") == 0) {
		fake_server->is_scram = false;
	} else if (strcmp(what, "*") == 0) {
		fake_server_tell(fake_server, client, ":s 906 * :Aborted");
		return;
	} else if (fake_server->is_scram) {
		on_scram(fake_server, client, what);
		return;
	} else {
		snprintf(fake_server->asked, sizeof fake_server->asked, "%s", what);
		fake_server_tell(fake_server, client, ":s %s * :Answer", fake_server->login);
		return;
	}
	fake_server_tell(fake_server, client, "AUTHENTICATE +");
}

static bool refuses(struct fake_server *fake_server, const struct apo_message *message)
{
	if (strcmp(message->command, "CHATHISTORY") == 0)
		return fake_server->failures > 0 && fake_server->failures-- > 0;
	return fake_server->is_cut_off &&
	       (strcmp(message->command, "JOIN") == 0 || strcmp(message->command, "PRIVMSG") == 0);
}

static void on_line(struct fake_server *fake_server, unsigned client, char *line, size_t len)
{
	struct fake_server_client *one = fake_server->clients + client;
	struct apo_message message;

	cr_assert(eq(int, apo_message_parse(line, len, &message), APO_MESSAGE_OK), "%s", line);
	if (refuses(fake_server, &message))
		fake_server_tell(fake_server, client, ":s FAIL %s %s :No", message.command,
				 fake_server->is_cut_off ? "TEMPORARILY_UNAVAILABLE"
							 : "MESSAGE_ERROR LATEST #a");
	else if (strcmp(message.command, "CAP") == 0 && strcmp(message.params[0], "LS") == 0)
		fake_server_tell(fake_server, client, ":s CAP * LS :%s", fake_server->caps);
	else if (strcmp(message.command, "CAP") == 0 && strcmp(message.params[0], "REQ") == 0)
		fake_server_tell(fake_server, client, ":s CAP * ACK :%s", message.params[1]);
	else if (strcmp(message.command, "AUTHENTICATE") == 0)
		on_authenticate(fake_server, client, message.params[0]);
	else if (strcmp(message.command, "NICK") == 0)
		snprintf(one->nick, sizeof one->nick, "%s", message.params[0]);
	else if (strcmp(message.command, "CAP") == 0) {
		one->is_registered = true;
		fake_server_tell(fake_server, client, ":s 001 %s :Welcome", one->nick);
	} else if (strcmp(message.command, "JOIN") == 0)
		on_join(fake_server, client, message.params[0]);
	else if (strcmp(message.command, "PRIVMSG") == 0)
		on_privmsg(fake_server, client, &message);
	else if (strcmp(message.command, "CHATHISTORY") == 0 && fake_server->history) {
		fake_server_tell(fake_server, client, ":s BATCH +hist chathistory %s",
				 message.params[1]);
		fake_server_tell(fake_server, client, "%s", fake_server->history);
		fake_server_tell(fake_server, client, ":s BATCH -hist");
	} else if (strcmp(message.command, "QUIT") == 0)
		send_frame(fake_server, client,
			   (struct apo_frame){.kind = APO_FRAME_CLOSE,
					      .session = one->session,
					      .text = "bye",
					      .text_len = 3});
}

static void on_frame(struct fake_server *fake_server, unsigned client, const struct queued *queued)
{
	struct fake_server_client *one = fake_server->clients + client;
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
		on_open(fake_server, client, frame.session);
	if (frame.kind != APO_FRAME_LINE || frame.session != one->session)
		return;
	memcpy(line, frame.text, frame.text_len);
	on_line(fake_server, client, line, frame.text_len);
}

/* The client has handled one more message: sends the receipts that waited for it. */
static void on_got(struct fake_server *fake_server, unsigned client)
{
	unsigned i = 0, j, recipients;

	fake_server->got_count[client]++;
	while (i < fake_server->watched_count) {
		struct watched *watched = fake_server->watched + i;

		if (watched->is_awaited[client] &&
		    watched->places[client] <= fake_server->got_count[client]) {
			watched->is_awaited[client] = false;
			watched->left--;
		}
		for (j = 0, recipients = watched->left; j < fake_server->client_count; j++)
			recipients += j != watched->sender && !watched->is_awaited[j];
		if (watched->left > 0) {
			i++;
			continue;
		}
		receipt(fake_server, watched, recipients);
		*watched = fake_server->watched[--fake_server->watched_count];
	}
}

/* ---- the clients ---- */

static void on_send(void *of, const struct apo_frame *frame)
{
	struct call_context *context = of;
	uint8_t bytes[APO_FRAME_BYTES_MAX];

	put(&context->fake_server->clients[context->client].to_server, bytes,
	    apo_frame_write(frame, bytes));
}

static void on_show(void *of, const struct cv_shown *shown)
{
	static const char *const names[] = {"MESSAGE", "NOTICE", "SAID",   "FAILED", "RECEIPT",
					    "EVENT",   "INFO",   "STATUS", "JOINED", "NOT_JOINED"};
	struct call_context *context = of;
	struct fake_server_client *one = context->fake_server->clients + context->client;

	one->log_len += (size_t)snprintf(one->log + one->log_len, FAKE_SERVER_LOG - one->log_len,
					 "%s%s %s %s %s\n", names[shown->kind],
					 shown->is_history ? "~" : "", shown->channel, shown->nick,
					 shown->text);
	cr_assert(lt(sz, one->log_len, FAKE_SERVER_LOG));
}

static void on_keep_line(void *of, uint64_t number, const char *target, const char *text)
{
	struct call_context *context = of;
	struct fake_server_client *one = context->fake_server->clients + context->client;
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
	struct fake_server_client *one = context->fake_server->clients + context->client;
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
	context->fake_server->clients[context->client]
		.seen[context->fake_server->clients[context->client].seen_count++ % 8192] = hash;
}

static void on_keep_last(void *of, const char *channel, const char *msgid)
{
	(void)of;
	(void)channel;
	(void)msgid;
}

static const struct cv_calls calls = {on_send,      on_show,      on_keep_line,
				      on_drop_line, on_keep_seen, on_keep_last};

static void begin_chat(struct fake_server *fake_server, unsigned client)
{
	static const char *const nicks[FAKE_SERVER_CLIENTS] = {"anna", "bob", "carl", "dora"};
	struct fake_server_client *one = fake_server->clients + client;
	struct cv_start start = {.calls = &calls,
				 .of = contexts + client,
				 .nick = nicks[client],
				 .user = nicks[client],
				 .password = fake_server->login && !fake_server->uses_key ? "secret"
											  : NULL,
				 .uses_key = fake_server->uses_key,
				 .stream = 100 + client,
				 .seed = random_next(&fake_server->random),
				 .history = fake_server->history ? 10 : 0,
				 .last_number = one->last_number};
	size_t i;

	contexts[client] = (struct call_context){fake_server, client};
	one->chat = cv_chat_new(&start);
	cv_chat_set_now(one->chat, fake_server->now_ns, 1700000000000);
	cr_assert(eq(int, cv_chat_join(one->chat, "#a", ""), 0));
	for (i = one->seen_count > 8192 ? one->seen_count - 8192 : 0; i < one->seen_count; i++)
		cv_chat_restore_received(one->chat, one->seen[i % 8192]);
	for (i = 0; i < one->kept_count; i++)
		cv_chat_restore_line(one->chat, one->kept[i].number, one->kept[i].target,
				     one->kept[i].text);
}

void fake_server_init(struct fake_server *fake_server, unsigned client_count, uint64_t seed)
{
	unsigned i;

	memset(fake_server, 0, sizeof *fake_server);
	fake_server->random.state = seed;
	fake_server->client_count = client_count;
	fake_server->epoch = 1;
	fake_server->caps = CAPS;
	fake_server->has_receipts = true;
	fake_server->now_ns = RUDP_NS_PER_S;
	for (i = 0; i < client_count; i++) {
		queue_init(&fake_server->clients[i].to_server);
		queue_init(&fake_server->clients[i].to_client);
		fake_server->clients[i].log = calloc(1, FAKE_SERVER_LOG);
		begin_chat(fake_server, i);
		say_hello(fake_server, i);
	}
}

void fake_server_fini(struct fake_server *fake_server)
{
	unsigned i;

	for (i = 0; i < fake_server->client_count; i++) {
		struct fake_server_client *one = fake_server->clients + i;

		cr_assert(chat_check(one->chat));
		cv_chat_free(one->chat);
		clear(&one->to_server);
		clear(&one->to_client);
		free(one->log);
		free(one->kept);
	}
}

/* ---- events ---- */

bool fake_server_step(struct fake_server *fake_server, unsigned client, bool is_to_server)
{
	struct fake_server_client *one = fake_server->clients + client;
	struct queued *queued;

	if (!one->is_linked)
		say_hello(fake_server, client);
	queued = get(is_to_server ? &one->to_server : &one->to_client);
	if (!queued)
		return false;
	if (is_to_server)
		on_frame(fake_server, client, queued);
	else {
		cv_chat_set_now(one->chat, fake_server->now_ns, 1700000000000);
		cv_chat_on_message(one->chat, queued->bytes, queued->len);
		on_got(fake_server, client);
	}
	free(queued);
	cr_assert(chat_check(one->chat));
	return true;
}

void fake_server_settle(struct fake_server *fake_server)
{
	bool is_moving = true;
	unsigned i;

	while (is_moving)
		for (i = 0, is_moving = false; i < fake_server->client_count; i++) {
			while (fake_server_step(fake_server, i, true))
				is_moving = true;
			while (fake_server_step(fake_server, i, false))
				is_moving = true;
		}
}

void fake_server_wait(struct fake_server *fake_server, int64_t span_ns)
{
	unsigned i;

	fake_server->now_ns += span_ns;
	for (i = 0; i < fake_server->client_count; i++) {
		cv_chat_set_now(fake_server->clients[i].chat, fake_server->now_ns, 1700000000000);
		cv_chat_on_time(fake_server->clients[i].chat);
	}
}

void fake_server_restart_server(struct fake_server *fake_server)
{
	unsigned i, again;

	fake_server->epoch++;
	fake_server->watched_count = 0;
	for (i = 0; i < fake_server->client_count; i++) {
		struct fake_server_client *one = fake_server->clients + i;

		clear(&one->to_client);
		fake_server->got_count[i] = fake_server->put_count[i];
		for (again = 0; again < random_below(&fake_server->random, 4); again++)
			if (again < 3 && one->handled_len[again])
				put_first(&one->to_server, one->handled[again],
					  one->handled_len[again]);
		memset(one->handled_len, 0, sizeof one->handled_len);
		one->session = 0;
		one->is_registered = one->is_in = one->is_linked = false;
	}
}

void fake_server_restart_client(struct fake_server *fake_server, unsigned client)
{
	struct fake_server_client *one = fake_server->clients + client;

	cv_chat_free(one->chat);
	clear(&one->to_server);
	one->is_linked = false;
	begin_chat(fake_server, client);
}

void fake_server_say(struct fake_server *fake_server, unsigned client, const char *text)
{
	struct fake_server_client *one = fake_server->clients + client;
	uint64_t last;

	cv_chat_set_now(one->chat, fake_server->now_ns, 1700000000000);
	cr_assert(ge(int, cv_chat_say(one->chat, "#a", text, &last), 1));
}

char *fake_server_log(struct fake_server *fake_server, unsigned client)
{
	static char log[FAKE_SERVER_LOG];

	memcpy(log, fake_server->clients[client].log, FAKE_SERVER_LOG);
	fake_server->clients[client].log[0] = 0;
	fake_server->clients[client].log_len = 0;
	return log;
}
