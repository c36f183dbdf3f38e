/* SPDX-License-Identifier: MIT */
#include "conversation/server/bus_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/time.h"
#include "conversation/cluster/entry.h"
#include "conversation/cluster/replica.h"
#include "conversation/cluster/subscription.h"
#include "conversation/server/bus_connection.h"

#define RETRY_MS 1000
#define LOG_AGE_NS (3600 * RUDP_NS_PER_S) /* entries are kept this long, for slow nodes */
#define LOG_BYTES_MAX (INT64_C(1) << 30)
#define SUBJECT_SIZE 128
/* The library may first try to reach each server (CONNECT_MS), so the end gets more than that. */
#define STOP_NS (40 * RUDP_NS_PER_S)

enum request_kind { PUBLISH, CHUNK, HISTORY, WAKE, STOP };

struct request {
	struct apo_mail mail;
	uint64_t number;
	char name[APO_NODE_NAME_BYTES_MAX + 1]; /* of CHUNK, HISTORY */
	size_t len;
	uint8_t bytes[];
};

struct apo_bus {
	natsConnection *connection;
	jsCtx *js;
	natsSubscription *entries, *chunks, *histories;
	char log_subject[SUBJECT_SIZE], stream[SUBJECT_SIZE];
	uint64_t published; /* the number of the last publication */
	struct apo_subscription subscription;
	bool is_over;
	bool was_too_long; /* the last entry; of the library's thread that delivers entries */
};

/* ---- mail to the owner ---- */

/* Returns false if memory is short. Then the mail is lost, as on a network: it is repeated, or the
 * node joins again. */
static bool tell(struct apo_bus_thread *bus_thread, enum apo_bus_news news, uint64_t seq,
		 uint64_t number, const void *bytes, size_t len)
{
	struct apo_bus_mail *mail = calloc(1, sizeof *mail + len);

	if (!mail)
		return false;
	mail->mail.kind = bus_thread->mail_kind;
	mail->news = news;
	mail->seq = seq;
	mail->number = number;
	mail->len = len;
	if (len > 0)
		memcpy(mail->bytes, bytes, len);
	apo_mailbox_put(bus_thread->owner, &mail->mail);
	return true;
}

static size_t entry_bytes(size_t len)
{
	return sizeof(struct apo_bus_mail) + len;
}

void apo_bus_thread_deliver(struct apo_bus_thread *bus_thread, uint64_t seq, const void *bytes,
			    size_t len)
{
	apo_backlog_add(&bus_thread->backlog, entry_bytes(len));
	atomic_store(&bus_thread->delivered_seq, seq);
	if (!tell(bus_thread, APO_BUS_ENTRY, seq, 0, bytes, len))
		apo_backlog_remove(&bus_thread->backlog, entry_bytes(len));
}

void apo_bus_thread_on_handled(struct apo_bus_thread *bus_thread, const struct apo_bus_mail *mail)
{
	apo_backlog_remove(mail->news == APO_BUS_ENTRY ? &bus_thread->backlog : &bus_thread->own,
			   entry_bytes(mail->len));
}

/* All nodes take an entry for empty that none of them can have appended. */
static size_t entry_len(struct apo_bus *bus, const natsMsg *message)
{
	size_t len = (size_t)natsMsg_GetDataLength(message);
	bool is_too_long = len > APO_REPLICA_ENTRY_BYTES_MAX;

	if (is_too_long && !bus->was_too_long)
		rudp_log(
			RUDP_LOG_WARN,
			"cluster entry ignored bytes=%zu reason=\"no node appends such a long one; "
			"check who may write to the stream\"",
			len);
	bus->was_too_long = is_too_long;
	return is_too_long ? 0 : len;
}

/* Called by a thread of the library. */
static void on_entry(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		     void *of)
{
	struct apo_bus_thread *bus_thread = of;
	jsMsgMetaData *meta = NULL;

	(void)connection;
	(void)subscription;
	if (natsMsg_GetMetaData(&meta, message) == NATS_OK)
		apo_bus_thread_deliver(bus_thread, meta->Sequence.Stream, natsMsg_GetData(message),
				       entry_len(bus_thread->bus, message));
	jsMsgMetaData_Destroy(meta);
	natsMsg_Destroy(message);
}

