/* SPDX-License-Identifier: MIT
 * The process around one plugin.  See program.h. */
#include "program.h"

#include "common/confinement.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/passing.h"
#include "confine.h"
#include "host.h"
#include "load.h"
#include "plugin_config.h"
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    json_t *root; /* kept: the strings are its */
    const char *id;
    const char *path;
    const char *key;
    const char *sha256; /* or NULL */
    uint32_t host_minor;
    int64_t watchdog_ms;
    char *config; /* JSON text */
};

/* The descriptors of the contract, closed to whatever the plugin may start. */
static int take_descriptors(void)
{
    static const int fds[] = {HR_FD_SETTINGS, HR_FD_NOTIFY, HR_FD_CALLS};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
            return -errno;
    return 0;
}

static int read_settings(struct settings *ret)
{
    json_t *root = NULL;
    int err = hr_settings_read(HR_FD_SETTINGS, &root);
    if (err)
        return err;
    (void)close(HR_FD_SETTINGS);
    struct settings s = {
        .root = root,
        .id = json_string_value(json_object_get(root, "id")),
        .path = json_string_value(json_object_get(root, "path")),
        .key = json_string_value(json_object_get(root, "ipc_key")),
        .host_minor = HANDRAIL_ABI_MINOR,
        .watchdog_ms = json_integer_value(json_object_get(root, "watchdog_ms")),
        .sha256 = json_string_value(json_object_get(root, "sha256")),
    };
    const json_t *minor = json_object_get(root, "host_minor");
    if (minor && json_integer_value(minor) < HANDRAIL_ABI_MINOR)
        s.host_minor = (uint32_t)json_integer_value(minor);
    const json_t *config = json_object_get(root, "config");
    s.config = config ? json_dumps(config, JSON_COMPACT) : strdup("{}");
    if (!s.id || !s.path || !s.key || !*s.key || (config && !json_is_object(config)))
        return -EPROTO;
    if (!s.config)
        return -ENOMEM;
    *ret = s;
    return 0;
}

/* Whatever the plugin prints goes to the log, from its constructors on, at once: what is buffered
 * would be lost when it crashes.  Its input is empty. */
static int redirect(void)
{
    int null = open("/dev/null", O_RDONLY);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || (null > 0 && dup2(null, STDIN_FILENO) < 0))
        return -errno;
    if (null > STDIN_FILENO)
        hr_close(&null);
    return setvbuf(stdout, NULL, _IONBF, 0) ? -EIO : 0;
}

/* Say why there will be no plugin, in the log and to the supervisor, which shows it.  The code. */
static int refuse(const struct settings *s, int code, const struct hr_why *why)
{
    char status[sizeof(why->text) + 8];
    hr_error("plugin %s: %s: %s", s->id, s->path, why->text);
    (void)snprintf(status, sizeof(status), "STATUS=%s", why->text);
    hr_notify(status);
    return code;
}

static void confinement_problem(void *arg, const char *pointer, const char *expected,
                                const json_t *came)
{
    (void)came;
    (void)hr_refuse(arg, "its confinement%s: expected %s", pointer, expected);
}

/* From here on whatever this process does is what the plugin may do.  0 or an exit code, said in
 * one line. */
static int confine(const struct settings *s)
{
    struct hr_why why = {{0}};
    struct hr_confinement c;
    json_t *given = json_object_get(s->root, "confinement");
    json_t *o = given ? json_incref(given) : json_object();
    int code = HR_EXIT_CONFIG;
    if (hr_confinement_read(o, confinement_problem, &why, &c) == 0)
        code = hr_confine_apply(&c, json_object_get(s->root, "environment"), s->path, &why);
    json_decref(o);
    return code ? refuse(s, code, &why) : 0;
}

/* The same for an error, of which *why is set unless memory was lacking. */
static int refuse_error(const struct settings *s, int err, struct hr_why *why)
{
    if (!why->text[0])
        (void)hr_refuse(why, "cannot be loaded: no memory: raise the memory limit");
    return refuse(s, hr_error_passes(-err) ? HR_EXIT_TEMPFAIL : HR_EXIT_CONFIG, why);
}

/* Take the file while nothing is confined yet.  0 or an exit code. */
static int open_plugin(const struct settings *s, struct hr_plugin_file *ret)
{
    struct hr_why why = {{0}};
    int err = hr_plugin_open(s->id, s->path, s->sha256, ret, &why);
    return err ? refuse_error(s, err, &why) : 0;
}

/* Load, look at the configuration, and create.  0 or an exit code, said in one line. */
static int load(const struct settings *s, struct hr_plugin_file *file, struct hr_plugin *ret)
{
    struct hr_why why = {{0}};
    int err = hr_plugin_load(s->id, s->path, file, ret, &why);
    hr_plugin_file_close(file);
    if (!err)
        err = hr_plugin_config_check(ret, json_object_get(s->root, "config"), &why);
    if (err)
        return refuse_error(s, err, &why);
    int code = hr_plugin_create(ret, s->config, strlen(s->config), &why);
    return code ? refuse(s, code, &why) : 0;
}

static int serve(const struct settings *s, struct hr_plugin *plugin)
{
    int err = hr_serve(plugin, HR_FD_CALLS, s->key, s->watchdog_ms);
    switch (err) {
    case 0:
        if (plugin->api.destroy)
            plugin->api.destroy(plugin->self);
        return 0;
    case -EBUSY:
        hr_warn("plugin %s: stopped while calls were running: destroy() was not called", s->id);
        return 0;
    case -ETIMEDOUT: return HR_EXIT_TEMPFAIL;
    default: hr_host_lost(err);
    }
}

static int run(void)
{
    struct settings s = {0};
    struct hr_plugin_file file;
    struct hr_plugin plugin;
    hr_log_init("handrail-toolhost", hr_log_level_from_env());
    if (take_descriptors()) {
        hr_error("descriptors %d to %d are not open: this program is started by handrail, not by "
                 "hand",
                 HR_FD_SETTINGS, HR_FD_CALLS);
        return HR_EXIT_USAGE;
    }
    int err = read_settings(&s);
    if (err) {
        hr_error("settings on descriptor %d: %s: start this program from the handrail of the same "
                 "version",
                 HR_FD_SETTINGS, strerror(-err));
        return HR_EXIT_SOFTWARE;
    }
    err = redirect();
    if (!err)
        err = hr_serve_init();
    if (err) {
        hr_error("plugin %s: preparing its process failed: %s", s.id, strerror(-err));
        return HR_EXIT_TEMPFAIL;
    }
    hr_host_init(s.id, s.host_minor);
    int code = open_plugin(&s, &file);
    if (!code)
        code = confine(&s);
    if (!code)
        code = load(&s, &file, &plugin);
    (void)malloc_trim(0); /* reading settings and schemas took more than keeping them does */
    return code ? code : serve(&s, &plugin);
}

_Noreturn void hr_toolhost_program(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("handrail-toolhost %s\n", HR_VERSION);
        exit(0);
    }
    int code = run();
    /* Not exit(): handlers and destructors of the plugin's must not run beside its threads. */
    _exit(code);
}
