/* SPDX-License-Identifier: MIT */
/* The auth thread with a store: its answers as mail. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation/server/auth_thread.h"
#include "conversation/server/secrets.h"
#include "conversation/server/records.h"
#include "conversation/store/store_private.h"

/* All clients are in one network unless a test uses another. */
#define FROM(number) ((struct apo_asker){.ticket = (number), .network = 1})

static struct apo_mailbox box;
static struct apo_auth_thread auth_thread;
static struct apo_store *store;
static char directory[64], file[80];
static struct apo_mail *mail; /* taken from the mailbox and not looked at yet */

static void begin(void)
{
	char reason[256] = "";

	cr_assert(ge(int, sodium_init(), 0));
	strcpy(directory, "/tmp/apollonion-checker.XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(file, sizeof file, "%s/db", directory);
	store = apo_store_open(file, reason, sizeof reason);
	cr_assert(ne(ptr, store, NULL), "%s", reason);
	cr_assert(eq(int, apo_mailbox_init(&box), 0));
	cr_assert(eq(int, apo_auth_thread_start(&auth_thread, &box, store), 0));
}

static void end(void)
{
	apo_auth_thread_stop(&auth_thread);
	apo_store_close(store);
	apo_mailbox_fini(&box);
	cr_assert(eq(int, unlink(file), 0));
	cr_assert(eq(int, rmdir(directory), 0));
}

TestSuite(auth_thread, .init = begin, .fini = end, .timeout = 600);

/* The next piece of mail, which must be of this kind; the caller owns it. */
static void *next(enum apo_mail_kind kind)
{
	struct pollfd wait = {.fd = box.fd, .events = POLLIN};
	struct apo_mail *taken;

	while (!mail) {
		(void)poll(&wait, 1, -1);
		mail = apo_mailbox_take(&box);
	}
	taken = mail;
	mail = mail->next;
	cr_assert(eq(int, taken->kind, (int)kind));
	return taken;
}

static void answered(uint64_t ticket, enum apo_checked result, const char *text)
{
	struct apo_auth_answer *answer = next(APO_MAIL_CHECKED);

	cr_assert(eq(u64, answer->ticket, ticket));
	cr_assert(eq(int, (int)answer->result, (int)result));
	cr_assert(eq(str, answer->text, (char *)text));
	free(answer);
}

static char last_nonce[APO_SCRAM_NONCE_SIZE];

static void told_news(enum apo_account_news news, const char *name)
{
	struct apo_account_mail *account = next(APO_MAIL_ACCOUNT);

	cr_assert(eq(int, (int)account->news, (int)news));
	cr_assert(eq(str, account->account, (char *)name));
	free(account);
}

static void told(const char *name)
{
	told_news(APO_ACCOUNT_IS_THERE, name);
}

static void ignore(void *of, int64_t id, const char *name)
{
	(void)id;
	(void)of;
	(void)name;
}

Test(auth_thread, an_account_is_created_reported_and_verified)
{
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_REGISTER, "Dan", "correct horse");
	told("Dan");
	answered(1, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_ACCOUNT, "dan", "correct horse");
	answered(2, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(3), APO_AUTH_ACCOUNT, "dan", "correct hors");
	answered(3, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(4), APO_AUTH_ACCOUNT, "eve", "correct horse");
	answered(4, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(5), APO_AUTH_REGISTER, "DAN", "another horse");
	answered(5, APO_CHECKED_WRONG, "");
}

static void scram_answered(enum apo_checked result, const char *keys, const char *name)
{
	struct apo_auth_answer *answer = next(APO_MAIL_CHECKED);
	char *rest = answer->text, *nonce = strsep(&rest, " ");

	cr_assert(eq(int, (int)answer->result, (int)result));
	cr_assert(eq(sz, strlen(nonce), APO_SCRAM_NONCE_SIZE - 1));
	cr_assert(ne(int, strncmp(nonce, last_nonce, sizeof last_nonce), 0));
	strcpy(last_nonce, nonce);
	cr_assert(eq(int, strncmp(rest, keys, strlen(keys)), 0), "%s", rest);
	cr_assert(eq(str, strchr(rest, ' ') + 1, (char *)name));
	free(answer);
}