/* A message for this node alone, outside the log. */
static void deliver_own(struct apo_bus_thread *bus_thread, enum apo_bus_news news, natsMsg *message)
{
	size_t len = (size_t)natsMsg_GetDataLength(message);

	if (len <= APO_BUS_MESSAGE_BYTES_MAX) {
		apo_backlog_add(&bus_thread->own, entry_bytes(len));
		if (!tell(bus_thread, news, 0, 0, natsMsg_GetData(message), len))
			apo_backlog_remove(&bus_thread->own, entry_bytes(len));
	}
	natsMsg_Destroy(message);
}

static void on_chunk(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		     void *of)
{
	(void)connection;
	(void)subscription;
	deliver_own(of, APO_BUS_CHUNK, message);
}

static void on_history(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		       void *of)
{
	(void)connection;
	(void)subscription;
	deliver_own(of, APO_BUS_HISTORY, message);
}

/* For each request of an attempt to subscribe. */
static jsOptions attempt_options(const struct apo_bus *bus)
{
	jsOptions options;

	jsOptions_Init(&options);
	options.Wait = apo_subscription_wait_ns(&bus->subscription) / RUDP_NS_PER_MS;
	return options;
}

static bool make_stream(struct apo_bus_thread *bus_thread)
{
	struct apo_bus *bus = bus_thread->bus;
	const char *subjects[] = {bus->log_subject};
	jsStreamInfo *info = NULL;
	jsStreamConfig config;
	jsErrCode code = 0;
	jsOptions attempt = attempt_options(bus);
	natsStatus status = js_GetStreamInfo(&info, bus->js, bus->stream, &attempt, &code);

	/* A stream that has lost entries, or was created again, has others with these sequences. */
	if (status == NATS_OK && info->State.LastSeq < atomic_load(&bus_thread->delivered_seq))
		atomic_store(&bus_thread->delivered_seq, 0);
	jsStreamInfo_Destroy(info);
	if (status == NATS_OK)
		return true;
	if (status != NATS_NOT_FOUND)
		return !apo_bus_has_failed(status, "stream");
	jsStreamConfig_Init(&config);
	config.Name = bus->stream;
	config.Subjects = subjects;
	config.SubjectsLen = 1;
	config.Storage = js_FileStorage;
	config.Replicas = bus_thread->config->cluster_replicas;
	config.MaxAge = LOG_AGE_NS;
	config.MaxBytes = LOG_BYTES_MAX;
	status = js_AddStream(NULL, bus->js, &config, &attempt, &code);
	/* Another node may have made it at the same time. */
	return code == JSStreamNameExistErr || !apo_bus_has_failed(status, "new stream");
}

/* after_seq 0: only new entries. */
static bool subscribe_entries(struct apo_bus_thread *bus_thread, uint64_t after_seq)
{
	struct apo_bus *bus = bus_thread->bus;
	jsOptions attempt = attempt_options(bus);
	jsSubOptions options;
	natsStatus status;

	jsSubOptions_Init(&options);
	options.Stream = bus->stream; /* else the library asks which one it is */
	options.Ordered = true;
	options.Config.DeliverPolicy = after_seq ? js_DeliverByStartSequence : js_DeliverNew;
	options.Config.OptStartSeq = after_seq ? after_seq + 1 : 0;
	status = js_Subscribe(&bus->entries, bus->js, bus->log_subject, on_entry, bus_thread,
			      &attempt, &options, NULL);
	if (!apo_bus_has_failed(status, "subscription"))
		return true;
	(void)tell(bus_thread, APO_BUS_UNREADABLE, 0, 0, NULL, 0);
	return false;
}

/* Messages for this node alone, outside the log, for as long as the connection lasts. */
static bool subscribe_own(struct apo_bus_thread *bus_thread, const char *what,
			  natsSubscription **subscription, natsMsgHandler handler)
{
	const struct apo_config *config = bus_thread->config;
	char subject[SUBJECT_SIZE];

	if (*subscription)
		return true;
	snprintf(subject, sizeof subject, "%s.%s.%s", config->cluster_name, what,
		 config->cluster_node);
	return !apo_bus_has_failed(natsConnection_Subscribe(subscription,
							    bus_thread->bus->connection, subject,
							    handler, bus_thread),
				   "subscription");
}

static bool subscribe_all_own(struct apo_bus_thread *bus_thread)
{
	struct apo_bus *bus = bus_thread->bus;

	return subscribe_own(bus_thread, "snapshot", &bus->chunks, on_chunk) &&
	       subscribe_own(bus_thread, "history", &bus->histories, on_history);
}

