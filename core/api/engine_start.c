/* SPDX-License-Identifier: MIT */
#include "api/engine_start.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/control_client.h"
#include "api/self_path.h"
#include "api/start_limits.h"
#include "api/clear_text.h"
#include "api/environment.h"
#include "api/raw_syscall.h"

#define SLOTS 16u
#define TRIES 3
#define HELLO_TIMEOUT_S 10
#define ANSWER_TIMEOUT_US 200000 /* a process of another user may have the abstract name */

/*
 * An engine is written into a slot of its own; then the slot's number is published. So readers
 * never wait, and a fork in the middle leaves nothing locked. A slot is used again only after SLOTS
 * engines.
 */
static struct rudp_engine_ref slots[SLOTS];
static atomic_uint taken;
static atomic_uint current;              /* index + 1; 0: none */
static atomic_int failure;               /* errno of a permanent failure */
static atomic_bool environment_is_stale; /* the engine named in the environment was forgotten */

static void remember(const struct rudp_engine_ref *engine)
{
	unsigned index = atomic_fetch_add(&taken, 1) % SLOTS;

	slots[index] = *engine;
	slots[index].uid = geteuid();
	atomic_store_explicit(&current, index + 1, memory_order_release);
}

bool rudp_engine_known(struct rudp_engine_ref *engine)
{
	unsigned number = atomic_load_explicit(&current, memory_order_acquire);

	if (!number)
		return false;
	*engine = slots[number - 1];
	return true;
}

void rudp_engine_forget(const struct rudp_nonce *nonce)
{
	unsigned number = atomic_load_explicit(&current, memory_order_acquire);
	const char *text = rudp_environment_get("RUDP_NONCE");
	struct rudp_nonce named;

	if (text && rudp_nonce_parse(&named, text) && memcmp(&named, nonce, sizeof named) == 0)
		atomic_store(&environment_is_stale, true);
	if (number && memcmp(&slots[number - 1].nonce, nonce, sizeof *nonce) == 0)
		atomic_compare_exchange_strong(&current, &number, 0);
}

/* The engine that RUDP_NONCE and RUDP_TOKEN name. */
static bool named_in_environment(struct rudp_engine_ref *engine)
{
	const char *nonce = rudp_environment_get("RUDP_NONCE");
	const char *token = rudp_environment_get("RUDP_TOKEN");
	struct rudp_nonce token_bytes;

	/* A token has the size and the text form of a nonce. */
	if (!nonce || !token || !rudp_nonce_parse(&engine->nonce, nonce) ||
	    !rudp_nonce_parse(&token_bytes, token))
		return false;
	memcpy(engine->token, token_bytes.bytes, RUDP_TOKEN_BYTES);
	return true;
}

void rudp_engine_token(const struct rudp_nonce *nonce, uint8_t token[RUDP_TOKEN_BYTES])
{
	struct rudp_engine_ref named;

	for (unsigned i = 0; i < SLOTS; i++)
		if (memcmp(&slots[i].nonce, nonce, sizeof *nonce) == 0) {
			memcpy(token, slots[i].token, RUDP_TOKEN_BYTES);
			return;
		}
	memset(token, 0, RUDP_TOKEN_BYTES);
	/* A program that has only inherited or received sockets has not looked for an engine. */
	if (named_in_environment(&named) && memcmp(&named.nonce, nonce, sizeof *nonce) == 0)
		memcpy(token, named.token, RUDP_TOKEN_BYTES);
}

bool rudp_engine_was_of(const struct rudp_nonce *nonce, uint32_t uid)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].uid == uid && memcmp(&slots[i].nonce, nonce, sizeof *nonce) == 0)
			return true;
	return false;
}

/* Any user may bind an abstract name after its engine has ended. */
static bool is_ours(int channel)
{
	struct ucred credentials;

	return rudp_raw_peer(channel, &credentials) == 0 &&
	       (credentials.uid == 0 || credentials.uid == geteuid());
}

static bool answers(const struct rudp_nonce *nonce)
{
	struct rudp_control_call call;
	bool found;
	int channel;

	rudp_control_begin(&call, nonce, RUDP_CONTROL_INFO, -1);
	call.timeout.tv_usec = ANSWER_TIMEOUT_US;
	channel = rudp_control_open(&call);
	if (channel < 0)
		return false;
	found = is_ours(channel);
	rudp_raw_close(channel);
	return found;
}

static bool from_environment(struct rudp_engine_ref *engine)
{
	const char *settings = rudp_environment_get("RUDP_SETTINGS");
	char hash[17];

	if (!settings || atomic_load(&environment_is_stale))
		return false;
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)rudp_environment_hash_written());
	return strcmp(hash, settings) == 0 && named_in_environment(engine) &&
	       answers(&engine->nonce);
}

