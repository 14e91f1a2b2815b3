/* SPDX-License-Identifier: MIT
 * Command line, environment and the two files, merged into one read-only configuration.
 *
 * Precedence: command line, then environment, then files, then default.  Everything is checked
 * here, before anything is started: each problem is one line on standard error that says where it
 * is, what was expected and what came, and hr_config_load() then gives the code to exit with. What
 * can be set, and by which names, is one table: settings.c.
 *
 * Start-up only: it allocates.  The strings of argv and the environment are borrowed for ever.
 */
#ifndef HR_CONFIG_CONFIG_H
#define HR_CONFIG_CONFIG_H

#include "address.h"
#include "check_setting.h"
#include "common/board.h"
#include "common/log.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HR_MAX_SETTINGS = 64, /* rows of the table of settings */
    HR_MAX_SIGNALS = 65,  /* signals are 1 to 64 */
    HR_EXIT_CODES = 256,
    HR_BUDGET_MAX = 100, /* failures: the largest budget, so that their times have a fixed place */
};

enum hr_restart { HR_RESTART_NEVER, HR_RESTART_ON_FAILURE, HR_RESTART_ALWAYS };

/* What a dead server left behind that is ended before its next start. */
enum hr_cleanup {
    HR_CLEANUP_NONE,
    HR_CLEANUP_KNOWN, /* what is known to be in the next one's way */
    HR_CLEANUP_ALL,
};

/* Where the value of a setting came from.  What comes later in this list wins. */
enum hr_origin { HR_FROM_DEFAULT, HR_FROM_FILE, HR_FROM_ENVIRONMENT, HR_FROM_OPTION };

enum { HR_SHA256_TEXT = 65 }; /* bytes of a SHA-256 in hexadecimal, with its NUL */

/* What changes when somebody puts another file in a file's place, or writes to it.  Zero: there was
 * none. */
struct hr_file_stamp {
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;
};

struct hr_plugin_config {
    char id[HR_PLUGIN_ID_MAX + 1];
    char sha256[HR_SHA256_TEXT]; /* which the file has to have; "": any */
    char *path;                  /* absolute */
    struct hr_file_stamp stamp;  /* of the file, when the registry was read */
    int entry;                   /* in the registry; -1: it is the agent's module, and in no file */
    bool required;               /* readiness waits for it */
    json_t *config;              /* an object, never NULL */
    json_t *confinement;         /* likewise; it has been checked */
};

/* How one kind of process is kept running. */
struct hr_service_settings {
    enum hr_restart restart;
    int64_t backoff_ms;       /* delay before a restart, doubling ... */
    int64_t backoff_max_ms;   /* ... up to this; never below backoff_ms */
    int64_t stable_ms;        /* up for this long: the first restart is at once */
    int64_t backoff_reset_ms; /* up for this long: the doubling starts over */
    int64_t budget_window_ms;
    int64_t start_timeout_ms; /* not ready within this: killed; 0: no limit */
    int64_t stop_timeout_ms;  /* not gone within this: killed; 0: no limit but the stop's own */
    uint32_t budget;          /* failures within budget_window_ms before it is given up; 0: none */
};

struct hr_config {
    char **command; /* the server's argv, NULL-ended */

    /* The settings.  Each has its place in the table of settings.c. */
    struct hr_service_settings server;
    struct hr_service_settings sidecar_settings;
    struct hr_service_settings toolhosts;
    int64_t grace_ms;            /* whole budget of a stop; 0: no limit */
    int64_t pause_ms;            /* for the server to prepare for its pause; 0: it is not asked */
    int64_t watchdog_soft_ms;    /* a loop that lags this much: a warning */
    int64_t watchdog_ms;         /* this much: a restart; 0: never */
    int64_t sidecar_watchdog_ms; /* the same of our own programs */
    int64_t log_rate;            /* lines a second for each service; 0: no limit */
    const char *config_dir;      /* where the two files are looked for */
    const char *registry;        /* the file itself; NULL: the one in config_dir */
    const char *podinfo_dir;     /* absolute; of the downwardAPI volume, if it is there */
    const char *on_claim;        /* command of the hook; NULL: none */
    int64_t on_claim_timeout_ms; /* 0: no limit */
    const char *crash_dir;       /* absolute; NULL: crash reports stay in memory */
    const char *webhook;         /* URL that is told what happens; NULL: nobody is */
    struct hr_address health;
    struct hr_address mcp;
    struct hr_check_settings checks; /* of the sidecar */
    enum hr_cleanup cleanup;
    enum hr_log_format log_format;
    uint16_t agent_port;
    bool sidecar;       /* false: a plain init and nothing else */
    bool stdio;         /* `handrail mcp`: no server; the sidecar serves our standard streams */
    bool stay;          /* with /livez failing when the server is given up; else exit */
    bool group_signals; /* signals go to the command's whole process group */
    bool replay;        /* the init record, to a server that was restarted */
    bool helper;        /* have the server import our Python helper */
    unsigned char rewrite[HR_MAX_SIGNALS];  /* what a signal becomes; 0: it is dropped */
    bool success_codes[HR_EXIT_CODES];      /* for which our own exit code is 0 */
    unsigned char origins[HR_MAX_SETTINGS]; /* enum hr_origin of each; see hr_setting_origin() */

    bool verbose; /* by the option alone: HANDRAIL_LOG_LEVEL=debug */

    /* What follows from them. */
    const char *webhook_authorization; /* value of that header; NULL: none */
    bool nested; /* a handrail supervises already, or the command only answers: run it in our
                  * place, no more */
    char agent_host[64];      /* numeric address at which the agent-server is probed */
    char registry_path[4096]; /* `registry`, or the one in config_dir */
    char agent_config_path[4096];
    json_t *agent_config; /* that file, as agent_config.h has it; NULL: there is none */
    json_t *environment;  /* what it has put into ours: {"NAME": "value"}; NULL: nothing yet */
    struct hr_plugin_config plugins[HR_MAX_PLUGINS];
    uint32_t nplugins;
};

/* argv: the arguments after `run` or `--`, options first.  Returns 0, or the exit code (64 for
 * usage, 78 for configuration) after having said why.  On success free with hr_config_free().
 * With HANDRAIL_SUPERVISED=1 in the environment, or a command that only answers, no more is found
 * out than the command and the settings, and `nested` is true. */
int hr_config_load(char **argv, struct hr_config *ret);

/* The same for a call by the server's own name: argv[0] is that name, the rest are its flags, or
 * the whole command of the server once more. */
int hr_config_load_as_server(char **argv, struct hr_config *ret);

/* The same for `handrail config`, which runs nothing: the command may be missing, and is then "".
 * If it is our own program in the server's place, it is the real server, with its flags.  flags:
 * see options.h. */
struct hr_flag;
int hr_config_load_to_show(char **argv, const struct hr_flag *flags, struct hr_config *ret);

/* The same for `handrail mcp`, which has no command: argv are its options. */
int hr_config_load_mcp(char **argv, struct hr_config *ret);

/* One of the two files, as it was read: len < 0: it is not there. */
struct hr_config_text {
    const char *text;
    ssize_t len;
};

/* What `old` would be with other files, everything else being the same, with plugins that are not
 * stamped.  0, or 78 after one line per problem.  On success free with hr_config_free(). */
int hr_config_reread(const struct hr_config *old, const struct hr_config_text *agent_config,
                     const struct hr_config_text *registry, struct hr_config *ret);

void hr_config_free(struct hr_config *c);

/* Does a handrail above us supervise us already?  It says so in the environment. */
bool hr_config_is_nested(void);

#endif