/*
 * The library (3.4.1) frees a subscription even if its reading thread is about to deliver a message
 * to it: the heap was corrupted, or both threads waited for ever, in 5 of 200 processes that
 * subscribed 20 times each. So the subscription ends first, and is freed when the answer to a PING,
 * or the end of the reading thread, shows that this thread no longer uses it.
 */
static void close_bus(struct apo_bus *bus)
{
	if (bus->entries)
		(void)natsSubscription_Unsubscribe(bus->entries); /* deletes the consumer */
	natsConnection_Close(bus->connection);
	natsSubscription_Destroy(bus->entries);
	natsSubscription_Destroy(bus->chunks);
	natsSubscription_Destroy(bus->histories);
	jsCtx_Destroy(bus->js);
	natsConnection_Destroy(bus->connection);
	bus->entries = bus->chunks = bus->histories = NULL;
	bus->js = NULL;
	bus->connection = NULL;
}

/* Also closes the connection if the server does not answer. */
static void unsubscribe_entries(struct apo_bus *bus)
{
	if (!bus->entries)
		return;
	(void)natsSubscription_Unsubscribe(bus->entries);
	if (natsConnection_FlushTimeout(bus->connection, APO_BUS_WAIT_MS) != NATS_OK) {
		close_bus(bus);
		return;
	}
	natsSubscription_Destroy(bus->entries);
	bus->entries = NULL;
}

/* Returns true when entries are delivered: those after the last one, if a subscription was lost. */
static bool open_bus(struct apo_bus_thread *bus_thread)
{
	struct apo_bus *bus = bus_thread->bus;

	if (!bus->js) {
		close_bus(bus);
		if (!apo_bus_connect(bus_thread->config, &bus->connection, &bus->js))
			return false;
	}
	return make_stream(bus_thread) && subscribe_all_own(bus_thread) &&
	       subscribe_entries(bus_thread, atomic_load(&bus_thread->delivered_seq));
}

/* ---- requests ---- */

/* Returns whether the stream has the entry. */
static bool publish_asking(const struct apo_bus *bus, const struct request *request)
{
	jsPubOptions options;

	jsPubOptions_Init(&options);
	options.MaxWait = APO_BUS_WAIT_MS;
	return js_Publish(NULL, bus->js, bus->log_subject, request->bytes, (int)request->len,
			  &options, NULL) == NATS_OK;
}

/* An entry that comes back needs no answer of the stream, which would wake threads at both ends.
 * Only a repetition asks for one. */
static void on_publish(struct apo_bus_thread *bus_thread, const struct request *request)
{
	struct apo_bus *bus = bus_thread->bus;
	bool is_repetition = request->number == bus->published, is_stored = false;

	bus->published = request->number;
	if (bus->entries && !is_repetition)
		(void)natsConnection_Publish(bus->connection, bus->log_subject, request->bytes,
					     (int)request->len);
	else if (bus->entries)
		is_stored = publish_asking(bus, request);
	if (!bus->entries || is_repetition)
		(void)tell(bus_thread, APO_BUS_PUBLISHED, is_stored, request->number, NULL, 0);
}

static void send_to_node(struct apo_bus_thread *bus_thread, const struct request *request,
			 const char *what)
{
	char subject[SUBJECT_SIZE];

	if (!bus_thread->bus->connection)
		return;
	snprintf(subject, sizeof subject, "%s.%s.%s", bus_thread->config->cluster_name, what,
		 request->name);
	(void)natsConnection_Publish(bus_thread->bus->connection, subject, request->bytes,
				     (int)request->len);
}

static void on_request(struct apo_bus_thread *bus_thread, const struct request *request)
{
	switch ((enum request_kind)request->mail.kind) {
	case PUBLISH:
		on_publish(bus_thread, request);
		break;
	case CHUNK:
		send_to_node(bus_thread, request, "snapshot");
		break;
	case HISTORY:
		send_to_node(bus_thread, request, "history");
		break;
	case WAKE:
		break;
	case STOP:
		bus_thread->bus->is_over = true;
		break;
	}
}

/* Gives up the present subscription, if there is a reason. */
static enum apo_reopening reopen(struct apo_bus_thread *bus_thread)
{
	struct apo_bus *bus = bus_thread->bus;
	enum apo_reopening asked =
		(enum apo_reopening)atomic_exchange(&bus_thread->reopening, APO_REOPEN_NOT);
	enum apo_reopening due;

