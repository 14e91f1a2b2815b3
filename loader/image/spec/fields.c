/* SPDX-License-Identifier: MIT
 * Names, people, the image, the agent and quantities.  See judge.h. */
#include "judge.h"

#include "common/utf8.h"
#include "expression.h"
#include "loader/config/agent_config.h"
#include "quantity.h"

#include <string.h>

enum {
    /* Characters, as JSON Schema counts them. */
    NAME_MAX_LENGTH = 63,   /* of an object or a capability */
    LABEL_MAX_LENGTH = 128, /* of a name for people */
    TEXT_MAX_LENGTH = 255,  /* of what else has a form */
};

/* ---- the form of single texts ---------------------------------------------------------------- */

static bool is_module(const char *text)
{
    return hr_agent_module_is_python(text) || hr_agent_module_is_native(text);
}

static bool is_class(const char *text)
{
    return hr_agent_module_is_python(text) && !strchr(text, '.');
}

static const struct form {
    enum hr_spec_field field; /* a text, or a list of them */
    int form;                 /* of the specification; -1: both */
    enum hr_spec_regex pattern;
    unsigned max; /* characters */
    enum hr_spec_rule rule;
    const char *what;
    bool (*is)(const char *text); /* in the place of the pattern; or NULL */
} forms[] = {
    {HR_FIELD_NAME, HR_SPEC_OBJECT, HR_RE_NAME, NAME_MAX_LENGTH, HR_SPEC_NAME, "a name", NULL},
    {HR_FIELD_NAME, HR_SPEC_FLAT, HR_RE_LABEL, LABEL_MAX_LENGTH, HR_SPEC_NAME, "a name", NULL},
    {HR_FIELD_VERSION, -1, HR_RE_SEMVER, TEXT_MAX_LENGTH, HR_SPEC_VERSION, "a semantic version",
     NULL},
    {HR_FIELD_OWNER, -1, HR_RE_MAIL, TEXT_MAX_LENGTH, HR_SPEC_MAIL, "an e-mail address", NULL},
    {HR_FIELD_USERS, -1, HR_RE_MAIL, TEXT_MAX_LENGTH, HR_SPEC_MAIL, "an e-mail address", NULL},
    {HR_FIELD_GROUPS, -1, HR_RE_WORD, TEXT_MAX_LENGTH, HR_SPEC_NAME, "the name of a group", NULL},
    {HR_FIELD_IMAGE, -1, HR_RE_IMAGE, TEXT_MAX_LENGTH, HR_SPEC_IMAGE, "a reference to an image",
     NULL},
    {HR_FIELD_WORKING_DIR, -1, HR_RE_PATH, TEXT_MAX_LENGTH, HR_SPEC_WORKING_DIR, "an absolute path",
     NULL},
    {HR_FIELD_CAPABILITIES, -1, HR_RE_CAPABILITY, NAME_MAX_LENGTH, HR_SPEC_CAPABILITY,
     "the name of a capability", NULL},
    {HR_FIELD_MODULE, -1, HR_SPEC_REGEXES, TEXT_MAX_LENGTH, HR_SPEC_AGENT_NAME, "a module",
     is_module},
    {HR_FIELD_CLASS, -1, HR_SPEC_REGEXES, TEXT_MAX_LENGTH, HR_SPEC_AGENT_NAME, "a class", is_class},
};

static void check_form(const struct hr_spec *s, const struct form *f, const struct hr_yaml_node *n)
{
    const char *text = hr_spec_text(n);
    size_t length = text ? hr_utf8_count(text, strlen(text)) : 0;
    if (length > f->max)
        hr_spec_say(s, n, f->rule, "\"%.64s...\" has %zu characters; %s has at most %u", text,
                    length, f->what, f->max);
    else if (text && !(f->is ? f->is(text) : hr_spec_matches(f->pattern, text)))
        hr_spec_say(s, n, f->rule, "\"%.255s\" is not %s", text, f->what);
}

