/* SPDX-License-Identifier: MIT */
/* history_private - what the files of history share. */
#ifndef APO_STORE_HISTORY_PRIVATE_H
#define APO_STORE_HISTORY_PRIVATE_H

#include "conversation/irc/names.h"
#include "conversation/store/history.h"
#include "conversation/store/sql.h"

#define APO_BUFFER_NAME_SIZE (APO_CHANNEL_BYTES_MAX + 1) /* "@id,id" is shorter */

#define APO_MESSAGE_COLUMNS "position, run, time_ms, is_notice, source, target, account, tags, text"

#define APO_HISTORY_STATEMENTS(X)                                                                  \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLL_BACK, "ROLLBACK")                                                                   \
	X(ACCOUNT_ID, "SELECT id FROM accounts WHERE name = ?1")                                   \
	X(ACCOUNT_NAME, "SELECT name FROM accounts WHERE id = ?1")                                 \
	X(BUFFER_FIND, "SELECT id FROM buffers WHERE name = ?1")                                   \
	X(BUFFER_MAKE, "INSERT INTO buffers (name, account_a, account_b, count) "                  \
		       "VALUES (?1, ?2, ?3, 0)")                                                   \
	X(BUFFER_COUNT, "UPDATE buffers SET count = count + ?2 WHERE id = ?1")                     \
	X(MESSAGE_ADD, "INSERT INTO messages (" APO_MESSAGE_COLUMNS ", buffer) "                   \
		       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                         \
	X(MESSAGE_FIND, "SELECT run, time_ms, source, account FROM messages WHERE "                \
			"position = ?1 AND buffer = ?2")                                           \
	X(MESSAGE_DROP, "DELETE FROM messages WHERE position = ?1 AND run = ?2")                   \
	X(PRESENCE_BEGIN, "INSERT INTO presence (id, account, channel, first) "                    \
			  "VALUES (?1, ?2, ?3, ?4)")                                               \
	X(PRESENCE_END, "UPDATE presence SET last = ?2 WHERE id = ?1")                             \
	X(PRESENCE_DROP,                                                                           \
	  "DELETE FROM presence WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM messages WHERE "       \
	  "buffer = (SELECT id FROM buffers WHERE name = presence.channel) AND "                   \
	  "position > presence.first AND position <= presence.last)")                              \
	X(MARKER_SET, "INSERT INTO markers (account, time_ms, target) VALUES (?1, ?2, ?3) ON "     \
		      "CONFLICT DO UPDATE SET time_ms = max(time_ms, excluded.time_ms)")           \
	X(MARKERS_DROP, "DELETE FROM markers")                                                     \
	X(PRESENCES, "SELECT first, last FROM presence WHERE account = ?1 AND channel = ?2 "       \
		     "ORDER BY first DESC LIMIT ?3")                                               \
	X(BACKWARD, "SELECT " APO_MESSAGE_COLUMNS " FROM messages WHERE buffer = ?1 AND "          \
		    "position >= ?2 AND position <= ?3 ORDER BY position DESC LIMIT ?4")           \
	X(FORWARD, "SELECT " APO_MESSAGE_COLUMNS " FROM messages WHERE buffer = ?1 AND "           \
		   "position >= ?2 AND position <= ?3 ORDER BY position LIMIT ?4")                 \
	X(AT_OR_BEHIND, "SELECT position, run, time_ms FROM messages WHERE position >= ?1 "        \
			"ORDER BY position LIMIT 1")                                               \
	X(BEFORE, "SELECT position, run, time_ms FROM messages WHERE position < ?1 "               \
		  "ORDER BY position DESC LIMIT 1")                                                \
	X(CHANNELS_OF, "SELECT DISTINCT channel FROM presence WHERE account = ?1 LIMIT ?2")        \
	X(BUFFERS_OF_A, "SELECT id, account_b FROM buffers WHERE account_a = ?1 LIMIT ?2")         \
	X(BUFFERS_OF_B, "SELECT id, account_a FROM buffers WHERE account_b = ?1 AND "              \
			"account_a <> account_b LIMIT ?2")                                         \
	X(OLDEST, "SELECT position, time_ms FROM messages ORDER BY position LIMIT ?1")             \
	X(DELETE_UP_TO, "DELETE FROM messages WHERE position <= ?1")                               \
	X(BUFFERS_BEHIND, "SELECT id, count FROM buffers WHERE id > ?1 ORDER BY id LIMIT ?2")      \
	X(DELETE_OF, "DELETE FROM messages WHERE position IN (SELECT position FROM messages "      \
		     "WHERE buffer = ?1 ORDER BY position LIMIT ?2)")                              \
	X(PRESENCES_BEHIND, "SELECT id, last FROM presence WHERE id > ?1 ORDER BY id LIMIT ?2")    \
	X(PRESENCES_DELETE, "DELETE FROM presence WHERE id > ?1 AND id <= ?2 AND last < ?3")       \
	X(COPY_MESSAGES, "SELECT " APO_MESSAGE_COLUMNS ", name, account_a, account_b FROM "        \
			 "messages JOIN buffers ON buffers.id = buffer "                           \
			 "WHERE position > ?1 AND position <= ?2 ORDER BY position")               \
	X(COPY_PRESENCES, "SELECT id, account, channel, first, last FROM presence "                \
			  "WHERE id > ?1 AND id <= ?2 ORDER BY id")                                \
	X(CUT_MESSAGES, "DELETE FROM messages WHERE position > ?1 AND position <= ?2")             \
	X(CUT_PRESENCES, "DELETE FROM presence WHERE id > ?1 AND id <= ?2")                        \
	X(PRESENCE_PASTE, "INSERT INTO presence (id, account, first, last, channel) "              \
			  "VALUES (?1, ?2, ?3, nullif(?4, -1), ?5)")                               \
	X(PAGES, "SELECT page_count - freelist_count FROM pragma_page_count, "                     \
		 "pragma_freelist_count")

enum apo_history_statement {
#define APO_HISTORY_STATEMENT(name, sql) APO_SQL_##name,
	APO_HISTORY_STATEMENTS(APO_HISTORY_STATEMENT)
#undef APO_HISTORY_STATEMENT
		APO_SQL_COUNT
};

struct apo_history {
	sqlite3 *db;
	sqlite3_stmt *statements[APO_SQL_COUNT];
	/* The buffer of the last message. Its row is written once for many messages in a row. */
	char buffer_name[APO_BUFFER_NAME_SIZE]; /* "": none */
	int64_t buffer_id;
	int64_t buffer_more; /* messages to add to the count in its row */
	int64_t last_position;
	int64_t page_bytes;
	int64_t buffers_seen, presences_seen; /* ids up to which pruning has come */
};

/* Binds integers to the statement's parameters, in order. Returns the statement. */
sqlite3_stmt *apo_history_bind(struct apo_history *history, enum apo_history_statement which,
			       unsigned count, const int64_t *values);
/* The id of an account, or of a buffer: that of a channel, or the one named by
 * apo_history_name_private for two accounts. 0: there is none. Or a negative errno value. */
int64_t apo_history_account(struct apo_history *history, const char *name);
/* The id, if it is not 0. */
int64_t apo_history_account_or(struct apo_history *history, int64_t id, const char *name);
int64_t apo_history_buffer(struct apo_history *history, const char *name);
void apo_history_name_private(char name[APO_BUFFER_NAME_SIZE], int64_t a, int64_t b);
/* Runs and resets a statement that returns no rows. 0 or a negative errno value. */
int apo_history_run(sqlite3_stmt *statement);
/* Finds or makes the buffer, and remembers it. a, b: the accounts of a private buffer, else 0. */
int apo_history_use_buffer(struct apo_history *history, const char *name, int64_t a, int64_t b);
/* Adds a message to the remembered buffer. */
int apo_history_add_row(struct apo_history *history, const struct apo_said *said);
/* Removes the message for any requester. If there is none, nothing changes. */
int apo_history_drop(struct apo_history *history, uint64_t run, int64_t position);
/* Writes the count of the remembered buffer to the database, and forgets the buffer. */
int apo_history_settle(struct apo_history *history);

/* ---- reading ---- */

#define APO_INTERVALS_MAX 1024 /* of one account in one channel; the newest are used */

/* An interval of positions, from first to last, both included. */
struct apo_interval {
	int64_t first, last;
};

struct apo_page_reading {
	struct apo_history *history;
	int64_t buffer;
	struct apo_interval *intervals; /* sorted, not overlapping, not adjacent */
	unsigned count;
	struct apo_page *page;
	unsigned limit;
	size_t bytes;
};

static inline const char *apo_column_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

void apo_page_clear(struct apo_page *page);
/* Copies a message into one allocation, without its channel or accounts, which the asker knows.
 * Adds its size to bytes. NULL without memory. */
struct apo_said *apo_page_copy(struct apo_said *from, size_t *bytes);

/* Adds an interval. Call it for the interval that ends last first. */
void apo_history_add_interval(struct apo_page_reading *reading, int64_t first, int64_t last);
/* Sets the intervals in which the account was in the channel. 0 or a negative errno value. */
int apo_history_find_presences(struct apo_page_reading *reading, int64_t account,
			       const char *channel);
/* Sets the buffer of the question (0: there is none) and the intervals of it that the client may
 * read. Returns 1; 0: it may read nothing there; or a negative errno value. */
int apo_history_find_readable(struct apo_page_reading *reading,
			      const struct apo_question *question);
/* Adds the messages of the intervals that lie within to the page, up to the limit, in the order of
 * the statement way: FORWARD or BACKWARD. 0 or a negative errno value. */
int apo_history_walk(struct apo_page_reading *reading, enum apo_history_statement way,
		     struct apo_interval within);

enum apo_asked apo_history_ask_targets(struct apo_page_reading *reading,
				       const struct apo_question *question);

#endif
