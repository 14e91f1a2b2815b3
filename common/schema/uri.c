/* SPDX-License-Identifier: MIT
 * URI references, RFC 3986 section 5.2.  Names only: nothing here is ever opened. */
#include "common/buf.h"
#include "compile.h"

#include <ctype.h>
#include <string.h>

struct part {
    const char *p;
    size_t len;
    bool is; /* an empty authority or query is not the same as none */
};

struct uri {
    struct part scheme, authority, path, query;
};

static size_t scheme_len(const char *s)
{
    size_t n = 0;
    if (!isalpha((unsigned char)s[0]))
        return 0;
    while (isalnum((unsigned char)s[n]) || (s[n] && strchr("+-.", s[n])))
        n++;
    return s[n] == ':' ? n : 0;
}

static struct uri split(const char *s)
{
    struct uri u = {.path.is = true};
    size_t n = scheme_len(s);
    if (n) {
        u.scheme = (struct part){s, n, true};
        s += n + 1;
    }
    if (s[0] == '/' && s[1] == '/') {
        s += 2;
        n = strcspn(s, "/?#");
        u.authority = (struct part){s, n, true};
        s += n;
    }
    n = strcspn(s, "?#");
    u.path.p = s;
    u.path.len = n;
    s += n;
    if (*s == '?')
        u.query = (struct part){s + 1, strcspn(s + 1, "#"), true};
    return u;
}

/* Append a path without its "." and ".." segments; what was in out before from stays. */
static int add_path(struct hr_buf *out, const char *p, size_t len)
{
    size_t from = out->len;
    const char *end = p + len;
    int err = 0;
    while (!err && p < end) {
        bool slash = *p == '/';
        const char *name = p + slash;
        const char *stop = memchr(name, '/', (size_t)(end - name));
        size_t n = (size_t)((stop ? stop : end) - name);
        bool up = n == 2 && name[0] == '.' && name[1] == '.';
        bool dot = up || (n == 1 && name[0] == '.');
        while (up && out->len > from && out->data[--out->len] != '/')
            ;
        if (!dot)
            err = hr_buf_add(out, p, n + slash);
        else if (!stop && slash) /* the directory itself */
            err = hr_buf_addc(out, '/');
        p = name + n + (dot && !slash && stop); /* "./x" is "x" */
    }
    if (!err && out->data)
        out->data[out->len] = '\0';
    return err;
}

/* RFC 3986, section 5.2.3. */
static int add_merged(struct hr_buf *out, const struct uri *base, const struct part *path)
{
    struct hr_buf whole;
    size_t keep = base->path.len;
    while (keep && base->path.p[keep - 1] != '/')
        keep--;
    hr_buf_init(&whole, out->max);
    int err = base->authority.is && !base->path.len ? hr_buf_addc(&whole, '/')
                                                    : hr_buf_add(&whole, base->path.p, keep);
    if (!err)
        err = hr_buf_add(&whole, path->p, path->len);
    if (!err)
        err = add_path(out, hr_buf_str(&whole), whole.len);
    hr_buf_free(&whole);
    return err;
}

int hr_uri_resolve(struct hr_buf *out, const char *base, const char *reference)
{
    const struct uri r = split(reference);
    const struct uri b = split(base);
    const struct part *scheme = r.scheme.is ? &r.scheme : &b.scheme;
    const bool own = r.scheme.is || r.authority.is;
    const struct part *authority = own ? &r.authority : &b.authority;
    const bool same = !own && !r.path.len;
    const struct part *query = same && !r.query.is ? &b.query : &r.query;

    int err = 0;
    if (scheme->is && !(err = hr_buf_add(out, scheme->p, scheme->len)))
        err = hr_buf_addc(out, ':');
    if (!err && authority->is && !(err = hr_buf_adds(out, "//")))
        err = hr_buf_add(out, authority->p, authority->len);
    if (!err && same)
        err = hr_buf_add(out, b.path.p, b.path.len);
    else if (!err && (own || r.path.p[0] == '/'))
        err = add_path(out, r.path.p, r.path.len);
    else if (!err)
        err = add_merged(out, &b, &r.path);
    if (!err && query->is && !(err = hr_buf_addc(out, '?')))
        err = hr_buf_add(out, query->p, query->len);
    return err;
}
