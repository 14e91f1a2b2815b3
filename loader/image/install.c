/* SPDX-License-Identifier: MIT
 * handrail install and uninstall: all the places of an image, or none. */
#include "check.h"
#include "commands.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "loader/cli/text.h"
#include "loader/config/program.h"
#include "server_probe.h"
#include "swap.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    TURN_WAIT_MS = 2 * HR_SERVER_PROBE_MS, /* the other may be asking a slow server */
    TURN_LOOK_MS = 50,
};

struct job {
    const char *command; /* "install" */
    int (*swap)(const struct hr_site_search *s, struct hr_site *site);
    int (*undo)(const struct hr_site_search *s, struct hr_site *site);
    const char *root;
    const char *given[HR_SITES_MAX + 1];
    size_t ngiven;
    bool dry_run, no_check;
    char handrail[PATH_MAX];
    struct hr_site_search search;
    struct hr_report report;
    struct hr_site sites[HR_SITES_MAX];
    size_t nsites;
};

/* ---- the command line ------------------------------------------------------------------------ */

static const char help_install[] =
    "usage: handrail install [options]\n"
    "\n"
    "Put handrail into the agent-server's place, so that whoever starts the server\n"
    "gets it supervised; then check the image, and fail if anything is wrong.  For a\n"
    "Dockerfile, as root:  RUN [\"/opt/handrail/bin/handrail\", \"install\"]\n"
    "\n"
    "A program NAME becomes NAME.real, and NAME a link to handrail.  For a Python\n"
    "with the server's package handrail.pth is put into its site-packages: python -m\n"
    "openhands.agent_server is then run by handrail, and nothing else is.  ENTRYPOINT\n"
    "and CMD keep their meaning.  All of it can be done again, and is undone by\n"
    "handrail uninstall.\n"
    "\n";
static const char help_uninstall[] =
    "usage: handrail uninstall [options]\n"
    "\n"
    "Take handrail out of the agent-server's place: every file that handrail install\n"
    "has moved goes back, and what it has made is removed.\n"
    "\n";
static const char help_options[] =
    "  --server=PATH              its program, or a python that has its package; may\n"
    "                             be repeated [those on PATH, in /agent-server/.venv]\n"
    "  --root=DIR                 of an image that lies there; nothing of it is run\n"
    "  --dry-run                  say what would be done\n";
static const char help_no_check[] =
    "  --no-check                 do not check the image afterwards\n";
static const char help_end[] =
    "  --format=text|json|sarif   of what is found\n"
    "  --strict                   warnings are errors\n"
    "\n"
    "Exit code: 0, 1 if something is wrong (and nothing was changed, unless the check\n"
    "has found it), 64 for wrong usage.\n";

static int usage(const struct job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int usage(const struct job *j, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "handrail %s: ", j->command);
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, "; see handrail %s --help\n", j->command);
    va_end(ap);
    return HR_EXIT_USAGE;
}

/* 0; HR_EXIT_USAGE; -1: help was asked for, and given. */
static int parse(struct job *j, char **argv, bool installs)
{
    for (argv++; *argv; argv++) {
        const char *value = NULL;
        int ours = hr_report_option(&j->report, *argv);
        if (ours < 0)
            return HR_EXIT_USAGE;
        if (ours > 0)
            continue;
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            (void)printf("%s%s%s%s", installs ? help_install : help_uninstall, help_options,
                         installs ? help_no_check : "", help_end);
            return -1;
        }
        if (strcmp(*argv, "--dry-run") == 0)
            j->dry_run = true;
        else if (installs && strcmp(*argv, "--no-check") == 0)
            j->no_check = true;
        else if ((value = hr_report_value(*argv, "--root=")))
            j->root = value;
        else if ((value = hr_report_value(*argv, "--server=")) && j->ngiven < HR_SITES_MAX)
            j->given[j->ngiven++] = value;
        else
            return usage(j, "unexpected argument %s", *argv);
    }
    return 0;
}

/* ---- before anything is changed -------------------------------------------------------------- */

static const struct hr_rule *rule(enum hr_check_rule id)
{
    return &hr_check_rules[id];
}