int rudp_engine_hello(uint64_t settings, struct rudp_engine_ref *engine)
{
	static const struct rudp_nonce none;
	struct rudp_control_call call;
	int rc;

	rudp_control_begin(&call, &none, RUDP_CONTROL_HELLO, -1);
	call.to = (struct rudp_name){
		.kind = RUDP_NAME_WELL_KNOWN,
		.uid = geteuid(),
		.settings = settings,
	};
	/* A stopped engine never answers. */
	call.timeout.tv_sec = HELLO_TIMEOUT_S;
	rc = rudp_control_make(&call);
	if (rc < 0)
		return rc;
	if (call.reply.error)
		return -call.reply.error;
	engine->nonce = call.reply.nonce;
	memcpy(engine->token, call.reply.token, RUDP_TOKEN_BYTES);
	return 0;
}

static bool wants_thread(void)
{
	const char *host = rudp_environment_get("RUDP_ENGINE");

	return host && strcmp(host, "thread") == 0;
}

static int start(uint64_t settings, struct rudp_engine_ref *engine)
{
	int rc = rudp_engine_start_process(settings, engine);

	return rc == -ENOENT ? rudp_engine_load_thread(engine) : rc;
}

static bool is_permanent(int error)
{
	return error != -EMFILE && error != -ENFILE && error != -EEXIST;
}

/*
 * An engine with the limits of this process may have another name. It is asked only if no engine
 * has the name without limits.
 */
static int hello_any(uint64_t settings, struct rudp_engine_ref *engine)
{
	int rc = rudp_engine_hello(settings, engine);
	uint64_t limits;

	if (rc == 0 || rc == -EMFILE || rc == -ENFILE)
		return rc;
	limits = rudp_start_limits();
	return limits ? rudp_engine_hello(settings ^ limits, engine) : rc;
}

static int search(struct rudp_engine_ref *engine)
{
	uint64_t settings = rudp_environment_hash();
	int rc;

	/* The user wants a thread of this program, even if an engine process runs. */
	if (wants_thread() && !rudp_engine_thread_is_torn()) {
		rc = rudp_engine_load_thread(engine);
		/*
		 * If the program has left the network namespace of its engine thread, another is
		 * needed.
		 */
		if (rc < 0 || answers(&engine->nonce))
			return rc;
	}
	if (from_environment(engine))
		return 0;
	/* Retries: an engine that won the race may not listen yet, or may be about to end. */
	for (int i = 0; i < TRIES; i++) {
		bool timed_out;

		rc = hello_any(settings, engine);
		if (rc == 0 || rc == -EMFILE || rc == -ENFILE)
			return rc;
		/* The engine may have ended meanwhile. */
		timed_out = rc == -ETIMEDOUT;
		rc = start(settings, engine);
		if (rc != -EEXIST)
			return rc;
		if (timed_out)
			return -ETIMEDOUT;
	}
	return hello_any(settings, engine);
}

int rudp_engine_find(struct rudp_engine_ref *engine)
{
	int rc;

	if (rudp_engine_known(engine))
		return 0;
	rc = -atomic_load(&failure);
	if (rc < 0)
		return rc;
	rc = search(engine);
	if (rc == 0) {
		remember(engine);
		return 0;
	}
	if (!is_permanent(rc))
		return rc;
	if (rc != -ENOKEY)
		rc = rudp_clear_text_is_forbidden() ? -EACCES : -ENOENT;
	atomic_store(&failure, -rc);
	return rc;
}

static bool join(char *path, size_t size, const char *directory, size_t directory_len,
		 const char *folder, const char *file)
{
	size_t folder_len = strlen(folder), file_len = strlen(file);

	if (directory_len + folder_len + file_len + 1 > size)
		return false;
	memcpy(path, directory, directory_len);
	memcpy(path + directory_len, folder, folder_len);
	memcpy(path + directory_len + folder_len, file, file_len + 1);
	return true;
}

bool rudp_engine_place(unsigned index, const char *file, char *path, size_t size)
{
	static const char *const folders[RUDP_ENGINE_PLACES] = {"/", "/", "/rudp/", "/"};
	const char *base = index == 0 ? rudp_environment_get("RUDP_ENGINE_PATH") : rudp_self_path();
	const char *slash;

	if (index == RUDP_ENGINE_PLACES - 1)
		return join(path, size, RUDP_LIBDIR, strlen(RUDP_LIBDIR), folders[index], file);
	slash = base ? strrchr(base, '/') : NULL;
	return slash && join(path, size, base, (size_t)(slash - base), folders[index], file);
}
