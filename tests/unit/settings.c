/* SPDX-License-Identifier: MIT
 * The table of settings: that it is well formed, and that each row works from the environment. */
#include "loader/config/settings.h"

#include "check.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELP_LINES = 58, HELP_COLUMNS = 90 }; /* with the frame of `run --help`, one screen */

static void clean_environment(void)
{
    for (size_t i = 0; i < hr_nsettings; i++)
        (void)unsetenv(hr_settings[i].variable);
}

static void names_follow_the_rule(void **state)
{
    char variable[128];
    (void)state;
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        (void)snprintf(variable, sizeof(variable), "HANDRAIL_%s", s->option);
        for (char *c = variable; *c; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        assert_string_equal(s->variable, variable);
        assert_ptr_equal(hr_setting_find(s->option, strlen(s->option)), s); /* unique */
        assert_non_null(s->help);
        assert_true(strncmp(s->option, "no-", 3) != 0); /* that would be a switch turned off */
    }
    assert_null(hr_setting_find("sideca", 6));
    assert_null(hr_setting_find("sidecar", 6));
    assert_null(hr_setting_find("", 0));
}

/* No two rows have the same place, and each is inside the structure. */
static void places_do_not_overlap(void **state)
{
    static unsigned char used[sizeof(struct hr_config)];
    (void)state;
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        assert_true(s->size > 0 && s->offset + s->size <= sizeof(used));
        for (size_t j = 0; j < s->size; j++)
            assert_int_equal(used[s->offset + j]++, 0);
    }
}

/* A value that is not the default. */
static void another_value(const struct hr_setting *s, char out[64])
{
    switch (s->type) {
    case HR_SETTING_SWITCH: (void)snprintf(out, 64, "%s", s->fallback ? "off" : "on"); break;
    case HR_SETTING_CHOICE:
        (void)snprintf(out, 64, "%.*s", (int)strcspn(s->value, "|"), s->value);
        if (s->fallback == 0)
            (void)snprintf(out, 64, "%s", strchr(s->value, '|') + 1);
        break;
    case HR_SETTING_SECONDS: (void)snprintf(out, 64, "12.345"); break;
    case HR_SETTING_COUNT: (void)snprintf(out, 64, "77"); break;
    case HR_SETTING_PATH: (void)snprintf(out, 64, "some/file"); break;
    case HR_SETTING_ABSOLUTE: (void)snprintf(out, 64, "/some/file"); break;
    case HR_SETTING_URL: (void)snprintf(out, 64, "https://[::1]:8080/a?b=c"); break;
    case HR_SETTING_ADDRESS: (void)snprintf(out, 64, "[::1]:1234"); break;
    case HR_SETTING_REWRITE: (void)snprintf(out, 64, "1:0,15:2"); break;
    case HR_SETTING_CODES: (void)snprintf(out, 64, "0,143,255"); break;
    case HR_SETTING_CHECKS: (void)snprintf(out, 64, "disk:period=5.5,free=10%%"); break;
    }
}

/* Set by its variable, each setting has that value and that origin, and no other one has changed:
 * written out again, it is the text that went in. */
static void every_variable_sets_its_own(void **state)
{
    struct hr_config plain;
    struct hr_config c;
    char wanted[64];
    char was[HR_SETTING_TEXT];
    char is[HR_SETTING_TEXT];
    (void)state;
    clean_environment();
    memset(&plain, 0, sizeof(plain));
    hr_settings_default(&plain);
    for (size_t i = 0; i < hr_nsettings; i++) {
        another_value(&hr_settings[i], wanted);
        (void)setenv(hr_settings[i].variable, wanted, 1);
        c = plain;
        assert_int_equal(hr_settings_environment(&c), 0);
        for (size_t j = 0; j < hr_nsettings; j++) {
            hr_setting_format(&plain, &hr_settings[j], was);
            hr_setting_format(&c, &hr_settings[j], is);
            assert_string_equal(is, j == i ? wanted : was);
            assert_int_equal(c.origins[j], j == i ? HR_FROM_ENVIRONMENT : HR_FROM_DEFAULT);
        }
        (void)unsetenv(hr_settings[i].variable);
    }
}

