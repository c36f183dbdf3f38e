/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/time.h"
#include "proto/conn/endpoint.h"

#define DATAGRAM_BYTES 65536
#define DATAGRAMS_PER_PASS 64

struct rudp_probe {
	int fd;
	struct rudp_addr local, remote;
	uint16_t target_port;
	struct rudp_endpoint_config config;
	bool has_identity, has_peer_key, demands_key;
	uint8_t identity[RUDP_STATIC_KEY_BYTES], peer_key[RUDP_STATIC_KEY_BYTES];
	uint8_t demanded_key[RUDP_STATIC_KEY_BYTES];
	struct rudp_endpoint *nobody; /* has no connection: answers a SYNACK with a RESET */
	struct rudp_endpoint *ep;     /* of the current attempt, or NULL */
	struct rudp_conn *conn;
	int64_t sent_at_ns;
	uint8_t datagram[DATAGRAM_BYTES], copy[DATAGRAM_BYTES], train[RUDP_TRAIN_BYTES_MAX];
};

static void random_bytes(void *context, void *out, size_t len)
{
	uint8_t *at = out;

	(void)context;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* only kernels before 3.17: nothing here is safe without it */
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

/* With IP_RECVERR the socket also reports an unreachable host or network. */
static int open_socket(struct rudp_probe *probe)
{
	struct sockaddr_in6 local;
	socklen_t len = sizeof local;
	int on = 1;

	probe->fd = socket(probe->remote.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe->fd < 0)
		return -errno;
	if (probe->remote.family == AF_INET)
		setsockopt(probe->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
	else
		setsockopt(probe->fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
	if (connect(probe->fd, &probe->remote.sa, rudp_addr_len(&probe->remote)) < 0 ||
	    getsockname(probe->fd, (struct sockaddr *)&local, &len) < 0)
		return -errno;
	return rudp_addr_from_sockaddr(&probe->local, (struct sockaddr *)&local, len);
}

struct rudp_probe *rudp_probe_open(const struct rudp_addr *remote, uint16_t target_port,
				   const uint8_t *psk, const uint8_t *identity, int *error)
{
	struct rudp_probe *probe = calloc(1, sizeof *probe);

	*error = -ENOMEM;
	if (!probe)
		return NULL;
	probe->remote = *remote;
	probe->target_port = target_port;
	probe->config.random = random_bytes;
	random_bytes(NULL, probe->config.reset_secret, sizeof probe->config.reset_secret);
	probe->config.resume_off = true; /* the connection is never used, so never resumed */
	probe->config.has_psk = psk != NULL;
	if (psk)
		memcpy(probe->config.psk, psk, sizeof probe->config.psk);
	probe->has_identity = identity;
	if (identity)
		memcpy(probe->identity, identity, sizeof probe->identity);
	*error = open_socket(probe);
	if (*error == 0) {
		probe->nobody = rudp_endpoint_new(&probe->config, rudp_clock_now_ns());
		*error = probe->nobody ? 0 : -ENOMEM;
	}
	if (*error == 0)
		return probe;
	rudp_probe_close(probe);
	return NULL;
}

static void forget_attempt(struct rudp_probe *probe)
{
	if (probe->ep)
		rudp_endpoint_free(probe->ep);
	probe->ep = NULL;
	probe->conn = NULL;
}

void rudp_probe_close(struct rudp_probe *probe)
{
	forget_attempt(probe);
	if (probe->nobody)
		rudp_endpoint_free(probe->nobody);
	if (probe->fd >= 0)
		close(probe->fd);
	explicit_bzero(&probe->config, sizeof probe->config);
	explicit_bzero(probe->identity, sizeof probe->identity);
	free(probe);
}

/* Returns 0 or -errno; the error may be that of an earlier datagram, reported by the network. */
static int send_all(struct rudp_probe *probe, struct rudp_endpoint *ep)
{
	struct rudp_train train = {.data = probe->train, .cap = sizeof probe->train};
	int rc = 0;

	while (rudp_endpoint_transmit(ep, &train, rudp_clock_now_ns()))
		if (send(probe->fd, train.data, train.len, MSG_NOSIGNAL) < 0)
			rc = -errno;
	return rc;
}

static int begin_attempt(struct rudp_probe *probe)
{
	const struct rudp_conn_options options = {
		.asks_peer = true, .peer_key = probe->demands_key ? probe->demanded_key : NULL};
	int error = -ENOMEM;

	forget_attempt(probe);
	probe->ep = rudp_endpoint_new(&probe->config, rudp_clock_now_ns());
	if (!probe->ep ||
	    (probe->has_identity && rudp_endpoint_set_identity(probe->ep, probe->identity) < 0))
		return error;
	probe->conn =
		rudp_endpoint_connect(probe->ep, probe, &probe->local, &probe->remote,
				      probe->target_port, &options, rudp_clock_now_ns(), &error);
	if (!probe->conn)
		return error;
	probe->sent_at_ns = rudp_clock_now_ns();
	return send_all(probe, probe->ep);
}

static void process_datagram(struct rudp_probe *probe, struct rudp_endpoint *ep, uint8_t *data,
			     size_t len)
{
	struct rudp_datagram datagram = {.socket = probe,
					 .local = probe->local,
					 .remote = probe->remote,
					 .data = data,
					 .len = len};

	rudp_endpoint_on_datagram(ep, &datagram, rudp_clock_now_ns());
}

static int result_of_error(int error)
{
	switch (error) {
	case EKEYREJECTED:
		return RUDP_PROBE_KEY;
	case EACCES:
		return RUDP_PROBE_IDENTITY;
	case EPROTONOSUPPORT:
		return RUDP_PROBE_VERSION;
	default:
		return RUDP_PROBE_CLOSED;
	}
}

void rudp_probe_demand_peer_key(struct rudp_probe *probe, const uint8_t *key)
{
	probe->demands_key = key != NULL;
	if (key)
		memcpy(probe->demanded_key, key, sizeof probe->demanded_key);
}

static void learn_peer(struct rudp_probe *probe, const struct rudp_credentials *credentials)
{
	probe->has_peer_key = credentials->has_peer_key && credentials->peer_key_lasts;
	memcpy(probe->peer_key, credentials->peer_key, sizeof probe->peer_key);
}

bool rudp_probe_peer_key(const struct rudp_probe *probe, uint8_t key[RUDP_STATIC_KEY_BYTES])
{
	if (probe->has_peer_key)
		memcpy(key, probe->peer_key, sizeof probe->peer_key);
	return probe->has_peer_key;
}

/*
 * Returns the result of the attempt, or -EAGAIN if there is none yet. When the connection is
 * established, its endpoint is freed before it can send a packet, which would establish the
 * connection at the peer too.
 */
static int on_datagram(struct rudp_probe *probe, size_t len)
{
	memcpy(probe->copy, probe->datagram, len);
	if (!probe->ep) {
		process_datagram(probe, probe->nobody, probe->copy, len);
		send_all(probe, probe->nobody);
		return -EAGAIN;
	}
	process_datagram(probe, probe->ep, probe->copy, len);
	if (rudp_conn_state(probe->conn) == RUDP_STATE_ESTABLISHED) {
		learn_peer(probe, rudp_conn_credentials(probe->conn));
		forget_attempt(probe);
		process_datagram(probe, probe->nobody, probe->datagram, len);
		send_all(probe, probe->nobody);
		return RUDP_PROBE_ANSWERS;
	}
	if (rudp_conn_error(probe->conn) != 0)
		return result_of_error(rudp_conn_error(probe->conn));
	/* The peer has sent a cookie: send the SYN again, with the cookie. */
	if (rudp_endpoint_deadline_ns(probe->ep) <= rudp_clock_now_ns()) {
		probe->sent_at_ns = rudp_clock_now_ns();
		send_all(probe, probe->ep);
	}
	return -EAGAIN;
}

/* Empties the error queue, so that poll does not report it again. Only the newest error counts. */
static int take_error(struct rudp_probe *probe)
{
	int error = 0;
	socklen_t len = sizeof error;
	uint8_t scratch[512];
	struct iovec iov = {scratch, sizeof scratch};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	while (recvmsg(probe->fd, &message, MSG_ERRQUEUE) >= 0)
		message.msg_flags = 0;
	return -error;
}

static int result_of_network(int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return RUDP_PROBE_REFUSED;
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -EHOSTDOWN:
	case -ENETDOWN:
		return RUDP_PROBE_UNREACHABLE;
	default:
		return error;
	}
}

static int receive(struct rudp_probe *probe)
{
	for (int i = 0; i < DATAGRAMS_PER_PASS; i++) {
		ssize_t n = recv(probe->fd, probe->datagram, sizeof probe->datagram, MSG_DONTWAIT);
		int rc;

		if (n < 0)
			return -errno;
		rc = on_datagram(probe, (size_t)n);
		if (rc != -EAGAIN)
			return rc;
	}
	return -EAGAIN;
}

/* Returns -EAGAIN if there is nothing yet, -ETIME if the time is over. */
static int wait_once(struct rudp_probe *probe, int64_t until_ns, const sigset_t *mask)
{
	int64_t left_ns = until_ns - rudp_clock_now_ns();
	struct pollfd poll = {.fd = probe->fd, .events = POLLIN};
	struct timespec span;
	int rc;

	if (left_ns <= 0)
		return -ETIME;
	span = (struct timespec){left_ns / RUDP_NS_PER_S, left_ns % RUDP_NS_PER_S};
	rc = ppoll(&poll, 1, &span, mask);
	if (rc < 0)
		return -errno;
	if (rc == 0)
		return -ETIME;
	if (poll.revents & POLLERR) {
		rc = take_error(probe);
		if (rc < 0)
			return rc;
	}
	return receive(probe);
}

int rudp_probe_ask(struct rudp_probe *probe, int64_t span_ns, const sigset_t *mask, int64_t *rtt_ns)
{
	int64_t until_ns = rudp_clock_now_ns() + span_ns;
	int rc;

	*rtt_ns = 0;
	/* An error of the previous attempt is no answer to this one. */
	take_error(probe);
	rc = begin_attempt(probe);
	if (rc < 0)
		return result_of_network(rc);
	do
		rc = wait_once(probe, until_ns, mask);
	while (rc == -EAGAIN);
	if (rc >= 0)
		*rtt_ns = rudp_clock_now_ns() - probe->sent_at_ns;
	forget_attempt(probe);
	return rc == -ETIME ? RUDP_PROBE_SILENT : result_of_network(rc);
}

int rudp_probe_rest(struct rudp_probe *probe, int64_t until_ns, const sigset_t *mask)
{
	int rc;

	do
		rc = wait_once(probe, until_ns, mask);
	while (rc != -ETIME && rc != -EINTR);
	return rc == -EINTR ? rc : 0;
}

const char *rudp_probe_word(enum rudp_probe_result result)
{
	static const char *const words[] = {
#define WORD(name, word, what) word,
		RUDP_PROBE_RESULTS(WORD)
#undef WORD
	};

	return words[result];
}

const char *rudp_probe_text(enum rudp_probe_result result)
{
	static const char *const texts[] = {
#define TEXT(name, word, what) what,
		RUDP_PROBE_RESULTS(TEXT)
#undef TEXT
	};

	return texts[result];
}
