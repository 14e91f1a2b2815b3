/* SPDX-License-Identifier: MIT
 * The checks, the worst first. */
#include "parts.h"

#include <stdio.h>
#include <string.h>

enum hr_tone hr_page_check_tone(const json_t *check)
{
    const char *status = hr_page_text(check, "status");
    if (strcmp(status, "warn") == 0)
        return HR_TONE_WARN;
    if (strcmp(status, "fail") == 0)
        return HR_TONE_BAD;
    return json_is_true(json_object_get(check, "ok")) ? HR_TONE_OK : HR_TONE_BAD;
}

/* What was measured: a number in its unit. */
static void put_observed(struct hr_html *h, const json_t *check)
{
    char text[HR_HUMAN_MAX * 2];
    const char *unit = hr_page_text(check, "unit");
    double v = hr_page_number(check, "observed");
    if (!hr_page_is_number(check, "observed"))
        return;
    if (strcmp(unit, "bytes") == 0)
        hr_human_bytes(text, v);
    else if (strcmp(unit, "seconds") == 0)
        hr_human_latency(text, v);
    else if (strcmp(unit, "ms") == 0)
        hr_human_latency(text, v / 1000);
    else if (strcmp(unit, "percent") == 0)
        (void)snprintf(text, sizeof(text), "%.0f%%", v < 1e6 ? v : 1e6);
    else
        (void)snprintf(text, sizeof(text), "%.3g %.20s", v, unit);
    hr_html(h, " <small>%s</small>", text);
}

static void put_gates(struct hr_html *h, const json_t *gates)
{
    size_t i = 0;
    const json_t *gate = NULL;
    if (json_array_size(gates) == 0)
        hr_html(h, "\xe2\x80\x93");
    json_array_foreach (gates, i, gate)
        hr_html(h, "%s%s", i ? ", " : "", json_string_value(gate));
}

static void put_check(struct hr_html *h, const json_t *check, const void *arg)
{
    enum hr_tone tone = hr_page_check_tone(check);
    const char *name = hr_page_text(check, "name");
    const char *message = hr_page_text(check, "message");
    (void)arg;
    hr_html(h, "<tr data-k=\"%s\"><th scope=\"row\"><bdi>%s</bdi>", name, name);
    put_observed(h, check);
    if (*message)
        hr_html(h, "<p><bdi>%s</bdi></p>", message);
    hr_html(h, "</th><td>");
    hr_page_state(h, tone,
                  tone == HR_TONE_OK     ? "ok"
                  : tone == HR_TONE_WARN ? "warning"
                                         : "failing");
    hr_html(h, "</td><td class=\"n\">");
    hr_page_duration(h, check, "since_seconds");
    hr_html(h, "</td><td class=\"wide\">");
    put_gates(h, json_object_get(check, "gates"));
    hr_html(h, "</td></tr>\n");
}

void hr_page_checks(struct hr_html *h, const json_t *status)
{
    const json_t *checks = json_object_get(status, "checks");
    hr_html(h, "<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">Checks</h2>\n");
    if (json_array_size(checks) == 0) {
        hr_html(h, "<p class=\"none\">Not known.</p>\n</section>\n");
        return;
    }
    hr_html(h, "<table aria-labelledby=\"checks\"><thead><tr><th scope=\"col\">Check</th>"
               "<th scope=\"col\">Result</th><th scope=\"col\" class=\"n\">For</th>"
               "<th scope=\"col\" class=\"wide\">Decides about</th></tr></thead>\n<tbody>\n");
    hr_page_worst_first(h, checks, hr_page_check_tone, put_check, NULL);
    hr_html(h, "</tbody></table>\n</section>\n");
}
