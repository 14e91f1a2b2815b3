/* SPDX-License-Identifier: MIT
 * The stage for the tests of the MCP endpoint.  See mcp_fixture.h. */
#include "mcp_fixture.h"

#include "common/fd.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- HTTP --- */

void req_init_n(struct hr_http_req *r, const char *body, size_t n)
{
    *r = (struct hr_http_req){.method = "POST", .path = "/mcp", .body_len = n};
    r->body = malloc(n + 1);
    assert_non_null(r->body);
    memcpy(r->body, body, n);
    r->body[n] = '\0';
    req_set(r, "Host", "127.0.0.1:60011");
    req_set(r, "Authorization", "Bearer " TOKEN);
    req_set(r, "Content-Type", "application/json");
    req_set(r, "Accept", "application/json, text/event-stream");
}

void req_init(struct hr_http_req *r, const char *body)
{
    req_init_n(r, body, strlen(body));
}

static void set(struct header *list, const char *name, const char *value)
{
    int i = 0;
    while (i < HEADERS_MAX && list[i].name[0] && strcasecmp(list[i].name, name) != 0)
        i++;
    assert_true(i < HEADERS_MAX);
    (void)snprintf(list[i].name, sizeof(list[i].name), "%s", value ? name : "-");
    (void)snprintf(list[i].value, sizeof(list[i].value), "%s", value ? value : "");
}

static const char *get(const struct header *list, const char *name)
{
    for (int i = 0; i < HEADERS_MAX; i++)
        if (!strcasecmp(list[i].name, name))
            return list[i].value;
    return NULL;
}

void req_set(struct hr_http_req *r, const char *name, const char *value)
{
    set(r->in, name, value);
}

const char *req_reply_header(const struct hr_http_req *r, const char *name)
{
    return get(r->out, name);
}

void req_close(struct hr_http_req *r)
{
    assert_false(r->dead);
    r->dead = 1;
    if (r->gone)
        r->gone(r->gone_arg);
}

void req_free(struct hr_http_req *r)
{
    assert_true(r->dead);
    free(r->body);
    free(r->reply);
    r->body = r->reply = NULL;
}

/* The data of a stream's nth message; NULL if it has not so many. */
static const char *event_data(const struct hr_http_req *r, int n)
{
    const char *p = r->reply;
    while (p && (p = strstr(p, "\ndata: "))) {
        p += strlen("\ndata: ");
        if (*p != '\n' && n-- == 0)
            return p;
    }
    return NULL;
}

int req_events(const struct hr_http_req *r)
{
    int n = 0;
    while (event_data(r, n))
        n++;
    return n;
}

json_t *req_event(const struct hr_http_req *r, int i)
{
    assert_string_equal(r->type, "text/event-stream");
    const char *data = event_data(r, i);
    if (!data)
        fail_msg("no message %d in: %s", i, r->reply);
    const char *end = strstr(data, "\n\n");
    assert_non_null(end);
    json_t *json =
        json_loadb(data, (size_t)(end - data), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "jsonrpc")), "2.0");
    return json;
}

json_t *req_json(const struct hr_http_req *r)
{
    json_error_t where;
    assert_int_not_equal(r->status, 0);
    if (r->streaming) /* where everything takes seconds, as with sanitizers on a busy machine */
        return req_event(r, req_events(r) - 1);
    assert_string_equal(r->type, "application/json");
    for (size_t i = 0; i < r->reply_len; i++)
        if (r->reply[i] < 0x20 || r->reply[i] > 0x7e)
            fail_msg("the answer is not ASCII at %zu", i);
    json_t *json =
        json_loadb(r->reply, r->reply_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!json)
        fail_msg("the answer is not JSON: %s: %s", where.text, r->reply);
    assert_string_equal(json_string_value(json_object_get(json, "jsonrpc")), "2.0");
    assert_int_equal(
        (json_object_get(json, "result") != NULL) + (json_object_get(json, "error") != NULL), 1);
    return json;
}

const char *hr_http_method(const struct hr_http_req *r)
{
    assert_false(r->dead);
    return r->method;
}

