/* SPDX-License-Identifier: MIT */
#include "conversation/converse/input.h"

#include <editline/readline.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_MAX 500

struct cv_input {
	void (*on_line)(void *of, char *line);
	void *of;
	bool is_edited, has_ended, is_cut;
	bool is_between; /* between two lines: nothing is being typed */
	size_t len;
	char bytes[CV_INPUT_LINE_MAX + 1];
};

#define PROMPT "> "

static struct cv_input *edited; /* libedit's callback has no context */

/* libedit resets the terminal after each line, so its line editor is started again. */
static void on_edited(char *line)
{
	/* Erase the typed line: it is shown again once it has been said. */
	fputs("\033[A\r\033[K", stdout);
	fflush(stdout);
	if (line && *line)
		add_history(line);
	edited->is_between = true;
	edited->on_line(edited->of, line);
	edited->is_between = false;
	if (line)
		rl_callback_handler_install(PROMPT, on_edited);
	free(line);
}

struct cv_input *cv_input_open(bool may_edit, void (*on_line)(void *of, char *line), void *of)
{
	struct cv_input *input = calloc(1, sizeof *input);

	if (!input)
		return NULL;
	input->on_line = on_line;
	input->of = of;
	input->is_edited = may_edit && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (input->is_edited) {
		edited = input;
		setlocale(LC_CTYPE, "");
		rl_initialize();
		stifle_history(HISTORY_MAX);
		rl_callback_handler_install(PROMPT, on_edited);
	}
	return input;
}

void cv_input_close(struct cv_input *input)
{
	if (input->is_edited)
		rl_callback_handler_remove();
	free(input);
}

static void hand_over(struct cv_input *input, char *line, size_t len)
{
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = 0;
	/* A NUL byte would hide the rest of the line, so the whole line is overwritten. */
	if (strlen(line) < len)
		memset(line, 1, len);
	if (!input->is_cut)
		input->on_line(input->of, line);
}

static void cut_lines(struct cv_input *input)
{
	char *line = input->bytes, *end;
	size_t left = input->len;

	while ((end = memchr(line, '\n', left))) {
		hand_over(input, line, (size_t)(end - line));
		input->is_cut = false;
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	memmove(input->bytes, line, left);
	input->len = left;
	if (left < CV_INPUT_LINE_MAX)
		return;
	hand_over(input, input->bytes, left);
	input->is_cut = true;
	input->len = 0;
}

void cv_input_on_readable(struct cv_input *input)
{
	ssize_t n;

	if (input->has_ended)
		return;
	if (input->is_edited) {
		rl_callback_read_char();
		return;
	}
	n = read(STDIN_FILENO, input->bytes + input->len, CV_INPUT_LINE_MAX - input->len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		input->len += (size_t)n;
		cut_lines(input);
		return;
	}
	input->has_ended = true;
	if (input->len > 0)
		hand_over(input, input->bytes, input->len);
	input->on_line(input->of, NULL);
}

/* libedit assumes that its output is still on the screen. So it is stopped, and draws everything
 * again. */
static void print_above(const char *line)
{
	char *typed = strndup(rl_line_buffer ? rl_line_buffer : "", (size_t)rl_end);

	rl_callback_handler_remove();
	printf("\r\033[K%s\n", line);
	fflush(stdout);
	rl_callback_handler_install(PROMPT, on_edited);
	if (typed && *typed) {
		rl_insert_text(typed);
		rl_forced_update_display();
	}
	free(typed);
}

void cv_input_print(struct cv_input *input, const char *line)
{
	if (input->is_edited && !input->is_between)
		print_above(line);
	else
		puts(line);
}
