/* SPDX-License-Identifier: MIT
 * What the orders do.  See orders.h. */
#include "orders.h"

#include "common/clock.h"
#include "control_status.h"
#include "core.h"
#include "crash.h"
#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static int do_status(void *ctx, int fd)
{
    const struct hr_supervisor *sup = ctx;
    return hr_control_status_json(fd, sup->board, hr_now_ms());
}

static int do_restart(void *ctx, const char *service, const char **ret_error)
{
    struct hr_supervisor *sup = ctx;
    if (sup->phase != HR_RUNNING) {
        *ret_error = "a stop has begun";
        return -EBUSY;
    }
    for (uint32_t i = 0; i < sup->nunits; i++) {
        struct hr_service *s = &sup->units[i].service;
        if (!s->pub.name[0] || strcmp(s->pub.name, service) != 0)
            continue;
        if (i >= HR_INDEX_TOOLHOST && sup->reload.pending[i - HR_INDEX_TOOLHOST]) {
            *ret_error = "a reload is about to replace it";
            return -EBUSY;
        }
        if (i == HR_INDEX_HOOK && !hr_hook_has_claim(sup)) {
            *ret_error = "there has been no claim yet";
            return -EBUSY;
        }
        hr_service_event(s, HR_EV_RESTART, 0);
        return 0;
    }
    *ret_error = "there is no such service; handrail status lists them";
    return -ENOENT;
}

static int do_stop(void *ctx, const char **ret_error)
{
    struct hr_supervisor *sup = ctx;
    (void)ret_error;
    hr_stop_signal(sup, SIGTERM);
    hr_stop_advance(sup);
    return 0;
}

static int do_reload(void *ctx, const char **ret_error)
{
    int err = hr_reload_begin(ctx);
    if (err == -EBUSY)
        *ret_error = "a stop has begun";
    return err;
}

static int do_drain(void *ctx, bool on, const char **ret_error)
{
    struct hr_supervisor *sup = ctx;
    *ret_error = "a stop has begun";
    if (sup->phase != HR_RUNNING) /* readiness is off for good */
        return on ? 0 : -EBUSY;
    sup->head.draining = on ? HR_DRAINING_ORDER : 0;
    hr_board_put_head(sup->board, &sup->head);
    hr_publish(sup);
    return 0;
}

static int do_crashes(void *ctx, int fd)
{
    (void)ctx;
    return hr_crash_list_json(fd);
}

static int do_crash(void *ctx, uint64_t number, int fd)
{
    const struct hr_crash *c = hr_crash_get(number);
    (void)ctx;
    return c ? hr_crash_json(c, fd, true) : -ENOENT;
}

void hr_orders_init(struct hr_supervisor *sup)
{
    static const struct hr_control_ops ops = {.status = do_status,
                                              .restart = do_restart,
                                              .stop = do_stop,
                                              .reload = do_reload,
                                              .drain = do_drain,
                                              .crashes = do_crashes,
                                              .crash = do_crash};
    (void)hr_control_start(&sup->control, sup->loop, &ops, sup);
}

void hr_orders_end(struct hr_supervisor *sup)
{
    hr_control_stop(&sup->control);
}
