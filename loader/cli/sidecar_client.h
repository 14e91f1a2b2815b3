/* SPDX-License-Identifier: MIT
 * Asking the sidecar over its unix socket: what `handrail probe` and `handrail status` share.
 *
 * Over that socket alone: the containers of a pod share the network, so the health port might
 * answer for another container; and whatever floods it, this socket is not reached from there. */
#ifndef HR_CLI_SIDECAR_CLIENT_H
#define HR_CLI_SIDECAR_CLIENT_H

#include "common/buf.h"
#include "control_client.h"
#include "probe_answer.h"

/* GET target ("/readyz?verbose"), in no longer than that.  in: empty; its maximum is that of an
 * answer, whose body lies in it afterwards.  0 whatever the status of the answer is; or 69, and
 * hr_client_fail() has been told why. */
int hr_sidecar_ask(const struct hr_client_options *o, const char *target, int64_t timeout_ms,
                   struct hr_buf *in, struct hr_probe_answer *ret);

/* The same for a page of JSON; the object is the caller's. */
int hr_sidecar_ask_json(const struct hr_client_options *o, const char *target, json_t **ret);

#endif
