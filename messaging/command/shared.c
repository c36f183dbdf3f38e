/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "messaging/command/command.h"
#include "rudp/rudp.h"

#define NOTICE_NS INT64_C(1000000000) /* without an answer for this long the user is told */

/* The meaning of errors of connecting, for people who type commands. */
static const struct {
	int error;
	const char *text;
} causes[] = {
	{ETIMEDOUT,
	 "no answer. Does a node listen there, with the same key (RUDP_KEY_FILE), and does the "
	 "network let UDP to that port pass?"},
	{ECONNREFUSED, "no node listens there"},
	{EHOSTUNREACH, "the host does not exist, or there is no route to it"},
	{EPROTO, "the program that answers there is not a messaging node"},
	{EKEYREJECTED, "the node there has another key, or none is set here (RUDP_KEY_FILE); or "
		       "the name of one of the two nodes belongs to another identity"},
	{ENXIO, "the node there does not have the name given with --peer"},
	{EEXIST, "the node there has the same name: each node needs its own --id"},
	{EOPNOTSUPP, "--ack stored needs a node with a store there (--store)"},
	{EUSERS, "the node there has reached its limit of connections"},
	{EADDRINUSE, "another program listens there"},
	{ESTALE,
	 "another program has connected to that node with this --id. No message was sent: each "
	 "program needs its own --id"},
	{EINVAL, "--peer is the name of another node: 1 to 63 printable characters without space, "
		 "different from --id"},
	{ENOKEY, "RUDP_KEY_FILE cannot be used; 'rudp keygen --check FILE' says why"},
};

static const char *cause_of(int error)
{
	size_t i;

	for (i = 0; i < sizeof causes / sizeof *causes; i++)
		if (causes[i].error == error)
			return causes[i].text;
	return strerror(error);
}

/* Without a key: a node that has one does not answer, so the key may be the reason. */
static const char *refusal(const struct command_options *options)
{
	const char *key = getenv("RUDP_KEY_FILE");

	return options->node.transport == RUDPMSG_TRANSPORT_RUDP && (!key || !*key)
		       ? "no node listens there, or only with a key (RUDP_KEY_FILE)"
		       : cause_of(ECONNREFUSED);
}

void command_complain_of_same_id(const struct command_options *options)
{
	char other[COMMAND_PROCESS_TEXT_SIZE];
	bool is_here = command_find_same_id("/proc", (long)getpid(), options->id, other);

	warnx("another program uses --id %s, and has taken the link to %s%s%s: %s", options->id,
	      options->peer ? options->peer : "the peer", options->to_host[0] ? " at " : "",
	      options->to_host, is_here ? other : "no process of this user seems to use it here");
}

static int connect_within(const struct command_options *options, struct rudpmsg_node *node,
			  int64_t timeout_ns, rudpmsg_conn_id *conn)
{
	return rudpmsg_connect(node, options->to_host, options->to_port, options->peer, timeout_ns,
			       conn);
}

/* error: of the last attempt. */
static void report_waiting(const struct command_options *options, int error)
{
	if (options->quiet)
		return;
	warnx("no answer %s%s%sat %s port %u yet%s%s; trying again", options->peer ? "from " : "",
	      options->peer ? options->peer : "", options->peer ? " " : "", options->to_host,
	      (unsigned)options->to_port, error == -ECONNREFUSED ? ": " : "",
	      error == -ECONNREFUSED ? refusal(options) : "");
}

static int connect_peer(const struct command_options *options, struct rudpmsg_node *node,
			rudpmsg_conn_id *conn)
{
	int64_t first_ns = options->timeout_ns < NOTICE_NS ? options->timeout_ns : NOTICE_NS;
	char name[RUDPMSG_NAME_MAX + 1];
	int rc = connect_within(options, node, first_ns, conn);

	if (rc == -EINPROGRESS) {
		report_waiting(options, rudpmsg_conn_error(node, *conn));
		return 0;
	}
	/* Without --peer nothing can be sent until a node has answered. */
	if ((rc == -ETIMEDOUT || rc == -ECONNREFUSED || rc == -ECONNRESET) &&
	    first_ns < options->timeout_ns) {
		report_waiting(options, rc);
		rc = connect_within(options, node, options->timeout_ns - first_ns, conn);
	}
	if (rc < 0) {
		warnx("cannot connect to %s port %u: %s", options->to_host,
		      (unsigned)options->to_port,
		      rc == -ECONNREFUSED ? refusal(options) : cause_of(-rc));
		if (rc == -ESTALE)
			command_complain_of_same_id(options);
		return rc;
	}
	if (!options->quiet && rudpmsg_conn_name(node, *conn, name) == 0)
		warnx("connected to %s", name);
	return 0;
}

/* Checks that rudp works here. Otherwise an error of this host could be reported as the peer's:
 * some errno values are the same. */
static bool has_transport(const struct command_options *options)
{
	int fd;

	if (options->node.transport != RUDPMSG_TRANSPORT_RUDP)
		return true;
	fd = rudp_socket(AF_INET, SOCK_CLOEXEC);
	if (fd >= 0) {
		rudp_close(fd);
		return true;
	}
	if (errno == EACCES || errno == EPROTONOSUPPORT)
		warnx("no rudp engine can be found or started here; 'rudp doctor' says why. "
		      "--tcp works without one");
	else
		warnx("rudp cannot be used here: %s", cause_of(errno));
	return false;
}

struct rudpmsg_node *command_open(const struct command_options *options, rudpmsg_conn_id *conn,
				  int *exit_code)
{
	char text[RUDPMSG_ERROR_TEXT_SIZE];
	struct rudpmsg_node *node;
	int rc;

	*exit_code = EXIT_USAGE;
	*conn = 0;
	if (!has_transport(options))
		return NULL;
	rc = rudpmsg_node_open(&node, options->id, &options->node, text);
	if (rc < 0) {
		warnx("%s", text);
		return NULL;
	}
	if (options->listen_port) {
		rc = rudpmsg_listen(node, options->listen_host[0] ? options->listen_host : NULL,
				    options->listen_port);
		if (rc < 0) {
			warnx("cannot listen on %s%sport %u: %s", options->listen_host,
			      options->listen_host[0] ? " " : "", (unsigned)options->listen_port,
			      cause_of(-rc));
			goto free_node;
		}
		if (!options->quiet)
			warnx("%s listens on port %u", options->id, (unsigned)options->listen_port);
	}
	if (options->to_port && connect_peer(options, node, conn) < 0) {
		*exit_code = EXIT_NOT_DELIVERED;
		goto free_node;
	}
	*exit_code = EXIT_DELIVERED;
	return node;

free_node:
	rudpmsg_node_free(node);
	return NULL;
}

bool command_write_message(const struct command_options *options, FILE *out,
			   const struct rudpmsg_message *message)
{
	uint32_t length = htonl((uint32_t)message->length);
	bool good = !options->framed || fwrite(&length, sizeof length, 1, out) == 1;

	good = good && fwrite(message->bytes, 1, message->length, out) == message->length;
	good = good && (options->framed || fputc('\n', out) != EOF);
	good = good && fflush(out) == 0;
	if (!good)
		warnx("cannot write to standard output: %s", strerror(errno));
	return good;
}
