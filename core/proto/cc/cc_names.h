/* SPDX-License-Identifier: MIT */
/*
 * cc_names - the names of the congestion control algorithms, as TCP_CONGESTION takes them.
 *
 * This is the only list of them. The interface (cc.h), the socket option, RUDP_CC and the command
 * line tool use it. The algorithm NAME is the variable rudp_cc_NAME.
 */
#ifndef RUDP_PROTO_CC_NAMES_H
#define RUDP_PROTO_CC_NAMES_H

#define RUDP_CC_NAMES(X)                                                                           \
	X(bbr)   /* draft-ietf-ccwg-bbr; docs/bbr.md: which loss and delay is congestion */        \
	X(cubic) /* RFC 9438, HyStart++ RFC 9406, PRR RFC 9937 */

/* All names, each with a space in front, for messages. */
#define RUDP_CC_BLANK_AND_NAME(name) " " #name
#define RUDP_CC_NAMES_TEXT RUDP_CC_NAMES(RUDP_CC_BLANK_AND_NAME)

#endif
