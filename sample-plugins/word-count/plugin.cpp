/* SPDX-License-Identifier: MIT
 * What the host sees: the descriptor, and its one instance, which is constant, so that calls need
 * no lock. */
#include "answer.hpp"
#include "arguments.hpp"
#include "count.hpp"
#include "file.hpp"

#include <algorithm>
#include <chrono>
#include <handrail/handrail.hpp>
#include <string>
#include <vector>

namespace
{

using namespace word_count;
using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk_bytes = 64 << 10; /* between two looks at the clock */

/* Before the host's own deadline, so that what was counted is answered instead of an error. */
constexpr std::chrono::milliseconds answer_time(250);

class WordCount
{
public:
    WordCount(handrail::Host, handrail::Request &, handrail::View config)
        : settings_(parse_settings(config))
    {
    }

    handrail_status text_statistics(handrail::Call &call, handrail::View args) const
    {
        const Arguments a = parse_arguments(args);
        std::string stopped;
        Counter counter;

        if (a.from_file)
            stopped = count_file(call, a.path, counter);
        else
            counter.feed(a.text.data(), a.text.size()); /* as large as a request may be */
        counter.end();
        return answer(call, counter, static_cast<std::size_t>(a.top), stopped);
    }

private:
    /* Why it stopped before the end of the file, or "". */
    std::string count_file(const handrail::Call &call, const std::string &path,
                           Counter &counter) const
    {
        const auto limit = static_cast<Count>(settings_.max_bytes);
        const auto deadline = last_moment(call);
        const Fd file = open_below(settings_.root, path);
        std::vector<char> chunk(chunk_bytes);

        while (Clock::now() < deadline) {
            if (call.cancelled())
                throw handrail::Error(HANDRAIL_E_CANCELLED, "cancelled");
            std::size_t n = read_some(file, chunk.data(), chunk.size());
            if (n == 0)
                return "";
            const Count room = limit - counter.bytes();
            counter.feed(chunk.data(), std::min<Count>(n, room));
            if (n > room)
                return "only the first " + std::to_string(limit) + " bytes were read";
        }
        return "there was no time for more";
    }

    static Clock::time_point last_moment(const handrail::Call &call)
    {
        const std::chrono::milliseconds left(call.time_left());

        if (left.count() < 0)
            return Clock::time_point::max();
        return Clock::now() + (left > 2 * answer_time ? left - answer_time : left / 2);
    }

    Settings settings_;
};

constexpr handrail_tool text_statistics = handrail::tool<WordCount, &WordCount::text_statistics>(
    "text_statistics", "Text statistics",
    "Counts a text, or a text file of the workspace: lines, words, characters (of UTF-8), its "
    "longest line and its most frequent words. A word is a run of letters, digits and "
    "underscores, also with an apostrophe inside; large and small letters are the same.",
    arguments_schema,
    HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
        HANDRAIL_TOOL_CLOSED_WORLD,
    4 /* each call may tell 100,000 words apart */);

} // namespace

HANDRAIL_PLUGIN(WordCount, "word-count", "1.0.0", settings_schema, &text_statistics);
