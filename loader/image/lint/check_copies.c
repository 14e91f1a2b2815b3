/* SPDX-License-Identifier: MIT
 * Rules about what COPY and ADD bring, and where to.  See check.h. */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_name(const char *path, const char *name)
{
    size_t n;
    const char *last = hr_path_name(path, &n);
    return n == strlen(name) && strncmp(last, name, n) == 0;
}

/* ---- state ----------------------------------------------------------------------------------- */

static void check_state(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w)
{
    static const char *const folders[] = {"/workspace/conversations", "/workspace/bash_events",
                                          "/home/openhands/.openhands", "/root/.openhands"};
    char to[HR_LINT_PATH];
    size_t n;
    (void)hr_path_name(w->expanded, &n);
    if (!hr_copy_target(s, w->expanded, to))
        return;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        /* Skills and plugins live below .openhands too, and are no state. */
        const char *rest = hr_path_in(to, folders[i]) ? to + strlen(folders[i]) : NULL;
        bool harmless = rest && (hr_path_in(rest, "/skills") || hr_path_in(rest, "/plugins") ||
                                 hr_path_in(rest, "/microagents"));
        if (rest && !harmless)
            hr_lint_say(l, HR_LINT_TASK_STATE, s->i, w, "%.200s comes to lie in %s", w->expanded,
                        folders[i]);
    }
}

static void check_workspace(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w)
{
    const char *path = w->expanded;
    bool whole = strcmp(path, ".") == 0 || strcmp(path, "./") == 0 || strcmp(path, "*") == 0 ||
                 strcmp(path, "/") == 0;
    if (hr_instruction_flag(s->i, "from") || hr_instruction_flag(s->i, "exclude") ||
        (l->context && !hr_context_has(l, ".git")))
        return;
    if (is_name(path, ".git"))
        hr_lint_say(l, HR_LINT_WORKSPACE_COPIED, s->i, w, "%s of %.200s",
                    hr_instruction_name(s->i->kind), path);
    else if (whole && s->to && hr_path_in(s->to, "/workspace"))
        hr_lint_say(l, HR_LINT_WORKSPACE_COPIED, s->i, w, "the whole build context goes to %.200s",
                    s->to);
}

/* ---- handrail's own -------------------------------------------------------------------------- */

/* The folder that "/opt/handrail" is copied to, from wherever it was built. */
static void check_folder(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w)
{
    if (strcmp(w->expanded, "/opt/handrail") != 0 && strcmp(w->expanded, "/opt/handrail/") != 0)
        return;
    if (!s->to || strcmp(s->to, "/opt/handrail") == 0 || !s->kept)
        return;
    hr_lint_say(l, HR_LINT_HANDRAIL_FOLDER, s->i, w, "/opt/handrail is copied to %.200s",
                *s->to ? s->to : "/");
}

static void check_config(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w)
{
    static const struct {
        const char *file, *variable;
    } files[] = {{"tool_registry.json", "HANDRAIL_REGISTRY"},
                 {"agent_config.json", "HANDRAIL_CONFIG_DIR"}};
    char to[HR_LINT_PATH];
    char right[64];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(right, sizeof(right), "/app/config/%s", files[i].file);
        if (!is_name(w->expanded, files[i].file) || !hr_copy_target(s, w->expanded, to) ||
            strcmp(to, right) == 0 || strcmp(to, "/app/config") == 0 ||
            hr_stage_variable(l->target, files[i].variable) ||
            hr_stage_variable(l->target, "HANDRAIL_CONFIG_DIR"))
            continue;
        hr_lint_say(l, HR_LINT_CONFIG_FOLDER, s->i, w, "%s is copied to %.200s, not to %s",
                    w->expanded, to, right);
    }
}

/* ---- URLs ------------------------------------------------------------------------------------ */

static void check_url(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w)
{
    bool url =
        strncasecmp(w->expanded, "http://", 7) == 0 || strncasecmp(w->expanded, "https://", 8) == 0;
    size_t n = strcspn(w->expanded, "#?");
    bool git = n > 4 && strncmp(w->expanded + n - 4, ".git", 4) == 0;
    if (s->i->kind == HR_ADD && url && !git && !hr_instruction_flag(s->i, "checksum"))
        hr_lint_say(l, HR_LINT_ADD_URL, s->i, w, "ADD %.200s: nothing checks what comes from there",
                    w->expanded);
}

void hr_check_copies(struct hr_lint *l, const struct hr_site *s)
{
    if ((s->i->kind != HR_COPY && s->i->kind != HR_ADD) || s->i->broken || !s->stage)
        return;
    for (size_t k = 0; k < hr_copy_sources(s->i); k++) {
        const struct hr_word *w = &s->i->words.at[k];
        check_url(l, s, w);
        if (!s->kept)
            continue;
        if (l->server) {
            check_state(l, s, w);
            check_workspace(l, s, w);
        }
        if (l->handrail) {
            check_folder(l, s, w);
            check_config(l, s, w);
        }
    }
}
