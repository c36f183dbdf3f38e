/* SPDX-License-Identifier: MIT */
#include "conversation/server/cargo.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation/model/state.h"
#include "conversation/server/cloak.h"
#include "conversation/server/conn_move.h"
#include "conversation/server/acceptor.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/metrics.h"
#include "conversation/server/peers.h"

#define MAGIC "Apollonion's cargo"
#define CONN_BYTES_MIN 9
#define LOST "Connection lost: the server was replaced"

/* ---- descriptors ---- */

void apo_cargo_to(struct apo_cargo *cargo)
{
	memset(cargo, 0, sizeof *cargo);
	apo_carry_to(&cargo->carry);
}

void apo_cargo_from(struct apo_cargo *cargo, const void *bytes, size_t len, int *fds,
		    uint32_t fd_count)
{
	memset(cargo, 0, sizeof *cargo);
	apo_carry_from(&cargo->carry, bytes, len);
	cargo->fds = fds;
	cargo->fd_count = fd_count;
}

void apo_cargo_fini(struct apo_cargo *cargo)
{
	apo_carry_fini(&cargo->carry);
	free(cargo->fds);
	memset(cargo, 0, sizeof *cargo);
}

static void add_descriptor(struct apo_cargo *cargo, int fd)
{
	uint32_t capacity = cargo->fd_capacity ? 2 * cargo->fd_capacity : 64;
	int *fds = cargo->fds;

	if (cargo->fd_count == cargo->fd_capacity) {
		fds = realloc(cargo->fds, capacity * sizeof *fds);
		apo_carry_expect(&cargo->carry, fds != NULL);
		if (!fds)
			return;
		cargo->fds = fds;
		cargo->fd_capacity = capacity;
	}
	cargo->fds[cargo->fd_count++] = fd;
}

void apo_cargo_descriptor(struct apo_cargo *cargo, int *fd)
{
	if (!cargo->carry.is_reading) {
		add_descriptor(cargo, *fd);
		return;
	}
	*fd = -1;
	apo_carry_expect(&cargo->carry, cargo->fds_read < cargo->fd_count);
	if (!cargo->carry.ok)
		return;
	*fd = cargo->fds[cargo->fds_read];
	cargo->fds[cargo->fds_read++] = -1;
}

/* ---- counters: those of all workers go on in the first one ---- */

static const char *const counter_names[] = {
#define COUNTER_NAME(name, help) #name,
	APO_WORKER_COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
};

#define COUNTER_COUNT (sizeof counter_names / sizeof *counter_names)
_Static_assert(sizeof(struct apo_worker_counters) == COUNTER_COUNT * sizeof(uint64_t),
	       "counters stand one after the other");

static uint64_t sum_of(const struct apo_household *house, size_t counter)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < house->worker_count; i++)
		sum += atomic_load_explicit((_Atomic uint64_t *)&house->workers[i].counters +
						    counter,
					    memory_order_relaxed);
	return sum;
}

static void carry_worker_counters(struct apo_carry *carry, const struct apo_household *house)
{
	_Atomic uint64_t *counters = (_Atomic uint64_t *)&house->workers[0].counters;
	uint64_t values[COUNTER_COUNT] = {0};
	size_t i;

	for (i = 0; i < COUNTER_COUNT && !carry->is_reading; i++)
		values[i] = sum_of(house, i);
	apo_carry_counters(carry, counter_names, COUNTER_COUNT, values);
	for (i = 0; i < COUNTER_COUNT && carry->is_reading && carry->ok; i++)
		atomic_fetch_add_explicit(counters + i, values[i], memory_order_relaxed);
}

/* ---- history's ---- */

static const char *const history_names[] = {
#define HISTORY_NAME(name, help) #name,
	APO_HISTORY_THREAD_COUNTERS(HISTORY_NAME)
#undef HISTORY_NAME
};

#define HISTORY_COUNT (sizeof history_names / sizeof *history_names)
_Static_assert(sizeof((struct apo_history_thread *)0)->counters == HISTORY_COUNT * sizeof(uint64_t),
	       "counters stand one after the other");

