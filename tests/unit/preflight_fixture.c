/* SPDX-License-Identifier: MIT
 * See preflight_fixture.h. */
#include "preflight_fixture.h"

#include "check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FINDINGS_MAX = 64, ARGS_MAX = 8, NOBODY = 65534 };

static struct {
    char id[32];
    char text[HR_PREFLIGHT_TEXT];
} findings[FINDINGS_MAX];
static int nfindings;
static uid_t self;

void note_finding(void *arg, const char *id, const char *text)
{
    (void)arg;
    assert_true(nfindings < FINDINGS_MAX);
    assert_true(strlen(id) < sizeof(findings[0].id));
    for (const char *c = text; *c; c++)
        assert_false((unsigned char)*c < ' ');
    (void)snprintf(findings[nfindings].id, sizeof(findings[0].id), "%s", id);
    (void)snprintf(findings[nfindings].text, sizeof(findings[0].text), "%s", text);
    nfindings++;
}

void forget_findings(void)
{
    nfindings = 0;
}

int found(const char *id)
{
    int n = 0;
    for (int i = 0; i < nfindings; i++)
        n += strcmp(findings[i].id, id) == 0;
    return n;
}

int found_in_all(void)
{
    return nfindings;
}

const char *text_of(const char *id)
{
    const char *text = "";
    for (int i = 0; i < nfindings; i++)
        if (strcmp(findings[i].id, id) == 0)
            text = findings[i].text;
    return text;
}

struct hr_preflight_facts *facts_of(const char *const *env)
{
    static char *default_command[] = {"agent-server", NULL};
    static char *copy[FINDINGS_MAX];
    static struct hr_config config;
    static struct hr_preflight_facts f;
    size_t n = 0;
    for (; env[n]; n++) {
        assert_true(n < FINDINGS_MAX - 1);
        copy[n] = (char *)(uintptr_t)env[n]; /* nobody writes to them */
    }
    copy[n] = NULL;
    config = (struct hr_config){.command = default_command, .agent_port = 8000};
    json_decref(f.file);
    f = (struct hr_preflight_facts){.config = &config,
                                    .env = copy,
                                    .vscode = "/nonexistent/vscode",
                                    .file = json_object(),
                                    .say = note_finding};
    forget_findings();
    return &f;
}

void facts_command(struct hr_preflight_facts *f, const char *const *args)
{
    static char *command[ARGS_MAX + 2];
    static struct hr_config config;
    size_t n = 0;
    command[n++] = "agent-server";
    for (; *args; args++) {
        assert_true(n < ARGS_MAX);
        command[n++] = (char *)(uintptr_t)*args;
    }
    command[n] = NULL;
    config = *f->config;
    config.command = command;
    f->config = &config;
}

void become_nobody(void)
{
    self = geteuid();
    if (self == 0)
        assert_int_equal(seteuid(NOBODY), 0);
}

void become_self(void)
{
    assert_int_equal(seteuid(self), 0);
}
