/* SPDX-License-Identifier: MIT
 * YAML into a tree.  See yaml_tree.h. */
#include "yaml_tree.h"

#include "common/utf8.h"
#include "expression.h"
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reading {
    const char *file;
    const char *text;
    size_t n;
    struct hr_report *report;
    struct hr_yaml *y;
    struct hr_yaml_node *in; /* the list or map that is open */
    char *key;               /* of the member whose value comes next; NULL: a key is next */
    struct hr_yaml_place {
        uint32_t line, column;
    } key_at;
    uint32_t depth;     /* lists and maps that are open */
    uint32_t documents; /* that have begun */
    size_t characters;  /* of the text */
};

/* ---- places ---------------------------------------------------------------------------------- */

/* Bytes of the end of a line at s: 0 if it is none. */
static size_t line_end(const char *s, const char *end)
{
    if (s < end && *s == '\n')
        return 1;
    if (s < end && *s == '\r')
        return s + 1 < end && s[1] == '\n' ? 2 : 1;
    return 0;
}

/* That of a byte. */
static struct hr_yaml_place place_at(const struct reading *rd, size_t at)
{
    struct hr_yaml_place p = {.line = 1};
    const char *line = rd->text;
    const char *end = rd->text + at;
    for (const char *s = line; s < end;) {
        size_t n = line_end(s, end);
        p.line += n > 0;
        s += n ? n : 1;
        line = n ? s : line;
    }
    p.column = (uint32_t)hr_utf8_count(line, (size_t)(end - line)) + 1;
    return p;
}