static void carry_history(struct apo_cargo *cargo, const struct apo_household *house)
{
	_Atomic uint64_t *counters =
		house->history_thread ? (_Atomic uint64_t *)&house->history_thread->counters : NULL;
	const char *own = house->history_file ? house->history_file : "";
	uint64_t values[HISTORY_COUNT] = {0};
	char file[PATH_MAX];
	size_t i;

	snprintf(file, sizeof file, "%s", own);
	apo_carry_string(&cargo->carry, file, sizeof file);
	cargo->goes_on_with_history = cargo->carry.ok && own[0] && strcmp(file, own) == 0;
	for (i = 0; i < HISTORY_COUNT && counters && !cargo->carry.is_reading; i++)
		values[i] = atomic_load(counters + i);
	apo_carry_counters(&cargo->carry, history_names, HISTORY_COUNT, values);
	for (i = 0; i < HISTORY_COUNT && counters && cargo->carry.is_reading; i++)
		atomic_fetch_add(counters + i, values[i]);
}

/* ---- connections, written ---- */

static void write_conn(struct apo_cargo *cargo, struct apo_worker *worker, struct apo_conn *conn,
		       uint32_t ordinal)
{
	bool moves = apo_conn_can_move(conn);

	apo_carry_u32(&cargo->carry, &ordinal);
	apo_carry_flag(&cargo->carry, &moves);
	if (moves)
		apo_cargo_descriptor(cargo, &conn->stream.fd);
	apo_conn_carry(&cargo->carry, worker, conn, moves);
	if (moves)
		cargo->moved++;
	else
		cargo->left++;
}

/* Of each client of the model there is one: the threads stand still, and nothing is on its way. */
static void write_conns(struct apo_cargo *cargo, const struct apo_household *house, uint32_t count)
{
	uint32_t slot, ordinal, written = 0;
	struct apo_worker *worker;
	struct apo_conn *conn;

	apo_carry_u32(&cargo->carry, &count);
	for (worker = house->workers; worker < house->workers + house->worker_count; worker++)
		for (slot = 0; slot < worker->slot_count; slot++) {
			conn = apo_worker_conn(worker, slot);
			if (conn->state != APO_CONN_OPEN)
				continue;
			ordinal = apo_state_ordinal(house->model, apo_conn_peer(worker, conn));
			if (ordinal == APO_ORDINAL_NONE)
				continue;
			write_conn(cargo, worker, conn, ordinal);
			written++;
		}
	apo_carry_expect(&cargo->carry, written == count);
}

/* ---- connections, read ---- */

struct place {
	struct apo_worker *worker;
	struct apo_conn *conn; /* NULL: not read yet */
	bool moves;
};

struct reading {
	struct apo_cargo *cargo;
	const struct apo_household *house;
	struct place *places; /* by ordinal */
	struct apo_peer *peers;
	uint32_t count;
};

static void read_moved(struct reading *reading, struct place *place)
{
	struct apo_conn *conn = place->conn;
	int fd;

	apo_cargo_descriptor(reading->cargo, &fd);
	if (fd < 0)
		return;
	apo_stream_open_line(&conn->stream, fd);
	conn->ip_entry = NULL;
	apo_conn_carry(&reading->cargo->carry, place->worker, conn, true);
	if (reading->cargo->carry.ok)
		conn->ip_entry = apo_acceptor_readmit(reading->house->acceptor, &conn->address);
	apo_carry_expect(&reading->cargo->carry, conn->ip_entry != NULL);
}

static void read_conn(struct reading *reading, uint32_t turn)
{
	struct apo_worker *worker = reading->house->workers + turn % reading->house->worker_count;
	struct apo_carry *carry = &reading->cargo->carry;
	struct place *place;
	uint32_t ordinal;
	bool moves = false;

	apo_carry_u32(carry, &ordinal);
	apo_carry_flag(carry, &moves);
	apo_carry_expect(carry, ordinal < reading->count && !reading->places[ordinal].conn);
	if (!carry->ok)
		return;
	place = reading->places + ordinal;
	*place = (struct place){worker, apo_worker_take_slot(worker), moves};
	apo_carry_expect(carry, place->conn != NULL);
	if (!carry->ok)
		return;
	reading->peers[ordinal] = apo_conn_peer(worker, place->conn);
	if (moves)
		read_moved(reading, place);
	else
		apo_conn_carry(carry, worker, place->conn, false);
}

static bool begin_again(struct reading *reading)
{
	uint32_t i;

	for (i = 0; i < reading->count; i++) {
		if (!reading->places[i].moves)
			continue;
		if (apo_conn_begin_again(reading->places[i].worker, reading->places[i].conn) < 0)
			return false;
		reading->cargo->moved++;
	}
	return true;
}

