/* SPDX-License-Identifier: MIT
 * Reloading the settings.  See reload_settings.h. */
#include "reload_settings.h"

#include "common/log.h"
#include "core.h"
#include "loader/config/settings.h"
#include "units.h"

#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 2048 }; /* bytes of the names that are told */

/* Names with commas between; what does not fit is left out, and that is said. */
struct names {
    char text[NAMES_MAX];
    size_t used;
    unsigned more;
};

static void add_name(struct names *n, const char *before, const char *name)
{
    size_t room = sizeof(n->text) - n->used;
    int len = snprintf(n->text + n->used, room, "%s%s%s", n->used ? ", " : "", before, name);
    if (len > 0 && (size_t)len < room) {
        n->used += (size_t)len;
        return;
    }
    n->text[n->used] = '\0';
    n->more++;
}

/* Is this one the file's, now or before?  Others follow from what was looked at when we started. */
static bool is_of_file(const struct hr_config *a, const struct hr_config *b, size_t i)
{
    return a->origins[i] == HR_FROM_FILE || b->origins[i] == HR_FROM_FILE;
}

/* Take over what is live; note what is not. */
static bool take_settings(struct hr_config *c, const struct hr_config *fresh, struct names *kept)
{
    static char before[HR_SETTING_TEXT];
    static char after[HR_SETTING_TEXT];
    bool any = false;
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        hr_setting_format(c, s, before);
        hr_setting_format(fresh, s, after);
        if (strcmp(before, after) == 0)
            continue;
        if (s->live) {
            hr_info("reload: %s: %s is now %s, was %s", c->agent_config_path, s->option,
                    *after ? after : "unset", *before ? before : "unset");
            hr_setting_copy(c, fresh, s);
            any = true;
        } else if (is_of_file(c, fresh, i)) {
            add_name(kept, "handrail/", s->option);
        }
    }
    return any;
}

/* Members of one object that the other one has not, or has another value of. */
static void note_members(const json_t *these, const json_t *those, bool changed, struct names *kept)
{
    const char *name = NULL;
    json_t *v = NULL;
    /* jansson's iteration takes no const object, and changes nothing */
    json_object_foreach ((json_t *)(uintptr_t)these, name, v) {
        const json_t *other = json_object_get(those, name);
        if (!other || (changed && !json_equal(v, (json_t *)(uintptr_t)other)))
            add_name(kept, "environment/", name);
    }
}

static void note_rest(const json_t *before, const json_t *after, struct names *kept)
{
    static const char *const whole[] = {"agent", "tools"};
    const json_t *old_environment = json_object_get(before, "environment");
    const json_t *new_environment = json_object_get(after, "environment");
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        json_t *a = json_object_get(before, whole[i]);
        json_t *b = json_object_get(after, whole[i]);
        if ((a || b) && !(a && b && json_equal(a, b)))
            add_name(kept, "", whole[i]);
    }
    note_members(new_environment, old_environment, true, kept);
    note_members(old_environment, new_environment, false, kept);
}

void hr_reload_settings(struct hr_supervisor *sup, const struct hr_config *fresh)
{
    struct names kept = {.used = 0};
    bool any = take_settings(sup->config, fresh, &kept);
    if (any)
        hr_units_settings_changed(sup);
    note_rest(sup->config->agent_config, fresh->agent_config, &kept);
    if (kept.used && kept.more)
        hr_warn("reload: %s: %s and %u more have changed: they stay what they were until the "
                "container is started anew",
                sup->config->agent_config_path, kept.text, kept.more);
    else if (kept.used)
        hr_warn("reload: %s: changed, but in effect only when the container is started anew: %s",
                sup->config->agent_config_path, kept.text);
}