/* An account gets keys of SCRAM when it is made, or at the next login; without the setting it loses
 * them. */
Test(auth_thread, keys_of_scram_are_made_when_the_password_is_known)
{
	char hash[APO_SECRET_SIZE], renewed[APO_SECRET_SIZE];
	struct apo_account account;

	auth_thread.makes_scram = true;
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_REGISTER, "Dan", "correct horse");
	told("Dan");
	answered(1, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_SCRAM, "dan", "fake");
	scram_answered(APO_CHECKED_RIGHT, "SCRAM-SHA-256$200000:", "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(3), APO_AUTH_SCRAM, "eve", "fake");
	scram_answered(APO_CHECKED_WRONG, "fake ", "*");
	apo_auth_thread_ask(&auth_thread, FROM(4), APO_AUTH_ACCOUNT, "dan", "correct horse");
	answered(4, APO_CHECKED_RIGHT, "Dan");
	auth_thread.makes_scram = false;
	apo_auth_thread_ask(&auth_thread, FROM(5), APO_AUTH_ACCOUNT, "dan", "correct hors");
	answered(5, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(6), APO_AUTH_SCRAM, "dan", "fake");
	scram_answered(APO_CHECKED_RIGHT, "SCRAM-SHA-256$200000:", "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(7), APO_AUTH_ACCOUNT, "dan", "correct horse");
	answered(7, APO_CHECKED_RIGHT, "Dan");
	cr_assert(eq(int, apo_account_find(store, "dan", &account), 0));
	cr_assert(apo_secret_is_valid(account.password_hash));
	cr_assert(eq(ptr, (char *)apo_secret_keys(account.password_hash), NULL));
	auth_thread.makes_scram = true;
	apo_auth_thread_ask(&auth_thread, FROM(8), APO_AUTH_ACCOUNT, "dan", "correct horse");
	answered(8, APO_CHECKED_RIGHT, "Dan");
	cr_assert(eq(int, apo_account_find(store, "dan", &account), 0));
	cr_assert(apo_secret_is_valid(account.password_hash));
	cr_assert(ne(ptr, (char *)apo_secret_keys(account.password_hash), NULL));
	/* A node of a network has the secret itself. */
	cr_assert(eq(int, apo_secret_make("secret", false, hash), 0));
	cr_assert(apo_secret_renew(hash, "secret", true, renewed));
	apo_auth_thread_ask(&auth_thread, FROM(9), APO_AUTH_SECRET, renewed, "secret");
	answered(9, APO_CHECKED_RIGHT, "");
	apo_auth_thread_ask(&auth_thread, FROM(10), APO_AUTH_SCRAM_OF_SECRET, renewed, "fake");
	scram_answered(APO_CHECKED_RIGHT, apo_secret_keys(renewed), "*");
	apo_auth_thread_ask(&auth_thread, FROM(11), APO_AUTH_SCRAM_OF_SECRET, hash, "fake");
	scram_answered(APO_CHECKED_WRONG, "fake ", "*");
	auth_thread.makes_scram = false;
	apo_auth_thread_ask(&auth_thread, FROM(12), APO_AUTH_SECRET, renewed, "secret");
	answered(12, APO_CHECKED_RIGHT, hash);
	apo_auth_thread_ask(&auth_thread, FROM(13), APO_AUTH_SECRET, renewed, "Secret");
	answered(13, APO_CHECKED_WRONG, "");
}

Test(auth_thread, a_given_hash_is_verified)
{
	char hash[APO_SECRET_SIZE];

	cr_assert(eq(int, apo_secret_make("secret", false, hash), 0));
	cr_assert(eq(int, strncmp(hash, "$argon2id$", 10), 0));
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_PASSWORD, hash, "secret");
	answered(1, APO_CHECKED_RIGHT, "");
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_PASSWORD, hash, "Secret");
	answered(2, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(3), APO_AUTH_PASSWORD, "no hash", "secret");
	answered(3, APO_CHECKED_WRONG, "");
}

