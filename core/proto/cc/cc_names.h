/* SPDX-License-Identifier: MIT */
/*
 * cc_names - the names of the congestion control algorithms, as in TCP_CONGESTION.
 *
 * The only list of them: the interface (cc.h), the socket option, RUDP_CC and the command take it
 * from here. The algorithm NAME is the variable rudp_cc_NAME.
 */
#ifndef RUDP_PROTO_CC_NAMES_H
#define RUDP_PROTO_CC_NAMES_H

#define RUDP_CC_NAMES(X)                                                                           \
	X(bbr)   /* draft-ietf-ccwg-bbr; docs/bbr.md: which loss and delay is congestion */        \
	X(cubic) /* RFC 9438, HyStart++ RFC 9406, PRR RFC 9937 */

/* Each name with a blank in front, for messages. */
#define RUDP_CC_BLANK_AND_NAME(name) " " #name
#define RUDP_CC_NAMES_TEXT RUDP_CC_NAMES(RUDP_CC_BLANK_AND_NAME)

#endif
