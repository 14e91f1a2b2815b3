/* SPDX-License-Identifier: MIT
 * /healthz: all checks in one page, for people and scripts.  See health.h.
 *
 * A check that makes one of the kubelet's endpoints fail makes the whole one a failure.  Any other
 * that fails or warns makes it a warning, which is still 200. */
#include "health.h"

#include "common/clock.h"

#include <string.h>
#include <unistd.h>

enum { KEY_MAX = 256, HOST_MAX = 256, OUTPUT_MAX = 512 }; /* bytes */

enum level { PASS, WARN, FAIL };
static const char *const level_names[] = {"pass", "warn", "fail"};

static const char *name_of(const json_t *check)
{
    const char *name = json_string_value(json_object_get(check, "name"));
    return name ? name : "";
}

/* /status says it in the same words. */
static enum level level_of(const json_t *check)
{
    const char *status = json_string_value(json_object_get(check, "status"));
    for (int level = PASS; status && level < FAIL; level++)
        if (strcmp(status, level_names[level]) == 0)
            return (enum level)level;
    return FAIL;
}

/* What is measured, in the draft's words where it has one. */
static const char *measurement_of(const json_t *check)
{
    static const char *const known[][2] = {{"ms", "responseTime"},
                                           {"seconds", "responseTime"},
                                           {"percent", "utilization"},
                                           {"bytes", "bytes"}};
    const char *unit = json_string_value(json_object_get(check, "unit"));
    if (!unit || !json_is_number(json_object_get(check, "observed")))
        return "status";
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(unit, known[i][0]) == 0)
            return known[i][1];
    return "value";
}

/* Of the machine, or a part of the service. */
static const char *type_of(const char *name)
{
    static const char *const of_system[] = {"disk", "memory", "workspace"};
    for (size_t i = 0; i < sizeof(of_system) / sizeof(of_system[0]); i++)
        if (strcmp(name, of_system[i]) == 0)
            return "system";
    return "component";
}

/* Those that fail of it: ["/livez", "/readyz"]; NULL for none. */
static json_t *endpoints_of(const json_t *check)
{
    static const struct {
        const char *gate;
        const char *path;
    } known[] = {{"startup", "/startupz"}, {"live", "/livez"}, {"ready", "/readyz"}};
    json_t *all = NULL;
    const json_t *gate = NULL;
    size_t i = 0;
    json_array_foreach (json_object_get(check, "failing_gates"), i, gate) {
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            const char *name = json_string_value(gate);
            if (!name || strcmp(name, known[k].gate) != 0)
                continue;
            if (!all)
                all = json_array();
            (void)json_array_append_new(all, json_string(known[k].path));
        }
    }
    return all;
}

/* One entry of "checks".  Its time is that of the measurement.  New reference. */
static json_t *entry_of(const json_t *check, enum level level)
{
    int64_t age_ms = (int64_t)(json_number_value(json_object_get(check, "age_seconds")) * 1000);
    const json_t *observed = json_object_get(check, "observed");
    json_t *entry = json_pack("{s:s, s:s, s:o}", "componentType", type_of(name_of(check)), "status",
                              level_names[level], "time", hr_wall_time(hr_wall_ms() - age_ms));
    if (json_is_number(observed)) {
        (void)json_object_set(entry, "observedValue", json_object_get(check, "observed"));
        (void)json_object_set(entry, "observedUnit", json_object_get(check, "unit"));
    }
    if (level != PASS) {
        (void)json_object_set(entry, "output", json_object_get(check, "message"));
        (void)json_object_set_new(entry, "affectedEndpoints", endpoints_of(check));
    }
    return entry;
}

/* "NAME: MESSAGE" */
static json_t *output_of(const json_t *check)
{
    char text[OUTPUT_MAX];
    const char *message = json_string_value(json_object_get(check, "message"));
    (void)snprintf(text, sizeof(text), "%s: %s", name_of(check), message ? message : "");
    return json_string(text);
}

/* Add all checks to `out` ("checks" of the page).  worst: the first that decides. */
static enum level add_checks(json_t *out, const json_t *checks, const json_t **ret_worst)
{
    enum level overall = PASS;
    const json_t *check = NULL;
    size_t i = 0;
    json_array_foreach (checks, i, check) {
        char key[KEY_MAX];
        enum level level = level_of(check);
        (void)snprintf(key, sizeof(key), "%s:%s", name_of(check), measurement_of(check));
        (void)json_object_set_new(out, key, json_pack("[o]", entry_of(check, level)));
        if (level > overall) {
            overall = level;
            *ret_worst = check;
        }
    }
    return overall;
}

json_t *hr_healthz(const struct hr_health *h, unsigned *ret_status)
{
    char host[HOST_MAX] = "";
    const json_t *worst = NULL;
    json_t *checks = hr_checks_status(h->checks);
    json_t *listed = json_object();
    enum level overall = add_checks(listed, checks, &worst);
    (void)gethostname(host, sizeof(host) - 1);
    json_t *page =
        json_pack("{s:s, s:s, s:s, s:o*, s:s, s:o}", "status", level_names[overall], "version", "1",
                  "releaseId", HR_VERSION, "serviceId", json_string(host), "description",
                  "the agent-server in this container, as handrail sees it", "checks", listed);
    if (worst)
        (void)json_object_set_new(page, "output", output_of(worst));
    json_decref(checks);
    *ret_status = overall == FAIL ? 503 : 200;
    return page;
}
