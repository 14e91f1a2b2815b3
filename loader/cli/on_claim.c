/* SPDX-License-Identifier: MIT
 * The hook's process, before it is the hook's.  See on_claim.h. */
#include "on_claim.h"

#include "claim_env.h"
#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLAIM_MAX = 16 * 1024 * 1024 }; /* bytes */

static int read_claim(json_t **ret)
{
    struct hr_buf text;
    hr_buf_init(&text, CLAIM_MAX);
    int err = hr_read_fd(HR_FD_SETTINGS, &text);
    json_t *claim = err ? NULL : json_loadb(hr_buf_str(&text), text.len, JSON_ALLOW_NUL, NULL);
    hr_buf_free(&text);
    if (!claim)
        return err ? err : -EPROTO;
    *ret = claim;
    return 0;
}

/* An earlier try has read it from the same open file. */
static int claim_as_input(void)
{
    if (lseek(HR_FD_SETTINGS, 0, SEEK_SET) < 0 || dup2(HR_FD_SETTINGS, STDIN_FILENO) < 0)
        return -errno;
    (void)close(HR_FD_SETTINGS);
    return 0;
}

/* With less in the environment where the kernel takes no more.  errno. */
static int become(const char *command, struct hr_claim_env *env)
{
    char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)command, NULL};
    const size_t ends[] = {env->n, env->singles, env->own};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        env->all[ends[i]] = NULL;
        (void)execve("/bin/sh", argv, env->all);
        if (errno != E2BIG)
            break;
        hr_warn("the claim is too large for the environment: leaving out %s; standard input has "
                "all of it",
                i == 0 ? "single labels and annotations" : "labels and annotations");
    }
    return errno;
}

int hr_cli_on_claim(char **argv)
{
    json_t *claim = NULL;
    struct hr_claim_env env;
    if (!argv[1]) {
        hr_error("__on-claim is not for people: it needs a command and a claim");
        return HR_EXIT_USAGE;
    }
    int err = read_claim(&claim);
    if (!err)
        err = hr_claim_env_make(claim, environ, &env);
    json_decref(claim);
    if (!err)
        err = claim_as_input();
    if (err) {
        hr_error("the claim cannot be read: %s", strerror(-err));
        return HR_EXIT_SOFTWARE;
    }
    err = become(argv[1], &env);
    hr_error("cannot run /bin/sh: %s", strerror(err));
    return err == ENOENT ? 127 : 126;
}
