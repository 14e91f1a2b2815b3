/* SPDX-License-Identifier: MIT
 * The plugin ABI for C++11 and later: plugin.h with destructors and exceptions.  Header only; needs
 * the standard library, exceptions, and no RTTI.  The ABI stays the C one: nothing here crosses the
 * boundary, so a plugin and its host need not agree on a compiler, a standard or a libstdc++.
 *
 *     struct Hello {
 *         Hello(handrail::Host, handrail::Request &, handrail::View config) {}
 *         handrail_status hello(handrail::Call &call, handrail::View args) const
 *         {
 *             return call.text("hello");
 *         }
 *     };
 *     static constexpr handrail_tool hello = handrail::tool<Hello, &Hello::hello>(
 *         "hello", "Hello", "Says hello.", R"({"type": "object"})", HANDRAIL_TOOL_READ_ONLY);
 *     HANDRAIL_PLUGIN(Hello, "hello", "1.0.0", nullptr, &hello);
 *
 * Public members of these names, which are not overloaded, become the descriptor's:
 *
 *     handrail_status health(handrail::Request &) const;
 *     void cancel(const handrail_call *) const;            compare it with Deferred::id()
 *
 * and this one makes the plugin listen to the pod's phases (phase.h):
 *
 *     handrail_status on_phase(handrail::Request &, handrail::View phase,
 *                              handrail::View event) const;
 *
 * Threads: the constructor and the destructor run alone.  A tool runs on up to max_concurrency
 * threads at once, hence const: what changes is mutable, and locked.  Whatever Host, Call and
 * Deferred offer may be used on any thread.
 *
 * Ownership: a View borrows, until the function it was passed to returns.  The host copies what it
 * is given.  A Call ends with the method it was passed to; a Deferred is what outlives it.
 *
 * Errors: an exception that leaves your code becomes a status and its reason: Error its own,
 * std::bad_alloc HANDRAIL_E_NOMEM, any other HANDRAIL_E_FAILED.  It never gets into the host.
 *
 * Link with -static-libstdc++ -static-libgcc, so that the image needs neither, and with a version
 * script that makes all but handrail_plugin_v1 local: namespace std ignores -fvisibility=hidden. */
#ifndef HANDRAIL_HANDRAIL_HPP
#define HANDRAIL_HANDRAIL_HPP

