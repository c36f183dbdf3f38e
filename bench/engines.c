/* SPDX-License-Identifier: MIT */
/*
 * Small requests of many hosts to one or several engines that share a UDP port: requests answered
 * in a second, and the processor time that takes. An engine is a thread with an endpoint of the
 * protocol and a socket, without programs. Generators, also threads of this process, act as the
 * hosts.
 *
 * Each host has its own address (127.16.0.0/12) and each connection its own socket; a connection
 * sends the next request as soon as it has its answer. On loopback the sender's thread does the
 * kernel's work of receiving, the steering included: only the sum of all threads' time is the cost.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/table.h"
#include "plain.h"
#include "speaker.h"

enum {
	HOSTS_MAX = 4096,
	CONNECTIONS_EACH = 8,
	REQUEST_BYTES = 64,
	SPEAKERS_MAX = STEER_ENGINES_MAX,
	TARGET_PORT = 7,
	SECONDS_MAX = 600,
	WARM_UP_S = 1,
};

enum mode {
	MODE_PLAIN, /* one engine with its own socket */
	MODE_HASH,  /* the kernel hashes addresses and ports */
	MODE_STEER, /* the BPF program selects the engine */
};

static struct speaker engines[SPEAKERS_MAX], generators[SPEAKERS_MAX];
static pthread_t engine_threads[SPEAKERS_MAX], generator_threads[SPEAKERS_MAX];
static unsigned engine_count, generator_count, host_count;
static struct steer steer;
static struct rudp_addr server;
static atomic_bool engines_over, generators_over;
static atomic_bool hosts_move;

static void fail(struct speaker *speaker, struct rudp_conn *conn, unsigned events)
{
	if (events & RUDP_EVENT_FAILED)
		atomic_fetch_add_explicit(&speaker->failed, 1, memory_order_relaxed);
	rudp_conn_close(conn, speaker->now_ns);
}

static void accept_all(struct speaker *speaker, struct rudp_listener *listener)
{
	struct rudp_conn *conn;

	while ((conn = rudp_listener_accept(listener)))
		rudp_conn_set_user(conn, speaker);
}

static size_t read_all(struct speaker *speaker, struct rudp_conn *conn)
{
	size_t len = rudp_conn_receive_available(conn);

	rudp_conn_receive_consume(conn, len, speaker->now_ns);
	return len;
}

static void send_bytes(struct speaker *speaker, struct rudp_conn *conn, size_t len)
{
	static const uint8_t bytes[REQUEST_BYTES];

	if (rudp_conn_write(conn, bytes, len, speaker->now_ns) != len)
		die("a request has no room");
}

static void on_engine_event(struct speaker *speaker, struct rudp_conn *conn, unsigned events)
{
	if (rudp_conn_listener(conn) && events & RUDP_EVENT_ESTABLISHED)
		accept_all(speaker, rudp_conn_listener(conn));
	if (events & (RUDP_EVENT_FAILED | RUDP_EVENT_DEAD)) {
		fail(speaker, conn, events);
		return;
	}
	if (!(events & (RUDP_EVENT_READABLE | RUDP_EVENT_ESTABLISHED)))
		return;
	for (size_t len = read_all(speaker, conn); len > 0;) {
		size_t part = len < REQUEST_BYTES ? len : REQUEST_BYTES;

		send_bytes(speaker, conn, part);
		len -= part;
	}
}

/* An answer is one datagram, so it is complete. */
static void on_generator_event(struct speaker *speaker, struct rudp_conn *conn, unsigned events)
{
	if (events & (RUDP_EVENT_FAILED | RUDP_EVENT_DEAD)) {
		fail(speaker, conn, events);
		return;
	}
	if (read_all(speaker, conn) > 0)
		atomic_fetch_add_explicit(&speaker->requests, 1, memory_order_relaxed);
	else if (!(events & RUDP_EVENT_ESTABLISHED))
		return;
	send_bytes(speaker, conn, REQUEST_BYTES);
}

