/* SPDX-License-Identifier: MIT */
/*
 * child - what checks do in other processes: how those have ended, and this very program executed anew.
 */
#ifndef RUDP_TESTS_BEHAVIOUR_CHILD_H
#define RUDP_TESTS_BEHAVIOUR_CHILD_H

#include <sys/types.h>

/* fork that must succeed. */
pid_t begin_child(void);
/* Waits, and says "who: exit code N" or "who: killed by SIGNAME". */
void say_end(const char *who, pid_t pid);

/*
 * A piece of this program that runs when it is executed with arguments from part_arguments(). It gets
 * the descriptor named there, and may say() as the check does.
 */
#define PART(part_name)                                                                            \
	static void part_##part_name(int fd);                                                      \
	static const struct part part_of_##part_name                                               \
		__attribute__((section("parts"), used, aligned(8))) = {#part_name,                 \
								       part_##part_name};          \
	static void part_##part_name(int fd)

struct part {
	const char *name;
	void (*run)(int fd);
};

/* Does not return when the program was executed for a part. */
void part_run_if_asked(int argc, char **argv);

struct arguments {
	char number[16];
	char *list[5];
};
char **part_arguments(struct arguments *arguments, const char *name, int fd);
/* Where this program lies, also when there is no /proc any more. */
const char *own_path(void);
/* Executes the part in place of this process, with its environment. */
void become_part(const char *name, int fd) __attribute__((noreturn));
/* The same with an empty environment and past the shim, which would put itself back in. */
void become_plain_part(const char *name, int fd) __attribute__((noreturn));

#endif
