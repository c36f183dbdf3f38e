/* SPDX-License-Identifier: MIT */
/* The steps that read and set options of sockets. */
#ifndef DIFFERENCES_OPTIONS_H
#define DIFFERENCES_OPTIONS_H

#include "differences/steps.h"

void step_getsockopt(const struct step *step);
void step_setsockopt(const struct step *step);

#endif
