/* SPDX-License-Identifier: MIT
 * The top of the page: can it serve, and if not, why not. */
#include "parts.h"

#include <string.h>

/* "probes" of /status: true, false, or null for not known. */
static const json_t *probe(const json_t *status, const char *name)
{
    return json_object_get(json_object_get(status, "probes"), name);
}

struct verdict {
    enum hr_tone tone;
    const char *word;
};

/* One that has died already before it was ever ready may do so for ever. */
static bool failures_of_server(const json_t *status)
{
    return hr_page_count(json_array_get(json_object_get(status, "services"), 0), "failures") > 0;
}

static struct verdict judge(const json_t *status)
{
    if (json_is_true(json_object_get(status, "draining")))
        return (struct verdict){HR_TONE_WARN, "Draining"};
    if (json_is_false(probe(status, "live"))) /* ready or not, the kubelet will end it */
        return (struct verdict){HR_TONE_BAD, "Not alive"};
    if (json_is_true(probe(status, "ready")))
        return (struct verdict){HR_TONE_OK, "Ready"};
    if (json_is_false(probe(status, "startup")))
        return failures_of_server(status) ? (struct verdict){HR_TONE_WARN, "Starting again"}
                                          : (struct verdict){HR_TONE_BUSY, "Starting"};
    if (json_is_false(probe(status, "ready")))
        return (struct verdict){HR_TONE_BAD, "Not ready"};
    return (struct verdict){HR_TONE_OFF, "Not known"};
}

void hr_page_head(struct hr_html *h, const json_t *status)
{
    /* As in page.css, of the light scheme; "%23" is "#" in a URL. */
    static const char *const colours[] = {"1a7f37", "0b62c4", "9a6700", "c4271b", "6b7280"};
    struct verdict v = judge(status);
    const char *phase = hr_page_text(json_object_get(status, "phase"), "name");
    const char *host = hr_page_text(status, "hostname");
    hr_html(h, "<title>%s%s%s%s%s \xc2\xb7 handrail</title>\n", v.word, *phase ? ", " : "", phase,
            *host ? " \xc2\xb7 " : "", host);
    hr_html(
        h,
        "<link rel=\"icon\" href=\"data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' "
        "viewBox='0 0 16 16'%%3E%%3Ccircle cx='8' cy='8' r='7' fill='%%23%s'/%%3E"
        "%%3C/svg%%3E\">\n",
        colours[v.tone]);
}

/* Does it decide about what is wrong?  Without "gates" nobody knows, and it is shown. */
static bool matters(const json_t *check)
{
    const json_t *gates = json_object_get(check, "gates");
    return !json_is_array(gates) || json_array_size(gates) > 0;
}

static void put_reasons(struct hr_html *h, const json_t *checks)
{
    size_t i = 0;
    const json_t *check = NULL;
    bool any = false;
    json_array_foreach (checks, i, check) {
        if (hr_page_check_tone(check) != HR_TONE_BAD || !matters(check))
            continue;
        const char *message = hr_page_text(check, "message");
        if (!any)
            hr_html(h, "<ul class=\"reasons\">");
        hr_html(h, "<li data-k=\"%s\"><b><bdi>%s</bdi></b>%s<bdi>%s</bdi></li>",
                hr_page_text(check, "name"), hr_page_text(check, "name"), *message ? ": " : "",
                message);
        any = true;
    }
    if (any)
        hr_html(h, "</ul>");
}

/* "claimed for 3m 12s", and what runs. */
static void put_lead(struct hr_html *h, const json_t *status)
{
    const json_t *phase = json_object_get(status, "phase");
    const json_t *server = json_array_get(json_object_get(status, "services"), 0);
    const char *version = hr_page_text(phase, "server_version");
    const char *state = hr_page_text(server, "state");
    hr_html(h, "<p class=\"lead\">");
    if (*hr_page_text(phase, "name")) {
        hr_html(h, "<b>%s</b> for ", hr_page_text(phase, "name"));
        hr_page_duration(h, phase, "seconds");
        hr_html(h, " \xc2\xb7 ");
    }
    hr_html(h, "server%s%s %s", *version ? " " : "", version, *state ? state : "not known");
    if (*state) {
        hr_html(h, " for ");
        hr_page_duration(h, server, strcmp(state, "up") == 0 ? "uptime_seconds" : "state_seconds");
    }
    hr_html(h, " \xc2\xb7 handrail %s up ", hr_page_text(status, "version"));
    hr_page_duration(h, status, "uptime_seconds");
    hr_html(h, "</p>\n");
}

static void put_probes(struct hr_html *h, const json_t *status)
{
    static const struct {
        const char *name;
        const char *path;
        enum hr_tone no; /* a pod that is not warm any more is as it should be */
    } probes[] = {{"startup", "startupz", HR_TONE_BAD},
                  {"live", "livez", HR_TONE_BAD},
                  {"ready", "readyz", HR_TONE_BAD},
                  {"warm", "warmz", HR_TONE_OFF}};
    hr_html(h, "<ul class=\"probes\" aria-label=\"Probes\">");
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        const json_t *p = probe(status, probes[i].name);
        const char *path = probes[i].path;
        if (!json_is_boolean(p))
            continue;
        hr_html(h, "<li data-k=\"%s\"><a href=\"%s?verbose\">/%s</a> ", path, path, path);
        hr_page_state(h, json_is_true(p) ? HR_TONE_OK : probes[i].no,
                      json_is_true(p) ? "200" : "503");
        hr_html(h, "</li>");
    }
    hr_html(h, "</ul>\n");
}

void hr_page_header(struct hr_html *h, const json_t *status)
{
    static const char *const classes[] = {"ok", "busy", "warn", "bad", "off"};
    struct verdict v = judge(status);
    const char *host = hr_page_text(status, "hostname");
    const char *time = hr_page_text(status, "time");
    hr_html(h, "<header>\n<p class=\"top\"><span><b>handrail</b> <bdi>%s</bdi></span>", host);
    if (*time) {
        hr_html(h, "<span>as of ");
        hr_page_when(h, time, NULL); /* with its date: the page may be looked at long after */
        hr_html(h, " UTC</span>");
    }
    hr_html(h, "</p>\n<noscript><p class=\"note\">Without JavaScript this page does not update "
               "itself: reload it.</p></noscript>\n");
    hr_html(h, "<p id=\"lost\" role=\"alert\" hidden></p>\n");
    hr_html(h, "<h1 class=\"state %s\" aria-live=\"polite\">%s</h1>\n", classes[v.tone], v.word);
    put_lead(h, status);
    if (v.tone != HR_TONE_OK)
        put_reasons(h, json_object_get(status, "checks"));
    put_probes(h, status);
    hr_html(h, "</header>\n");
}