static void check_forms(const struct hr_spec *s)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const struct hr_yaml_node *n = s->field[forms[i].field];
        if (!n || (forms[i].form >= 0 && forms[i].form != (int)s->form))
            continue;
        if (n->kind == HR_YAML_TEXT)
            check_form(s, &forms[i], n);
        for (const struct hr_yaml_node *c = n->first; c; c = c->next)
            check_form(s, &forms[i], c);
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool is_earlier(const struct hr_yaml_node *list, const struct hr_yaml_node *n)
{
    for (const struct hr_yaml_node *c = list->first; c != n; c = c->next)
        if (hr_spec_text(c) && strcmp(c->text, n->text) == 0)
            return true;
    return false;
}

static void check_repeated(const struct hr_spec *s, enum hr_spec_field field)
{
    const struct hr_yaml_node *list = s->field[field];
    for (const struct hr_yaml_node *c = list ? list->first : NULL; c; c = c->next)
        if (hr_spec_text(c) && is_earlier(list, c))
            hr_spec_say(s, c, HR_SPEC_REPEATED, "\"%.64s\" is in the list already", c->text);
}

/* ---- agent ----------------------------------------------------------------------------------- */

static void check_agent(const struct hr_spec *s)
{
    const struct hr_yaml_node *type = s->field[HR_FIELD_AGENT_TYPE];
    const struct hr_yaml_node *module = s->field[HR_FIELD_MODULE];
    const struct hr_yaml_node *class = s->field[HR_FIELD_CLASS];
    const char *text = hr_spec_text(type);
    bool custom = text && strcmp(text, "custom") == 0;
    if (text && !custom && strcmp(text, "default") != 0)
        hr_spec_say(s, type, HR_SPEC_AGENT_TYPE, "\"%.64s\"; expected default or custom", text);
    else if (custom && (!module || !class))
        hr_spec_say(s, type, HR_SPEC_AGENT_INCOMPLETE, "a custom agent without its %s",
                    module  ? "class"
                    : class ? "module"
                            : "module and class");
    else if (!custom && (module || class))
        hr_spec_say(s, module ? module : class, HR_SPEC_AGENT_IGNORED,
                    "the agent's type is %s, not custom", text ? text : "not given");
}

/* ---- quantities ------------------------------------------------------------------------------ */

static const struct amount {
    enum hr_spec_field field;
    int decimals;      /* of what is counted: bytes, or thousandths of a processor */
    int64_t low, high; /* below and above, it was hardly meant */
    const char *odd;
} amounts[] = {
    {HR_FIELD_MEMORY, 0, 16 << 20, (int64_t)64 << 40, "16Mi to 64Ti"},
    {HR_FIELD_STORAGE, 0, 1 << 20, (int64_t)1 << 50, "1Mi to 1Pi"},
    {HR_FIELD_CPU, 3, 10, 1000000, "10m to 1000"},
};

static void check_amount(const struct hr_spec *s, const struct amount *a)
{
    const struct hr_yaml_node *n = s->field[a->field];
    const char *text = hr_spec_text(n);
    int64_t value = 0;
    if (!text)
        return;
    if (hr_quantity_parse(text, a->decimals, &value))
        hr_spec_say(s, n, HR_SPEC_QUANTITY, "\"%.64s\" is no quantity", text);
    else if (value <= 0)
        hr_spec_say(s, n, HR_SPEC_QUANTITY, "\"%.64s\" is not more than 0", text);
    else if (value < a->low || value > a->high)
        hr_spec_say(s, n, HR_SPEC_QUANTITY_ODD, "\"%.64s\" is outside of %s", text, a->odd);
}

void hr_spec_judge_fields(const struct hr_spec *s)
{
    const struct hr_yaml_node *image = s->field[HR_FIELD_IMAGE];
    check_forms(s);
    check_repeated(s, HR_FIELD_USERS);
    check_repeated(s, HR_FIELD_GROUPS);
    check_repeated(s, HR_FIELD_CAPABILITIES);
    check_agent(s);
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
        check_amount(s, &amounts[i]);
    if (image && hr_spec_matches(HR_RE_FLOATING, image->text))
        hr_spec_say(s, image, HR_SPEC_IMAGE_LATEST, "\"%.255s\" names no version", image->text);
    if (!s->field[HR_FIELD_OWNER])
        hr_spec_say(s, NULL, HR_SPEC_OWNER_MISSING, "there is no owner");
}