	/* Before the first entry there is none to go on from. */
	if (asked == APO_REOPEN_NEXT && !atomic_load(&bus_thread->delivered_seq))
		asked = APO_REOPEN_NOT;
	/* The entry that the owner misses waits, as others do. */
	if (asked == APO_REOPEN_NEXT && apo_backlog_figures(&bus_thread->backlog).is_full) {
		(void)tell(bus_thread, APO_BUS_UNREADABLE, 0, 0, NULL, 0);
		asked = APO_REOPEN_NOT;
	}
	due = apo_subscription_due(&bus->subscription, asked, rudp_clock_now_ns());
	if (due == APO_REOPEN_NOT)
		return due;
	if (due == APO_REOPEN_CONNECT)
		close_bus(bus);
	else
		unsubscribe_entries(bus);
	if (due == APO_REOPEN_NEXT)
		rudp_log(RUDP_LOG_WARN, "cluster subscribes again after=%" PRIu64,
			 atomic_load(&bus_thread->delivered_seq));
	else
		atomic_store(&bus_thread->delivered_seq, 0);
	return due;
}

static void tend(struct apo_bus_thread *bus_thread)
{
	struct apo_subscription *subscription = &bus_thread->bus->subscription;
	bool is_next = reopen(bus_thread) == APO_REOPEN_NEXT, is_open;

	if (!apo_subscription_try(subscription, rudp_clock_now_ns()))
		return;
	is_open = is_next && bus_thread->bus->js
			  ? subscribe_entries(bus_thread, atomic_load(&bus_thread->delivered_seq))
			  : open_bus(bus_thread);
	apo_subscription_on_result(subscription, is_open, rudp_clock_now_ns());
	if (is_open && !is_next) {
		rudp_log(RUDP_LOG_INFO, "cluster connected node=%s",
			 bus_thread->config->cluster_node);
		(void)tell(bus_thread, APO_BUS_READY, 0, 0, NULL, 0);
	}
}

/* The same entry is published again by a later request. */
static bool is_repeated(const struct request *request)
{
	const struct apo_mail *mail;

	for (mail = request->mail.next; request->mail.kind == PUBLISH && mail; mail = mail->next)
		if (mail->kind == PUBLISH &&
		    ((const struct request *)mail)->number == request->number)
			return true;
	return false;
}

static void turn(struct apo_bus_thread *bus_thread)
{
	tend(bus_thread);
	apo_mailbox_wait(&bus_thread->box, bus_thread->bus->entries ? RETRY_MS : RETRY_MS / 2);
	APO_MAIL_EACH(mail, &bus_thread->box) {
		if (!bus_thread->bus->is_over && !is_repeated((const struct request *)mail))
			on_request(bus_thread, (const struct request *)mail);
		if (mail->kind == CHUNK || mail->kind == HISTORY)
			atomic_fetch_sub(&bus_thread->unsent_bytes,
					 ((const struct request *)mail)->len);
		free(mail);
	}
}

static void *run(void *of)
{
	struct apo_bus_thread *bus_thread = of;

	pthread_setname_np(pthread_self(), "chat-bus"); /* for top -H */
	while (!bus_thread->bus->is_over)
		turn(bus_thread);
	/* The server has read the last entries when it answers. */
	if (bus_thread->bus->connection)
		(void)natsConnection_FlushTimeout(bus_thread->bus->connection, APO_BUS_WAIT_MS);
	close_bus(bus_thread->bus);
	nats_ReleaseThreadMemory();
	return NULL;
}

/* ---- called by other threads ---- */

static struct request *request_new(enum request_kind kind, const void *bytes, size_t len)
{
	struct request *request = calloc(1, sizeof *request + len);

	if (!request)
		return NULL;
	request->mail.kind = (int)kind;
	request->len = len;
	if (len > 0)
		memcpy(request->bytes, bytes, len);
	return request;
}

void apo_bus_thread_publish(struct apo_bus_thread *bus_thread, const void *bytes, size_t len,
			    uint64_t number)
{
	struct request *request = request_new(PUBLISH, bytes, len);

	if (!request)
		return; /* it is repeated */
	request->number = number;
	apo_mailbox_put(&bus_thread->box, &request->mail);
}

