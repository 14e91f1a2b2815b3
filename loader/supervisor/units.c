/* SPDX-License-Identifier: MIT
 * Which units there are.  See units.h. */
#include "units.h"

#include "common/handoff.h"
#include "core.h"

#include <signal.h>
#include <stdio.h>

enum { RESTART_MS = 25 * 1000 }; /* for an ordered restart, when a stop has no limit */

/* What a kind of process is kept running by: the settings, and what its exit codes mean. */
static struct hr_policy policy_of(const struct hr_service_settings *s)
{
    return (struct hr_policy){
        .restart = s->restart,
        .says_ready = true,
        .final_code = -1,
        .final_code_unready = -1,
        .stop_signal = SIGTERM,
        .start_timeout_ms = s->start_timeout_ms,
        .stop_timeout_ms = s->stop_timeout_ms,
        .stable_ms = s->stable_ms,
        .backoff_ms = s->backoff_ms,
        .backoff_max_ms = s->backoff_max_ms,
        .backoff_reset_ms = s->backoff_reset_ms,
        .budget = s->budget,
        .budget_window_ms = s->budget_window_ms,
    };
}

static struct hr_policy server_policy(const struct hr_config *c)
{
    struct hr_policy p = policy_of(&c->server);
    p.says_ready = c->sidecar; /* the sidecar tells */
    if (c->sidecar)
        p.final_code_unready = 2;         /* its usage error, as argparse has it */
    if (c->sidecar && !p.stop_timeout_ms) /* of a restart; a whole stop has its own budget */
        p.stop_timeout_ms = c->grace_ms ? c->grace_ms : RESTART_MS;
    return p;
}

static struct hr_policy toolhost_policy(const struct hr_config *c)
{
    struct hr_policy p = policy_of(&c->toolhosts);
    p.final_code = HR_EXIT_CONFIG;
    return p;
}

void hr_units_settings_changed(struct hr_supervisor *sup)
{
    for (uint32_t i = 0; i < sup->nunits; i++) {
        struct hr_unit *u = &sup->units[i];
        u->output.lines_per_s = (uint32_t)sup->config->log_rate;
        if (i == HR_INDEX_HOOK)
            hr_hook_settings_changed(sup);
        else if (i == HR_INDEX_SERVER)
            u->service.policy = server_policy(sup->config);
        else if (i == HR_INDEX_SIDECAR)
            u->service.policy = policy_of(&sup->config->sidecar_settings);
        else
            u->service.policy = toolhost_policy(sup->config);
    }
}

int hr_units_add_output(struct hr_supervisor *sup, struct hr_unit *u)
{
    bool server = u->service.index == HR_INDEX_SERVER;
    bool json = sup->config->log_format == HR_LOG_JSON;
    struct hr_sink *err = sup->relay.sinks[HR_STDERR];
    struct hr_output_settings settings = {
        .mode = json     ? HR_OUTPUT_JSON
                : server ? HR_OUTPUT_RAW
                         : HR_OUTPUT_OWN,
        .lines_per_s = (uint32_t)sup->config->log_rate,
        /* What our own programs write is for people, like our own messages. */
        .sinks = {server ? sup->relay.sinks[HR_STDOUT] : err, err},
    };
    int code = hr_output_init(&u->output, u->service.pub.name, &settings);
    if (!code)
        hr_relay_add(&sup->relay, &u->output);
    return code;
}

/* A unit of ours: with pipes for its output and a socket for its notifications.  0 or -errno. */
static int add_own(struct hr_supervisor *sup, const char *name, enum hr_service_kind kind,
                   const struct hr_policy *policy)
{
    struct hr_unit *u = hr_unit_add(sup, name, kind, policy);
    u->service.program = kind == HR_SIDECAR ? sup->programs.sidecar : sup->programs.toolhost;
    int err = hr_unit_open_notify(u);
    if (!err)
        err = hr_units_add_output(sup, u);
    if (err)
        hr_unit_remove_last(sup);
    return err;
}

int hr_units_add_toolhost(struct hr_supervisor *sup, uint32_t place)
{
    struct hr_policy policy = toolhost_policy(sup->config);
    int err = 0;
    while (sup->nunits <= HR_INDEX_TOOLHOST + place && !err) {
        char name[HR_SERVICE_NAME_MAX] = ""; /* nobody, should an earlier place be empty */
        const struct hr_plugin_config *p = &sup->config->plugins[sup->nunits - HR_INDEX_TOOLHOST];
        if (p->path)
            (void)snprintf(name, sizeof(name), "toolhost/%s", p->id);
        err = add_own(sup, name, HR_TOOLHOST, &policy);
    }
    if (sup->board) {
        sup->head.nservices = sup->nunits;
        hr_board_put_head(sup->board, &sup->head);
    }
    return err;
}

int hr_units_make(struct hr_supervisor *sup)
{
    struct hr_policy policy = server_policy(sup->config);
    bool nobody = sup->config->stdio;
    struct hr_unit *server = hr_unit_add(sup, nobody ? "" : "server", HR_SERVER, &policy);
    server->service.program = nobody ? "" : sup->command.argv[0];
    if (!sup->config->sidecar)
        return 0;
    int err = nobody ? 0 : hr_units_add_output(sup, server);
    if (err)
        return err;
    policy = policy_of(&sup->config->sidecar_settings);
    err = add_own(sup, "sidecar", HR_SIDECAR, &policy);
    if (!err)
        err = hr_hook_add(sup);
    for (uint32_t i = 0; i < sup->config->nplugins && !err; i++)
        err = hr_units_add_toolhost(sup, i);
    return err;
}
