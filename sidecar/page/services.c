/* SPDX-License-Identifier: MIT
 * The services that the supervisor keeps alive, and the deaths that nobody asked for. */
#include "parts.h"

#include <string.h>

static enum hr_tone tone_of(const json_t *service)
{
    const char *state = hr_page_text(service, "state");
    static const struct {
        const char *state;
        enum hr_tone tone;
    } known[] = {{"up", HR_TONE_OK},        {"starting", HR_TONE_BUSY}, {"stopping", HR_TONE_BUSY},
                 {"backoff", HR_TONE_WARN}, {"failed", HR_TONE_BAD},    {"down", HR_TONE_OFF}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].state, state) == 0)
            return known[i].tone;
    return HR_TONE_OFF;
}

static const json_t *last_crash(const json_t *crashes, const char *service)
{
    size_t i = 0;
    const json_t *crash = NULL;
    json_array_foreach (crashes, i, crash) /* the newest first */
        if (strcmp(hr_page_text(crash, "service"), service) == 0)
            return crash;
    return NULL;
}

static void put_crash_words(struct hr_html *h, const json_t *crash, const json_t *status)
{
    const char *reason = hr_page_text(crash, "reason");
    hr_html(h, "<p data-k=\"crash\">last crash at ");
    hr_page_when(h, hr_page_text(crash, "time"), status);
    hr_html(h, ": ");
    if (*reason)
        hr_html(h, "<bdi>%s</bdi>", reason);
    else
        hr_page_exit(h, json_object_get(crash, "exit"));
    hr_html(h, ", after ");
    hr_page_duration(h, crash, "uptime_seconds");
    hr_html(h, "</p>");
}

/* Why it is in this state, and what becomes of it. */
static void put_reason(struct hr_html *h, const json_t *service)
{
    const char *reason = hr_page_text(service, "reason");
    char wait[HR_HUMAN_MAX];
    bool retries = hr_page_is_number(service, "retry_in_ms");
    if (!*reason && !retries)
        return;
    hr_html(h, "<p data-k=\"reason\"><bdi>%s</bdi>", reason);
    hr_human_duration(wait, hr_page_number(service, "retry_in_ms") / 1000);
    if (retries)
        hr_html(h, "%sagain in %s", *reason ? "; " : "", wait);
    hr_html(h, "</p>");
}

/* What a service is shown with. */
struct around {
    const json_t *status;
    const json_t *crashes;
};

static void put_service(struct hr_html *h, const json_t *service, const void *arg)
{
    const struct around *around = arg;
    const char *name = hr_page_text(service, "name");
    const char *state = hr_page_text(service, "state");
    const json_t *crash = last_crash(around->crashes, name);
    long long starts = hr_page_count(service, "starts");
    hr_html(h, "<tr data-k=\"%s\"><th scope=\"row\"><bdi>%s</bdi>", name, name);
    put_reason(h, service);
    if (crash)
        put_crash_words(h, crash, around->status);
    hr_html(h, "</th><td>");
    hr_page_state(h, tone_of(service), state);
    if (strcmp(state, "up") != 0 && hr_page_is_number(service, "state_seconds")) {
        hr_html(h, " <small>");
        hr_page_duration(h, service, "state_seconds");
        hr_html(h, "</small>");
    }
    hr_html(h, "</td><td class=\"n\">");
    hr_page_duration(h, service, "uptime_seconds");
    hr_html(h, "</td><td class=\"n\">%lld</td><td class=\"n wide\">", starts > 0 ? starts - 1 : 0);
    if (hr_page_is_number(service, "pid"))
        hr_html(h, "%lld", hr_page_count(service, "pid"));
    else
        hr_html(h, "\xe2\x80\x93");
    hr_html(h, "</td></tr>\n");
}

void hr_page_services(struct hr_html *h, const json_t *status, const json_t *crashes)
{
    const struct around around = {status, crashes};
    const json_t *services = json_object_get(status, "services");
    hr_html(h, "<section aria-labelledby=\"services\">\n<h2 id=\"services\">Services</h2>\n");
    if (json_array_size(services) == 0) {
        hr_html(h, "<p class=\"none\">Not known: the supervisor\xe2\x80\x99s board cannot be read."
                   "</p>\n</section>\n");
        return;
    }
    hr_html(h, "<table class=\"stack\" aria-labelledby=\"services\"><thead><tr><th "
               "scope=\"col\">Service</th>"
               "<th scope=\"col\">State</th><th scope=\"col\" class=\"n\">Runs for</th>"
               "<th scope=\"col\" class=\"n\">Restarts</th>"
               "<th scope=\"col\" class=\"n wide\">Pid</th></tr></thead>\n<tbody>\n");
    hr_page_worst_first(h, services, tone_of, put_service, &around);
    hr_html(h, "</tbody></table>\n</section>\n");
}

static void put_crash(struct hr_html *h, const json_t *crash, const json_t *status)
{
    long long number = hr_page_count(crash, "number");
    long long kills = hr_page_count(crash, "oom_kills");
    const char *reason = hr_page_text(crash, "reason");
    hr_html(h,
            "<tr data-k=\"%lld\"><th scope=\"row\"><span class=\"dim\">%lld</span> "
            "<bdi>%s</bdi><p>",
            number, number, hr_page_text(crash, "service"));
    if (*reason)
        hr_html(h, "<bdi>%s</bdi>", reason);
    else
        hr_page_exit(h, json_object_get(crash, "exit"));
    if (kills > 0) {
        hr_html(h, "; ");
        hr_page_things(h, kills, "OOM kill");
        hr_html(h, " in its lifetime");
    }
    hr_html(h, "</p></th><td class=\"n\">");
    hr_page_when(h, hr_page_text(crash, "time"), status);
    hr_html(h, "</td><td class=\"n\">");
    hr_page_duration(h, crash, "uptime_seconds");
    hr_html(h, "</td></tr>\n");
}

void hr_page_crashes(struct hr_html *h, const json_t *status, const json_t *crashes)
{
    size_t i = 0;
    const json_t *crash = NULL;
    hr_html(h, "<section aria-labelledby=\"crashes\">\n<h2 id=\"crashes\">Crashes</h2>\n");
    if (json_array_size(crashes) == 0) {
        hr_html(h, "<p class=\"none\">None since handrail began.</p>\n</section>\n");
        return;
    }
    hr_html(h, "<table class=\"stack crashes\" aria-labelledby=\"crashes\"><thead><tr><th "
               "scope=\"col\">What</th>"
               "<th scope=\"col\" class=\"n\">When, UTC</th>"
               "<th scope=\"col\" class=\"n\">After</th></tr></thead>\n<tbody>\n");
    json_array_foreach (crashes, i, crash)
        put_crash(h, crash, status);
    hr_html(h, "</tbody></table>\n<p class=\"note\">What it wrote last: <code>handrail crashes "
               "NUMBER</code> in the container.</p>\n</section>\n");
}
