/* SPDX-License-Identifier: MIT
 * handrail check: what only the container tells: its user, ports, keys, folders and volumes.  What
 * the supervisor would say before the server's first start is asked of the same code. */
#include "check.h"

#include "common/fd.h"
#include "loader/cli/control_client.h"
#include "loader/config/agent_command.h"
#include "loader/config/settings.h"
#include "loader/supervisor/preflight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool hr_check_is_running(const struct hr_image_check *c)
{
    char why[HR_CLIENT_WHY_MAX]; /* that there is none is no error */
    int64_t pid = 0;
    struct hr_client_options o = {.command = "check", .why = why};
    return !c->options->root && hr_client_supervisor(&o, &pid) == 0;
}

/* ---- before the first start ------------------------------------------------------------------ */

struct saying {
    struct hr_image_check *check;
    bool running;
};

static void say(void *arg, const char *id, const char *text)
{
    const struct saying *s = arg;
    size_t n = strlen(id);
    if (s->running && n > 6 && strcmp(id + n - 6, "-taken") == 0)
        return; /* by the server itself */
    hr_report_add(s->check->report, &hr_check_rules[HR_RULE_START_UP], NULL, NULL, "%s: %s", id,
                  text);
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* Can it be listened on?  0 or an errno; what else goes wrong is not the port's fault. */
static int try_port(const struct sockaddr *address, socklen_t len)
{
    const int one = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int err = bind(fd, address, len) < 0 ? errno : 0;
    hr_close(&fd);
    return err == EADDRINUSE || err == EADDRNOTAVAIL || err == EACCES ? err : 0;
}

static void check_listener(struct hr_image_check *c, const struct hr_address *a, const char *option)
{
    char text[HR_ADDRESS_TEXT];
    int err =
        hr_address_port(a) ? try_port((const struct sockaddr *)(const void *)&a->sa, a->len) : 0;
    hr_address_format(a, text);
    if (err)
        hr_report_add(c->report, &hr_check_rules[HR_RULE_PORT_TAKEN], NULL, NULL,
                      "handrail cannot listen on %s (--%s): %s", text, option, strerror(err));
}

static void check_ports(struct hr_image_check *c)
{
    static const uint16_t apps[] = {12000, 12001}; /* WORKER_1, WORKER_2 */
    check_listener(c, &c->config->health, "health-addr");
    check_listener(c, &c->config->mcp, "mcp-addr");
    for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
        const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(apps[i])};
        int err = try_port((const struct sockaddr *)(const void *)&any, sizeof(any));
        if (err)
            hr_report_add(c->report, &hr_check_rules[HR_RULE_APP_PORT_TAKEN], NULL, NULL,
                          "port %u: %s", apps[i], strerror(err));
    }
}

/* ---- folders --------------------------------------------------------------------------------- */

static void check_folder(struct hr_image_check *c, enum hr_check_rule rule, const char *path,
                         const char *what)
{
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
        hr_report_add(c->report, &hr_check_rules[rule], &(struct hr_place){.file = path}, NULL,
                      "%s: uid %u cannot write there: %s", what, (unsigned)geteuid(),
                      strerror(errno));
}

static void check_folders(struct hr_image_check *c)
{
    static const char workspace[] = "/workspace";
    const char *home = getenv("HOME");
    if (home && *home)
        check_folder(c, HR_RULE_FOLDER_UNWRITABLE, home, "HOME");
    check_folder(c, HR_RULE_FOLDER_UNWRITABLE, "/tmp", "for temporary files");
    if (access(workspace, F_OK) == 0)
        check_folder(c, HR_RULE_FOLDER_UNWRITABLE, workspace, "the agent's work");
    if (c->config->crash_dir)
        check_folder(c, HR_RULE_CRASH_DIR, c->config->crash_dir, "--crash-dir");
    if (hr_setting_origin(c->config, "podinfo-dir") != HR_FROM_DEFAULT &&
        access(c->config->podinfo_dir, R_OK | X_OK) < 0)
        hr_report_add(c->report, &hr_check_rules[HR_RULE_PODINFO],
                      &(struct hr_place){.file = c->config->podinfo_dir}, NULL,
                      "--podinfo-dir: it cannot be read: %s", strerror(errno));
}

void hr_check_container(struct hr_image_check *c)
{
    struct saying s = {.check = c, .running = hr_check_is_running(c)};
    if (!c->config->sidecar)
        return; /* a plain init */
    if (!s.running)
        check_ports(c);
    check_folders(c);
    hr_preflight(c->config, hr_is_agent_server(c->config->command), environ, say, &s);
    hr_check_good(c, "uid %u, %s", (unsigned)geteuid(),
                  s.running ? "beside a running handrail" : "before a start");
}