/* The request only wakes the thread. */
void apo_bus_thread_reopen(struct apo_bus_thread *bus_thread, enum apo_reopening how)
{
	struct request *request = request_new(WAKE, NULL, 0);
	int not = APO_REOPEN_NOT;

	if (how == APO_REOPEN_NEXT) /* any other request asks for more */
		(void)atomic_compare_exchange_strong(&bus_thread->reopening, &not, (int)how);
	else
		atomic_store(&bus_thread->reopening, (int)how);
	if (request)
		apo_mailbox_put(&bus_thread->box, &request->mail);
}

static void put_for_node(struct apo_bus_thread *bus_thread, enum request_kind kind,
			 const char *name, const void *bytes, size_t len)
{
	struct request *request = request_new(kind, bytes, len);

	if (!request)
		return; /* as if it got lost */
	snprintf(request->name, sizeof request->name, "%s", name);
	atomic_fetch_add(&bus_thread->unsent_bytes, len);
	apo_mailbox_put(&bus_thread->box, &request->mail);
}

void apo_bus_thread_send_chunk(struct apo_bus_thread *bus_thread, const char *name,
			       const void *bytes, size_t len)
{
	put_for_node(bus_thread, CHUNK, name, bytes, len);
}

bool apo_bus_thread_is_behind(const struct apo_bus_thread *bus_thread)
{
	return atomic_load(&bus_thread->unsent_bytes) > APO_BUS_UNSENT_BYTES_MAX;
}

void apo_bus_thread_send_history(struct apo_bus_thread *bus_thread, const char *name,
				 const void *bytes, size_t len)
{
	if (!apo_bus_thread_is_behind(bus_thread))
		put_for_node(bus_thread, HISTORY, name, bytes, len);
}

static struct apo_bus *bus_new(const struct apo_config *config)
{
	struct apo_bus *bus = calloc(1, sizeof *bus);

	if (!bus)
		return NULL;
	snprintf(bus->log_subject, sizeof bus->log_subject, "%s.log", config->cluster_name);
	snprintf(bus->stream, sizeof bus->stream, "%s-log", config->cluster_name);
	return bus;
}

int apo_bus_thread_start(struct apo_bus_thread *bus_thread, struct apo_mailbox *owner,
			 int mail_kind, struct apo_config *config, uint64_t after_seq)
{
	int error = apo_mailbox_init(&bus_thread->box);

	if (error < 0)
		return error;
	apo_backlog_init(&bus_thread->backlog, "entries", APO_BUS_BACKLOG_BYTES_MAX);
	apo_backlog_init(&bus_thread->own, "messages of nodes", APO_BUS_BACKLOG_BYTES_MAX);
	atomic_store(&bus_thread->unsent_bytes, 0);
	bus_thread->owner = owner;
	bus_thread->mail_kind = mail_kind;
	bus_thread->delivered_seq = after_seq;
	bus_thread->config = apo_config_get(config);
	bus_thread->bus = bus_new(config);
	error = bus_thread->bus && nats_Open(-1) == NATS_OK
			? pthread_create(&bus_thread->thread, NULL, run, bus_thread)
			: ENOMEM;
	bus_thread->is_running = error == 0;
	return -error;
}

void apo_bus_thread_end(struct apo_bus_thread *bus_thread)
{
	struct request *request;

	if (!bus_thread->is_running || bus_thread->is_ending)
		return;
	apo_backlog_end(&bus_thread->backlog);
	apo_backlog_end(&bus_thread->own);
	while (!(request = request_new(STOP, NULL, 0)))
		;
	apo_mailbox_put(&bus_thread->box, &request->mail);
	bus_thread->is_ending = true;
}

bool apo_bus_thread_stop(struct apo_bus_thread *bus_thread)
{
	int64_t until_ns = rudp_clock_now_ns() + STOP_NS;
	struct timespec until = {.tv_sec = until_ns / RUDP_NS_PER_S,
				 .tv_nsec = until_ns % RUDP_NS_PER_S};

	if (!bus_thread->is_running)
		return true;
	apo_bus_thread_end(bus_thread);
	if (pthread_clockjoin_np(bus_thread->thread, NULL, CLOCK_MONOTONIC, &until) != 0 ||
	    nats_CloseAndWait(APO_BUS_WAIT_MS) != NATS_OK) {
		rudp_log(RUDP_LOG_ERROR, "cluster connection does not close, given up");
		return false;
	}
	apo_mailbox_fini(&bus_thread->box);
	apo_backlog_fini(&bus_thread->backlog);
	apo_backlog_fini(&bus_thread->own);
	apo_config_put(bus_thread->config);
	free(bus_thread->bus);
	bus_thread->is_running = false;
	return true;
}
