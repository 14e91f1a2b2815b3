/* SPDX-License-Identifier: MIT
 * handrail check: one plugin of the registry: its file, its descriptor, and its start in a toolhost
 * of its own, confined as it will be.  `handrail plugin check` tries much more, and takes longer.
 */
#include "check.h"
#include "common/buf.h"
#include "common/confinement.h"
#include "common/log.h"
#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_tool/check.h"
#include "loader/toolhost/load.h"

#include <stdio.h>
#include <string.h>

static void add(const struct hr_image_check *c, enum hr_check_rule rule, const char *text)
{
    const struct hr_plugin_config *p = &c->config->plugins[c->plugin];
    hr_report_add(c->report, &hr_check_rules[rule], &(struct hr_place){.file = p->path}, NULL,
                  "plugin %s: %s", p->id, text);
}

/* The file and, where it can be read without running it, the descriptor. */
static bool check_file(struct hr_image_check *c)
{
    static struct hr_descriptor d;
    const struct hr_plugin_config *p = &c->config->plugins[c->plugin];
    struct hr_plugin_file file;
    struct hr_plugin plugin;
    struct hr_elf elf;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    int err = hr_plugin_open(p->id, p->path, p->sha256[0] ? p->sha256 : NULL, &file, &why);
    if (err) {
        add(c, HR_RULE_PLUGIN_FILE, why.text[0] ? why.text : strerror(-err));
        return false;
    }
    if (hr_elf_read(file.bytes, file.len, &elf, &wrong) == 0 && hr_descriptor_read(&elf, &d) == 0) {
        err = hr_plugin_check(p->id, NULL, &d.plugin, &plugin, &why);
        if (err)
            add(c, HR_RULE_PLUGIN_DESCRIPTOR, why.text[0] ? why.text : strerror(-err));
        else
            hr_plugin_release(&plugin);
    }
    hr_plugin_file_close(&file);
    return err == 0;
}

static void keep_tools(struct hr_image_check *c, const struct hr_run *r)
{
    json_t *tools = json_array();
    for (size_t i = 0; i < json_array_size(r->tools); i++)
        (void)json_array_append_new(tools, json_string(hr_tool_name(r, i)));
    (void)json_object_set_new(c->facts, "tools", tools);
}

/* What this kernel does not keep from it.  That it is no error here was for the toolhost to say:
 * where confinement is required, the start has failed. */
static void check_confinement(const struct hr_image_check *c, const struct hr_run *r)
{
    const char *name = NULL;
    json_t *reason = NULL;
    struct hr_buf text;
    json_t *report = json_object_get(r->plugin, "confinement");
    hr_buf_init(&text, HR_FINDING_TEXT);
    json_object_foreach (json_object_get(report, "missing"), name, reason)
        (void)hr_buf_addf(&text, "%s%s (%s)", text.len ? ", " : "", name,
                          json_string_value(reason));
    if (text.len)
        hr_report_add(c->report, &hr_check_rules[HR_RULE_CONFINEMENT_MISSING], NULL, NULL,
                      "plugin %s is not kept from: %s", c->config->plugins[c->plugin].id,
                      hr_buf_str(&text));
    hr_buf_free(&text);
}

static void start(struct hr_image_check *c)
{
    const struct hr_plugin_config *p = &c->config->plugins[c->plugin];
    const struct hr_run_options how = {.host_minor = -1};
    struct hr_target target = {.path = p->path, .config = p->config, .confinement = p->confinement};
    struct hr_run r;
    struct hr_why why = {{0}};
    char line[200];
    (void)snprintf(target.id, sizeof(target.id), "%s", p->id);
    (void)snprintf(target.sha256, sizeof(target.sha256), "%s", p->sha256);
    if (hr_run_start(&target, &how, &r, &why)) {
        add(c, HR_RULE_PLUGIN_START, why.text);
        return;
    }
    keep_tools(c, &r);
    check_confinement(c, &r);
    if (hr_foreign_line(&r, line, sizeof(line))) {
        char text[sizeof(line) + 64];
        (void)snprintf(text, sizeof(text), "it writes \"%.150s\" into the server's log", line);
        add(c, HR_RULE_PLUGIN_PRINTS, text);
    }
    hr_check_good(c, "plugin %s: %s, %zu tool%s", p->id, p->path, json_array_size(r.tools),
                  json_array_size(r.tools) == 1 ? "" : "s");
    if (hr_run_stop(&r))
        add(c, HR_RULE_PLUGIN_STOP, "it did not end in order when it was asked to");
    hr_run_free(&r);
}

void hr_check_plugin(struct hr_image_check *c)
{
    hr_log_init("handrail-image", HR_LOG_NONE); /* what is doubtful is handrail plugin check's */
    if (check_file(c) && !c->options->root)
        start(c);
}