const char *hr_http_path(const struct hr_http_req *r)
{
    assert_false(r->dead);
    return r->path;
}

const char *hr_http_header(const struct hr_http_req *r, const char *name)
{
    assert_false(r->dead);
    return get(r->in, name);
}

const char *hr_http_body(const struct hr_http_req *r, size_t *ret_len)
{
    assert_false(r->dead);
    *ret_len = r->body_len;
    return r->body;
}

void hr_http_on_gone(struct hr_http_req *r, void (*fn)(void *arg), void *arg)
{
    assert_false(r->dead);
    r->gone = fn;
    r->gone_arg = arg;
}

void hr_http_add_header(struct hr_http_req *r, const char *name, const char *value)
{
    assert_false(r->dead);
    set(r->out, name, value);
}

void hr_http_reply(struct hr_http_req *r, unsigned status, const char *content_type,
                   const void *body, size_t len)
{
    assert_false(r->dead); /* answered twice, or after it was gone */
    r->dead = 1;
    r->status = status;
    r->reply_len = len;
    r->reply = malloc(len + 1);
    assert_non_null(r->reply);
    if (len)
        memcpy(r->reply, body, len);
    r->reply[len] = '\0';
    (void)snprintf(r->type, sizeof(r->type), "%s", content_type ? content_type : "");
}

void hr_http_stream(struct hr_http_req *r, const char *content_type)
{
    assert_false(r->dead || r->streaming);
    r->streaming = 1;
    r->status = 200;
    r->reply = calloc(1, 1);
    assert_non_null(r->reply);
    (void)snprintf(r->type, sizeof(r->type), "%s", content_type);
}

size_t hr_http_stream_backlog(const struct hr_http_req *r)
{
    assert_true(r->streaming && !r->dead);
    return r->backlog;
}

int hr_http_stream_add(struct hr_http_req *r, const void *data, size_t len)
{
    assert_true(r->streaming && !r->dead);
    if (r->backlog)
        return -E2BIG;
    r->reply = realloc(r->reply, r->reply_len + len + 1);
    assert_non_null(r->reply);
    memcpy(r->reply + r->reply_len, data, len);
    r->reply_len += len;
    r->reply[r->reply_len] = '\0';
    return 0;
}

void hr_http_stream_end(struct hr_http_req *r)
{
    assert_true(r->streaming && !r->dead);
    r->dead = 1;
}

/* --- toolhosts --- */

