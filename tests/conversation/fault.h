/* SPDX-License-Identifier: MIT */
/*
 * fault - allocations of the model (the linker wraps them) fail on demand: the nth since fault_arm,
 * between fault_arm and fault_pause.
 */
#ifndef CONVERSATION_FAULT_H
#define CONVERSATION_FAULT_H

#include <stdbool.h>

void fault_arm(unsigned nth);
/* Returns whether it was armed, for fault_resume. */
bool fault_pause(void);
void fault_resume(bool was_armed);
/* Has the nth allocation come (and failed)? */
bool fault_has_come(void);

#endif
