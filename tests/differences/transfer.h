/* SPDX-License-Identifier: MIT */
/* The steps that send and receive bytes. */
#ifndef DIFFERENCES_TRANSFER_H
#define DIFFERENCES_TRANSFER_H

#include "differences/steps.h"

void step_send(const struct step *step);
void step_receive(const struct step *step);

#endif
