/* SPDX-License-Identifier: MIT
 * handrail probe: one question to the sidecar over its unix socket, for exec probes of the kubelet
 * and for scripts.
 *
 * Over that socket alone: the containers of a pod share the network, so the health port might
 * answer for another container; and whatever floods it, this socket is not reached from there.
 *
 * The kubelet starts it every few seconds, so it does what is needed and no more. */
#include "commands.h"
#include "common/handoff.h"
#include "control_client.h"
#include "sidecar_client.h"
#include "text.h"

#include <string.h>

/* The kubelet waits 1 s if it is not told otherwise, and then shows nothing of what we say. */
enum { TIMEOUT_MS = 900 };

static const char usage[] = "handrail probe live|ready|startup|warm [options]";
static const char help[] =
    "\n"
    "  --verbose           every check, also of an answer that is good\n"
    "  --timeout=SECONDS   for the answer [0.9]\n"
    "  --pid=N             of the supervisor\n"
    "  --socket=NAME       the probe socket, if not that of the supervisor\n";

static const struct {
    const char *word;
    const char *path;
} questions[] = {
    {"live", "/livez"}, {"ready", "/readyz"}, {"startup", "/startupz"}, {"warm", "/warmz"}};

static const char *path_of(const char *word)
{
    for (size_t i = 0; word && i < sizeof(questions) / sizeof(questions[0]); i++)
        if (strcmp(word, questions[i].word) == 0)
            return questions[i].path;
    return NULL;
}

/* Whole lines, also where the last one does not end like one. */
static void print_lines(const char *text, size_t n)
{
    hr_text_print_lines(stdout, text, n);
    if (n && text[n - 1] != '\n')
        (void)putchar('\n');
}

/* The lines of the checks that fail; of an answer that has none, its first line. */
static void print_failing(const struct hr_probe_answer *a)
{
    static const char mark[] = "[-]";
    const char *end = a->body + a->len;
    bool any = false;
    const char *next = NULL;
    for (const char *at = a->body; at < end; at = next) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        next = newline ? newline + 1 : end;
        if ((size_t)(end - at) < sizeof(mark) - 1 || memcmp(at, mark, sizeof(mark) - 1) != 0)
            continue;
        print_lines(at, (size_t)(next - at));
        any = true;
    }
    const char *newline = memchr(a->body, '\n', a->len);
    if (!any)
        print_lines(a->body, newline ? (size_t)(newline - a->body) : a->len);
}

static int report(const struct hr_client_options *o, const char *path,
                  const struct hr_probe_answer *a)
{
    if (a->status != 200 && a->status != 503)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "%s was answered with %d: %.*s", path,
                              a->status, (int)strcspn(a->body, "\n"), a->body);
    if (o->verbose || a->status == 200)
        print_lines(a->body, a->len);
    else
        print_failing(a);
    return a->status == 200 ? 0 : HR_EXIT_REFUSED;
}

static int ask(const struct hr_client_options *o, const char *path)
{
    char target[64];
    struct hr_buf in;
    struct hr_probe_answer answer;
    (void)snprintf(target, sizeof(target), "%s%s", path, o->verbose ? "?verbose" : "");
    hr_buf_init(&in, HR_PROBE_ANSWER_MAX);
    int code = hr_sidecar_ask(o, target, o->timeout_ms ? o->timeout_ms : TIMEOUT_MS, &in, &answer);
    if (!code)
        code = report(o, path, &answer);
    hr_buf_free(&in);
    return code;
}

int hr_cli_probe(char **argv)
{
    struct hr_client_options o;
    int code = hr_client_parse(argv, HR_TAKES_WORD | HR_TAKES_PROBE, usage, &o);
    if (!code && o.help)
        (void)fputs(help, stdout);
    if (code || o.help)
        return code;
    const char *path = path_of(o.word);
    if (!path)
        return hr_client_fail(&o, HR_EXIT_USAGE,
                              "%s: expected live, ready, startup or warm; usage: %s",
                              o.word ? o.word : "nothing", usage);
    return ask(&o, path);
}