static struct rudp_addr host_address(unsigned number, bool moved)
{
	struct rudp_addr addr = {.in4 = {.sin_family = AF_INET}};

	addr.in4.sin_addr.s_addr = htonl((moved ? 0x7f180001u : 0x7f100001u) + number * 257);
	return addr;
}

/* Moves to another address during the measurement. */
static bool move(void *context, struct rudp_conn *conn)
{
	struct speaker *speaker = context;
	unsigned number = (unsigned)(uintptr_t)rudp_conn_user(conn);
	struct rudp_addr host = host_address(number - 1, true);
	struct speaker_socket *socket_ = speaker_open(speaker, &host, &server, false, NULL);

	rudp_conn_rebind(conn, socket_, &socket_->local, speaker->now_ns);
	return true;
}

static void move_once(struct speaker *speaker)
{
	if (!atomic_load_explicit(&hosts_move, memory_order_relaxed))
		return;
	speaker->on_turn = NULL;
	rudp_endpoint_visit(speaker->ep, move, speaker);
}

static void start_engine(unsigned i, enum mode mode)
{
	struct speaker *engine = &engines[i];
	struct speaker_socket *socket_;

	engine->engine = i;
	engine->steer = mode == MODE_STEER ? &steer : NULL;
	engine->over = &engines_over;
	engine->on_event = on_engine_event;
	speaker_init(engine);
	socket_ = speaker_open(engine, &server, NULL, mode != MODE_PLAIN,
			       mode == MODE_STEER && i == 0 ? &steer : NULL);
	server = socket_->local;
	if (!rudp_endpoint_listen(engine->ep, socket_, TARGET_PORT, host_count * CONNECTIONS_EACH,
				  engine, NULL))
		die("listen");
}

static void connect_host(struct speaker *generator, unsigned number)
{
	struct rudp_addr host = host_address(number, false);
	int error;

	for (unsigned i = 0; i < CONNECTIONS_EACH; i++) {
		struct speaker_socket *socket_ =
			speaker_open(generator, &host, &server, false, NULL);
		struct rudp_conn *conn =
			rudp_endpoint_connect(generator->ep, socket_, &socket_->local, &server,
					      TARGET_PORT, NULL, generator->now_ns, &error);

		if (!conn)
			die("connect");
		rudp_conn_set_user(conn, (void *)(uintptr_t)(number + 1));
	}
}

static void start_generator(unsigned i)
{
	struct speaker *generator = &generators[i];

	generator->over = &generators_over;
	generator->on_event = on_generator_event;
	generator->on_turn = move_once;
	speaker_init(generator);
	for (unsigned number = i; number < host_count; number += generator_count)
		connect_host(generator, number);
}

/* "0,1": a speaker on each of these processors. */
static unsigned parse_cpus(char *text, struct speaker *speakers)
{
	unsigned count = 0;

	for (char *word = strtok_r(text, ",", &text); word; word = strtok_r(NULL, ",", &text)) {
		if (count == SPEAKERS_MAX)
			die("too many processors");
		speakers[count++].cpu = (unsigned)strtoul(word, NULL, 10);
	}
	return count;
}

static void run_all(struct speaker *speakers, pthread_t *threads, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, speaker_run, &speakers[i]) != 0)
			die("pthread_create");
}

