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
#include "conversation/store/store.h"

/* No client is in it (throttle.h). */
#define REFRESH_NETWORK UINT64_MAX

_Static_assert(APO_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

_Static_assert(APO_HASH_SIZE == APO_STORE_HASH_SIZE, "the store keeps what is made here");

enum kind { PASSWORD, ACCOUNT, REGISTER, REMOVE, REMOVE_UNASKED, REFRESH };

struct question {
	struct apo_fair_item item;
	enum kind kind;
	uint64_t ticket;
	size_t password_len;
	char about[APO_HASH_SIZE]; /* the hash, or the account */
	char password[];
};

static void question_free(struct question *question)
{
	sodium_memzero(question->password, question->password_len);
	free(question);
}

static void answer(struct apo_checker *checker, uint64_t ticket, enum apo_checked result,
		   const char *account)
{
	struct apo_answer *answer = calloc(1, sizeof *answer);

	if (!answer)
		return;
	answer->mail.kind = APO_MAIL_CHECKED;
	answer->ticket = ticket;
	answer->result = result;
	snprintf(answer->account, sizeof answer->account, "%s", account);
	apo_mailbox_put(checker->answers, &answer->mail);
}

/* ---- the thread ---- */

static struct question *question_of(struct apo_fair_item *item)
{
	return item ? RUDP_LIST_OWNER(item, struct question, item) : NULL;
}

static struct question *next_question(struct apo_checker *checker)
{
	struct apo_fair_item *item = NULL;

	pthread_mutex_lock(&checker->lock);
	checker->is_working = false;
	if (checker->questions.count == 0)
		pthread_cond_signal(&checker->done);
	while (!checker->is_over && !(item = apo_fair_queue_pop(&checker->questions)))
		pthread_cond_wait(&checker->asked, &checker->lock);
	checker->is_working = item != NULL;
	pthread_mutex_unlock(&checker->lock);
	return question_of(item);
}

static void log_store(const struct apo_checker *checker, const char *what)
{
	rudp_log(RUDP_LOG_ERROR, "accounts %s reason=\"%s\"", what,
		 apo_store_error(checker->store));
}

static enum apo_checked verify(const struct question *question, const char *hash)
{
	return crypto_pwhash_str_verify(hash, question->password, question->password_len) == 0
		       ? APO_CHECKED_RIGHT
		       : APO_CHECKED_WRONG;
}

static enum apo_checked check_account(struct apo_checker *checker, const struct question *question,
				      struct apo_account *account)
{
	int error = apo_account_find(checker->store, question->about, account);

	if (error == -ENOENT)
		return APO_CHECKED_WRONG;
	if (error == 0)
		return verify(question, account->password_hash);
	log_store(checker, "not read");
	return APO_CHECKED_FAILED;
}

static enum apo_checked make_account(struct apo_checker *checker, const struct question *question,
				     struct apo_account *account)
{
	int error = apo_account_find(checker->store, question->about, account);

	if (error == -ENOENT)
		error = apo_checker_hash(question->password, account->password_hash);
	else if (error == 0)
		error = -EEXIST; /* without the work of a hash */
	if (error == 0)
		error = apo_account_add(checker->store, question->about, account->password_hash,
					time(NULL));
	if (error == -EEXIST)
		return APO_CHECKED_WRONG;
	if (error < 0) {
		log_store(checker, "not written");
		return APO_CHECKED_FAILED;
	}
	snprintf(account->name, sizeof account->name, "%.*s", APO_NICK_BYTES_MAX, question->about);
	return APO_CHECKED_RIGHT;
}

/* false: no memory. */
static bool tell(struct apo_checker *checker, enum apo_account_news news, int64_t id,
		 const char *name)
{
	struct apo_account_mail *mail = calloc(1, sizeof *mail);

	if (!mail)
		return false;
	mail->mail.kind = APO_MAIL_ACCOUNT;
	mail->news = news;
	mail->id = id;
	snprintf(mail->account, sizeof mail->account, "%s", name);
	apo_mailbox_put(checker->answers, &mail->mail);
	return true;
}

static void tell_name(void *of, int64_t id, const char *name)
{
	(void)tell(of, APO_ACCOUNT_IS_THERE, id, name);
}

static enum apo_checked remove_account(struct apo_checker *checker, const struct question *question,
				       struct apo_account *account)
{
	enum apo_checked result = APO_CHECKED_RIGHT;
	int error = apo_account_find(checker->store, question->about, account);

	if (error == 0 && question->kind == REMOVE)
		result = verify(question, account->password_hash);
	if (error == 0 && result == APO_CHECKED_RIGHT)
		error = apo_account_remove(checker->store, question->about);
	if (error == -ENOENT)
		return APO_CHECKED_WRONG;
	if (error < 0) {
		log_store(checker, "not written");
		return APO_CHECKED_FAILED;
	}
	if (result == APO_CHECKED_RIGHT && !tell(checker, APO_ACCOUNT_IS_GONE, 0, account->name))
		rudp_log(RUDP_LOG_ERROR, "nick still protected reason=\"out of memory\"");
	return result;
}

/* One name that could not be told would be taken for one that has gone. */
struct telling {
	struct apo_checker *checker;
	bool is_whole;
};

static void tell_one_of_all(void *of, int64_t id, const char *name)
{
	struct telling *telling = of;

	telling->is_whole &= tell(telling->checker, APO_ACCOUNT_IS_THERE, id, name);
}

static void tell_all_names(struct apo_checker *checker)
{
	struct telling telling = {checker, tell(checker, APO_ACCOUNTS_BEGIN, 0, "")};

	if (telling.is_whole &&
	    apo_accounts_tell_all(checker->store, tell_one_of_all, &telling) < 0) {
		telling.is_whole = false;
		log_store(checker, "not read");
	}
	if (telling.is_whole)
		(void)tell(checker, APO_ACCOUNTS_END, 0, "");
}

static void tell_new_names(struct apo_checker *checker)
{
	if (checker->store && apo_accounts_tell_new(checker->store, tell_name, checker) < 0)
		log_store(checker, "not read");
}

static void work_on(struct apo_checker *checker, const struct question *question)
{
	struct apo_account account = {.name = ""};
	enum apo_checked result = APO_CHECKED_FAILED;

	switch (question->kind) {
	case PASSWORD:
		result = verify(question, question->about);
		break;
	case ACCOUNT:
		result = check_account(checker, question, &account);
		break;
	case REGISTER:
		result = make_account(checker, question, &account);
		break;
	case REMOVE:
	case REMOVE_UNASKED:
		result = remove_account(checker, question, &account);
		break;
	case REFRESH:
		tell_all_names(checker);
		return;
	}
	tell_new_names(checker);
	answer(checker, question->ticket, result, result == APO_CHECKED_RIGHT ? account.name : "");
}

static void *check_all(void *of)
{
	struct apo_checker *checker = of;
	struct question *question;

	while ((question = next_question(checker))) {
		work_on(checker, question);
		question_free(question);
	}
	return NULL;
}

/* ---- questions ---- */

static struct question *question_new(enum kind kind, uint64_t ticket, const char *about,
				     const char *password)
{
	size_t len = strlen(password);
	struct question *question;

	if (strlen(about) >= APO_HASH_SIZE)
		return NULL;
	question = calloc(1, sizeof *question + len + 1);
	if (!question)
		return NULL;
	question->kind = kind;
	question->ticket = ticket;
	question->password_len = len;
	strcpy(question->about, about);
	memcpy(question->password, password, len + 1);
	return question;
}

/* No room: that is answered at once. */
static void refuse(struct apo_checker *checker, struct question *question)
{
	if (question->kind != REFRESH)
		answer(checker, question->ticket, APO_CHECKED_FAILED, "");
	question_free(question);
}

static void ask(struct apo_checker *checker, enum kind kind, struct apo_asker asker,
		const char *about, const char *password)
{
	struct question *question = question_new(kind, asker.ticket, about, password);
	struct question *refused;

	if (!question) {
		if (kind != REFRESH)
			answer(checker, asker.ticket, APO_CHECKED_FAILED, "");
		return;
	}
	pthread_mutex_lock(&checker->lock);
	refused = question_of(
		apo_fair_queue_push(&checker->questions, &question->item, asker.network));
	pthread_mutex_unlock(&checker->lock);
	pthread_cond_signal(&checker->asked);
	if (refused)
		refuse(checker, refused);
}

void apo_checker_ask(struct apo_checker *checker, struct apo_asker asker, const char *hash,
		     const char *password)
{
	ask(checker, PASSWORD, asker, hash, password);
}

void apo_checker_ask_account(struct apo_checker *checker, struct apo_asker asker, const char *account,
			     const char *password)
{
	/* One too long is nobody's. */
	ask(checker, ACCOUNT, asker, strlen(account) < APO_HASH_SIZE ? account : "", password);
}

void apo_checker_register(struct apo_checker *checker, struct apo_asker asker, const char *account,
			  const char *password)
{
	ask(checker, REGISTER, asker, account, password);
}

void apo_checker_remove(struct apo_checker *checker, struct apo_asker asker, const char *account,
			const char *password)
{
	ask(checker, password ? REMOVE : REMOVE_UNASKED, asker, account, password ? password : "");
}

void apo_checker_refresh(struct apo_checker *checker)
{
	if (checker->store)
		ask(checker, REFRESH, (struct apo_asker){0, REFRESH_NETWORK}, "", "");
}

bool apo_checker_wait(struct apo_checker *checker, int64_t deadline_at_ns)
{
	struct timespec until = {.tv_sec = deadline_at_ns / RUDP_NS_PER_S,
				 .tv_nsec = deadline_at_ns % RUDP_NS_PER_S};
	int error = 0;
	bool is_idle;

	pthread_mutex_lock(&checker->lock);
	while (error == 0 && (checker->questions.count > 0 || checker->is_working))
		error = pthread_cond_clockwait(&checker->done, &checker->lock, CLOCK_MONOTONIC,
					       &until);
	is_idle = checker->questions.count == 0 && !checker->is_working;
	pthread_mutex_unlock(&checker->lock);
	return is_idle;
}

int apo_checker_hash(const char *password, char hash[APO_HASH_SIZE])
{
	return crypto_pwhash_str(hash, password, strlen(password),
				 crypto_pwhash_OPSLIMIT_INTERACTIVE,
				 crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0
		       ? 0
		       : -ENOMEM;
}

int apo_checker_start(struct apo_checker *checker, struct apo_mailbox *answers,
		      struct apo_store *store)
{
	memset(checker, 0, sizeof *checker);
	apo_fair_queue_init(&checker->questions, APO_CHECKS_MAX);
	checker->answers = answers;
	checker->store = store;
	pthread_mutex_init(&checker->lock, NULL);
	pthread_cond_init(&checker->asked, NULL);
	pthread_cond_init(&checker->done, NULL);
	return -pthread_create(&checker->thread, NULL, check_all, checker);
}

void apo_checker_stop(struct apo_checker *checker)
{
	struct apo_fair_item *item;

	pthread_mutex_lock(&checker->lock);
	checker->is_over = true;
	pthread_mutex_unlock(&checker->lock);
	pthread_cond_signal(&checker->asked);
	pthread_join(checker->thread, NULL);
	while ((item = apo_fair_queue_pop(&checker->questions)))
		question_free(question_of(item));
	pthread_cond_destroy(&checker->asked);
	pthread_cond_destroy(&checker->done);
	pthread_mutex_destroy(&checker->lock);
}
