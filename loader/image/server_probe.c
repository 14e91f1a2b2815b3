/* SPDX-License-Identifier: MIT
 * Which agent-server a program is.  See server_probe.h. */
#include "server_probe.h"

#include "limited.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MAX = 256 * 1024, ENV_MAX = 256 };

/* Newest first: what it has since then. */
static const struct {
    const char *option;
    const char *version;
} signs[] = {
    {"--extra-python-path", "1.22.1+"},
    {"--import-modules", "1.20+"},
    {"--check-browser", "1.0+"},
};

int hr_server_probe_read(const char *text, char version[HR_VERSION_TEXT])
{
    static const char banner[] = "OpenHands SDK v"; /* released together with the server */
    const char *found = strstr(text, banner);
    size_t n = 0;
    if (!strstr(text, "--port") || !strstr(text, "--host"))
        return -ENOENT;
    if (found) {
        found += sizeof(banner) - 1;
        n = strspn(found, "0123456789.abcdefghijklmnopqrstuvwxyz+");
    }
    if (n && n < HR_VERSION_TEXT && isdigit((unsigned char)*found)) {
        (void)snprintf(version, HR_VERSION_TEXT, "%.*s", (int)n, found);
        return 0;
    }
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (strstr(text, signs[i].option)) {
            (void)snprintf(version, HR_VERSION_TEXT, "%s", signs[i].version);
            return 0;
        }
    return -ENOENT;
}

/* Our environment with what keeps the server from writing files, from the network, and from leaving
 * out its banner. */
static void make_env(char *env[ENV_MAX + 4])
{
    static char no_bytecode[] = "PYTHONDONTWRITEBYTECODE=1";
    static char no_fetch[] = "LITELLM_LOCAL_MODEL_COST_MAP=True";
    static char supervised[] = "HANDRAIL_SUPERVISED=1"; /* in case handrail is in front of it */
    size_t n = 0;
    for (char **e = environ; *e && n < ENV_MAX; e++)
        if (strncmp(*e, "OPENHANDS_SUPPRESS_BANNER=", 26) != 0 && strncmp(*e, "HANDRAIL_", 9) != 0)
            env[n++] = *e;
    env[n++] = no_bytecode;
    env[n++] = no_fetch;
    env[n++] = supervised;
    env[n] = NULL;
}

int hr_server_probe(const char *path, char version[HR_VERSION_TEXT])
{
    char *env[ENV_MAX + 4];
    char *program = strdup(path);
    char help[] = "--help";
    char *argv[] = {program, help, NULL};
    struct hr_buf output;
    int status = 0;
    if (!program)
        return -ENOMEM;
    make_env(env);
    hr_buf_init(&output, OUTPUT_MAX);
    int err = hr_limited_run(argv, env, HR_SERVER_PROBE_MS, &output, &status);
    if (!err)
        err = hr_server_probe_read(hr_buf_str(&output), version);
    hr_buf_free(&output);
    free(program);
    return err;
}
