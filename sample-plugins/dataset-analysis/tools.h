/* SPDX-License-Identifier: MIT
 * The tools. */
#ifndef DA_TOOLS_H
#define DA_TOOLS_H

#include "fit.h"
#include "kit/text.h"

/* HANDRAIL_OK, or a negative status with the reason attached. */
handrail_status da_describe(const struct kit_call *c, const struct da_settings *s,
                            const struct da_args *a);
handrail_status da_train(const struct kit_call *c, const struct da_settings *s,
                         const struct da_args *a);

/* ---- parts of them ---- */

/* Answer what came of the training. */
handrail_status da_report(const struct kit_call *c, const struct da_args *a,
                          const struct da_encoding *e, const struct da_split *split,
                          const struct da_fit *f);

/* Hand text and json to the host; json is released, and NULL if there was no memory for it. */
handrail_status da_send(const struct kit_call *c, const struct kit_text *text, json_t *json);

#endif
