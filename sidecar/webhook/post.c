/* SPDX-License-Identifier: MIT
 * One POST.  See post.h. */
#include "post.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONNECT_MS = 5000,
    ANSWER_MAX = 16 * 1024, /* bytes of a body that we wait for; the status has come before it */
};

struct connection {
    CURL *easy; /* NULL: not made yet; kept with its connection for the next event */
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    size_t got; /* bytes of the answer's body */
};

bool hr_post_can(const char *url)
{
    size_t n = strcspn(url, ":");
    const curl_version_info_data *have = curl_version_info(CURLVERSION_NOW);
    for (const char *const *p = have->protocols; p && *p; p++)
        if (strlen(*p) == n && strncasecmp(*p, url, n) == 0)
            return true;
    return false;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct connection *c = arg;
    (void)data;
    c->got += size * n;
    return c->got > ANSWER_MAX ? 0 : size * n;
}

/* By name only, so that one made by a redirect or a typing mistake cannot read files. */
static CURLcode only_http(CURL *e)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static bool add_header(struct connection *c, const char *line)
{
    struct curl_slist *more = curl_slist_append(c->headers, line);
    if (more)
        c->headers = more;
    return more != NULL;
}

static bool add_headers(struct connection *c, const struct hr_post_target *t)
{
    static const char name[] = "Authorization: ";
    bool ok = add_header(c, "Content-Type: application/json") && add_header(c, "Expect:");
    if (!ok || !t->authorization)
        return ok;
    size_t size = sizeof(name) + strlen(t->authorization);
    char *line = malloc(size);
    if (!line)
        return false;
    (void)snprintf(line, size, "%s%s", name, t->authorization);
    ok = add_header(c, line);
    free(line);
    return ok;
}

static bool prepare(struct connection *c, const struct hr_post_target *t)
{
    CURL *e = curl_easy_init();
    bool bad = !e || !add_headers(c, t);
    c->easy = e;
    if (bad)
        return false;
    bad |= only_http(e) == CURLE_UNKNOWN_OPTION;
    bad |= curl_easy_setopt(e, CURLOPT_URL, t->url) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, c) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "handrail/" HR_VERSION) != CURLE_OK;
    /* A libcurl without proxies does not know the option, and uses none. */
    CURLcode proxy = curl_easy_setopt(e, CURLOPT_PROXY, "");
    return !bad && (proxy == CURLE_OK || proxy == CURLE_UNKNOWN_OPTION);
}

/* That of the answer's first line, even if the rest has not come. */
static int32_t status_of(CURL *easy)
{
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 1000 ? (int32_t)status : 0;
}

static int32_t retry_after(CURL *easy)
{
    curl_off_t seconds = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds < 0 ? 0 : seconds > INT32_MAX ? INT32_MAX : (int32_t)seconds;
}

int hr_post(const void *request, size_t len, void *answer, size_t size, size_t *ret_len, void *arg)
{
    static struct connection c;
    struct hr_post_answer a = {.status = 0};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL); /* TLS libraries write() */
    if (size < sizeof(a))
        return -EINVAL;
    if (!c.easy && !prepare(&c, arg))
        _exit(EXIT_FAILURE); /* no memory: the next process may find some */
    c.got = 0;
    c.error[0] = '\0';
    (void)curl_easy_setopt(c.easy, CURLOPT_POSTFIELDS, (const char *)request);
    (void)curl_easy_setopt(c.easy, CURLOPT_POSTFIELDSIZE, (long)len);
    CURLcode result = curl_easy_perform(c.easy);
    a.status = status_of(c.easy);
    a.retry_after_s = retry_after(c.easy);
    if (!a.status)
        (void)snprintf(a.error, sizeof(a.error), "%s",
                       *c.error ? c.error : curl_easy_strerror(result));
    memcpy(answer, &a, sizeof(a));
    *ret_len = sizeof(a);
    return 0;
}
