/* SPDX-License-Identifier: MIT
 * Dockerfiles as ours reads them, for another parser to be held against: one JSON line for each of
 * the files named. */
#include "common/buf.h"
#include "common/fd.h"
#include "loader/image/lint/dockerfile.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Bytes, one character each, for a Dockerfile need not be UTF-8 and a word can end within one. */
static json_t *bytes(const char *s)
{
    struct hr_buf b;
    hr_buf_init(&b, (size_t)4 * HR_DOCKERFILE_MAX);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c >= 0x80)
            (void)hr_buf_addc(&b, (char)(0xc0 | c >> 6));
        (void)hr_buf_addc(&b, c >= 0x80 ? (char)(0x80 | (c & 0x3f)) : *s);
    }
    json_t *string = json_string(hr_buf_str(&b));
    hr_buf_free(&b);
    return string;
}

static json_t *say_words(const struct hr_words *words)
{
    json_t *all = json_array();
    for (size_t i = 0; i < words->n; i++) {
        json_t *word = json_object();
        (void)json_object_set_new(word, "text", bytes(words->at[i].text));
        if (words->at[i].value)
            (void)json_object_set_new(word, "value", bytes(words->at[i].value));
        (void)json_object_set_new(word, "line", json_integer(words->at[i].line));
        (void)json_object_set_new(word, "column", json_integer(words->at[i].column));
        (void)json_array_append_new(all, word);
    }
    return all;
}

static json_t *say_instruction(const struct hr_instruction *i)
{
    json_t *o = json_object();
    json_t *docs = json_array();
    (void)json_object_set_new(o, "kind", json_string(hr_instruction_name(i->kind)));
    (void)json_object_set_new(o, "keyword", bytes(i->keyword));
    (void)json_object_set_new(o, "onbuild", json_boolean(i->onbuild));
    (void)json_object_set_new(o, "json", json_boolean(i->json));
    (void)json_object_set_new(o, "rest", bytes(i->rest));
    (void)json_object_set_new(o, "flags", say_words(&i->flags));
    (void)json_object_set_new(o, "words", say_words(&i->words));
    if (i->health_type)
        (void)json_object_set_new(o, "health_type", bytes(i->health_type));
    for (size_t k = 0; k < i->nheredocs; k++) {
        json_t *doc = json_object();
        (void)json_object_set_new(doc, "name", bytes(i->heredocs[k].name));
        (void)json_object_set_new(doc, "body", bytes(i->heredocs[k].body));
        (void)json_array_append_new(docs, doc);
    }
    (void)json_object_set_new(o, "heredocs", docs);
    (void)json_object_set_new(o, "line", json_integer(i->line));
    (void)json_object_set_new(o, "last_line", json_integer(i->last_line));
    return o;
}

static int say(const char *path)
{
    struct hr_dockerfile d;
    struct hr_buf text;
    hr_buf_init(&text, HR_DOCKERFILE_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? -1 : hr_read_fd(fd, &text);
    hr_close(&fd);
    if (!err)
        err = hr_dockerfile_parse(&d, hr_buf_str(&text), text.len);
    if (err) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    json_t *all = json_array();
    json_t *problems = json_array();
    for (size_t i = 0; i < d.ninstructions; i++)
        (void)json_array_append_new(all, say_instruction(&d.instructions[i]));
    for (size_t i = 0; i < d.nproblems; i++)
        (void)json_array_append_new(problems, bytes(d.problems[i].text));
    json_t *whole = json_pack("{s:o, s:o}", "instructions", all, "problems", problems);
    (void)json_dumpf(whole, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)printf("\n");
    json_decref(whole);
    hr_dockerfile_free(&d);
    hr_buf_free(&text);
    return 0;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad |= say(argv[i]);
    return bad;
}