Test(auth_thread, accounts_that_another_process_adds_are_reported)
{
	char reason[256] = "";
	struct apo_store *other = apo_store_open(file, reason, sizeof reason);

	cr_assert(ne(ptr, other, NULL), "%s", reason);
	cr_assert(eq(int, apo_account_add(other, "fay", "hash", 1), 0));
	apo_auth_thread_refresh(&auth_thread);
	told_news(APO_ACCOUNTS_BEGIN, "");
	told("fay");
	told_news(APO_ACCOUNTS_END, "");
	cr_assert(eq(int, apo_account_add(other, "gus", "hash", 1), 0));
	apo_store_close(other);
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_ACCOUNT, "nobody", "x");
	told("gus");
	answered(1, APO_CHECKED_WRONG, "");
}

Test(auth_thread, removing_an_account_needs_its_password)
{
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_REGISTER, "Dan", "correct horse");
	told("Dan");
	answered(1, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_REMOVE, "dan", "correct hors");
	answered(2, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(3), APO_AUTH_REMOVE, "dan", "");
	answered(3, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(4), APO_AUTH_REMOVE_UNASKED, "eve", "");
	answered(4, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(5), APO_AUTH_REMOVE, "dan", "correct horse");
	told_news(APO_ACCOUNT_IS_GONE, "Dan");
	answered(5, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(6), APO_AUTH_ACCOUNT, "dan", "correct horse");
	answered(6, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(7), APO_AUTH_REGISTER, "dan", "another horse");
	told("dan");
	answered(7, APO_CHECKED_RIGHT, "dan");
	apo_auth_thread_ask(&auth_thread, FROM(8), APO_AUTH_REMOVE_UNASKED, "dan", "");
	told_news(APO_ACCOUNT_IS_GONE, "dan");
	answered(8, APO_CHECKED_RIGHT, "dan");
}

Test(auth_thread, accounts_that_another_process_removes_are_not_reported)
{
	char reason[256] = "";
	struct apo_store *other = apo_store_open(file, reason, sizeof reason);

	cr_assert(ne(ptr, other, NULL), "%s", reason);
	cr_assert(eq(int, apo_account_add(other, "fay", "hash", 1), 0));
	cr_assert(eq(int, apo_account_add(other, "gus", "hash", 1), 0));
	apo_auth_thread_refresh(&auth_thread);
	told_news(APO_ACCOUNTS_BEGIN, "");
	told("fay");
	told("gus");
	told_news(APO_ACCOUNTS_END, "");
	cr_assert(eq(int, apo_account_remove(other, "FAY"), 0));
	apo_store_close(other);
	apo_auth_thread_refresh(&auth_thread);
	told_news(APO_ACCOUNTS_BEGIN, "");
	told("gus");
	told_news(APO_ACCOUNTS_END, "");
}

Test(auth_thread, a_too_long_name_has_no_account)
{
	char name[400];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_ACCOUNT, name, "x");
	answered(1, APO_CHECKED_WRONG, "");
	name[APO_NICK_BYTES_MAX + 1] = '\0';
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_REGISTER, name, "x");
	answered(2, APO_CHECKED_FAILED, "");
}

/* The thread has no question yet, so the test may use the store. */
Test(auth_thread, a_full_disk_only_fails_the_request)
{
	char name[16];
	unsigned i = 0;

	cr_assert(eq(int, sqlite3_exec(store->db, "PRAGMA max_page_count = 8", NULL, NULL, NULL),
		     SQLITE_OK));
	do
		snprintf(name, sizeof name, "name%u", i++);
	while (apo_account_add(store, name, "a hash of many bytes, to fill pages", 1) == 0);
	cr_assert(eq(int, apo_accounts_tell_new(store, ignore, NULL), 0));
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_REGISTER, name, "password");
	answered(1, APO_CHECKED_FAILED, "");
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_ACCOUNT, name, "password");
	answered(2, APO_CHECKED_WRONG, "");
}

