/* SPDX-License-Identifier: MIT
 * The rewriting of signals.  See rewrite.h. */
#include "rewrite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SIGNAL_MAX = 64 };

/* Our own table: not every libc has one, and none of them is the same. */
static const struct {
    const char *name;
    int sig;
} names[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT}, {"IOT", SIGIOT},       {"BUS", SIGBUS},
    {"FPE", SIGFPE},       {"KILL", SIGKILL}, {"USR1", SIGUSR1},     {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},     {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT},     {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
    {"XCPU", SIGXCPU},     {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
    {"WINCH", SIGWINCH},   {"IO", SIGIO},     {"POLL", SIGPOLL},     {"PWR", SIGPWR},
    {"SYS", SIGSYS},
};

/* A number of at most two digits in [0, 64], or -EINVAL. */
static int number(const char *text, size_t n)
{
    int value = 0;
    if (n < 1 || n > 2)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + text[i] - '0';
    }
    return value <= SIGNAL_MAX ? value : -EINVAL;
}

int hr_signal_parse(const char *text, size_t n)
{
    int sig = number(text, n);
    if (sig > 0)
        return sig;
    if (n > 3 && strncasecmp(text, "SIG", 3) == 0) {
        text += 3;
        n -= 3;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i].name) == n && strncasecmp(text, names[i].name, n) == 0)
            return names[i].sig;
    return -EINVAL;
}

void hr_rewrite_none(unsigned char rewrite[65])
{
    for (int i = 0; i <= SIGNAL_MAX; i++)
        rewrite[i] = (unsigned char)i;
}

/* One "A:B" of n bytes. */
static int parse_pair(const char *text, size_t n, unsigned char rewrite[65])
{
    const char *colon = memchr(text, ':', n);
    if (!colon)
        return -EINVAL;
    size_t left = (size_t)(colon - text);
    size_t right = n - left - 1;
    int from = hr_signal_parse(text, left);
    int to = number(colon + 1, right) == 0 ? 0 : hr_signal_parse(colon + 1, right);
    if (from < 0 || to < 0)
        return -EINVAL;
    if (from == SIGKILL || from == SIGSTOP || from == SIGCHLD)
        return -EPERM;
    rewrite[from] = (unsigned char)to;
    return 0;
}

int hr_rewrite_parse(const char *text, unsigned char rewrite[65])
{
    unsigned char table[SIGNAL_MAX + 1];
    memcpy(table, rewrite, sizeof(table));
    for (;;) {
        size_t n = strcspn(text, ",");
        int err = parse_pair(text, n, table);
        if (err)
            return err;
        if (!text[n])
            break;
        text += n + 1;
    }
    memcpy(rewrite, table, sizeof(table));
    return 0;
}

void hr_rewrite_format(const unsigned char rewrite[65], char out[HR_REWRITE_TEXT])
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 1; i <= SIGNAL_MAX && used < HR_REWRITE_TEXT; i++)
        if (rewrite[i] != i)
            used += (size_t)snprintf(out + used, HR_REWRITE_TEXT - used, "%s%d:%d", used ? "," : "",
                                     i, rewrite[i]);
}
