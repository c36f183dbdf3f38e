/* SPDX-License-Identifier: MIT */
#include "conversation/server/auth_thread.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "conversation/server/records.h"
#include "conversation/server/secrets.h"
#include "conversation/store/store.h"

/* No client is in this network (throttle.h). */
#define REFRESH_NETWORK UINT64_MAX

struct question {
	struct apo_fair_item item;
	enum apo_auth kind;
	bool is_refresh; /* instead of a question; no answer is awaited */
	uint64_t ticket;
	size_t password_len;
	char about[APO_SECRET_SIZE]; /* the hash, the secret, or the account */
	char password[];             /* or the fingerprint of a key, or fake SCRAM keys */
};

static void question_free(struct question *question)
{
	sodium_memzero(question->password, question->password_len);
	free(question);
}

static void answer(struct apo_auth_thread *auth_thread, uint64_t ticket, enum apo_checked result,
		   const char *text)
{
	struct apo_auth_answer *answer = calloc(1, sizeof *answer);

	if (!answer)
		return;
	answer->mail.kind = APO_MAIL_CHECKED;
	answer->ticket = ticket;
	answer->result = result;
	snprintf(answer->text, sizeof answer->text, "%s", text);
	apo_mailbox_put(auth_thread->answers, &answer->mail);
}

/* ---- the thread ---- */

static struct question *question_of(struct apo_fair_item *item)
{
	return item ? RUDP_LIST_OWNER(item, struct question, item) : NULL;
}

static struct question *next_question(struct apo_auth_thread *auth_thread)
{
	struct apo_fair_item *item = NULL;

	pthread_mutex_lock(&auth_thread->lock);
	auth_thread->is_working = false;
	if (auth_thread->questions.count == 0)
		pthread_cond_signal(&auth_thread->done);
	while (!auth_thread->is_over && !(item = apo_fair_queue_pop(&auth_thread->questions)))
		pthread_cond_wait(&auth_thread->asked, &auth_thread->lock);
	auth_thread->is_working = item != NULL;
	pthread_mutex_unlock(&auth_thread->lock);
	return question_of(item);
}

static void log_store(const struct apo_auth_thread *auth_thread, const char *what)
{
	rudp_log(RUDP_LOG_ERROR, "accounts %s reason=\"%s\"", what,
		 apo_store_error(auth_thread->store));
}

/* The result of a question to the store, whose error is logged. */
static enum apo_checked result_of(struct apo_auth_thread *auth_thread, int error, const char *what)
{
	if (error == 0)
		return APO_CHECKED_RIGHT;
	if (error == -ENOENT || error == -EEXIST || error == -EINVAL)
		return APO_CHECKED_WRONG;
	log_store(auth_thread, what);
	return APO_CHECKED_FAILED;
}

static enum apo_checked verify(const struct question *question, const char *secret)
{
	return apo_secret_is_of(secret, question->password) ? APO_CHECKED_RIGHT : APO_CHECKED_WRONG;
}

/* ---- SCRAM ---- */

