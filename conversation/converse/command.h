/* SPDX-License-Identifier: MIT */
/* command - what a user has typed: a command, or text to be said. */
#ifndef CV_COMMAND_H
#define CV_COMMAND_H

#define CV_COMMANDS(X)                                                                             \
	X(SAY, "", 0, "text: says it in the present channel")                                      \
	X(JOIN, "join", 1, "/join #channel [key]: goes there; it is the present channel then")     \
	X(PART, "part", 0, "/part [#channel]: leaves it")                                          \
	X(MSG, "msg", 2, "/msg target text: says it there")                                        \
	X(ME, "me", 1, "/me text: says what you do")                                               \
	X(NAMES, "names", 0, "/names [#channel]: who is there")                                    \
	X(TOPIC, "topic", 0, "/topic [text]: shows or changes the topic")                          \
	X(NICK, "nick", 1, "/nick name: another name for you")                                     \
	X(RAW, "raw", 1, "/raw line: a line of IRC as it is")                                      \
	X(HELP, "help", 0, "/help: this")                                                          \
	X(QUIT, "quit", 0, "/quit [text]: leaves")

enum cv_command_kind {
#define X(name, word, words, help) CV_##name##_COMMAND,
	CV_COMMANDS(X)
#undef X
		CV_NO_COMMAND, /* first: what is wrong with it */
};

struct cv_command {
	enum cv_command_kind kind;
	const char *first, *rest; /* in the line; "": not there */
};

/* Takes the line apart, in place. "//x" says "/x". channel is the present one, or "". What names no
 * channel where it may is meant for it: then first is channel. */
struct cv_command cv_command_read(char *line, const char *channel);

/* The help of each command; NULL behind the last. */
const char *cv_command_help(unsigned i);

#endif
