/* SPDX-License-Identifier: MIT */
/*
 * key_watch - the key file is looked at again while the engine runs, so that a key can be changed or
 * withdrawn without a restart of any program.
 *
 * When     at the start of a turn of the loop, at most every RUDP_KEY_LOOK_NS: before the handshakes of
 *          the turn, and without a timer of its own. It costs one stat.
 * Then     another file, or another content: new handshakes use the new key, and associations end, as
 *          they were made under the old one. Connections that stand go on.
 * Gone     or not a private key file any more: no handshake succeeds until it is one again.
 * Thread   an engine in a thread of its program keeps the key that it began with: what the program may
 *          read, and what a path means to it, can change (setuid, chroot).
 */
#ifndef RUDP_ENGINE_KEY_WATCH_H
#define RUDP_ENGINE_KEY_WATCH_H

#include "base/time.h"

#define RUDP_KEY_LOOK_NS (500 * RUDP_NS_PER_MS)

struct rudp_engine;

void rudp_key_watch(struct rudp_engine *engine);

#endif
