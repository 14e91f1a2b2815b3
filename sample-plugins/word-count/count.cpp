/* SPDX-License-Identifier: MIT */
#include "count.hpp"

#include <algorithm>

namespace word_count
{

void Counter::feed(const char *data, std::size_t len)
{
    bytes_ += len;
    for (std::size_t i = 0; i < len; i++)
        decoder_.push(static_cast<unsigned char>(data[i]), [this](std::uint32_t c) { take(c); });
}

void Counter::end()
{
    decoder_.end([this](std::uint32_t c) { take(c); });
    end_word();
    if (in_line_)
        end_line();
}

void Counter::take(std::uint32_t c)
{
    characters_++;
    bad_ += c == ill_formed;
    if (is_word_character(c)) {
        for (std::uint32_t part : {joint_ ? std::uint32_t{'\''} : 0, lower(c)})
            if (part && word_length_++ < word_max)
                append(word_, part);
        joint_ = false;
    } else if ((c == '\'' || c == 0x2019) && word_length_ > 0 && !joint_) {
        joint_ = true;
    } else {
        end_word();
    }
    in_line_ = c != '\n';
    if (c == '\n')
        end_line();
    else
        line_length_ += c != '\r';
}

void Counter::end_line()
{
    lines_++;
    if (longest_number_ == 0 || line_length_ > longest_) {
        longest_ = line_length_;
        longest_number_ = lines_;
    }
    line_length_ = 0;
    in_line_ = false;
}

void Counter::end_word()
{
    if (word_length_ > 0) {
        words_++;
        auto found = word_length_ <= word_max ? seen_.find(word_) : seen_.end();
        if (found != seen_.end())
            found->second++;
        else if (word_length_ <= word_max && seen_.size() < distinct_max)
            seen_.emplace(word_, 1);
        else
            not_listed_++;
    }
    word_.clear();
    word_length_ = 0;
    joint_ = false;
}

std::vector<std::pair<std::string, Count>> Counter::top(std::size_t n) const
{
    std::vector<std::pair<std::string, Count>> best(std::min(n, seen_.size()));

    std::partial_sort_copy(
        seen_.begin(), seen_.end(), best.begin(), best.end(), [](const auto &a, const auto &b) {
            return a.second != b.second ? a.second > b.second : a.first < b.first;
        });
    return best;
}

} // namespace word_count
