/* SPDX-License-Identifier: MIT */
/*
 * keys - the packet protection keys of one connection, and key updates.
 *
 * Model     docs/protocol.md section 7. A key seals at most RUDP_KEY_PACKETS_MAX packets. Then its
 *           owner derives the next key with Noise's REKEY (revision 34 section 4.2) and flips the
 *           key phase bit. The peer follows when a packet with the other phase authenticates under
 *           the next key. The previous receive key is kept for late packets until it is discarded.
 *           An update starts only after the previous one was acknowledged. A fresh secret of a key
 *           exchange enters one update by HKDF-Extract (RFC 5869 section 2.2), with REKEY's output
 *           as salt: the new key is secret if either input is.
 * Source    RFC 9001 section 6 (key update), section 6.6 (limits: 2^23 packets for AES-GCM).
 */
#ifndef RUDP_PROTO_KEYS_H
#define RUDP_PROTO_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/time.h"
#include "proto/crypto/aead.h"
#include "proto/wire/verdict.h"

#define RUDP_KEY_PACKETS_MAX (UINT64_C(1) << 22)
/*
 * An update is due after this number of packets. The rest is for packets sent until the previous
 * update is acknowledged and until the peer follows.
 */
#define RUDP_KEY_PACKETS_DUE (RUDP_KEY_PACKETS_MAX - RUDP_KEY_PACKETS_MAX / 8)
/*
 * Updates also happen by time and bytes, so that a leaked key does not open older packets. The
 * limits are rudp's choice.
 */
#define RUDP_KEY_DUE_NS (120 * RUDP_NS_PER_S)
#define RUDP_KEY_DUE_BYTES (UINT64_C(1) << 30)
/* Failed authentications after which a connection is closed (RFC 9001 section 6.6). */
#define RUDP_KEY_FORGERIES_MAX (UINT64_C(1) << 36)

struct rudp_keys {
	enum rudp_cipher cipher;
	struct rudp_aead send;             /* context NULL: asleep, only the key bytes are stored */
	struct rudp_aead receive;          /* likewise */
	struct rudp_aead receive_previous; /* context NULL: none */
	struct rudp_aead receive_next;     /* context NULL: not derived yet */
	uint8_t send_key[RUDP_KEY_BYTES];
	uint8_t receive_key[RUDP_KEY_BYTES];
	/*
	 * a secret of a key exchange, owned by the caller, for the next update of both directions;
	 * NULL: none
	 */
	const uint8_t *fresh;
	bool send_phase;
	bool receive_phase;
	uint64_t sent_under_key;        /* packets */
	uint64_t bytes_under_key;       /* ciphertext bytes sealed under the send key */
	uint64_t first_sent_number;     /* first packet number sealed under the send key */
	uint64_t first_received_number; /* lowest packet number opened under the receive key */
	uint64_t forgeries;
	uint32_t updates;   /* key phase changes, counted in each direction */
	uint32_t exchanges; /* updates that used a fresh secret, counted once for both directions */
};

/* Returns 0 or -ENOMEM. */
int rudp_keys_init(struct rudp_keys *keys, enum rudp_cipher cipher,
		   const uint8_t send_key[RUDP_KEY_BYTES],
		   const uint8_t receive_key[RUDP_KEY_BYTES]);
void rudp_keys_fini(struct rudp_keys *keys);

/*
 * For idle connections: frees the cipher contexts, some kilobytes, until the next packet. Does
 * nothing while the previous receive key is kept. Call wake_to_send before seal; open and update
 * wake the keys that they need. Waking a direction costs one key schedule.
 *
 * Returns  wake_to_send: 0, or -ENOMEM (still asleep).
 */
void rudp_keys_sleep(struct rudp_keys *keys);
int rudp_keys_wake_to_send(struct rudp_keys *keys);
/* True if both directions are asleep. */
bool rudp_keys_are_asleep(const struct rudp_keys *keys);

/*
 * Like rudp_aead_seal, with the packet number as the nonce counter. Must not be called while the
 * send key is asleep or spent. The header must carry send_phase.
 */
size_t rudp_keys_seal(struct rudp_keys *keys, uint64_t number, const uint8_t *header,
		      size_t header_len, const struct iovec *in, int in_count, uint8_t *out);

/*
 * Opens a packet of either phase. If a packet of the other phase authenticates under the next key,
 * both directions change to their next keys.
 *
 * Returns  OK; AUTH_FAILED if it does not authenticate (counted in forgeries), or if its key was
 *          discarded (not counted); NO_MEMORY, with in unchanged. Nothing changes unless it is OK.
 */
enum rudp_verdict rudp_keys_open(struct rudp_keys *keys, uint64_t number, bool key_phase,
				 const uint8_t *header, size_t header_len, const uint8_t *in,
				 size_t len, uint8_t *out);

/*
 * True if an update is due and allowed: the send key, age_ns old, has reached a limit, and
 * largest_acked_number (UINT64_MAX: none yet) shows that the last update was acknowledged.
 */
bool rudp_keys_update_due(const struct rudp_keys *keys, int64_t age_ns,
			  uint64_t largest_acked_number);

/* True if the send key has reached RUDP_KEY_PACKETS_MAX: nothing more can be sent. */
bool rudp_keys_is_spent(const struct rudp_keys *keys);

/*
 * Starts an update by this side. next_number is the number of the next packet.
 *
 * Returns  0, -ENOMEM, or -EAGAIN (the peer has not followed the previous update). On error nothing
 *          has changed.
 */
int rudp_keys_update(struct rudp_keys *keys, uint64_t next_number);

/* True if the peer has not followed this side's update yet. */
bool rudp_keys_is_unanswered(const struct rudp_keys *keys);
/* True if no update is in progress and the previous receive key is discarded. */
bool rudp_keys_are_settled(const struct rudp_keys *keys);

/*
 * Mixes a secret of a key exchange into the next update of both directions. Must not be called
 * while an update is unanswered. Both sides must call it before either of them updates. The secret
 * remains the caller's and is used until the peer has followed; keys->fresh is NULL again then.
 */
void rudp_keys_mix(struct rudp_keys *keys, const uint8_t secret[RUDP_KEY_BYTES]);

/* Discards the previous receive key (three PTOs after the change). */
void rudp_keys_forget_previous(struct rudp_keys *keys);

#endif
