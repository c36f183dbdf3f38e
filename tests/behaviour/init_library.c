/* SPDX-License-Identifier: MIT */
/* Sockets before main, after main, and in libraries that are loaded and unloaded. */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

#define PATH_BYTES 4200

/* The library is beside this program. */
static const char *module_path(void)
{
	static char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s-module.so", own_path());
	return path;
}

static int port_of(const struct sockaddr_storage *addr)
{
	return ntohs(((const struct sockaddr_in *)addr)->sin_port);
}

static void tell_port(const struct sockaddr_storage *addr)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", port_of(addr));
	setenv("MODULE_PORT", text, 1);
}

static void say_text(const char *who, int fd)
{
	char text[64] = "";
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	say("%s: \"%s\", then %s", who, text, n == 0 ? "end of file" : strerrorname_np(errno));
}

typedef int dial_function(int port);
typedef int connection_function(void);
typedef int family_function(int fd);

static void *symbol(void *module, const char *name)
{
	void *found = module ? dlsym(module, name) : NULL;

	must(found != NULL, "the module");
	return found;
}

static void use_module(int flags)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int waiting = listener(AF_INET, &addr);
	void *module = dlopen(module_path(), flags);
	dial_function *module_dial = (dial_function *)(long)symbol(module, "module_dial");
	family_function *family = (family_function *)(long)symbol(module, "module_family");
	int client = module_dial(port_of(&addr));
	int server = accept(waiting, NULL, NULL);

	say_alive("its connection", client, server);
	say_result("getpeername", getpeername(client, (struct sockaddr *)&addr, &len));
	say("family %d", addr.ss_family);
	say("the module sees family %d", family(client));
	say_result("shutdown", shutdown(client, SHUT_WR));
	say_rest("peer", server);
	close(client);
	connected_pair(AF_INET, &client, &server);
	say("of the program's connection: %d, %d", family(client), family(server));
	say_result("dlclose", dlclose(module));
}

CHECK(a_module_connects)
{
	use_module(RTLD_NOW | RTLD_LOCAL);
}

/* libc alone would let this library call libc directly, without any preloaded library. */
CHECK(a_module_that_binds_deeply_connects)
{
	use_module(RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
}

/* dlopen searches the RUNPATH of its caller, which is $ORIGIN here. */
CHECK(a_module_is_found_by_the_run_path_of_the_program)
{
	void *module = dlopen(strrchr(module_path(), '/') + 1, RTLD_NOW);

	say("found: %d", module != NULL);
}

CHECK(a_module_opens_sockets_when_it_comes_and_goes)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);

	tell_port(&addr);
	for (int i = 0; i < 2; i++) {
		void *module = dlopen(module_path(), RTLD_NOW);
		int first = accept(waiting, NULL, NULL);

		must(module != NULL && first >= 0, "dlopen");
		say_result("dlclose", dlclose(module));
		say_text("first", first);
		say_text("late", accept(waiting, NULL, NULL));
	}
}

/* The loading thread holds the loader's lock, so a socket call must not need that lock. */
CHECK(a_module_waits_for_a_thread_with_a_socket_while_it_is_loaded)
{
	setenv("MODULE_THREAD", "1", 1);
	void *module = dlopen(module_path(), RTLD_NOW);
	connection_function *module_sent =
		(connection_function *)(long)symbol(module, "module_sent");

	say("sent: %d", module_sent());
	say_result("dlclose", dlclose(module));
}

PART(uses_what_the_module_opened)
{
	connection_function *connection =
		(connection_function *)(long)dlsym(RTLD_DEFAULT, "module_connection");
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	(void)fd;
	must(connection != NULL, "the preloaded module");
	say_result("getpeername", getpeername(connection(), (struct sockaddr *)&addr, &len));
	say("family %d", addr.ss_family);
	must(send(connection(), "main ", 5, 0) == 5, "send");
	say_new_connection("a new one");
}

static void preloaded_module(bool first)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	const char *before = getenv("LD_PRELOAD");
	char preload[2 * PATH_BYTES];
	pid_t pid;

	tell_port(&addr);
	if (first)
		snprintf(preload, sizeof(preload), "%s:%s", module_path(), before ? before : "");
	else
		snprintf(preload, sizeof(preload), "%s:%s", before ? before : "", module_path());
	pid = begin_child();
	if (pid == 0) {
		setenv("LD_PRELOAD", preload, 1);
		become_part("uses_what_the_module_opened", 0);
	}
	say_text("opened before main", accept(waiting, NULL, NULL));
	say_text("opened after exit", accept(waiting, NULL, NULL));
	say_end("program", pid);
}

CHECK(a_library_in_front_opens_sockets_before_main_and_after_exit)
{
	preloaded_module(true);
}

CHECK(a_library_behind_opens_sockets_before_main_and_after_exit)
{
	preloaded_module(false);
}

static void connect_at_exit(void)
{
	say_new_connection("at exit");
}

PART(connects_at_exit)
{
	(void)fd;
	atexit(connect_at_exit);
}

CHECK(the_first_socket_is_opened_at_exit)
{
	pid_t pid = begin_child();

	if (pid == 0)
		become_part("connects_at_exit", 0);
	say_end("program", pid);
}

PART(has_a_connection)
{
	(void)fd;
	say_new_connection("a connection");
}

static void with_variable(const char *name, const char *value)
{
	pid_t pid = begin_child();

	if (pid == 0) {
		setenv(name, value, 1);
		become_part("has_a_connection", 0);
	}
	say_end("program", pid);
}

CHECK(symbols_are_bound_at_once)
{
	with_variable("LD_BIND_NOW", "1");
}

CHECK(malloc_checks_itself)
{
	with_variable("MALLOC_PERTURB_", "165");
}
