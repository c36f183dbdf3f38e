/* SPDX-License-Identifier: MIT */
/*
 * message - one line of IRC in its parts, and parts made into a line.
 *
 * Grammar    [@tags SPACE] [:source SPACE] command {SPACE parameter} [SPACE :last parameter], parts
 *            separated by one or more spaces (modern-irc "Message Format", IRCv3 message-tags).
 * Memory     nothing is allocated: the parser puts terminators into the line itself, so each part
 *            is a C string in it; the formatter writes into a line of the largest size there is.
 * Threads    none kept: any.
 */
#ifndef APO_MESSAGE_H
#define APO_MESSAGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define APO_BODY_BYTES_MAX 512         /* without tags, with CR LF */
#define APO_CLIENT_TAGS_BYTES_MAX 4096 /* what a client may send: "@", 4094 bytes, space */
#define APO_SERVER_TAGS_BYTES_MAX 8191 /* "@", 4094 of a client, ";", 4094 of ours, space */
#define APO_PARAMS_MAX 15              /* the last one takes the rest of the line */
#define APO_TAGS_MAX 64                /* that a line may carry; each has two bytes at least */

/* The longest line that a client may send, without its CR LF (or LF). Whoever cuts lines hands a
 * longer one over cut to one byte more: apo_message_parse refuses it then by its length. */
#define APO_LINE_BYTES_MAX (APO_CLIENT_TAGS_BYTES_MAX + APO_BODY_BYTES_MAX - 2)

#define APO_MESSAGE_VERDICTS(X)                                                                    \
	X(OK)                                                                                      \
	X(EMPTY)         /* no command: ignored without a word (modern-irc) */                     \
	X(TAGS_TOO_LONG) /* 417 */                                                                 \
	X(TOO_LONG)      /* 417: the part behind the tags */                                       \
	X(BAD)           /* NUL, CR or LF in it, or a command of other than letters and digits */

enum apo_message_verdict {
#define APO_MESSAGE_ENUM(name) APO_MESSAGE_##name,
	APO_MESSAGE_VERDICTS(APO_MESSAGE_ENUM)
#undef APO_MESSAGE_ENUM
};

struct apo_tag {
	const char *key;   /* with its "+" and vendor */
	const char *value; /* unescaped; "" where there is none */
};

struct apo_message {
	struct apo_tag tags[APO_TAGS_MAX]; /* each key once: of equal ones the last stands */
	unsigned tag_count;
	const char *source; /* NULL: none */
	const char *command;
	const char *params[APO_PARAMS_MAX]; /* behind the last one: "" */
	unsigned param_count;
};

/*
 * Takes a line without its end apart.
 *
 * line     len bytes, and one more that may be written to. Terminators are put into it, and tags
 *          are unescaped in place; the parts of message point into it and live as long.
 * Returns  the verdict. On TAGS_TOO_LONG and TOO_LONG nothing of message is set; on BAD and EMPTY
 *          the tags may be (so that a label can be answered). Of more than APO_TAGS_MAX tags the
 *          rest is left out.
 */
enum apo_message_verdict apo_message_parse(char *line, size_t len, struct apo_message *message);

/* The value of the tag; NULL: it is not there. */
const char *apo_message_tag(const struct apo_message *message, const char *key);

/* "nick!user@host" in its parts, in place; what is missing is "". nick is never NULL. */
struct apo_source {
	const char *nick, *user, *host;
};
struct apo_source apo_source_split(char *source);

/* ---- writing ---- */

/*
 * A line that is being written: at most APO_BODY_BYTES_MAX with its end. What does not fit is cut,
 * at a character's boundary of UTF-8. The parts are put in order: begin, params, end.
 */
struct apo_line {
	char bytes[APO_BODY_BYTES_MAX];
	size_t len;
};

/* ":source command"; source NULL: only the command. */
void apo_line_begin(struct apo_line *line, const char *source, const char *command);
/* " value": one word, neither empty nor beginning with a colon (or it must be the last). */
void apo_line_param(struct apo_line *line, const char *value);
/* " :value", whatever is in it. The last one. */
void apo_line_last(struct apo_line *line, const char *value);
/* " " and what printf makes of it. */
void apo_line_format(struct apo_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void apo_line_vformat(struct apo_line *line, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/* CR LF, for which there is always room. */
void apo_line_end(struct apo_line *line);
/* Bytes that still fit before the end. */
size_t apo_line_room(const struct apo_line *line);

/*
 * Escapes a tag's value (";", space, CR, LF, backslash) to at most cap bytes, without a terminator.
 *
 * Returns    the bytes written; SIZE_MAX when they do not fit.
 */
size_t apo_tag_escape(char *to, size_t cap, const char *value);

#endif