static void end_all(const pthread_t *threads, unsigned count, atomic_bool *over)
{
	atomic_store(over, true);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void free_all(struct speaker *speakers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		speaker_fini(&speakers[i]);
}

static double cpu_of(const pthread_t *threads, unsigned count)
{
	double sum_s = 0;

	for (unsigned i = 0; i < count; i++) {
		struct timespec time;
		clockid_t clock;

		if (pthread_getcpuclockid(threads[i], &clock) != 0 ||
		    clock_gettime(clock, &time) < 0)
			die("clock");
		sum_s += (double)time.tv_sec + (double)time.tv_nsec / 1e9;
	}
	return sum_s;
}

static unsigned long sum(const struct speaker *speakers, unsigned count, bool failed)
{
	unsigned long total = 0;

	for (unsigned i = 0; i < count; i++)
		total += atomic_load(failed ? &speakers[i].failed : &speakers[i].requests);
	return total;
}

struct instant {
	double at_s, engine_cpu_s, generator_cpu_s;
	unsigned long requests;
};

static struct instant take_instant(void)
{
	return (struct instant){.at_s = now_s(),
				.engine_cpu_s = cpu_of(engine_threads, engine_count),
				.generator_cpu_s = cpu_of(generator_threads, generator_count),
				.requests = sum(generators, generator_count, false)};
}

static void print_engines(void)
{
	fputs("\"connections\": [", stdout);
	for (unsigned i = 0; i < engine_count; i++)
		printf("%s%u", i ? ", " : "", rudp_endpoint_conn_count(engines[i].ep));
	fputs("], \"unknown_ids\": [", stdout);
	for (unsigned i = 0; i < engine_count; i++)
		printf("%s%llu", i ? ", " : "",
		       (unsigned long long)rudp_endpoint_verdicts(engines[i].ep)
			       ->count[RUDP_VERDICT_UNKNOWN_ID]);
	fputs("]", stdout);
}

static void report(const struct instant *from, const struct instant *to)
{
	double requests = (double)(to->requests - from->requests);
	double engine_s = to->engine_cpu_s - from->engine_cpu_s;
	double generator_s = to->generator_cpu_s - from->generator_cpu_s;

	printf("{\"requests_per_s\": %.0f, \"engine_us_per_request\": %.3f, "
	       "\"all_us_per_request\": %.3f, \"engine_cpus\": %.3f, \"failed\": %lu, ",
	       requests / (to->at_s - from->at_s), engine_s / requests * 1e6,
	       (engine_s + generator_s) / requests * 1e6, engine_s / (to->at_s - from->at_s),
	       sum(generators, generator_count, true));
	print_engines();
	puts("}");
}

static void measure(double seconds, bool moving)
{
	struct instant from, to;

	sleep_until(now_s() + WARM_UP_S);
	from = take_instant();
	atomic_store(&hosts_move, moving);
	sleep_until(from.at_s + seconds);
	to = take_instant();
	end_all(generator_threads, generator_count, &generators_over);
	end_all(engine_threads, engine_count, &engines_over);
	report(&from, &to);
}

static enum mode parse_mode(const char *text, const char *const *lines)
{
	if (strcmp(text, "plain") == 0 && engine_count == 1)
		return MODE_PLAIN;
	if (strcmp(text, "hash") == 0)
		return MODE_HASH;
	if (strcmp(text, "steer") != 0)
		usage(lines);
	return MODE_STEER;
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"engines plain|hash|steer ENGINE-CPUS GENERATOR-CPUS HOSTS SECONDS [move]",
		"   CPUS: a thread on each of these processors, as 0,1; move: to other addresses",
		NULL,
	};
	uint8_t key[16];
	uint32_t random;
	enum mode mode;

	if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "move") != 0))
		usage(lines);
	engine_count = parse_cpus(argv[2], engines);
	generator_count = parse_cpus(argv[3], generators);
	if (engine_count == 0 || generator_count == 0 || (engine_count & (engine_count - 1)) != 0)
		usage(lines);
	host_count = (unsigned)count_from(argv[4], HOSTS_MAX);
	mode = parse_mode(argv[1], lines);
	raise_descriptor_limit();
	fill_random(key, sizeof key);
	rudp_table_set_key(key);
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		die("getrandom");
	steer_init(&steer, engine_count, random);
	rudp_addr_parse(&server, "127.0.0.1:0");
	for (unsigned i = 0; i < engine_count; i++)
		start_engine(i, mode);
	for (unsigned i = 0; i < generator_count; i++)
		start_generator(i);
	run_all(engines, engine_threads, engine_count);
	run_all(generators, generator_threads, generator_count);
	measure((double)count_from(argv[5], SECONDS_MAX), argc == 7);
	free_all(generators, generator_count);
	free_all(engines, engine_count);
	return 0;
}
