/* SPDX-License-Identifier: MIT
 * handrail check: the server, and whether handrail is in its place. */
#include "check.h"

#include "common/fd.h"
#include "loader/config/program.h"
#include "loader/config/server_version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(struct hr_report *r, enum hr_check_rule rule, const struct hr_site *site,
                const char *text)
{
    hr_report_add(r, &hr_check_rules[rule], &(struct hr_place){.file = site->path}, NULL, "%s",
                  text);
}

void hr_check_site(struct hr_report *r, const struct hr_site *site, bool installing)
{
    char text[3 * PATH_MAX];
    switch (site->state) {
    case HR_SITE_TWICE:
        (void)snprintf(text, sizeof(text), "this program and %s" HR_REAL_SUFFIX " differ",
                       site->path);
        add(r, HR_RULE_SERVER_TWICE, site, text);
        return;
    case HR_SITE_LOST:
        (void)snprintf(text, sizeof(text),
                       "handrail is here, but there is no server %s" HR_REAL_SUFFIX, site->path);
        add(r, HR_RULE_SERVER_LOST, site, text);
        return;
    case HR_SITE_ABSENT: add(r, HR_RULE_SERVER_NOT_FOUND, site, "there is no such file"); return;
    case HR_SITE_UNUSABLE:
        (void)snprintf(text, sizeof(text), "it %s", site->what);
        add(r, HR_RULE_SERVER_UNUSABLE, site, text);
        return;
    case HR_SITE_STRANGER:
        add(r, HR_RULE_SERVER_STRANGER, site,
            "nothing shows that this is the agent-server of OpenHands");
        return;
    case HR_SITE_PLAIN:
    case HR_SITE_HALF:
        if (!installing)
            add(r, HR_RULE_SERVER_NOT_INSTALLED, site,
                site->kind == HR_SITE_PYTHON
                    ? "python -m openhands.agent_server runs the server without handrail"
                    : "this is the server, and runs without handrail");
        return;
    case HR_SITE_EMPTY:
        if (!installing)
            add(r, HR_RULE_SERVER_NOT_INSTALLED, site, "nothing is here, and the server is aside");
        return;
    case HR_SITE_OTHER:
        if (!installing)
            add(r, HR_RULE_SERVER_NOT_INSTALLED, site,
                site->kind == HR_SITE_PYTHON ? "this is of another handrail"
                                             : "this leads to another handrail");
        return;
    case HR_SITE_INSTALLED:
    case HR_NSITE_STATES: return;
    }
}

/* A script of a folder that has moved, or with the lines of Windows, is all that a program is, and
 * no kernel can run it. */
static void check_interpreter(struct hr_image_check *c, const struct hr_site *site)
{
    char real[PATH_MAX];
    char line[PATH_MAX] = "";
    if (site->kind != HR_SITE_PROGRAM || !hr_site_real(site, real))
        return;
    int fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    hr_close(&fd);
    if (n < 3 || strncmp(line, "#!", 2) != 0)
        return;
    char *interpreter = line + 2 + strspn(line + 2, " \t");
    interpreter[strcspn(interpreter, " \t\n")] = '\0';
    if (*interpreter != '/' || hr_program_is_executable(interpreter))
        return;
    hr_report_add(c->report, &hr_check_rules[HR_RULE_SERVER_UNUSABLE],
                  &(struct hr_place){.file = real},
                  "Put that program there, or correct the line; one that ends as on Windows names "
                  "a program with ^M in its name.",
                  "its first line names %s, which cannot be run", interpreter);
}

/* What the server's version means. */
static void check_version(struct hr_image_check *c, const struct hr_site *site)
{
    char text[HR_VERSION_TEXT + 160];
    if (!site->version[0]) {
        add(c->report, HR_RULE_SERVER_VERSION_UNKNOWN, site,
            "the version of this server is not known");
        return;
    }
    if (hr_version_compare(site->version, HR_SERVER_TOOLS_SINCE) >= 0 || strchr(site->version, '+'))
        return;
    bool helper = hr_version_compare(site->version, HR_SERVER_PATH_SINCE) >= 0;
    (void)snprintf(text, sizeof(text), "agent-server %s: no conversation has the native tools%s",
                   site->version,
                   helper ? "" : ", and there is no heartbeat and no replay of an initialisation");
    add(c->report, HR_RULE_SERVER_OLD, site, text);
}

/* Leave what later steps need. */
static void keep(struct hr_image_check *c, const struct hr_site *site)
{
    char path[PATH_MAX + 64];
    if (site->kind == HR_SITE_PROGRAM) {
        (void)json_object_set_new(c->facts, "server", json_string(site->path));
        return;
    }
    /* <prefix>/lib/python3.N/site-packages/handrail.pth */
    (void)snprintf(path, sizeof(path), "%s", site->path);
    for (int i = 0; i < 4; i++) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/bin/python3");
    if (hr_program_is_executable(path))
        (void)json_object_set_new(c->facts, "python", json_string(path));
}

/* All of it: a part would do without what is missing, or fail when it is needed. */
static void check_handrail(struct hr_image_check *c)
{
    static const struct {
        const char *name; /* beside our own program */
        int mode;
    } parts[] = {{"handrail", X_OK},
                 {"handrail-sidecar", X_OK},
                 {"handrail-toolhost", X_OK},
                 {"../share/python/handrail_agent.py", R_OK}};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        hr_root_program(parts[i].name, path);
        if (faccessat(AT_FDCWD, path, parts[i].mode, AT_EACCESS) < 0)
            hr_report_add(c->report, &hr_check_rules[HR_RULE_HANDRAIL_MISSING],
                          &(struct hr_place){.file = path}, NULL, "it cannot be used: %s",
                          strerror(errno));
    }
}

/* HANDRAIL_SERVER, which counts more than what lies beside the name. */
static void check_named(struct hr_image_check *c)
{
    const char *given = getenv("HANDRAIL_SERVER");
    if (given && *given && (*given != '/' || !hr_program_is_executable(given)))
        hr_report_add(c->report, &hr_check_rules[HR_RULE_SERVER_LOST],
                      &(struct hr_place){.file = given},
                      "Set HANDRAIL_SERVER to the absolute path of the server, or to nothing.",
                      "HANDRAIL_SERVER names this, which cannot be run");
}

void hr_check_server(struct hr_image_check *c)
{
    static struct hr_site sites[HR_SITES_MAX];
    char handrail[PATH_MAX];
    hr_root_program("handrail", handrail);
    const struct hr_site_search search = {.handrail = handrail, .given = c->options->given};
    size_t servers = 0;
    check_handrail(c);
    size_t n = hr_site_find(&search, sites);
    for (size_t i = 0; i < n; i++) {
        const struct hr_site *site = &sites[i];
        hr_check_site(c->report, site, false);
        if (site->state != HR_SITE_STRANGER && site->state != HR_SITE_ABSENT)
            servers++;
        if (site->state != HR_SITE_INSTALLED)
            continue;
        keep(c, site);
        check_interpreter(c, site);
        check_version(c, site);
        hr_check_good(c, "%s: %s%s%s", site->path,
                      site->kind == HR_SITE_PYTHON ? "python's server starts below handrail"
                                                   : "handrail is in the server's place",
                      site->version[0] ? ", agent-server " : "", site->version);
    }
    check_named(c);
    if (!servers && !c->options->given[0])
        hr_report_add(c->report, &hr_check_rules[HR_RULE_SERVER_NOT_FOUND], NULL, NULL,
                      "there is no agent-server on PATH or in /agent-server/.venv");
}
