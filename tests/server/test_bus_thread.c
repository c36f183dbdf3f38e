/* SPDX-License-Identifier: MIT */
/* Nodes that subscribe to the log of a NATS server again and again (bus_thread.h). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ftw.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conversation/server/bus_thread.h"

#define READERS 48
#define OPENINGS 8 /* of each reader */
#define IN_FLIGHT 64
#define LIMIT_S 120

static char directory[] = "/tmp/apollonion-bus.XXXXXX", url[64];
static pid_t server;
static struct apo_config config;
static struct apo_mailbox box;
static struct apo_bus_thread author, readers[READERS];
static unsigned openings[READERS], unopened; /* readers that have not been opened that often */
static uint64_t publications;

static void run_server(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("nats-server", "nats-server", "-js", "-a", "127.0.0.1", "-p", "-1", "-sd", directory,
	       "--ports_file_dir", directory, "-l", "/dev/null", (char *)NULL);
	_exit(127);
}

/* The server writes its address into a file when it accepts connections. */
static bool read_url(void)
{
	char path[128], text[512], *begin;
	size_t len;
	FILE *file;

	snprintf(path, sizeof path, "%s/nats-server_%d.ports", directory, (int)server);
	file = fopen(path, "r");
	if (!file)
		return false;
	len = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[len] = '\0';
	begin = strstr(text, "nats://");
	return begin && strchr(begin, '"') && sscanf(begin, "%63[^\"]", url) == 1;
}

static void begin(void)
{
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	server = fork();
	cr_assert(ge(int, server, 0));
	if (server == 0)
		run_server();
	while (!read_url()) {
		cr_assert(eq(int, waitpid(server, NULL, WNOHANG), 0), "there is no nats-server");
		(void)poll(NULL, 0, 10);
	}
	config.cluster_servers = url;
	config.cluster_name = "test";
	config.cluster_node = "node";
	config.cluster_replicas = 1;
	atomic_init(&config.references, 1);
	cr_assert(eq(int, apo_mailbox_init(&box), 0));
}

static int remove_file(const char *path, const struct stat *status, int type, struct FTW *position)
{
	(void)status;
	(void)type;
	(void)position;
	return remove(path);
}

static void end(void)
{
	apo_mailbox_fini(&box);
	kill(server, SIGTERM);
	cr_assert(eq(int, waitpid(server, NULL, 0), server));
	cr_assert(eq(int, nftw(directory, remove_file, 8, FTW_DEPTH | FTW_PHYS), 0));
}

TestSuite(bus_thread, .init = begin, .fini = end, .timeout = LIMIT_S);

static void publish(void)
{
	static const uint8_t entry[100];

	apo_bus_thread_publish(&author, entry, sizeof entry, ++publications);
}

static void on_author(const struct apo_bus_mail *mail)
{
	unsigned i;

	if (mail->news == APO_BUS_ENTRY)
		publish();
	for (i = 0; mail->news == APO_BUS_READY && i < IN_FLIGHT; i++)
		publish();
}

static void on_reader(unsigned reader, const struct apo_bus_mail *mail)
{
	if (mail->news != APO_BUS_READY)
		return;
	openings[reader]++;
	if (openings[reader] == OPENINGS)
		unopened--;
	apo_bus_thread_reopen(&readers[reader],
			      reader % 2 == 0 ? APO_REOPEN_END : APO_REOPEN_CONNECT);
}

static void handle(struct apo_bus_mail *mail)
{
	struct apo_bus_thread *bus =
		mail->mail.kind == READERS ? &author : &readers[mail->mail.kind];

	if (bus == &author)
		on_author(mail);
	else
		on_reader((unsigned)mail->mail.kind, mail);
	if (mail->news == APO_BUS_ENTRY)
		apo_bus_thread_on_handled(bus, mail);
	free(mail);
}

/* The library frees a subscription that an entry is about to be delivered to (bus_thread.c). */
Test(bus_thread, ends_subscriptions_while_entries_come)
{
	int i;

	(void)mallopt(M_PERTURB, 0xff); /* the use of freed memory fails */
	unopened = READERS;
	for (i = 0; i < READERS; i++)
		cr_assert(eq(int, apo_bus_thread_start(&readers[i], &box, i, &config, 0), 0));
	cr_assert(eq(int, apo_bus_thread_start(&author, &box, READERS, &config, 0), 0));
	while (unopened > 0) {
		apo_mailbox_wait(&box, -1);
		APO_MAIL_EACH(mail, &box)
			handle((struct apo_bus_mail *)mail);
	}
	for (i = 0; i < READERS; i++)
		apo_bus_thread_end(&readers[i]);
	for (i = 0; i < READERS; i++)
		cr_assert(eq(int, pthread_join(readers[i].thread, NULL), 0));
	/* The end of the last one waits for all threads of the library. */
	cr_assert(apo_bus_thread_stop(&author));
	APO_MAIL_EACH(mail, &box)
		free(mail);
}
