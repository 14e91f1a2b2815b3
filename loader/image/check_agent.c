/* SPDX-License-Identifier: MIT
 * handrail check: the custom agent.  The helper that watches it in the server is run by the image's
 * own python, and says what it would say there. */
#include "check.h"

#include "common/buf.h"
#include "limited.h"
#include "loader/cli/text.h"
#include "loader/config/agent_command.h"
#include "loader/config/agent_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OUTPUT_MAX = 256 * 1024,
    CHECKED = 100, /* _CHECKED of the helper: it has come to its end, and found nothing */
};

static const char helper_says[] = "handrail_agent: ";

static void add(struct hr_image_check *c, const char *text)
{
    hr_report_add(c->report, &hr_check_rules[HR_RULE_AGENT_CLASS], NULL, NULL, "%s", text);
}

/* The last line of the output that the helper has written, else its last line, or NULL.  Cuts the
 * text into its lines. */
static const char *last_line(char *text)
{
    const char *found = NULL;
    const char *last = NULL;
    while (*text) {
        char *line = text;
        size_t n = strcspn(text, "\n");
        text += n + (text[n] == '\n');
        line[n] = '\0';
        if (n)
            last = line;
        if (strncmp(line, helper_says, sizeof(helper_says) - 1) == 0)
            found = line + sizeof(helper_says) - 1;
    }
    return found ? found : last;
}

static void ended_badly(struct hr_image_check *c, int status, const char *last)
{
    char text[HR_FINDING_TEXT];
    if (WIFSIGNALED(status))
        (void)snprintf(text, sizeof(text), "python was killed by signal %d%s%s", WTERMSIG(status),
                       last ? "; it had said: " : "", last ? last : "");
    else
        (void)snprintf(text, sizeof(text), "python ended with code %d, without a word",
                       WEXITSTATUS(status));
    add(c, last && WIFEXITED(status) ? last : text);
}

static void judge(struct hr_image_check *c, int err, int status, char *output)
{
    char text[HR_FINDING_TEXT];
    const char *name = getenv("CUSTOM_AGENT_CLASS");
    const char *module = getenv("CUSTOM_AGENT_MODULE");
    if (err == -ETIMEDOUT) {
        (void)snprintf(text, sizeof(text), "importing %s took more than %d s",
                       module && *module ? module : "the modules of its tools", HR_CHECK_IMPORT_S);
        add(c, text);
    } else if (err) {
        (void)snprintf(text, sizeof(text), "the image's python cannot be run: %s", strerror(-err));
        add(c, text);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != CHECKED) {
        ended_badly(c, status, last_line(output));
    } else {
        hr_check_good(c, "the modules of the agent and its tools can be imported%s%s",
                      name && *name ? "; agent class " : "", name && *name ? name : "");
    }
}

/* Of the server's command, as handrail would start it; NULL: it imports nothing. */
static char *imports(char *const *argv)
{
    static const char option[] = "--import-modules=";
    for (; *argv; argv++)
        if (strncmp(*argv, option, sizeof(option) - 1) == 0)
            return *argv + sizeof(option) - 1;
    return NULL;
}

static void run_helper(struct hr_image_check *c, char *python)
{
    static char module[] = "openhands.agent_server";
    static char option[] = "-m";
    char *server[] = {python, option, module, NULL};
    char helper[PATH_MAX];
    struct hr_agent_command command = {0};
    struct hr_buf output;
    int status = 0;
    if (hr_agent_command(c->config, server, environ, &command)) {
        add(c, "CUSTOM_AGENT_MODULE is no name of a Python module");
        return;
    }
    hr_root_program("../share/python/handrail_agent.py", helper);
    char *argv[] = {python, helper, imports(command.argv), NULL};
    hr_buf_init(&output, OUTPUT_MAX);
    int err =
        hr_limited_run(argv, command.env, (int64_t)1000 * HR_CHECK_IMPORT_S, &output, &status);
    char *text = hr_buf_take(&output);
    judge(c, err, status, text ? text : (char[]){""});
    free(text);
    hr_buf_free(&output);
    hr_agent_command_free(&command);
}

void hr_check_agent(struct hr_image_check *c)
{
    static char no_bytecode[] = "PYTHONDONTWRITEBYTECODE=1";
    static char no_fetch[] = "LITELLM_LOCAL_MODEL_COST_MAP=True";
    static char no_banner[] = "OPENHANDS_SUPPRESS_BANNER=1";
    const char *python = hr_text_get(c->facts, "python", "");
    const char *agent = getenv("CUSTOM_AGENT_MODULE");
    if (agent && hr_agent_module_is_native(agent))
        return; /* a plugin, which has been looked at */
    bool any = (agent && *agent) || getenv("CUSTOM_AGENT_CLASS") ||
               json_array_size(json_object_get(c->config->agent_config, "tools"));
    if (!any)
        return;
    if (!*python) {
        hr_report_add(c->report, &hr_check_rules[HR_RULE_AGENT_UNCHECKED], NULL, NULL,
                      "there is no python with the server's package to import it");
        return;
    }
    (void)putenv(no_bytecode);
    (void)putenv(no_fetch);
    (void)putenv(no_banner);
    char *program = strdup(python);
    if (program)
        run_helper(c, program);
    free(program);
}