void host_send_raw(struct host *h, const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t sent = send(h->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        /* A large answer does not fit the socket at once: let the other side read, and read nothing
         * here meanwhile. */
        if (sent < 0) {
            int reading = ev_is_active(&h->reading);
            ev_io_stop(h->loop, &h->reading);
            ev_run(h->loop, EVRUN_NOWAIT);
            if (reading)
                ev_io_start(h->loop, &h->reading);
            continue;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

void host_send(struct host *h, enum hr_frame_type type, uint64_t id, const void *data, size_t n)
{
    struct hr_buf b;
    hr_buf_init(&b, 2 * (size_t)HR_FRAME_MAX);
    assert_int_equal(hr_frame_add(&b, type, id, data, n), 0);
    host_send_raw(h, b.data, b.len);
    hr_buf_free(&b);
}

void host_answer(struct host *h, uint64_t id, int32_t status, int kind, const char *text)
{
    struct hr_buf b;
    hr_buf_init(&b, HR_FRAME_MAX);
    assert_int_equal(hr_buf_add(&b, &status, sizeof(status)), 0);
    if (kind)
        assert_int_equal(hr_part_add(&b, (enum hr_part_kind)kind, text, strlen(text)), 0);
    host_send(h, HR_FRAME_RESULT, id, b.data, b.len);
    hr_buf_free(&b);
}

static void host_call(struct host *h, const struct hr_frame *f, const char *payload)
{
    assert_true(h->ncalls < SEEN_MAX);
    struct seen_call *c = &h->calls[h->ncalls++];
    c->id = f->id;
    assert_true(f->len >= sizeof(c->head) + 2);
    memcpy(&c->head, payload, sizeof(c->head));
    c->arguments = strndup(payload + sizeof(c->head), f->len - sizeof(c->head));
    if (h->echo)
        host_answer(h, c->id, 0, HR_PART_TEXT, c->arguments);
}

static void host_phase(struct host *h, const struct hr_frame *f, const char *payload)
{
    const char *event = NULL;
    assert_int_equal(hr_frame_phase(payload, f->len, &event), 0);
    free(h->phase);
    h->phase = strndup(event, f->len - (size_t)(event - payload));
    h->calls_then = h->ncalls;
    h->nphases++;
}

static void host_frame(struct host *h, const struct hr_frame *f, const char *payload)
{
    if (f->type == HR_FRAME_HELLO) {
        assert_int_equal(f->len, strlen(KEY));
        assert_memory_equal(payload, KEY, f->len);
        h->hellos++;
        if (h->tools)
            host_send(h, HR_FRAME_TOOLS, 0, h->tools, strlen(h->tools));
    } else if (f->type == HR_FRAME_CALL) {
        host_call(h, f, payload);
    } else if (f->type == HR_FRAME_PHASE) {
        host_phase(h, f, payload);
    } else {
        assert_int_equal(f->type, HR_FRAME_CANCEL);
        assert_true(h->ncancels < SEEN_MAX);
        h->cancels[h->ncancels++] = f->id;
    }
}

void host_die(struct host *h)
{
    ev_io_stop(h->loop, &h->reading);
    hr_close(&h->fd);
    hr_buf_reset(&h->in);
}

static void on_read(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    struct host *h = w->data;
    char chunk[65536];
    if (h->deaf)
        return;
    ssize_t n = recv(h->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n <= 0) {
        host_die(h);
        return;
    }
    assert_int_equal(hr_buf_add(&h->in, chunk, (size_t)n), 0);
    struct hr_frame f;
    const char *payload;
    while (h->fd >= 0 && hr_frame_peek(hr_buf_str(&h->in), h->in.len, &f, &payload) == 1) {
        host_frame(h, &f, payload);
        if (h->in.len)
            hr_buf_consume(&h->in, sizeof(f) + f.len);
    }
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)revents;
    struct host *h = w->data;
    if (h->fd >= 0)
        return;
    h->fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (h->fd < 0)
        return;
    ev_io_set(&h->reading, h->fd, EV_READ);
    ev_io_start(loop, &h->reading);
}

static void host_start(struct host *h, struct ev_loop *loop, const char *tools)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    *h = (struct host){.loop = loop, .tools = tools, .fd = -1};
    assert_int_equal(hr_random_hex(h->address, 8), 0);
    memcpy(addr.sun_path + 1, h->address, strlen(h->address));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(h->address));
    h->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(h->listen_fd, (const struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(h->listen_fd, 8), 0);
    hr_buf_init(&h->in, 2 * (size_t)HR_FRAME_MAX);
    ev_io_init(&h->accepting, on_accept, h->listen_fd, EV_READ);
    ev_io_init(&h->reading, on_read, -1, EV_READ);
    h->accepting.data = h->reading.data = h;
    ev_io_start(loop, &h->accepting);
}

static void host_stop(struct host *h)
{
    host_die(h);
    ev_io_stop(h->loop, &h->accepting);
    hr_close(&h->listen_fd);
    hr_buf_free(&h->in);
    free(h->phase);
    for (unsigned i = 0; i < h->ncalls; i++)
        free(h->calls[i].arguments);
}

/* --- everything together --- */

void fixture_board(struct fixture *f, size_t i, enum hr_state state, uint32_t starts, int status,
                   const char *reason)
{
    struct hr_board_service s = {.kind = HR_TOOLHOST,
                                 .state = (uint32_t)state,
                                 .starts = starts,
                                 .last_status = status,
                                 .retry_at_ms = hr_now_ms() + 20 * 1000};
    (void)snprintf(s.name, sizeof(s.name), "toolhost/p%zu", i);
    (void)snprintf(s.reason, sizeof(s.reason), "%s", reason);
    hr_board_put_service(f->board, SERVICE_OF(i), &s);
}

json_t *fixture_settings(const struct fixture *f)
{
    json_t *plugins = json_array();
    for (size_t i = 0; i < f->nhosts; i++) {
        char id[32], hex[2 * sizeof(f->hosts[i].address)] = "";
        (void)snprintf(id, sizeof(id), "p%zu", i);
        for (size_t j = 0; f->hosts[i].address[j]; j++)
            (void)snprintf(hex + 2 * j, 3, "%02x", (unsigned char)f->hosts[i].address[j]);
        assert_int_equal(json_array_append_new(
                             plugins, json_pack("{s:s, s:s, s:i, s:b}", "id", id, "socket", hex,
                                                "service", (int)SERVICE_OF(i), "required", 0)),
                         0);
    }
    return json_pack("{s:{s:s}, s:s, s:o}", "mcp", "token", TOKEN, "ipc_key", KEY, "plugins",
                     plugins);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
}

void fixture_start(struct fixture *f, size_t n, const char *const *tools)
{
    hr_log_init("test", HR_LOG_ERROR);
    *f = (struct fixture){
        .loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV), .board_fd = -1, .nhosts = n};
    assert_non_null(f->loop);
    assert_int_equal(hr_board_create(&f->board, &f->board_fd), 0);
    struct hr_board_head head = {.supervisor_pid = getpid(), .nservices = SERVICE_OF(n)};
    hr_board_put_head(f->board, &head);
    for (size_t i = 0; i < n; i++) {
        host_start(&f->hosts[i], f->loop, tools[i]);
        fixture_board(f, i, HR_UP, 1, -1, "");
    }
    ev_timer_init(&f->tick, on_tick, 0.002, 0.002);
    ev_timer_start(f->loop, &f->tick);
    json_t *json = fixture_settings(f);
    assert_int_equal(hr_mcp_new(f->loop, json, f->board, &f->mcp), 0);
    json_decref(json);
}

