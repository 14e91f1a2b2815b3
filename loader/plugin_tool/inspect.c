/* SPDX-License-Identifier: MIT
 * handrail plugin inspect: what is in a plugin's file, and whether it would be loaded. */
#include "commands.h"
#include "common/json_text.h"
#include "describe.h"
#include "loader/cli/text.h"
#include "loader/plugin_file/judge.h"
#include "loader/toolhost/load.h"
#include "options.h"
#include "target.h"

#include <errno.h>
#include <string.h>

static const char usage[] = "inspect PLUGIN [--json]\n\n"
                            "What is in a plugin, read without running any of it.  PLUGIN is a .so "
                            "file, or a\nplugin of the tool registry.";

/* What the host would say of the descriptor. */
static int check_descriptor(const struct hr_target *t, const struct hr_descriptor *d,
                            struct hr_why *why)
{
    struct hr_plugin p;
    int err = hr_plugin_check(t->id, NULL, &d->plugin, &p, why);
    if (!err)
        hr_plugin_release(&p);
    return err;
}

/* The verdict under "refused": null, or why.  Null is no more than half a verdict where no
 * descriptor was found: "plugin" is null too then. */
static int judge(const struct hr_target *t, const struct hr_elf *e, const struct hr_descriptor *d,
                 json_t *o)
{
    struct hr_why why = {{0}};
    int err = hr_plugin_judge(e, &why);
    if (!err && d)
        err = check_descriptor(t, d, &why);
    (void)json_object_set_new(o, "refused",
                              err ? hr_json_text(why.text, strlen(why.text)) : json_null());
    return err ? 1 : 0;
}

static void print(const json_t *o, bool json)
{
    const char *refused = json_string_value(json_object_get(o, "refused"));
    if (json) {
        (void)json_dumpf(o, stdout, JSON_INDENT(2));
        (void)putchar('\n');
        return;
    }
    hr_describe_print(o);
    if (refused) {
        (void)fputs("refused: ", stdout);
        hr_text_print(stdout, refused);
    } else if (json_is_null(json_object_get(o, "plugin"))) {
        (void)fputs("undecided: its descriptor is made when it runs, or does not start with "
                    "HANDRAIL_MAGIC: see what handrail plugin check says, which runs it",
                    stdout);
    } else {
        (void)fputs("accepted", stdout);
    }
    (void)putchar('\n');
}

static int inspect(const struct hr_plugin_options *o, const struct hr_target *t)
{
    static struct hr_descriptor d;
    struct hr_plugin_file file;
    struct hr_elf e;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    int err = hr_plugin_file_open(t->path, t->sha256[0] ? t->sha256 : NULL, &file, &why);
    if (!err && hr_elf_read(file.bytes, file.len, &e, &wrong)) {
        hr_plugin_file_close(&file);
        err = hr_refuse(&why, "%s: copy or build it once more", wrong);
    }
    if (err) {
        (void)fprintf(stderr, "handrail plugin inspect: %s %s\n", t->path,
                      err == -ENOMEM ? "needs more memory than there is" : why.text);
        return 1;
    }
    bool found = e.is_native && hr_descriptor_read(&e, &d) == 0;
    json_t *all = hr_describe_json(t->path, &file, &e, found ? &d : NULL);
    int code = judge(t, &e, found ? &d : NULL, all);
    print(all, o->json);
    json_decref(all);
    hr_plugin_file_close(&file);
    return code;
}

int hr_plugin_inspect(char **argv)
{
    struct hr_plugin_options o;
    struct hr_target t;
    int code = hr_plugin_options_parse(argv, HR_OPT_TARGET | HR_OPT_JSON, 1, usage, &o);
    if (code || o.help)
        return code;
    if (!o.words[0])
        return hr_plugin_usage(&o, "which plugin?  See handrail plugin inspect --help");
    code = hr_target_find(&o, o.words[0], &t);
    if (code)
        return code;
    code = inspect(&o, &t);
    hr_target_free(&t);
    return code;
}