static void an_option_keeps_its_variable_unread(void **state)
{
    struct hr_config c;
    const struct hr_setting *grace = hr_setting_find("grace", 5);
    (void)state;
    clean_environment();
    hr_settings_default(&c);
    assert_int_equal(hr_setting_set(&c, grace, HR_FROM_OPTION, "3"), 0);
    (void)setenv("HANDRAIL_GRACE", "nonsense", 1);
    assert_int_equal(hr_settings_environment(&c), 0);
    assert_int_equal(c.grace_ms, 3000);
    (void)setenv("HANDRAIL_GRACE", "", 1); /* counts as unset */
    hr_settings_default(&c);
    assert_int_equal(hr_settings_environment(&c), 0);
    assert_int_equal(c.grace_ms, 25000);
    assert_int_equal(hr_setting_origin(&c, "grace"), HR_FROM_DEFAULT);
}

/* What is said on standard error meanwhile goes to a file.  Where it is read from. */
static FILE *divert_stderr(int *saved)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    *saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
    return f;
}

static void restore_stderr(FILE *f, int saved, char *text, size_t size)
{
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    rewind(f);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    (void)fclose(f);
}

static void every_wrong_variable_is_said(void **state)
{
    struct hr_config c;
    char text[4096];
    int saved = -1;
    (void)state;
    clean_environment();
    (void)setenv("HANDRAIL_RESTART", "sometimes", 1);
    (void)setenv("HANDRAIL_TOOLHOST_BACKOFF", "0", 1);
    (void)setenv("HANDRAIL_CRASH_DIR", "relative", 1);
    (void)setenv("HANDRAIL_PODINFO_DIR", "/\xff", 1);
    (void)setenv("HANDRAIL_REWRITE", "CHLD:TERM", 1);
    (void)setenv("HANDRAIL_LOG_RATE", "lots", 1);
    (void)setenv("HANDRAIL_AGENT_PORT", "tcp://10.0.0.1:80", 1);
    hr_settings_default(&c);
    FILE *f = divert_stderr(&saved);
    int code = hr_settings_environment(&c);
    const struct hr_setting *grace = hr_setting_find("grace", 5);
    int usage = hr_setting_set(&c, grace, HR_FROM_OPTION, "soon");
    restore_stderr(f, saved, text, sizeof(text));
    assert_int_equal(code, 78);
    assert_int_equal(usage, 64);
    static const char *const said[] = {
        "HANDRAIL_RESTART is \"sometimes\": expected never, on-failure or always\n",
        "HANDRAIL_TOOLHOST_BACKOFF is \"0\": expected seconds from 0.001 to 86400, such as 5",
        "HANDRAIL_CRASH_DIR is \"relative\": expected a path that begins with /, in UTF-8\n",
        "HANDRAIL_PODINFO_DIR is \"/\xff\": expected a path that begins with /, in UTF-8\n",
        "HANDRAIL_REWRITE is \"CHLD:TERM\": expected signals such as TERM:INT or HUP:0",
        "HANDRAIL_LOG_RATE is \"lots\": expected a whole number from 0 to 1000000\n",
        "expected a whole number from 1 to 65535 (Kubernetes sets this for a Service",
        "--grace=soon: expected seconds from 0 to 86400, such as 5 or 0.5\n",
    };
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, sizeof(said) / sizeof(said[0])); /* one each */
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        if (!strstr(text, said[i]))
            fail_msg("not said: %s in: %s", said[i], text);
    assert_int_equal(c.grace_ms, 25000); /* as they were */
    assert_int_equal(c.server.restart, HR_RESTART_ON_FAILURE);
    clean_environment();
}

static void the_help_fits_a_screen(void **state)
{
    char line[256];
    int lines = 0;
    (void)state;
    FILE *f = tmpfile();
    assert_non_null(f);
    hr_settings_help(f);
    rewind(f);
    while (fgets(line, sizeof(line), f)) {
        lines++;
        if (strlen(line) > HELP_COLUMNS)
            fail_msg("too wide: %s", line);
    }
    (void)fclose(f);
    assert_in_range(lines, 20, HELP_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_rule),
        cmocka_unit_test(places_do_not_overlap),
        cmocka_unit_test(every_variable_sets_its_own),
        cmocka_unit_test(an_option_keeps_its_variable_unread),
        cmocka_unit_test(every_wrong_variable_is_said),
        cmocka_unit_test(the_help_fits_a_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
