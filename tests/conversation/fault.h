/* SPDX-License-Identifier: MIT */
/*
 * fault - makes an allocation of the model fail on demand (the linker wraps the allocation
 * functions): the nth one after fault_arm, not counting those between fault_pause and fault_resume.
 */
#ifndef CONVERSATION_FAULT_H
#define CONVERSATION_FAULT_H

#include <stdbool.h>

void fault_arm(unsigned nth);
/* Returns whether it was armed, for fault_resume. */
bool fault_pause(void);
void fault_resume(bool was_armed);
/* Has the nth allocation happened (and failed)? */
bool fault_has_come(void);

#endif