/* What to do about it; NULL: what the rule says, which is for a user who may not. */
static const char *fix_of(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return geteuid() ? NULL
                         : "Root may not do that either: see whether it is immutable (lsattr), and "
                           "what its file system is.";
    case EROFS: return "Install while the image is built: this file system is read-only.";
    default: return "Nothing was changed: see to the cause, and run it again.";
    }
}

/* Can its folder be changed? */
static void judge_folder(struct job *j, const struct hr_site *site)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", site->path);
    const struct hr_place place = {.file = dirname(path)};
    if (faccessat(AT_FDCWD, place.file, W_OK | X_OK, AT_EACCESS) == 0)
        return;
    hr_report_add(&j->report, rule(HR_RULE_CANNOT_CHANGE), &place, fix_of(errno),
                  "no file in it can be renamed: %s", strerror(errno));
}

static void judge_names(struct job *j, const struct hr_site *site)
{
    char folder[PATH_MAX];
    if (site->state != HR_SITE_STRANGER && hr_swap_is_blocked(site, folder))
        hr_report_add(&j->report, rule(HR_RULE_CANNOT_CHANGE), &(struct hr_place){.file = folder},
                      "Remove it.", "this folder has the name of a file of handrail's");
}

/* Is it to be changed at all? */
static bool concerns(const struct job *j, const struct hr_site *site)
{
    enum hr_site_state done = j->swap == hr_swap_in ? HR_SITE_INSTALLED : HR_SITE_PLAIN;
    return site->state != done && site->state != HR_SITE_STRANGER;
}

/* Between looking at a place and changing it nobody else may change it: of two at once, one would
 * take the other's link for a leftover, and remove or overwrite what has become the server.  What
 * is locked is the root folder: every image has one, and to lock it needs no permission.
 * ret_lock: -1 where a file system has no locks.  false: somebody else did not come to an end. */
static bool take_turn(struct job *j, int *ret_lock)
{
    int lock = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t until = hr_now_ms() + TURN_WAIT_MS;
    int err = 0;
    while (lock >= 0 && (err = flock(lock, LOCK_EX | LOCK_NB) < 0 ? errno : 0) == EWOULDBLOCK &&
           hr_now_ms() < until)
        (void)poll(NULL, 0, TURN_LOOK_MS);
    if (err)
        hr_close(&lock);
    if (err == EWOULDBLOCK) {
        hr_report_add(&j->report, rule(HR_RULE_CANNOT_CHANGE), NULL,
                      "See who holds a lock on the folder /, and let it come to an end.",
                      "another install or uninstall was at work in it for %d s",
                      TURN_WAIT_MS / 1000);
        return false;
    }
    *ret_lock = lock;
    return true;
}

/* Everything that is wrong is found before anything is changed.  false: something is. */
static bool prepare(struct job *j)
{
    size_t servers = 0;
    hr_root_program("handrail", j->handrail);
    j->search = (struct hr_site_search){.handrail = j->handrail, .given = j->given};
    if (j->swap == hr_swap_in && !hr_program_is_executable(j->handrail))
        hr_report_add(&j->report, rule(HR_RULE_HANDRAIL_MISSING),
                      &(struct hr_place){.file = j->handrail}, NULL, "it cannot be run: %s",
                      strerror(errno));
    j->nsites = hr_site_find(&j->search, j->sites);
    for (size_t i = 0; i < j->nsites; i++) {
        servers += j->sites[i].state != HR_SITE_STRANGER;
        hr_check_site(&j->report, &j->sites[i], true);
        judge_names(j, &j->sites[i]);
        if (concerns(j, &j->sites[i]) && !j->dry_run)
            judge_folder(j, &j->sites[i]);
    }
    if (!servers)
        hr_report_add(&j->report, rule(HR_RULE_SERVER_NOT_FOUND), NULL, NULL,
                      "there is no agent-server on PATH or in /agent-server/.venv");
    return j->report.errors == 0;
}

/* ---- the change ------------------------------------------------------------------------------ */

/* A server that has no package beside it is asked which one it is, while it is still what its name
 * runs.  Not asking is no failure: it is taken for a new one. */
