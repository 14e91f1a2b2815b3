/* SPDX-License-Identifier: MIT
 * What every step of a call tells the host: how far it is, and why it ends early. */
#ifndef DA_STOP_H
#define DA_STOP_H

#include "kit/watch.h"

/* So much of the whole is done, and the step of that name is at work. */
void da_stop_progress(const struct kit_watch *w, double percent, const char *step);

/* The watch says that the call is to end; doing: "read", "encode". */
handrail_status da_stop_fail(const struct kit_watch *w, const char *doing);

handrail_status da_stop_memory(const struct kit_watch *w);

#endif