#include "phase.h"
#include "plugin.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace handrail
{

/* Borrowed UTF-8 text.  Made from a literal, a std::string, a std::string_view; "" from nullptr. */
class View
{
public:
    constexpr View(const char *text, std::size_t len) : data_(text), size_(len) {}
    View(const char *text) : data_(text ? text : ""), size_(text ? std::strlen(text) : 0) {}
    template <class S,
              class = decltype(static_cast<const char *>(std::declval<const S &>().data()))>
    View(const S &text) : data_(text.data()), size_(text.size())
    {
    }
    constexpr const char *data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    std::string str() const { return std::string(data_, size_); }

private:
    const char *data_;
    std::size_t size_;
};

/* Throw it to end a call with that negative status and the reason its caller is to read. */
class Error : public std::runtime_error
{
public:
    Error(handrail_status status, const std::string &why)
        : std::runtime_error(why), status_(status < 0 ? status : HANDRAIL_E_FAILED)
    {
    }
    handrail_status status() const { return status_; }

private:
    handrail_status status_;
};

/* What the host offers beside calls.  A copy is as good; lives as long as the process. */
class Host
{
public:
    explicit Host(const handrail_host *host) : host_(host) {}
    const handrail_host *get() const { return host_; }
    void log(handrail_log_level level, View v) const
    {
        host_->log(host_, level, v.data(), v.size());
    }
    /* The host's table for "handrail.<name>/<rev>", or nullptr. */
    const void *get_extension(const char *id) const { return host_->get_extension(host_, id); }
    /* The present event of the pod's phase, JSON; "" if it is not known, or by a host that never
     * tells it. */
    std::string phase() const
    {
        const void *found = get_extension(HANDRAIL_PHASE);
        const handrail_phase_source *source = static_cast<const handrail_phase_source *>(found);
        std::string event;
        if (!source || !HANDRAIL_HAS(source, present))
            return event;
        event.resize(HANDRAIL_PHASE_EVENT_MAX + 1);
        event.resize(source->present(host_, &event[0], event.size()));
        return event;
    }

private:
    const handrail_host *host_;
};

/* What can be done with a request.  See Call and Deferred, which are what there is of them. */
class Request
{
public:
    /* Each adds to the answer.  HANDRAIL_E_LIMIT if it does not fit, which may be returned. */
    handrail_status text(View t) const { return host_->add_text(host_, call_, t.data(), t.size()); }
    handrail_status blob(const char *mime, const void *data, std::size_t len) const
    {
        return host_->add_blob(host_, call_, mime, data, len);
    }
    handrail_status json(View j) const { return host_->set_json(host_, call_, j.data(), j.size()); }
    /* Hosts of ABI 1.0 have no resources: HANDRAIL_E_UNSUPPORTED, so answer it in another way. */
    handrail_status resource(const char *uri, const char *mime, const void *data,
                             std::size_t len) const
    {
        if (!HANDRAIL_HAS(host_, add_resource))
            return HANDRAIL_E_UNSUPPORTED;
        return host_->add_resource(host_, call_, uri, mime, data, len);
    }
    /* Tell the caller something now.  Hosts of ABI 1.0 leave it out. */
    void tell(handrail_log_level level, View line) const
    {
        if (HANDRAIL_HAS(host_, tell))
            host_->tell(host_, call_, level, line.data(), line.size());
    }
    void progress(double done, double total = -1, View note = View("", 0)) const
    {
        host_->progress(host_, call_, done, total, note.data(), note.size());
    }
    /* Set the reason; answers the status, to be returned: return call.error(..., "why"). */
    handrail_status error(handrail_status status, View why) const
    {
        host_->set_error(host_, call_, why.data(), why.size());
        return status;
    }
    bool cancelled() const { return host_->cancelled(host_, call_) != 0; }
    int cancel_fd() const { return host_->cancel_fd(host_, call_); } /* -1: none */
    /* Milliseconds; -1: for ever. */
    std::int64_t time_left() const { return host_->time_left_ms(host_, call_); }
    const handrail_call *id() const { return call_; } /* tells requests apart, as in cancel() */
    Host host() const { return Host(host_); }
    Request(const Request &) = delete;
    Request &operator=(const Request &) = delete;

protected:
    Request(const handrail_host *host, handrail_call *call) : host_(host), call_(call) {}
    const handrail_host *host_;
    handrail_call *call_;
};

/* A request that is answered after the method has returned HANDRAIL_PENDING.  Move-only, one thread
 * at a time.  Completes exactly once: by complete(), or with HANDRAIL_E_FAILED if it is dropped or
 * another is assigned to it.  Then, and when moved from, it is empty, and may only be asked,
 * assigned and destroyed. */
class Deferred : public Request
{
public:
    Deferred() : Request(nullptr, nullptr) {}
    Deferred(Deferred &&from) noexcept : Request(from.host_, from.call_) { from.call_ = nullptr; }
    Deferred &operator=(Deferred &&from) noexcept
    {
        Deferred taken(std::move(from)); /* ends with what was here */
        std::swap(host_, taken.host_);
        std::swap(call_, taken.call_);
        return *this;
    }
    ~Deferred()
    {
        if (call_)
            complete(error(HANDRAIL_E_FAILED, "the plugin dropped the request unanswered"));
    }
    explicit operator bool() const { return call_ != nullptr; }
    void complete(handrail_status status)
    {
        handrail_call *call = call_;
        call_ = nullptr;
        if (call)
            host_->complete(host_, call, status);
    }

private:
    friend class Call;
    Deferred(const handrail_host *host, handrail_call *call) : Request(host, call) {}
};

/* The request a method is called for.  Do not keep it. */
class Call : public Request
{
public:
    Call(const handrail_host *host, handrail_call *call) : Request(host, call) {}
    /* Answer later, once per call.  From here on only the Deferred speaks to the host: whatever the
     * method returns or throws now, the host gets HANDRAIL_PENDING. */
    Deferred defer()
    {
        if (deferred_)
            throw std::logic_error("a call is deferred once");
        deferred_ = true;
        return Deferred(host_, call_);
    }
    bool deferred() const { return deferred_; }

private:
    bool deferred_ = false;
};

namespace detail
{

/* What the host knows as `self`. */
template <class T> struct Instance {
    Instance(const handrail_host *h, Request &request, View config)
        : host(h), object(Host(h), request, config)
    {
    }
    const handrail_host *host;
    T object;
};

/* Once deferred, a call may be over already: it is not touched. */
inline handrail_status fail(Call &call, handrail_status status, const char *why)
{
    return call.deferred() ? status : call.error(status, why);
}

template <class F> handrail_status guard(Call &call, F run) noexcept
{
    handrail_status status = HANDRAIL_E_NOMEM;
    try {
        status = run();
        if (status == HANDRAIL_PENDING)
            status = fail(call, HANDRAIL_E_FAILED, "it answered HANDRAIL_PENDING without defer()");
    } catch (const std::bad_alloc &) {
    } catch (const Error &e) {
        status = fail(call, e.status(), e.what());
    } catch (const std::exception &e) {
        status = fail(call, HANDRAIL_E_FAILED, e.what());
    } catch (...) {
        status = fail(call, HANDRAIL_E_FAILED, "an exception that is no std::exception");
    }
    return call.deferred() ? handrail_status(HANDRAIL_PENDING) : status;
}

template <class T, handrail_status (T::*method)(Call &, View) const>
handrail_status invoke(void *self, handrail_call *raw, const char *args, std::size_t len) noexcept
{
    const Instance<T> *i = static_cast<const Instance<T> *>(self);
    Call call(i->host, raw);
    return guard(call, [&] { return (i->object.*method)(call, View(args, len)); });
}

template <class T>
handrail_status create(const handrail_host *host, handrail_call *raw, const char *config,
                       std::size_t len, void **self) noexcept
{
    Call call(host, raw);
    return guard(call, [&]() -> handrail_status {
        *self = new Instance<T>(host, call, View(config, len));
        return HANDRAIL_OK;
    });
}

template <class T> void destroy(void *self) noexcept
{
    delete static_cast<Instance<T> *>(self);
}

template <class T> handrail_status health(void *self, handrail_call *raw) noexcept
{
    const Instance<T> *i = static_cast<const Instance<T> *>(self);
    Call call(i->host, raw);
    return guard(call, [&] { return i->object.health(static_cast<Request &>(call)); });
}

template <class T> void cancel(void *self, handrail_call *raw) noexcept
{
    const Instance<T> *i = static_cast<const Instance<T> *>(self);
    try {
        i->object.cancel(static_cast<const handrail_call *>(raw));
    } catch (...) {
        Host(i->host).log(HANDRAIL_LOG_ERROR, "an exception left cancel()");
    }
}

template <class T>
handrail_status on_phase(void *self, handrail_call *raw, const char *phase, const char *json,
                         std::size_t len) noexcept
{
    const Instance<T> *i = static_cast<const Instance<T> *>(self);
    Call call(i->host, raw);
    return guard(call, [&] {
        return i->object.on_phase(static_cast<Request &>(call), View(phase), View(json, len));
    });
}

template <class T> const void *get_extension(void *, const char *id) noexcept
{
    static constexpr handrail_phase_listener listener = {sizeof(listener), &on_phase<T>};
    return std::strcmp(id, HANDRAIL_PHASE) == 0 ? &listener : nullptr;
}

/* The function if T has a member of that name, whose signature is then held to be right. */
typedef handrail_status (*Health)(void *, handrail_call *);
typedef void (*Cancel)(void *, handrail_call *);
typedef const void *(*Extensions)(void *, const char *);
template <class T> constexpr auto find_health(int) -> decltype((void)&T::health, Health())
{
    return &health<T>;
}
template <class T> constexpr auto find_cancel(int) -> decltype((void)&T::cancel, Cancel())
{
    return &cancel<T>;
}
template <class T> constexpr auto find_extensions(int) -> decltype((void)&T::on_phase, Extensions())
{
    return &get_extension<T>;
}
template <class T> constexpr Health find_health(long)
{
    return nullptr;
}
template <class T> constexpr Cancel find_cancel(long)
{
    return nullptr;
}
template <class T> constexpr Extensions find_extensions(long)
{
    return nullptr;
}

} // namespace detail

/* The descriptor of a tool that is a method of T: constant data, no code runs for it. */
template <class T, handrail_status (T::*method)(Call &, View) const>
constexpr handrail_tool tool(const char *name, const char *title, const char *description,
                             const char *input_schema, std::uint32_t flags = 0,
                             std::uint32_t max_concurrency = 0, std::uint32_t timeout_ms = 0,
                             const char *output_schema = nullptr)
{
    // clang-format off
    return {sizeof(handrail_tool), flags, name, title, description, input_schema, output_schema,
            max_concurrency, timeout_ms, &detail::invoke<T, method>};
    // clang-format on
}

/* The descriptor of the plugin whose instance is a T.  It runs on hosts of any minor, because what
 * a host lacks is dealt with above.  See HANDRAIL_PLUGIN. */
template <class T>
constexpr handrail_plugin plugin(const char *id, const char *version, const char *config_schema,
                                 const handrail_tool *const *tools)
{
    // clang-format off
    return {HANDRAIL_MAGIC, sizeof(handrail_plugin), HANDRAIL_ABI_MINOR, 0, id, version,
            config_schema, nullptr, tools, &detail::create<T>, &detail::destroy<T>,
            detail::find_health<T>(0), detail::find_cancel<T>(0), detail::find_extensions<T>(0)};
    // clang-format on
}

} // namespace handrail

/* Once, outside any namespace: HANDRAIL_PLUGIN(class, id, version, config schema or nullptr, &tool,
 * ...).  Defines the entry, and the descriptor as constant data. */
#define HANDRAIL_PLUGIN(T, id, version, config_schema, ...)                                        \
    static constexpr const handrail_tool *const handrail_tools_[] = {__VA_ARGS__, nullptr};        \
    static constexpr handrail_plugin handrail_plugin_ =                                            \
        handrail::plugin<T>(id, version, config_schema, handrail_tools_);                          \
    const handrail_plugin *handrail_plugin_v1(void)                                                \
    {                                                                                              \
        return &handrail_plugin_;                                                                  \
    }                                                                                              \
    static_assert(sizeof(handrail_tools_) > sizeof(void *), "a plugin has a tool")

#endif
