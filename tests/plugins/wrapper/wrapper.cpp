/* SPDX-License-Identifier: MIT
 * One tool, whose arguments are the name of what it is to do: see tests/unit/wrapper.c. */
#include <handrail/handrail.hpp>

#include <mutex>
#include <thread>

namespace
{

using handrail::Call;
using handrail::Deferred;
using handrail::Request;
using handrail::View;

class Wrapper
{
public:
    Wrapper(handrail::Host host, Request &request, View config) : host_(host)
    {
        if (config.str() == "error")
            throw handrail::Error(HANDRAIL_E_UNAVAILABLE, "not now");
        if (config.str() == "odd")
            throw 1;
        if (config.str() == "tell")
            request.tell(HANDRAIL_LOG_INFO, "made");
        host_.log(HANDRAIL_LOG_INFO, std::string("made"));
    }
    ~Wrapper() { host_.log(HANDRAIL_LOG_INFO, "destroyed"); }

    handrail_status act(Call &call, View args) const
    {
        const std::string what = args.str();
        if (what == "text")
            return call.text("te") ? HANDRAIL_E_FAILED : call.text(std::string("xt"));
        if (what == "json")
            return call.json(R"({"a":1})");
        if (what == "resource")
            return call.resource("report://1", "text/plain", "body", 4);
        if (what == "tell") {
            call.tell(HANDRAIL_LOG_WARN, "listen");
            return HANDRAIL_OK;
        }
        if (what == "state") {
            call.progress(1);
            return call.cancelled() && call.cancel_fd() == -1 && call.time_left() == -1 &&
                           !host_.get_extension("none") && call.blob("a/b", "x", 1) == 0
                       ? HANDRAIL_OK
                       : HANDRAIL_E_FAILED;
        }
        if (what == "phase")
            return call.text(host_.phase());
        return what.compare(0, 5, "throw") == 0 ? throws(what) : defers(call, what);
    }

    handrail_status health(Request &request) const
    {
        (void)request.text("well enough");
        return HANDRAIL_E_UNAVAILABLE;
    }

    handrail_status on_phase(Request &request, View phase, View event) const
    {
        if (phase.str() == "failed")
            throw handrail::Error(HANDRAIL_E_UNAVAILABLE, "no more");
        if (phase.str() == "stopped")
            throw 1;
        host_.log(HANDRAIL_LOG_INFO, phase.str() + " " + event.str());
        return request.cancelled() ? HANDRAIL_E_CANCELLED : HANDRAIL_OK;
    }

    void cancel(const handrail_call *id) const
    {
        std::lock_guard<std::mutex> hold(lock_);
        if (!parked_ || parked_.id() != id)
            throw std::runtime_error("which one?");
        parked_.complete(HANDRAIL_E_CANCELLED);
    }

private:
    handrail_status throws(const std::string &what) const
    {
        if (what == "throw error")
            throw handrail::Error(HANDRAIL_E_DENIED, "not yours");
        if (what == "throw success")
            throw handrail::Error(HANDRAIL_OK, "no failure");
        if (what == "throw memory")
            throw std::bad_alloc();
        if (what == "throw standard")
            (void)std::string().at(1);
        throw what.size();
    }

    handrail_status defers(Call &call, const std::string &what) const
    {
        if (what == "pending without")
            return HANDRAIL_PENDING;
        Deferred d = call.defer();
        if (what == "defer twice")
            (void)call.defer();
        if (what == "defer and fail")
            return HANDRAIL_E_INVALID;
        if (what == "defer and throw")
            throw 1;
        if (what == "defer and park") {
            std::lock_guard<std::mutex> hold(lock_);
            parked_ = std::move(d);
            if (d)
                d.complete(HANDRAIL_E_TIMEOUT); /* it is empty now: this is not reached */
        }
        if (what == "defer and finish") {
            Deferred moved(std::move(d));
            if (d || !moved)
                return HANDRAIL_E_FAILED;
            std::thread(
                [](Deferred mine) {
                    mine.complete(mine.text("later"));
                    mine.complete(HANDRAIL_E_FAILED); /* it is empty now: nothing happens */
                },
                std::move(moved))
                .join();
        }
        return HANDRAIL_PENDING;
    }

    handrail::Host host_;
    mutable std::mutex lock_;
    mutable Deferred parked_;
};

constexpr handrail_tool act = handrail::tool<Wrapper, &Wrapper::act>(
    "act", "Act", "Does what it is told.", R"({"type": "object"})", HANDRAIL_TOOL_READ_ONLY, 2, 3,
    R"({"type": "object"})");

} // namespace

HANDRAIL_PLUGIN(Wrapper, "wrapper", "1.2.3", nullptr, &act);
