/* SPDX-License-Identifier: MIT */
/* command - parses what the user has typed: a command, or text to say. */
#ifndef CV_COMMAND_H
#define CV_COMMAND_H

#define CV_COMMANDS(X)                                                                             \
	X(SAY, "", 0, "text: say it in the present channel")                                       \
	X(JOIN, "join", 1, "/join #channel [key]: join it, and make it the present channel")       \
	X(PART, "part", 0, "/part [#channel]: leave it")                                           \
	X(MSG, "msg", 2, "/msg target text: say it to a channel or a nick")                        \
	X(ME, "me", 1, "/me text: describe what you do")                                           \
	X(NAMES, "names", 0, "/names [#channel]: show who is there")                               \
	X(TOPIC, "topic", 0, "/topic [text]: show or change the topic")                            \
	X(NICK, "nick", 1, "/nick name: change your nick")                                         \
	X(RAW, "raw", 1, "/raw line: send a line of IRC unchanged")                                \
	X(HELP, "help", 0, "/help: show this list")                                                \
	X(QUIT, "quit", 0, "/quit [text]: leave the server")

enum cv_command_kind {
#define X(name, word, words, help) CV_##name##_COMMAND,
	CV_COMMANDS(X)
#undef X
		CV_NO_COMMAND, /* not valid: first says why */
};

struct cv_command {
	enum cv_command_kind kind;
	const char *first, *rest; /* in the line; "": missing */
};

/* Parses the line in place. "//x" says "/x". channel is the present channel, or "". If a command
 * names no channel, first is the present one. */
struct cv_command cv_command_read(char *line, const char *channel);

/* The help of the command with index i. NULL: there are no more. */
const char *cv_command_help(unsigned i);

#endif