Test(auth_thread, requests_beyond_the_queue_are_refused_at_once)
{
	char hash[APO_SECRET_SIZE];
	unsigned i, failed = 0;
	struct apo_auth_answer *answer;

	cr_assert(eq(int, apo_secret_make("secret", false, hash), 0));
	for (i = 0; i < APO_CHECKS_MAX + 10; i++)
		apo_auth_thread_ask(&auth_thread, FROM(i), APO_AUTH_PASSWORD, hash, "wrong");
	for (i = 0; i < APO_CHECKS_MAX + 10; i++) {
		answer = next(APO_MAIL_CHECKED);
		failed += answer->result == APO_CHECKED_FAILED;
		cr_assert(ne(int, (int)answer->result, (int)APO_CHECKED_RIGHT));
		free(answer);
	}
	/* At most one of them was being worked on. */
	cr_assert(ge(uint, failed, 1));
	cr_assert(le(uint, failed, 10));
}

Test(auth_thread, a_network_that_fills_the_queue_leaves_room_for_another)
{
	struct apo_asker other = {.ticket = 1000, .network = 2};
	char hash[APO_SECRET_SIZE];
	unsigned i, checked_before = 0;
	bool is_answered = false;
	struct apo_auth_answer *answer;

	cr_assert(eq(int, apo_secret_make("secret", false, hash), 0));
	for (i = 0; i < APO_CHECKS_MAX + 10; i++)
		apo_auth_thread_ask(&auth_thread, FROM(i), APO_AUTH_PASSWORD, hash, "wrong");
	apo_auth_thread_ask(&auth_thread, other, APO_AUTH_PASSWORD, hash, "secret");
	for (i = 0; i < APO_CHECKS_MAX + 11; i++) {
		answer = next(APO_MAIL_CHECKED);
		if (answer->ticket == other.ticket) {
			cr_assert(eq(int, (int)answer->result, APO_CHECKED_RIGHT));
			is_answered = true;
		}
		checked_before += !is_answered && answer->result != APO_CHECKED_FAILED;
		free(answer);
	}
	cr_assert(is_answered);
	/* A check takes longer than all the questions together, but the machine may be busy. */
	cr_assert(le(uint, checked_before, APO_CHECKS_MAX / 2));
}

#define KEY "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_KEY "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

Test(auth_thread, a_key_says_whose_account_it_is)
{
	apo_auth_thread_ask(&auth_thread, FROM(1), APO_AUTH_REGISTER, "Dan", "correct horse");
	told("Dan");
	answered(1, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(2), APO_AUTH_KEY, "", KEY);
	answered(2, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(3), APO_AUTH_KEY_ADD, "dan", KEY);
	answered(3, APO_CHECKED_RIGHT, "dan");
	apo_auth_thread_ask(&auth_thread, FROM(4), APO_AUTH_KEY, "", KEY);
	answered(4, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(5), APO_AUTH_KEY, "DAN", KEY);
	answered(5, APO_CHECKED_RIGHT, "Dan");
	apo_auth_thread_ask(&auth_thread, FROM(6), APO_AUTH_KEY, "eve", KEY);
	answered(6, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(7), APO_AUTH_KEY, "dan", OTHER_KEY);
	answered(7, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(8), APO_AUTH_KEYS, "dan", "");
	answered(8, APO_CHECKED_RIGHT, KEY);
	apo_auth_thread_ask(&auth_thread, FROM(9), APO_AUTH_KEY_REMOVE, "dan", OTHER_KEY);
	answered(9, APO_CHECKED_WRONG, "");
	apo_auth_thread_ask(&auth_thread, FROM(10), APO_AUTH_KEY_REMOVE, "dan", KEY);
	answered(10, APO_CHECKED_RIGHT, "dan");
	apo_auth_thread_ask(&auth_thread, FROM(11), APO_AUTH_KEY, "", KEY);
	answered(11, APO_CHECKED_WRONG, "");
}
