/* SPDX-License-Identifier: MIT
 * handrail restart, stop, reload, drain: orders that are answered by yes or no. */
#include "commands.h"
#include "control_client.h"
#include "text.h"

#define SOCKET_OPTIONS "[--json] [--pid=N | --socket=NAME]"

/* Give the order and, unless the answer itself is wanted, say that it was taken. */
static int give(const struct hr_client_options *o, json_t *order, const char *done)
{
    json_t *answer = NULL;
    int code = hr_client_ask(o, order, NULL, &answer);
    if (!code && !json_is_true(json_object_get(answer, "ok"))) {
        (void)fprintf(stderr, "handrail %s: the answer does not say that it was done\n",
                      o->command);
        code = HR_EXIT_UNAVAILABLE;
    } else if (!code && !o->json) {
        hr_text_print(stdout, done);
        (void)putchar('\n');
    }
    json_decref(answer);
    return code;
}

int hr_cli_restart(char **argv)
{
    struct hr_client_options o;
    char done[256];
    int code =
        hr_client_parse(argv, HR_TAKES_WORD, "handrail restart [SERVICE] " SOCKET_OPTIONS, &o);
    if (code || o.help)
        return code;
    const char *service = o.word ? o.word : "server";
    (void)snprintf(done, sizeof(done), "%s is being restarted", service);
    return give(&o, json_pack("{s:s, s:s}", "order", "restart", "service", service), done);
}

int hr_cli_stop(char **argv)
{
    struct hr_client_options o;
    int code = hr_client_parse(argv, 0, "handrail stop " SOCKET_OPTIONS, &o);
    if (code || o.help)
        return code;
    return give(&o, json_pack("{s:s}", "order", "stop"), "stopping");
}

int hr_cli_reload(char **argv)
{
    struct hr_client_options o;
    int code = hr_client_parse(argv, 0, "handrail reload " SOCKET_OPTIONS, &o);
    if (code || o.help)
        return code;
    return give(&o, json_pack("{s:s}", "order", "reload"),
                "reload ordered; the log says how it went");
}

int hr_cli_drain(char **argv)
{
    struct hr_client_options o;
    int code = hr_client_parse(argv, HR_TAKES_UNDO, "handrail drain [--undo] " SOCKET_OPTIONS, &o);
    if (code || o.help)
        return code;
    return give(&o, json_pack("{s:s, s:b}", "order", "drain", "on", !o.undo),
                o.undo ? "readiness is no longer held off" : "readiness is off");
}
