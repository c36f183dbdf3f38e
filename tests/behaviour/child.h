/* SPDX-License-Identifier: MIT */
/*
 * child - runs parts of checks in other processes, and executes this program again.
 */
#ifndef RUDP_TESTS_BEHAVIOUR_CHILD_H
#define RUDP_TESTS_BEHAVIOUR_CHILD_H

#include <sys/types.h>

/* fork that must succeed. */
pid_t begin_child(void);
/* Waits for the child, and prints "who: exit code N" or "who: killed by SIGNAME". */
void say_end(const char *who, pid_t pid);

/*
 * A part of this program that runs when it is executed with the arguments from part_arguments(). It
 * gets the descriptor named there, and may use say() as the check does.
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

/* Does not return if the program was executed to run a part. */
void part_run_if_asked(int argc, char **argv);

struct arguments {
	char number[16];
	char *list[5];
};
char **part_arguments(struct arguments *arguments, const char *name, int fd);
/* The path of this program, also after /proc was unmounted. */
const char *own_path(void);
/* Executes the part in this process, with its environment. */
void become_part(const char *name, int fd) __attribute__((noreturn));
/* The same with an empty environment and without the shim, which would restore itself. */
void become_plain_part(const char *name, int fd) __attribute__((noreturn));

#endif