/* libyaml counts from 0, and from a last line without an end goes on to the next one. */
static struct hr_yaml_place place_of(const struct reading *rd, const yaml_mark_t *mark)
{
    if (mark->index >= rd->characters)
        return place_at(rd, rd->n);
    return (struct hr_yaml_place){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

#define SAY(rd, at, rule, ...)                                                                     \
    hr_report_add(                                                                                 \
        (rd)->report, &hr_spec_rules[rule],                                                        \
        &(struct hr_place){.file = (rd)->file, .line = (at).line, .column = (at).column}, NULL,    \
        __VA_ARGS__)

/* ---- the bytes ------------------------------------------------------------------------------- */

/* Every other byte of the first ones is 0. */
static bool is_utf16(const struct reading *rd)
{
    const unsigned char *s = (const unsigned char *)rd->text;
    return rd->n >= 2 && ((s[0] == 0xFF && s[1] == 0xFE) || (s[0] == 0xFE && s[1] == 0xFF) ||
                          (!s[0] && s[1]) || (s[0] && !s[1]));
}

static int check_bytes(struct reading *rd)
{
    const char *what = NULL;
    struct hr_yaml_place start = {1, 1};
    if (rd->n > HR_YAML_BYTES_MAX) {
        SAY(rd, start, HR_SPEC_YAML_LIMIT, "the file has more than %d bytes", HR_YAML_BYTES_MAX);
        return -EINVAL;
    }
    if (is_utf16(rd)) {
        SAY(rd, start, HR_SPEC_YAML_ENCODING, "the file is UTF-16");
        return -EINVAL;
    }
    if (rd->n >= 3 && memcmp(rd->text, "\xEF\xBB\xBF", 3) == 0) { /* harmless at the start */
        rd->text += 3;
        rd->n -= 3;
    }
    size_t good = hr_utf8_valid(rd->text, rd->n);
    if (good < rd->n) {
        struct hr_yaml_place p = place_at(rd, good);
        SAY(rd, p, HR_SPEC_YAML_ENCODING, "the byte 0x%02X here is not UTF-8",
            (unsigned)(unsigned char)rd->text[good]);
        return -EINVAL;
    }
    good = hr_yaml_find_odd(rd->text, rd->n, &what);
    if (good < rd->n) {
        struct hr_yaml_place p = place_at(rd, good);
        SAY(rd, p, HR_SPEC_YAML_CHARACTER, "there is %s here", what);
        return -EINVAL;
    }
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Is a member of that name there already? */
static bool check_twice(struct reading *rd, const char *key)
{
    const struct hr_yaml_node *first = hr_yaml_member(rd->in, key);
    if (!first)
        return false;
    SAY(rd, rd->key_at, HR_SPEC_YAML_DUPLICATE_KEY,
        "\"%.64s\" is here a second time; line %u has it already", key, first->key_line);
    return true;
}

/* A node below the open one; it takes the key.  NULL: no room, which has been said. */
static struct hr_yaml_node *add_node(struct reading *rd, struct hr_yaml_place at)
{
    if (rd->y->n == HR_YAML_NODES_MAX) {
        SAY(rd, at, HR_SPEC_YAML_LIMIT,
            "more than %d values, those that aliases stand for included", HR_YAML_NODES_MAX);
        return NULL;
    }
    struct hr_yaml_node *node = &rd->y->nodes[rd->y->n++];
    struct hr_yaml_node *in = rd->in;
    node->line = at.line;
    node->column = at.column;
    node->parent = in;
    bool twice = rd->key && check_twice(rd, rd->key);
    node->key = rd->key;
    node->key_line = rd->key_at.line;
    node->key_column = rd->key_at.column;
    rd->key = NULL;
    if (!in) {
        rd->y->root = node;
    } else if (!twice) { /* the second one of a name is read and left alone */
        node->index = in->size++;
        if (in->last)
            in->last->next = node;
        else
            in->first = node;
        in->last = node;
    }
    return node;
}

static int set_text(struct hr_yaml_node *node, const char *text, size_t n)
{
    node->text = strndup(text, n);
    return node->text ? 0 : -ENOMEM;
}

static int set_anchor(struct hr_yaml_node *node, const yaml_char_t *anchor)
{
    node->anchor = anchor ? strdup((const char *)anchor) : NULL;
    return anchor && !node->anchor ? -ENOMEM : 0;
}

static int open_node(struct reading *rd, struct hr_yaml_place at, enum hr_yaml_kind kind,
                     struct hr_yaml_node **ret)
{
    if (rd->depth == HR_YAML_DEPTH_MAX) {
        SAY(rd, at, HR_SPEC_YAML_LIMIT, "more than %d lists and maps inside each other",
            HR_YAML_DEPTH_MAX);
        return -EINVAL;
    }
    struct hr_yaml_node *node = add_node(rd, at);
    if (!node)
        return -EINVAL;
    node->kind = kind;
    node->what = kind == HR_YAML_LIST ? "a list" : "a map";
    node->open = true;
    rd->in = node;
    rd->depth++;
    if (ret)
        *ret = node;
    return 0;
}

static void close_node(struct reading *rd)
{
    if (!rd->in) /* libyaml does not end what has not begun */
        return;
    rd->in->open = false;
    rd->in = rd->in->parent;
    rd->depth--;
}

/* ---- aliases --------------------------------------------------------------------------------- */

static int copy_node(struct reading *rd, const struct hr_yaml_node *from, struct hr_yaml_place at);

/* Bounded by HR_YAML_DEPTH_MAX, since open_node() is. */
static int copy_children(struct reading *rd, const struct hr_yaml_node *from,
                         struct hr_yaml_place at)
{
    for (const struct hr_yaml_node *c = from->first; c; c = c->next) {
        if (c->key && !(rd->key = strdup(c->key)))
            return -ENOMEM;
        rd->key_at = (struct hr_yaml_place){c->key_line, c->key_column};
        int err = copy_node(rd, c, at);
        if (err)
            return err;
    }
    return 0;
}

/* at: of the alias, for what goes wrong; the copy itself is where it was written. */
static int copy_node(struct reading *rd, const struct hr_yaml_node *from, struct hr_yaml_place at)
{
    struct hr_yaml_node *node = NULL;
    if (from->text) {
        node = add_node(rd, at);
        if (!node)
            return -EINVAL;
        node->kind = from->kind;
        node->what = from->what;
        int err = set_text(node, from->text, strlen(from->text));
        if (err)
            return err;
    } else {
        int err = open_node(rd, at, from->kind, &node);
        if (!err)
            err = copy_children(rd, from, at);
        if (err)
            return err;
        close_node(rd);
    }
    node->line = from->line;
    node->column = from->column;
    return 0;
}

/* The last node with that anchor. */
static const struct hr_yaml_node *find_anchor(const struct hr_yaml *y, const char *anchor)
{
    for (size_t i = y->n; i--;)
        if (y->nodes[i].anchor && strcmp(y->nodes[i].anchor, anchor) == 0)
            return &y->nodes[i];
    return NULL;
}

static int take_alias(struct reading *rd, const yaml_event_t *e)
{
    struct hr_yaml_place at = place_of(rd, &e->start_mark);
    const char *name = (const char *)e->data.alias.anchor;
    const struct hr_yaml_node *to = find_anchor(rd->y, name);
    if (!to)
        SAY(rd, at, HR_SPEC_YAML_ALIAS, "*%.64s: there is no &%.64s before it", name, name);
    else if (to->open)
        SAY(rd, at, HR_SPEC_YAML_ALIAS, "*%.64s stands inside of what it stands for", name);
    else if (rd->in && rd->in->kind == HR_YAML_MAP && !rd->key)
        SAY(rd, at, HR_SPEC_YAML_KEY, "an alias as a key");
    else
        return copy_node(rd, to, at);
    return -EINVAL;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Text with an escape in quotes can hold what the file itself must not. */
static int check_scalar(struct reading *rd, struct hr_yaml_place at, const char *text, size_t n)
{
    const char *what = NULL;
    if (hr_yaml_find_odd(text, n, &what) == n)
        return 0;
    SAY(rd, at, HR_SPEC_YAML_CHARACTER, "the text has %s in it", what);
    return -EINVAL;
}

static void check_tag(struct reading *rd, struct hr_yaml_place at, const yaml_char_t *tag)
{
    if (tag)
        SAY(rd, at, HR_SPEC_YAML_TAG, "the tag %.64s", (const char *)tag);
}

static bool is_plain(const yaml_event_t *e)
{
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
}

static int take_key(struct reading *rd, const yaml_event_t *e)
{
    const char *what = NULL;
    const char *text = (const char *)e->data.scalar.value;
    rd->key_at = place_of(rd, &e->start_mark);
    enum hr_yaml_kind kind = is_plain(e) ? hr_yaml_scalar_kind(text, &what) : HR_YAML_TEXT;
    if (e->data.scalar.length > HR_YAML_KEY_MAX) {
        SAY(rd, rd->key_at, HR_SPEC_YAML_LIMIT, "a key of %zu bytes; at most %d",
            e->data.scalar.length, HR_YAML_KEY_MAX);
        return -EINVAL;
    }
    check_tag(rd, rd->key_at, e->data.scalar.tag);
    if (e->data.scalar.anchor)
        SAY(rd, rd->key_at, HR_SPEC_YAML_KEY, "an anchor on a key");
    if (is_plain(e) && strcmp(text, "<<") == 0) {
        SAY(rd, rd->key_at, HR_SPEC_YAML_MERGE_KEY, "a merge key");
        return -EINVAL;
    }
    if (kind != HR_YAML_TEXT)
        SAY(rd, rd->key_at, HR_SPEC_YAML_KEY, "the key %.64s is %s", *text ? text : "that is empty",
            what);
    rd->key = strdup(text);
    return rd->key ? 0 : -ENOMEM;
}

static int take_value(struct reading *rd, const yaml_event_t *e)
{
    struct hr_yaml_place at = place_of(rd, &e->start_mark);
    struct hr_yaml_node *node = add_node(rd, at);
    if (!node)
        return -EINVAL;
    check_tag(rd, at, e->data.scalar.tag);
    int err = set_text(node, (const char *)e->data.scalar.value, e->data.scalar.length);
    if (err)
        return err;
    node->what = "text";
    if (is_plain(e))
        node->kind = hr_yaml_scalar_kind(node->text, &node->what);
    return set_anchor(node, e->data.scalar.anchor);
}

static int take_scalar(struct reading *rd, const yaml_event_t *e)
{
    int err = check_scalar(rd, place_of(rd, &e->start_mark), (const char *)e->data.scalar.value,
                           e->data.scalar.length);
    if (err)
        return err;
    return rd->in && rd->in->kind == HR_YAML_MAP && !rd->key ? take_key(rd, e) : take_value(rd, e);
}

/* Both kinds of start events have their anchor and tag in the same place of their own. */
static int take_start(struct reading *rd, const yaml_event_t *e, enum hr_yaml_kind kind)
{
    struct hr_yaml_place at = place_of(rd, &e->start_mark);
    bool list = kind == HR_YAML_LIST;
    struct hr_yaml_node *node = NULL;
    if (rd->in && rd->in->kind == HR_YAML_MAP && !rd->key) {
        SAY(rd, at, HR_SPEC_YAML_KEY, "%s as a key", list ? "a list" : "a map");
        return -EINVAL;
    }
    check_tag(rd, at, list ? e->data.sequence_start.tag : e->data.mapping_start.tag);
    int err = open_node(rd, at, kind, &node);
    return err ? err
               : set_anchor(node,
                            list ? e->data.sequence_start.anchor : e->data.mapping_start.anchor);
}

static int take_document(struct reading *rd, const yaml_event_t *e)
{
    if (rd->documents++ == 0)
        return 0;
    struct hr_yaml_place at = place_of(rd, &e->start_mark);
    SAY(rd, at, HR_SPEC_YAML_DOCUMENTS, "a second document begins");
    return -EINVAL;
}

/* 0, or -errno. */
static int take(struct reading *rd, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT: return take_document(rd, e);
    case YAML_ALIAS_EVENT: return take_alias(rd, e);
    case YAML_SCALAR_EVENT: return take_scalar(rd, e);
    case YAML_SEQUENCE_START_EVENT: return take_start(rd, e, HR_YAML_LIST);
    case YAML_MAPPING_START_EVENT: return take_start(rd, e, HR_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_node(rd); return 0;
    default: return 0;
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The character at a mark, if it is a byte; it counts them from the start. */
static char character_at(const struct reading *rd, const yaml_mark_t *mark)
{
    size_t index = mark->index;
    for (size_t i = 0; i < rd->n; i++)
        if (((unsigned char)rd->text[i] & 0xc0) != 0x80 && !index--)
            return rd->text[i];
    return '\0';
}

/* What libyaml could not read. */
static int say_syntax(struct reading *rd, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    struct hr_yaml_place at = place_of(rd, &parser->problem_mark);
    const char *problem = parser->problem ? parser->problem : "it is no YAML";
    if (character_at(rd, &parser->problem_mark) == '\t')
        SAY(rd, at, HR_SPEC_YAML_SYNTAX, "there is a tab here, where only spaces can be");
    else if (parser->context)
        SAY(rd, at, HR_SPEC_YAML_SYNTAX, "%s, %s that began on line %u", problem, parser->context,
            place_of(rd, &parser->context_mark).line);
    else
        SAY(rd, at, HR_SPEC_YAML_SYNTAX, "%s", problem);
    return -EINVAL;
}

static int read_events(struct reading *rd, yaml_parser_t *parser)
{
    for (int err = 0;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return say_syntax(rd, parser);
        bool end = event.type == YAML_STREAM_END_EVENT;
        err = take(rd, &event);
        yaml_event_delete(&event);
        if (err || end)
            return err;
    }
}

static int parse(struct reading *rd)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    rd->characters = hr_utf8_count(rd->text, rd->n);
    yaml_parser_set_input_string(&parser, (const unsigned char *)rd->text, rd->n);
    int err = read_events(rd, &parser);
    yaml_parser_delete(&parser);
    free(rd->key);
    return err;
}

int hr_yaml_read(const char *file, const char *text, size_t n, struct hr_report *r,
                 struct hr_yaml **ret)
{
    struct reading rd = {.file = file, .text = n ? text : "", .n = n, .report = r};
    int err = check_bytes(&rd);
    if (err)
        return err;
    rd.y = hr_spec_compile() == 0 ? calloc(1, sizeof(*rd.y)) : NULL;
    if (!rd.y)
        return -ENOMEM;
    err = parse(&rd);
    if (!err && !rd.y->root) {
        SAY(&rd, ((struct hr_yaml_place){1, 1}), HR_SPEC_YAML_DOCUMENTS, "there is nothing in it");
        err = -EINVAL;
    }
    if (err)
        hr_yaml_free(rd.y);
    else
        *ret = rd.y;
    return err;
}
