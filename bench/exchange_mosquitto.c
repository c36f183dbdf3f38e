/* SPDX-License-Identifier: MIT */
/* MQTT, QoS 1, over a broker: the acknowledgement is the broker's. Uses libmosquitto's own
 * threads. */
#include <mosquitto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

#define CLIENTS_MAX 1000
#define UNDER_WAY_MAX 10000 /* messages of all clients that the broker has not acknowledged */
#define RING 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static struct mosquitto *clients[CLIENTS_MAX];
static size_t client_count, up_count, under_way;

static struct received {
	void *bytes;
	size_t size;
} ring[RING];
static size_t head, tail;

static void check(int rc, const char *what)
{
	if (rc != MOSQ_ERR_SUCCESS)
		carrier_die(what, mosquitto_strerror(rc));
}

static void note_up(void)
{
	pthread_mutex_lock(&lock);
	up_count++;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

typedef void connect_callback(struct mosquitto *client, void *context, int rc);

static void on_sender_connect(struct mosquitto *client, void *context, int rc)
{
	(void)client, (void)context;
	check(rc, "connect");
	note_up();
}

static void on_receiver_connect(struct mosquitto *client, void *context, int rc)
{
	(void)context;
	check(rc, "connect");
	check(mosquitto_subscribe(client, NULL, "bench/#", 1), "subscribe");
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *qos)
{
	(void)client, (void)context, (void)id, (void)count, (void)qos;
	note_up();
}

static void on_publish(struct mosquitto *client, void *context, int id)
{
	(void)client, (void)context, (void)id;
	pthread_mutex_lock(&lock);
	under_way--;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

static void on_message(struct mosquitto *client, void *context,
		       const struct mosquitto_message *message)
{
	void *copy = malloc((size_t)message->payloadlen);

	(void)client, (void)context;
	if (!copy)
		carrier_die("receive", "no memory");
	memcpy(copy, message->payload, (size_t)message->payloadlen);
	pthread_mutex_lock(&lock);
	while (tail - head == RING)
		pthread_cond_wait(&change, &lock);
	ring[tail++ % RING] = (struct received){copy, (size_t)message->payloadlen};
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

/* The context is NULL, for which libmosquitto passes the client itself: so the callbacks do not use
 * it to tell the clients apart. */
static struct mosquitto *start(const char *host, const char *port, connect_callback *on_connect)
{
	struct mosquitto *client = mosquitto_new(NULL, true, NULL);

	if (!client)
		carrier_die("client", "no memory");
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_publish_callback_set(client, on_publish);
	mosquitto_message_callback_set(client, on_message);
	mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, 1000);
	mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, 1000);
	check(mosquitto_connect(client, host, atoi(port), 60), "connect");
	check(mosquitto_loop_start(client), "thread");
	return client;
}

static void wait_up(size_t count)
{
	pthread_mutex_lock(&lock);
	while (up_count < count)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
}

void carrier_listen(const char *port)
{
	mosquitto_lib_init();
	clients[0] = start("127.0.0.1", port, on_receiver_connect);
	wait_up(1);
}

const void *carrier_receive(size_t *size)
{
	static struct received now;

	free(now.bytes);
	pthread_mutex_lock(&lock);
	while (head == tail)
		pthread_cond_wait(&change, &lock);
	if (tail - head == RING)
		pthread_cond_broadcast(&change);
	now = ring[head++ % RING];
	pthread_mutex_unlock(&lock);
	*size = now.size;
	return now.bytes;
}

void carrier_connect(const char *host, const char *port, size_t connections)
{
	mosquitto_lib_init();
	for (client_count = 0; client_count < connections; client_count++)
		clients[client_count] = start(host, port, on_sender_connect);
	wait_up(connections);
}

void carrier_send(size_t i, const void *bytes, size_t size)
{
	char topic[32];

	snprintf(topic, sizeof topic, "bench/%zu", i);
	pthread_mutex_lock(&lock);
	while (under_way >= UNDER_WAY_MAX)
		pthread_cond_wait(&change, &lock);
	under_way++;
	pthread_mutex_unlock(&lock);
	check(mosquitto_publish(clients[i], NULL, topic, (int)size, bytes, 1, false), "publish");
}

void carrier_finish(void)
{
	pthread_mutex_lock(&lock);
	while (under_way > 0)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < client_count; i++)
		mosquitto_disconnect(clients[i]);
}