/* The answer has the keys of the secret, or fake ones. */
static void tell_scram(struct apo_auth_thread *auth_thread, const struct question *question,
		       const char *secret, const char *name)
{
	const char *keys = apo_secret_keys(secret);
	char text[APO_KEYS_TEXT_SIZE], nonce[APO_SCRAM_NONCE_SIZE];
	uint8_t random[(APO_SCRAM_NONCE_SIZE - 1) / 4 * 3];

	randombytes_buf(random, sizeof random);
	sodium_bin2base64(nonce, sizeof nonce, random, sizeof random,
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(text, sizeof text, "%s %s %s", nonce, keys ? keys : question->password, name);
	answer(auth_thread, question->ticket, keys ? APO_CHECKED_RIGHT : APO_CHECKED_WRONG, text);
	sodium_memzero(text, sizeof text);
}

static void find_scram(struct apo_auth_thread *auth_thread, const struct question *question)
{
	struct apo_account account = {.name = "*"};
	int error = apo_account_find(auth_thread->store, question->about, &account);

	if (error == 0 || error == -ENOENT) {
		tell_scram(auth_thread, question, account.password_hash, account.name);
		return;
	}
	log_store(auth_thread, "not read");
	answer(auth_thread, question->ticket, APO_CHECKED_FAILED, "");
}

static void check_secret(struct apo_auth_thread *auth_thread, const struct question *question)
{
	enum apo_checked result = verify(question, question->about);
	char secret[APO_SECRET_SIZE] = "";

	if (result == APO_CHECKED_RIGHT)
		(void)apo_secret_renew(question->about, question->password,
				       auth_thread->makes_scram, secret);
	answer(auth_thread, question->ticket, result, secret);
	sodium_memzero(secret, sizeof secret);
}

/* ---- accounts ---- */

/* If the new secret cannot be written, the next login tries again. */
static void renew_account(struct apo_auth_thread *auth_thread, const struct question *question,
			  const struct apo_account *account)
{
	char secret[APO_SECRET_SIZE];
	int error = 0;

	if (apo_secret_renew(account->password_hash, question->password, auth_thread->makes_scram,
			     secret))
		error = apo_account_replace_hash(auth_thread->store, account->name,
						 account->password_hash, secret);
	if (error < 0 && error != -ENOENT)
		log_store(auth_thread, "not written");
	sodium_memzero(secret, sizeof secret);
}

static enum apo_checked check_account(struct apo_auth_thread *auth_thread,
				      const struct question *question, struct apo_account *account)
{
	int error = apo_account_find(auth_thread->store, question->about, account);
	enum apo_checked result = result_of(auth_thread, error, "not read");

	if (result == APO_CHECKED_RIGHT)
		result = verify(question, account->password_hash);
	if (result == APO_CHECKED_RIGHT)
		renew_account(auth_thread, question, account);
	return result;
}

static enum apo_checked make_account(struct apo_auth_thread *auth_thread,
				     const struct question *question, struct apo_account *account)
{
	int error = apo_account_find(auth_thread->store, question->about, account);

	if (error == -ENOENT)
		error = apo_secret_make(question->password, auth_thread->makes_scram,
					account->password_hash);
	else if (error == 0)
		error = -EEXIST; /* avoids the work of hashing */
	if (error == 0)
		error = apo_account_add(auth_thread->store, question->about, account->password_hash,
					time(NULL));
	if (error == -EEXIST)
		return APO_CHECKED_WRONG;
	if (error < 0) {
		log_store(auth_thread, "not written");
		return APO_CHECKED_FAILED;
	}
	snprintf(account->name, sizeof account->name, "%.*s", APO_NICK_BYTES_MAX, question->about);
	return APO_CHECKED_RIGHT;
}

/* Returns false if memory is short. */
static bool tell(struct apo_auth_thread *auth_thread, enum apo_account_news news, int64_t id,
		 const char *name)
{
	struct apo_account_mail *mail = calloc(1, sizeof *mail);

	if (!mail)
		return false;
	mail->mail.kind = APO_MAIL_ACCOUNT;
	mail->news = news;
	mail->id = id;
	snprintf(mail->account, sizeof mail->account, "%s", name);
	apo_mailbox_put(auth_thread->answers, &mail->mail);
	return true;
}

static void tell_name(void *of, int64_t id, const char *name)
{
	(void)tell(of, APO_ACCOUNT_IS_THERE, id, name);
}

static enum apo_checked remove_account(struct apo_auth_thread *auth_thread,
				       const struct question *question, struct apo_account *account)
{
	enum apo_checked result = APO_CHECKED_RIGHT;
	int error = apo_account_find(auth_thread->store, question->about, account);

	if (error == 0 && question->kind == APO_AUTH_REMOVE)
		result = verify(question, account->password_hash);
	if (error == 0 && result == APO_CHECKED_RIGHT)
		error = apo_account_remove(auth_thread->store, question->about);
	if (error == -ENOENT)
		return APO_CHECKED_WRONG;
	if (error < 0) {
		log_store(auth_thread, "not written");
		return APO_CHECKED_FAILED;
	}
	if (result == APO_CHECKED_RIGHT &&
	    !tell(auth_thread, APO_ACCOUNT_IS_GONE, 0, account->name))
		rudp_log(RUDP_LOG_ERROR, "nick still protected reason=\"out of memory\"");
	return result;
}

/* ---- keys ---- */

/* question->about: the account that the owner of the key has named; "": none. */
static enum apo_checked find_key(struct apo_auth_thread *auth_thread,
				 const struct question *question, struct apo_account *account)
{
	int error = apo_account_key_find(auth_thread->store, question->password, account->name);

	if (error == 0 && question->about[0] && !apo_is_same(question->about, account->name))
		error = -ENOENT;
	return result_of(auth_thread, error, "not read");
}

static enum apo_checked change_key(struct apo_auth_thread *auth_thread,
				   const struct question *question, struct apo_account *account)
{
	int error = question->kind == APO_AUTH_KEY_ADD
			    ? apo_account_key_add(auth_thread->store, question->about,
						  question->password, time(NULL))
			    : apo_account_key_remove(auth_thread->store, question->about,
						     question->password);

	snprintf(account->name, sizeof account->name, "%.*s", APO_NICK_BYTES_MAX, question->about);
	return result_of(auth_thread, error, "not written");
}

static void list_keys(struct apo_auth_thread *auth_thread, const struct question *question)
{
	char keys[APO_KEYS_TEXT_SIZE];
	int error = apo_account_keys(auth_thread->store, question->about, keys);

	answer(auth_thread, question->ticket, result_of(auth_thread, error, "not read"), keys);
}

/* If one name were lost, the model would take its account for removed; then ACCOUNTS_END is not
 * sent. */
struct telling {
	struct apo_auth_thread *auth_thread;
	bool is_whole;
};

static void tell_one_of_all(void *of, int64_t id, const char *name)
{
	struct telling *telling = of;

	telling->is_whole &= tell(telling->auth_thread, APO_ACCOUNT_IS_THERE, id, name);
}

static void tell_all_names(struct apo_auth_thread *auth_thread)
{
	struct telling telling = {auth_thread, tell(auth_thread, APO_ACCOUNTS_BEGIN, 0, "")};

	if (telling.is_whole &&
	    apo_accounts_tell_all(auth_thread->store, tell_one_of_all, &telling) < 0) {
		telling.is_whole = false;
		log_store(auth_thread, "not read");
	}
	if (telling.is_whole)
		(void)tell(auth_thread, APO_ACCOUNTS_END, 0, "");
}

static void tell_new_names(struct apo_auth_thread *auth_thread)
{
	if (auth_thread->store &&
	    apo_accounts_tell_new(auth_thread->store, tell_name, auth_thread) < 0)
		log_store(auth_thread, "not read");
}

static void make_secret(struct apo_auth_thread *auth_thread, const struct question *question)
{
	char secret[APO_SECRET_SIZE] = "";
	bool is_made = apo_secret_make(question->password, auth_thread->makes_scram, secret) == 0;

	answer(auth_thread, question->ticket, is_made ? APO_CHECKED_RIGHT : APO_CHECKED_FAILED,
	       secret);
	sodium_memzero(secret, sizeof secret);
}

static void work_on(struct apo_auth_thread *auth_thread, const struct question *question)
{
	struct apo_account account = {.name = ""};
	enum apo_checked result = APO_CHECKED_FAILED;

	switch (question->kind) {
	case APO_AUTH_PASSWORD:
		result = verify(question, question->about);
		break;
	case APO_AUTH_ACCOUNT:
		result = check_account(auth_thread, question, &account);
		break;
	case APO_AUTH_REGISTER:
		result = make_account(auth_thread, question, &account);
		break;
	case APO_AUTH_REMOVE:
	case APO_AUTH_REMOVE_UNASKED:
		result = remove_account(auth_thread, question, &account);
		break;
	case APO_AUTH_KEY:
		result = find_key(auth_thread, question, &account);
		break;
	case APO_AUTH_KEY_ADD:
	case APO_AUTH_KEY_REMOVE:
		result = change_key(auth_thread, question, &account);
		break;
	case APO_AUTH_KEYS:
		list_keys(auth_thread, question);
		return;
	case APO_AUTH_HASH:
		make_secret(auth_thread, question);
		return;
	case APO_AUTH_SECRET:
		check_secret(auth_thread, question);
		return;
	case APO_AUTH_SCRAM:
		tell_new_names(auth_thread);
		find_scram(auth_thread, question);
		return;
	case APO_AUTH_SCRAM_OF_SECRET:
		tell_scram(auth_thread, question, question->about, "*");
		return;
	}
	tell_new_names(auth_thread);
	answer(auth_thread, question->ticket, result,
	       result == APO_CHECKED_RIGHT ? account.name : "");
}

static void *check_all(void *of)
{
	struct apo_auth_thread *auth_thread = of;
	struct question *question;

	pthread_setname_np(pthread_self(), "chat-auth"); /* for top -H */
	while ((question = next_question(auth_thread))) {
		if (question->is_refresh)
			tell_all_names(auth_thread);
		else
			work_on(auth_thread, question);
		question_free(question);
	}
	return NULL;
}

/* ---- questions ---- */

static struct question *question_new(enum apo_auth kind, uint64_t ticket, const char *about,
				     const char *proof)
{
	size_t len = strlen(proof);
	struct question *question;

	if (strlen(about) >= sizeof question->about)
		return NULL;
	question = calloc(1, sizeof *question + len + 1);
	if (!question)
		return NULL;
	question->kind = kind;
	question->ticket = ticket;
	question->password_len = len;
	strcpy(question->about, about);
	memcpy(question->password, proof, len + 1);
	return question;
}

/* The queue has no room: answers at once. */
static void refuse(struct apo_auth_thread *auth_thread, struct question *question)
{
	if (!question->is_refresh)
		answer(auth_thread, question->ticket, APO_CHECKED_FAILED, "");
	question_free(question);
}

static void push(struct apo_auth_thread *auth_thread, struct question *question, uint64_t network)
{
	struct question *refused;

	pthread_mutex_lock(&auth_thread->lock);
	refused =
		question_of(apo_fair_queue_push(&auth_thread->questions, &question->item, network));
	pthread_mutex_unlock(&auth_thread->lock);
	pthread_cond_signal(&auth_thread->asked);
	if (refused)
		refuse(auth_thread, refused);
}

void apo_auth_thread_ask(struct apo_auth_thread *auth_thread, struct apo_asker asker,
			 enum apo_auth kind, const char *about, const char *proof)
{
	/* A name that is too long belongs to no account. */
	bool is_nobody = kind == APO_AUTH_ACCOUNT && strlen(about) >= APO_SECRET_SIZE;
	struct question *question = question_new(kind, asker.ticket, is_nobody ? "" : about, proof);

	if (question)
		push(auth_thread, question, asker.network);
	else
		answer(auth_thread, asker.ticket, APO_CHECKED_FAILED, "");
}

void apo_auth_thread_refresh(struct apo_auth_thread *auth_thread)
{
	struct question *question =
		auth_thread->store ? question_new(APO_AUTH_PASSWORD, 0, "", "") : NULL;

	if (!question)
		return;
	question->is_refresh = true;
	push(auth_thread, question, REFRESH_NETWORK);
}

bool apo_auth_thread_wait(struct apo_auth_thread *auth_thread, int64_t deadline_at_ns)
{
	struct timespec until = {.tv_sec = deadline_at_ns / RUDP_NS_PER_S,
				 .tv_nsec = deadline_at_ns % RUDP_NS_PER_S};
	int error = 0;
	bool is_idle;

	pthread_mutex_lock(&auth_thread->lock);
	while (error == 0 && (auth_thread->questions.count > 0 || auth_thread->is_working))
		error = pthread_cond_clockwait(&auth_thread->done, &auth_thread->lock,
					       CLOCK_MONOTONIC, &until);
	is_idle = auth_thread->questions.count == 0 && !auth_thread->is_working;
	pthread_mutex_unlock(&auth_thread->lock);
	return is_idle;
}

int apo_auth_thread_start(struct apo_auth_thread *auth_thread, struct apo_mailbox *answers,
			  struct apo_store *store)
{
	memset(auth_thread, 0, sizeof *auth_thread);
	apo_fair_queue_init(&auth_thread->questions, APO_CHECKS_MAX);
	auth_thread->answers = answers;
	auth_thread->store = store;
	pthread_mutex_init(&auth_thread->lock, NULL);
	pthread_cond_init(&auth_thread->asked, NULL);
	pthread_cond_init(&auth_thread->done, NULL);
	return -pthread_create(&auth_thread->thread, NULL, check_all, auth_thread);
}

void apo_auth_thread_stop(struct apo_auth_thread *auth_thread)
{
	struct apo_fair_item *item;

	pthread_mutex_lock(&auth_thread->lock);
	auth_thread->is_over = true;
	pthread_mutex_unlock(&auth_thread->lock);
	pthread_cond_signal(&auth_thread->asked);
	pthread_join(auth_thread->thread, NULL);
	while ((item = apo_fair_queue_pop(&auth_thread->questions)))
		question_free(question_of(item));
	pthread_cond_destroy(&auth_thread->asked);
	pthread_cond_destroy(&auth_thread->done);
	pthread_mutex_destroy(&auth_thread->lock);
}
