/* SPDX-License-Identifier: MIT */
#include "budget.h"

enum { TICKS_PER_POLL = 64 };

void ws_budget_start(struct ws_budget *b, const struct kit_call *c, const struct ws_settings *s)
{
    *b = (struct ws_budget){.call = *c, .bytes_left = s->max_total_bytes};
    kit_watch_start(&b->watch, c, s->max_time_ms);
}

bool ws_budget_spent(struct ws_budget *b)
{
    if (b->stop)
        return true;
    if (kit_watch_spent(&b->watch))
        b->stop = b->watch.stop == KIT_STOP_TIME ? WS_STOP_TIME : WS_STOP_CANCELLED;
    return b->stop != WS_STOP_NOT;
}

bool ws_budget_tick(struct ws_budget *b)
{
    if (b->stop)
        return true;
    return ++b->ticks % TICKS_PER_POLL == 0 && ws_budget_spent(b);
}