void fixture_stop(struct fixture *f)
{
    hr_mcp_free(f->mcp);
    for (size_t i = 0; i < f->nhosts; i++)
        host_stop(&f->hosts[i]);
    ev_timer_stop(f->loop, &f->tick);
    ev_loop_destroy(f->loop);
    hr_board_unmap(f->board);
    hr_close(&f->board_fd);
}

void post(struct fixture *f, struct hr_http_req *r)
{
    hr_mcp_head(r, f->mcp);
    if (!r->dead)
        hr_mcp_handle(r, f->mcp);
}

json_t *ask(struct fixture *f, const char *body)
{
    struct hr_http_req r;
    req_init(&r, body);
    post(f, &r);
    UNTIL(f, r.dead);
    json_t *json = req_json(&r);
    req_free(&r);
    return json;
}

void call(struct fixture *f, struct hr_http_req *r, const char *id, const char *tool,
          const char *arguments)
{
    struct hr_buf b;
    hr_buf_init(&b, 2 * (size_t)HR_FRAME_MAX);
    assert_int_equal(hr_buf_addf(&b,
                                 "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"tools/call\","
                                 "\"params\":{\"name\":\"%s\",\"arguments\":%s,"
                                 "\"_meta\":{\"progressToken\":%s}}}",
                                 id, tool, arguments, id),
                     0);
    req_init_n(r, b.data, b.len);
    hr_buf_free(&b);
    post(f, r);
}

void run_for(struct fixture *f, int64_t ms)
{
    int64_t end = hr_now_ms() + ms;
    while (hr_now_ms() < end)
        ev_run(f->loop, EVRUN_ONCE);
}

json_t *at(const json_t *root, const char *path)
{
    json_t *j = NULL;
    char key[64];
    while (root && *path) {
        size_t n = strcspn(path, ".");
        (void)snprintf(key, sizeof(key), "%.*s", (int)n, path);
        j = json_is_array(root) ? json_array_get(root, (size_t)strtoul(key, NULL, 10))
                                : json_object_get(root, key);
        root = j;
        path += n + (path[n] == '.');
    }
    return root ? j : NULL;
}

const char *text_at(const json_t *root, const char *path)
{
    const char *text = json_string_value(at(root, path));
    return text ? text : "";
}
