/* SPDX-License-Identifier: MIT */
/*
 * message - parses a line of IRC into its parts, and builds lines.
 *
 * Grammar    [@tags SPACE] [:source SPACE] command {SPACE parameter} [SPACE :last parameter]. Parts
 *            are separated by one or more spaces (modern-irc "Message Format", IRCv3 message-tags).
 * Memory     Nothing is allocated. The parser writes terminators into the line, so that each part
 *            is a C string in it. The formatter writes into a line of the largest size.
 * Threads    Any; there is no state.
 */
#ifndef APO_MESSAGE_H
#define APO_MESSAGE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define APO_BODY_BYTES_MAX 512         /* without tags, with CR LF */
#define APO_CLIENT_TAGS_BYTES_MAX 4096 /* tags that a client may send: "@", 4094 bytes, space */
#define APO_SERVER_TAGS_BYTES_MAX 8191 /* "@", 4094 of a client, ";", 4094 of the server, space */
#define APO_PARAMS_MAX 15              /* the last one is the rest of the line */
#define APO_TAGS_MAX 64                /* tags of a line that are kept */

/* The longest line that a client may send, without its CR LF (or LF). The code that splits input
 * into lines cuts a longer one to one byte more; apo_message_parse then refuses it for its
 * length. */
#define APO_LINE_BYTES_MAX (APO_CLIENT_TAGS_BYTES_MAX + APO_BODY_BYTES_MAX - 2)

#define APO_MESSAGE_VERDICTS(X)                                                                    \
	X(OK)                                                                                      \
	X(EMPTY)         /* no command: silently ignored (modern-irc) */                           \
	X(TAGS_TOO_LONG) /* answered with 417 */                                                   \
	X(TOO_LONG)      /* the part after the tags; answered with 417 */                          \
	X(BAD)           /* contains NUL, CR or LF, or the command is not letters or digits */

enum apo_message_verdict {
#define APO_MESSAGE_ENUM(name) APO_MESSAGE_##name,
	APO_MESSAGE_VERDICTS(APO_MESSAGE_ENUM)
#undef APO_MESSAGE_ENUM
};

struct apo_tag {
	const char *key;   /* with "+" and vendor, if any */
	const char *value; /* unescaped; "" if it has none */
};

struct apo_message {
	struct apo_tag tags[APO_TAGS_MAX]; /* each key once: the last one in the line counts */
	unsigned tag_count;
	const char *source;                 /* NULL: none */
	const char *command;                /* NULL: the line was refused before it was read */
	const char *params[APO_PARAMS_MAX]; /* "" after the last one */
	unsigned param_count;
};

/*
 * Parses a line without CR LF.
 *
 * line     len bytes, and one more that may be written to. The parser writes terminators and
 *          unescaped tags into it. The parts of message point into it, and live as long.
 * Returns  the verdict. On TAGS_TOO_LONG and TOO_LONG nothing of message is set. On BAD and EMPTY
 *          the tags may be set, so that a label can be answered. Tags beyond APO_TAGS_MAX are
 *          ignored.
 */
enum apo_message_verdict apo_message_parse(char *line, size_t len, struct apo_message *message);

/* The value of the tag; NULL: the message does not have it. */
const char *apo_message_tag(const struct apo_message *message, const char *key);

/* Splits "nick!user@host", in place. Missing parts are "". nick is never NULL. */
struct apo_source {
	const char *nick, *user, *host;
};
struct apo_source apo_source_split(char *source);

/* ---- writing ---- */

/*
 * A line that is being built: at most APO_BODY_BYTES_MAX with CR LF. What does not fit is cut, at
 * the boundary of a UTF-8 character. Call begin first, then the parameters, then end.
 */
struct apo_line {
	char bytes[APO_BODY_BYTES_MAX];
	size_t len;
};

/* Writes ":source command". source NULL: only the command. */
void apo_line_begin(struct apo_line *line, const char *source, const char *command);
/* Writes " value": one word, not empty, without ":" in front (else it must be the last one). */
void apo_line_param(struct apo_line *line, const char *value);
/* Writes " :value", with any content, as the last parameter. */
void apo_line_last(struct apo_line *line, const char *value);
/* Writes a space and formatted text. */
void apo_line_format(struct apo_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void apo_line_vformat(struct apo_line *line, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/* Writes CR LF, for which there is always room. */
void apo_line_end(struct apo_line *line);
/* Writes a whole line: ":source ", unless source is NULL, the formatted rest, and its end. */
void apo_line_print(struct apo_line *line, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void apo_line_vprint(struct apo_line *line, const char *source, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
/* Writes a whole line BATCH with that number. sign: '+' begins the batch, '-' ends it. type and
 * about, the parameters of its beginning, may be NULL. */
void apo_line_batch(struct apo_line *line, const char *source, char sign, uint64_t number,
		    const char *type, const char *about);
/* The number of bytes that still fit before CR LF. */
size_t apo_line_room(const struct apo_line *line);

/*
 * Escapes a tag's value (";", space, CR, LF, backslash) to at most cap bytes, without a terminator.
 *
 * Returns    the bytes written; SIZE_MAX when they do not fit.
 */
size_t apo_tag_escape(char *to, size_t cap, const char *value);

#endif