/* Those who could not come along end here, too: nobody will ever hear of them again. */
static void end_those_left(struct reading *reading)
{
	const struct apo_household *house = reading->house;
	const struct apo_watch *watch;
	struct place *place;
	uint32_t i;

	for (i = 0; i < reading->count; i++) {
		place = reading->places + i;
		if (place->moves)
			continue;
		for (watch = place->conn->watches; watch; watch = watch->next)
			apo_model_on_receipt(house->model, watch->watch, watch->recipient, false,
					     house->now_at_ns);
		apo_model_on_closed(house->model, reading->peers[i], LOST, house->now_at_ns);
		apo_conn_forget(place->worker, place->conn);
		reading->cargo->left++;
	}
}

static void undo(struct reading *reading)
{
	struct place *place;
	uint32_t i;

	for (i = 0; i < reading->count; i++) {
		place = reading->places + i;
		if (place->conn)
			apo_conn_forget(place->worker, place->conn);
	}
}

static bool read_all(struct reading *reading)
{
	struct apo_cargo *cargo = reading->cargo;
	uint32_t i;

	for (i = 0; i < reading->count && cargo->carry.ok; i++)
		read_conn(reading, i);
	if (!cargo->carry.ok ||
	    !apo_state_read(&cargo->carry, reading->house->model, reading->peers, reading->count))
		return false;
	return apo_carry_is_whole(&cargo->carry) && cargo->fds_read == cargo->fd_count;
}

static bool read_conns(struct apo_cargo *cargo, const struct apo_household *house)
{
	struct reading reading = {.cargo = cargo, .house = house};
	bool is_right;

	apo_carry_count(&cargo->carry, &reading.count, CONN_BYTES_MIN);
	reading.places = calloc((size_t)reading.count + 1, sizeof *reading.places);
	reading.peers = calloc((size_t)reading.count + 1, sizeof *reading.peers);
	is_right = reading.places && reading.peers && read_all(&reading) && begin_again(&reading);
	if (is_right) {
		if (!cargo->goes_on_with_history)
			apo_state_begin_history(house->model);
		end_those_left(&reading);
		apo_acceptor_set_inside(house->acceptor, (unsigned)cargo->moved);
	} else if (reading.places)
		undo(&reading);
	free(reading.places);
	free(reading.peers);
	return is_right;
}

/* ---- all ---- */

static void carry_head(struct apo_cargo *cargo, const struct apo_household *house)
{
	char magic[32] = MAGIC;

	apo_carry_string(&cargo->carry, magic, sizeof magic);
	apo_carry_expect(&cargo->carry, strcmp(magic, MAGIC) == 0);
	apo_cloak_carry(&cargo->carry);
	carry_worker_counters(&cargo->carry, house);
	carry_history(cargo, house);
	apo_acceptor_carry(cargo, house->acceptor);
	apo_peers_carry(&cargo->carry, house->peers);
	apo_metrics_carry(cargo, house->metrics);
}

bool apo_cargo_write(struct apo_cargo *cargo, const struct apo_household *from)
{
	carry_head(cargo, from);
	write_conns(cargo, from, apo_state_number(from->model));
	apo_state_write(&cargo->carry, from->model);
	return cargo->carry.ok;
}

bool apo_cargo_read(struct apo_cargo *cargo, const struct apo_household *to)
{
	carry_head(cargo, to);
	return cargo->carry.ok && read_conns(cargo, to);
}

void apo_cargo_let_go(const struct apo_household *from, const char *reason)
{
	struct apo_worker *worker;
	struct apo_conn *conn;
	uint32_t slot;

	apo_acceptor_let_go(from->acceptor);
	apo_metrics_let_go(from->metrics);
	for (worker = from->workers; worker < from->workers + from->worker_count; worker++) {
		worker->now_at_ns = from->now_at_ns;
		for (slot = 0; slot < worker->slot_count; slot++) {
			conn = apo_worker_conn(worker, slot);
			if (conn->state == APO_CONN_OPEN && apo_conn_can_move(conn))
				apo_conn_let_go(worker, conn);
			else if (conn->state == APO_CONN_OPEN)
				apo_conn_expel(worker, conn, reason);
		}
	}
}
