/* SPDX-License-Identifier: MIT */
#include "conversation/store/backup_kinds.h"

#include <string.h>

#include "conversation/irc/fingerprint.h"
#include "conversation/irc/names.h"
#include "conversation/irc/registry_record.h"
#include "conversation/store/store.h"

#define ID_OF(parameter) "(SELECT id FROM accounts WHERE name = " parameter ")"
#define IS_ACCOUNT(parameter) "EXISTS (SELECT 1 FROM accounts WHERE name = " parameter ")"
#define ACCOUNT_LISTS "('" APO_REGISTRY_OPERATORS "', '" APO_REGISTRY_VOICES "')"
/* The name of the buffer of a message: of its channel, or of two accounts
 * (apo_history_name_private). */
#define PAIR(function) function "(" ID_OF("?6") ", " ID_OF("?7") ")"
#define BUFFER_NAME "ifnull(?5, '@' || " PAIR("min") " || ',' || " PAIR("max") ")"

const struct apo_backup_kind apo_backup_kinds[] = {
	{"account",
	 "accounts",
	 "accounts ORDER BY id",
	 {"INSERT INTO accounts (name, password_hash, made_at_s) VALUES (?1, ?2, ?3)"},
	 "",
	 {{"name", "name", APO_BACKUP_ACCOUNT, false},
	  {"password", "password_hash", APO_BACKUP_HASH, false},
	  {"made_at_s", "made_at_s", APO_BACKUP_SECONDS, false}}},

	{"key",
	 "account_keys",
	 "account_keys JOIN accounts ON accounts.id = account ORDER BY accounts.id, fingerprint",
	 {"INSERT INTO account_keys (fingerprint, account, made_at_s) SELECT ?2, id, ?3 "
	  "FROM accounts WHERE name = ?1"},
	 "the account must be of an earlier line",
	 {{"account", "accounts.name", APO_BACKUP_ACCOUNT, false},
	  {"fingerprint", "fingerprint", APO_BACKUP_KEY, false},
	  {"made_at_s", "account_keys.made_at_s", APO_BACKUP_SECONDS, false}}},

	/* lower() changes A to Z only, like the casemapping of channels. */
	{"channel",
	 "channels",
	 "channels LEFT JOIN accounts ON accounts.id = founder ORDER BY channels.id",
	 {"INSERT INTO channels (folded, name, founder, modes, key, topic, topic_by, user_limit, "
	  "registered_at_s, created_at_s, used_at_s, topic_at_s, public_from) SELECT lower(?1), "
	  "?1, " ID_OF(
		  "?2") ", ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ifnull(?12, 0) WHERE ?2 IS NULL "
			"OR " IS_ACCOUNT("?2")},
	 "the founder must be an account of an earlier line",
	 {{"name", "channels.name", APO_BACKUP_CHANNEL, false},
	  {"founder", "accounts.name", APO_BACKUP_ACCOUNT, true},
	  {"modes", "modes", APO_BACKUP_LETTERS, false},
	  {"key", "key", APO_BACKUP_WORD, true},
	  {"topic", "topic", APO_BACKUP_TEXT, true},
	  {"topic_by", "topic_by", APO_BACKUP_WORD, true},
	  {"limit", "user_limit", APO_BACKUP_COUNT, false},
	  {"registered_at_s", "registered_at_s", APO_BACKUP_SECONDS, false},
	  {"created_at_s", "created_at_s", APO_BACKUP_SECONDS, false},
	  {"used_at_s", "used_at_s", APO_BACKUP_SECONDS, false},
	  {"topic_at_s", "topic_at_s", APO_BACKUP_SECONDS, false},
	  {"public_from", "nullif(public_from, 0)", APO_BACKUP_POSITION, true}}},

	{"entry",
	 "channel_entries",
	 "channel_entries JOIN channels ON channels.id = channel "
	 "LEFT JOIN accounts ON accounts.id = account WHERE list NOT IN " ACCOUNT_LISTS
	 " OR accounts.id IS NOT NULL ORDER BY channels.id, channel_entries.id",
	 {"INSERT INTO channel_entries (channel, list, entry, account, set_by, set_at_s) "
	  "SELECT id, ?2, ?3, CASE WHEN ?2 IN " ACCOUNT_LISTS
	  " THEN " ID_OF("?3") " END, ?4, ?5 FROM channels WHERE folded = lower(?1) AND "
			       "(?2 NOT IN " ACCOUNT_LISTS " OR " IS_ACCOUNT("?3") ")"},
	 "the channel, and the account of an entry of the lists o and v, must be of earlier lines",
	 {{"channel", "channels.name", APO_BACKUP_CHANNEL, false},
	  {"list", "list", APO_BACKUP_LIST, false},
	  {"entry", "ifnull(accounts.name, entry)", APO_BACKUP_WORD, false},
	  {"set_by", "set_by", APO_BACKUP_WORD, false},
	  {"set_at_s", "set_at_s", APO_BACKUP_SECONDS, false}}},

	{"ban",
	 "bans",
	 "bans ORDER BY id",
	 {"INSERT INTO bans (kind, target, set_by, reason, set_at_s, ends_at_s) "
	  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
	 "",
	 {{"kind", "kind", APO_BACKUP_BAN_KIND, false},
	  {"target", "target", APO_BACKUP_WORD, false},
	  {"set_by", "set_by", APO_BACKUP_WORD, false},
	  {"reason", "reason", APO_BACKUP_TEXT, false},
	  {"set_at_s", "set_at_s", APO_BACKUP_SECONDS, false},
	  {"ends_at_s", "ends_at_s", APO_BACKUP_SECONDS, false}}},

	{"audit",
	 "audit",
	 "audit ORDER BY number",
	 {"INSERT INTO audit (number, is_open, at_s, action, text) VALUES (?1, ?2, ?3, ?4, ?5)"},
	 "",
	 {{"number", "number", APO_BACKUP_POSITION, false},
	  {"open", "is_open", APO_BACKUP_FLAG, false},
	  {"at_s", "at_s", APO_BACKUP_SECONDS, false},
	  {"action", "action", APO_BACKUP_WORD, false},
	  {"text", "text", APO_BACKUP_TEXT, false}}},

	{"message",
	 "messages",
	 "messages JOIN buffers ON buffers.id = buffer LEFT JOIN accounts AS a ON a.id = account_a "
	 "LEFT JOIN accounts AS b ON b.id = account_b WHERE account_a IS NULL OR "
	 "(a.id IS NOT NULL AND b.id IS NOT NULL) ORDER BY position",
	 {"INSERT INTO buffers (name, account_a, account_b, count) SELECT new, " ID_OF(
		  "?6") ", " ID_OF("?7") ", 0 FROM (SELECT " BUFFER_NAME
					 " AS new) WHERE new IS NOT NULL AND NOT EXISTS (SELECT 1 "
					 "FROM buffers WHERE name = new)",
	  "INSERT INTO messages (position, run, time_ms, is_notice, source, target, account, tags, "
	  "text, buffer) SELECT ?1, ?2, ?3, ?4, ?8, ?9, ?10, ?11, ?12, id FROM buffers WHERE "
	  "name = " BUFFER_NAME
	  " AND (?5 IS NULL) <> (?6 IS NULL) AND (?6 IS NULL) = (?7 IS NULL)"},
	 "it is of a channel, or between two accounts of earlier lines",
	 {{"position", "position", APO_BACKUP_POSITION, false},
	  {"run", "printf('%016llx', run)", APO_BACKUP_RUN, false},
	  {"time_ms", "time_ms", APO_BACKUP_MILLISECONDS, false},
	  {"notice", "is_notice", APO_BACKUP_FLAG, false},
	  {"channel", "CASE WHEN account_a IS NULL THEN buffers.name END", APO_BACKUP_FOLDED, true},
	  {"account_a", "a.name", APO_BACKUP_ACCOUNT, true},
	  {"account_b", "b.name", APO_BACKUP_ACCOUNT, true},
	  {"source", "source", APO_BACKUP_WORD, false},
	  {"target", "target", APO_BACKUP_WORD, false},
	  {"account", "messages.account", APO_BACKUP_WORD, true},
	  {"tags", "tags", APO_BACKUP_WORD, true},
	  {"text", "text", APO_BACKUP_LINES, false}}},

	{"presence",
	 "presence",
	 "presence JOIN accounts ON accounts.id = account ORDER BY presence.id",
	 {"INSERT INTO presence (id, account, channel, first, last) SELECT ?1, id, ?3, ?4, ?5 "
	  "FROM accounts WHERE name = ?2 AND ifnull(?5 >= ?4, 1)"},
	 "the account must be of an earlier line, and last not less than first",
	 {{"id", "presence.id", APO_BACKUP_POSITION, false},
	  {"account", "accounts.name", APO_BACKUP_ACCOUNT, false},
	  {"channel", "channel", APO_BACKUP_FOLDED, false},
	  {"first", "first", APO_BACKUP_START, false},
	  {"last", "last", APO_BACKUP_START, true}}},

	{"marker",
	 "markers",
	 "markers JOIN accounts ON accounts.id = account ORDER BY accounts.id, target",
	 {"INSERT INTO markers (account, target, time_ms) SELECT id, ?2, ?3 FROM accounts "
	  "WHERE name = ?1"},
	 "the account must be of an earlier line",
	 {{"account", "accounts.name", APO_BACKUP_ACCOUNT, false},
	  {"target", "target", APO_BACKUP_WORD, false},
	  {"time_ms", "time_ms", APO_BACKUP_MILLISECONDS, false}}},
};
const size_t apo_backup_kind_count = sizeof apo_backup_kinds / sizeof *apo_backup_kinds;
_Static_assert(sizeof apo_backup_kinds / sizeof *apo_backup_kinds <= APO_BACKUP_KINDS_MAX,
	       "a statement for each kind");

const char apo_backup_finish[] =
	"UPDATE buffers SET count = (SELECT count(*) FROM messages WHERE buffer = buffers.id)";

/* ---- values ---- */

#define TEXT_BYTES_MAX 8191          /* a line of IRC with its tags */
#define POSITION_MAX (INT64_MAX / 2) /* the server counts on from there */
#define SECONDS_MAX 253402300799     /* the end of the year 9999 */

static const char digits[] = "0123456789abcdef";
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool is_text(const char *text)
{
	return strlen(text) <= TEXT_BYTES_MAX && !text[strcspn(text, "\r\n")];
}

static bool is_printable_word(const char *text)
{
	return is_text(text) && apo_is_word(text);
}

static bool is_hash(const char *text)
{
	static const char start[] = "$argon2";

	return strncmp(text, start, sizeof start - 1) == 0 && is_printable_word(text) &&
	       apo_secret_is_valid(text);
}

static bool is_folded(const char *text)
{
	const char *p;

	if (!apo_channel_is_valid(text, APO_CHANNEL_BYTES_MAX))
		return false;
	for (p = text; *p && *p == apo_fold_char(*p); p++)
		;
	return !*p;
}

static bool is_letter_of(const char *text, const char *choices)
{
	return strlen(text) == 1 && strchr(choices, *text);
}

bool apo_backup_is_text(enum apo_backup_type type, const char *text, const char **expected)
{
	switch (type) {
	case APO_BACKUP_ACCOUNT:
		*expected = "the name of an account";
		return apo_nick_is_valid(text, APO_NICK_BYTES_MAX);
	case APO_BACKUP_HASH:
		*expected = "the hash of a password ($argon2...)";
		return is_hash(text);
	case APO_BACKUP_KEY:
		*expected = "the fingerprint of a key (64 hexadecimal digits, or SHA256:...)";
		return apo_fingerprint_is_valid(text);
	case APO_BACKUP_CHANNEL:
		*expected = "the name of a channel";
		return apo_channel_is_valid(text, APO_CHANNEL_BYTES_MAX);
	case APO_BACKUP_FOLDED:
		*expected = "the name of a channel, in lower case";
		return is_folded(text);
	case APO_BACKUP_LIST:
		*expected = "the letter of a list (b, e, I, q, o, v)";
		return is_letter_of(text, "beIq" APO_REGISTRY_OPERATORS APO_REGISTRY_VOICES);
	case APO_BACKUP_BAN_KIND:
		*expected = "the letter of a kind of bans (d, k, x, a)";
		return is_letter_of(text, "dkxa");
	case APO_BACKUP_LETTERS:
		*expected = "letters";
		return strspn(text, letters) == strlen(text);
	case APO_BACKUP_WORD:
		*expected = "a word, without spaces and line ends";
		return is_printable_word(text);
	case APO_BACKUP_TEXT:
		*expected = "a text without line ends, of at most 8191 bytes";
		return is_text(text);
	case APO_BACKUP_LINES:
		*expected = "a text of at most 8191 bytes";
		return strlen(text) <= TEXT_BYTES_MAX;
	case APO_BACKUP_RUN:
		*expected = "16 hexadecimal digits in lower case";
		return strlen(text) == 16 && strspn(text, digits) == 16;
	case APO_BACKUP_FLAG:
	case APO_BACKUP_COUNT:
	case APO_BACKUP_POSITION:
	case APO_BACKUP_START:
	case APO_BACKUP_SECONDS:
	case APO_BACKUP_MILLISECONDS:
		break;
	}
	return false;
}

bool apo_backup_is_number(enum apo_backup_type type, int64_t number, const char **expected)
{
	static const struct {
		const char *expected;
		int64_t min, max;
	} ranges[] = {
		[APO_BACKUP_FLAG] = {"true or false", 0, 1},
		[APO_BACKUP_COUNT] = {"a number from 0 to 2147483647", 0, INT32_MAX},
		[APO_BACKUP_POSITION] = {"a number from 1 to 4611686018427387903", 1, POSITION_MAX},
		[APO_BACKUP_START] = {"a number from 0 to 4611686018427387903", 0, POSITION_MAX},
		[APO_BACKUP_SECONDS] = {"seconds since 1970", 0, SECONDS_MAX},
		[APO_BACKUP_MILLISECONDS] = {"milliseconds since 1970", 0, SECONDS_MAX * 1000},
	};

	if (!apo_backup_is_number_type(type))
		return false;
	*expected = ranges[type].expected;
	return number >= ranges[type].min && number <= ranges[type].max;
}