static void note_version(struct job *j, struct hr_site *site)
{
    char version[HR_VERSION_TEXT];
    char real[PATH_MAX];
    if (site->kind != HR_SITE_PROGRAM || site->version[0] || j->root || !hr_site_real(site, real))
        return;
    bool aside = site->state == HR_SITE_INSTALLED || site->state == HR_SITE_OTHER ||
                 site->state == HR_SITE_EMPTY;
    if (hr_server_probe(aside ? real : site->path, version) == 0 &&
        hr_swap_note_version(site, version) == 0)
        (void)snprintf(site->version, sizeof(site->version), "%s", version);
}

static void say(const struct job *j, const struct hr_site *site, bool changed)
{
    char version[HR_VERSION_TEXT + 32] = "";
    bool in = j->swap == hr_swap_in;
    if (j->report.format != HR_REPORT_TEXT || site->state == HR_SITE_STRANGER)
        return;
    if (site->version[0])
        (void)snprintf(version, sizeof(version), " (agent-server %s)", site->version);
    const char *would = !j->dry_run ? "" : changed ? "would be: " : "";
    hr_text_print(stdout, site->path);
    (void)printf(": %s", would);
    if (site->kind == HR_SITE_PYTHON) {
        (void)printf("%s", in ? "python -m openhands.agent_server is run by handrail" : "removed");
    } else if (in) {
        (void)printf("handrail, the server is ");
        hr_text_print(stdout, strrchr(site->path, '/') + 1);
        (void)printf(HR_REAL_SUFFIX);
    } else {
        (void)printf("the server");
    }
    (void)printf("%s\n", version);
}

/* The places that were changed go back, up to the one that failed, of which at least the note of
 * its version is to go. */
static void undo(struct job *j, const bool *changed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (changed[i])
            hr_site_look(&j->search, &j->sites[i]);
        int err = changed[i] ? j->undo(&j->search, &j->sites[i]) : 0;
        if (err)
            hr_report_add(&j->report, rule(HR_RULE_CANNOT_CHANGE),
                          &(struct hr_place){.file = j->sites[i].path}, NULL,
                          "it was changed, and cannot be changed back: %s", strerror(-err));
    }
}

static void change(struct job *j)
{
    bool changed[HR_SITES_MAX] = {false};
    for (size_t i = 0; i < j->nsites; i++) {
        struct hr_site *site = &j->sites[i];
        changed[i] = concerns(j, site);
        if (j->dry_run)
            continue;
        if (j->swap == hr_swap_in && site->state != HR_SITE_STRANGER)
            note_version(j, site);
        int err = site->state == HR_SITE_STRANGER ? 0 : j->swap(&j->search, site);
        if (!err)
            continue;
        hr_report_add(&j->report, rule(HR_RULE_CANNOT_CHANGE),
                      &(struct hr_place){.file = site->path}, fix_of(-err), "%s", strerror(-err));
        undo(j, changed, i + 1);
        return;
    }
    for (size_t i = 0; i < j->nsites; i++)
        say(j, &j->sites[i], changed[i]);
}

/* So that what is wrong fails the image's build, and not the pod. */
static void check(struct job *j)
{
    struct hr_check_options o = {.root = j->root, .at_build = true};
    memcpy(o.given, j->given, sizeof(o.given));
    hr_check_image(&o, &j->report);
}

static int run(struct job *j, char **argv)
{
    j->command = argv[0];
    hr_report_init(&j->report, argv[0]);
    hr_report_rules(&j->report, hr_check_rules, HR_NCHECK_RULES);
    int code = parse(j, argv, j->swap == hr_swap_in);
    if (!code)
        code = hr_root_enter(j->command, j->root);
    if (!code) {
        int turn = -1;
        if (take_turn(j, &turn) && prepare(j))
            change(j);
        hr_close(&turn);
        if (j->swap == hr_swap_in && !j->report.errors && !j->dry_run && !j->no_check)
            check(j);
        code = hr_report_end(&j->report, stdout);
    }
    hr_report_free(&j->report);
    return code < 0 ? 0 : code;
}

int hr_image_install(char **argv)
{
    static struct job j; /* large: not on the stack, and not in the file either */
    j.swap = hr_swap_in;
    j.undo = hr_swap_out;
    return run(&j, argv);
}

int hr_image_uninstall(char **argv)
{
    static struct job j;
    j.swap = hr_swap_out;
    j.undo = hr_swap_in;
    return run(&j, argv);
}
