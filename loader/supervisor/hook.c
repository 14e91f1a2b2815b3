/* SPDX-License-Identifier: MIT
 * The hook.  See hook.h. */
#include "hook.h"

#include "common/handoff.h"
#include "common/log.h"
#include "core.h"
#include "units.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    STOP_MS = 5 * 1000,           /* of an ordered restart; a whole stop has its own budget */
    WINDOW_MS = 24 * 3600 * 1000, /* all its tries */
};

static struct hr_policy policy_of(const struct hr_config *c)
{
    return (struct hr_policy){
        .restart = HR_RESTART_ON_FAILURE,
        .says_ready = true, /* it never does: it is `starting` until it has ended */
        .one_shot = true,
        .final_code = -1,
        .final_code_unready = -1,
        .stop_signal = SIGTERM,
        .start_timeout_ms = c->on_claim_timeout_ms,
        .stop_timeout_ms = STOP_MS,
        .backoff_ms = c->server.backoff_ms,
        .backoff_max_ms = c->server.backoff_max_ms,
        .budget = HR_HOOK_TRIES,
        .budget_window_ms = WINDOW_MS,
    };
}

void hr_hook_settings_changed(struct hr_supervisor *sup)
{
    sup->units[HR_INDEX_HOOK].service.policy = policy_of(sup->config);
}

int hr_hook_add(struct hr_supervisor *sup)
{
    const struct hr_config *c = sup->config;
    const struct hr_policy policy = policy_of(c);
    bool wanted = c->on_claim && c->sidecar && !c->stdio;
    struct hr_unit *u = hr_unit_add(sup, wanted ? HR_HOOK_NAME : "", HR_HOOK, &policy);
    sup->hook = (struct hr_hook){.claim_fd = -1,
                                 .argv = {sup->programs.handrail, "__on-claim", c->on_claim}};
    u->service.program = sup->programs.handrail;
    return wanted ? hr_units_add_output(sup, u) : 0;
}

bool hr_hook_told(struct hr_supervisor *sup, const char *line, int *fd)
{
    struct hr_service *hook = &sup->units[HR_INDEX_HOOK].service;
    if (strcmp(line, "CLAIM=1") != 0)
        return false;
    if (!hook->pub.name[0] || *fd < 0 || sup->hook.claim_fd >= 0 || sup->phase != HR_RUNNING)
        return true;
    sup->hook.claim_fd = *fd;
    *fd = -1;
    hr_info("the pod has been claimed: running the hook");
    hr_service_event(hook, HR_EV_START, 0);
    return true;
}

void hr_hook_plan(const struct hr_supervisor *sup, struct hr_spawn *plan)
{
    plan->argv = (char *const *)(uintptr_t)sup->hook.argv;
    plan->env = sup->command.env;
    plan->only_these = true;
    plan->die_with_us = true;
    plan->fds[STDIN_FILENO] = sup->handout.null_fd;
    plan->fds[HR_FD_SETTINGS] = sup->hook.claim_fd;
}

bool hr_hook_has_claim(const struct hr_supervisor *sup)
{
    return sup->hook.claim_fd >= 0;
}
